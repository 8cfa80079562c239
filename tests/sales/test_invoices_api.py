"""Lists of invoices, and what was ordered and paid beside the opportunities."""

from datetime import timedelta
from decimal import Decimal

from odoo.tests import tagged

from ...models.access.options import OPTIONS
from ..api import ApiCase
from .common import Sales

AGES = ("not_due", "0_30", "31_60", "61_90", "over_90")


@tagged("post_install", "-at_install")
class TestInvoicesApi(Sales, ApiCase):
    def setUp(self):
        super().setUp()
        self.other = self.account("Żubr Óptica", ref="ZB-7")
        self.made = {
            "old": self.due(100, 100),
            "recent": self.due(10, 50),
            "today": self.due(0, 30, customer=self.other, user=self.manager),
            "euro": self.due(40, 80, customer=self.other, currency=self.euro),
            "parts": self.invoice(
                self.customer, 200, user=self.seller, days=45, terms=self.instalments
            ),
            "paid": self.due(20, 70),
            "note": self.due(5, 20, move_type="out_refund"),
            "draft": self.due(0, 11, post=False),
            "peer": self.due(100, 999, user=self.peer),
        }
        self.pay(self.made["paid"])
        self.pay(self.made["old"], 25)
        self.names = {invoice.id: name for name, invoice in self.made.items()}
        self.env.cr.flush()

    def due(self, days, price, customer=None, user=None, **values):
        """Return an invoice of so many days ago, due on the same day."""
        return self.invoice(
            customer or self.customer,
            price,
            user=user or self.seller,
            days=days,
            invoice_date_due=self.days_ago(days),
            **values,
        )

    def listed(self, caller, **query):
        answer = self.body(caller, "invoices", **query)
        self.assertEqual(answer["total"], len(answer["items"]))
        return [self.names[item["odoo_id"]] for item in answer["items"]]

    def test_statuses(self):
        seller = self.seller
        self.assertEqual(
            set(self.listed(seller)),
            {"old", "recent", "euro", "parts", "paid", "note"},
        )
        for status, names in {
            "open": {"old", "recent", "euro", "parts", "note"},
            "overdue": {"old", "recent", "euro", "parts", "note"},
            "paid": {"paid"},
            "draft": {"draft"},
            "cancelled": set(),
            "paid,draft": {"paid", "draft"},
        }.items():
            self.assertEqual(set(self.listed(seller, status=status)), names, status)
        self.assertEqual(self.listed(self.manager, scope="own"), ["today"])
        self.assertEqual(self.listed(self.manager, status="overdue", scope="own"), [])
        self.made["draft"].button_cancel()
        self.assertEqual(self.listed(seller, status="cancelled"), ["draft"])
        self.made["recent"].button_draft()
        self.assertEqual(self.listed(seller, status="draft"), ["recent"])

    def test_filters(self):
        manager = self.manager
        self.assertEqual(
            set(self.listed(manager, account=self.other.id)), {"today", "euro"}
        )
        for text in ("optica", "ÓPT", "zubr opt"):
            found = set(self.listed(manager, text=text))
            self.assertEqual(found, {"today", "euro"}, text)
        # The reference of a customer may be hidden.
        self.assertEqual(self.listed(manager, text="zb"), [])
        number = self.made["paid"].name
        self.assertEqual(self.listed(manager, text=number), ["paid"])
        self.assertEqual(self.listed(manager, text=number.rpartition("/")[2][1:]), [])
        self.assertEqual(self.listed(manager, text="--"), [])
        self.assertEqual(
            set(self.listed(manager, salesperson=self.uuid(self.manager))), {"today"}
        )
        self.assertEqual(self.listed(manager, salesperson="none"), [])
        first, last = self.days_ago(45), self.days_ago(20)
        self.assertEqual(
            set(self.listed(manager, **{"from": first, "to": last})),
            {"parts", "euro", "paid"},
        )
        self.assertEqual(self.listed(manager, period="today"), ["today"])
        as_manager = self.listed(self.head, user=self.uuid(self.manager))
        self.assertEqual(as_manager, self.listed(self.manager))

    def test_orders_and_pages(self):
        day = {name: each.invoice_date for name, each in self.made.items()}
        due = {name: each.invoice_date_due for name, each in self.made.items()}
        total = {name: each.amount_total_signed for name, each in self.made.items()}
        seen = [name for name in self.made if name not in ("peer", "draft")]
        for sort, key in (("date", day), ("due", due), ("amount", total)):
            expected = sorted(seen, key=lambda n: (key[n], self.made[n].id))
            self.assertEqual(self.listed(self.manager, sort=sort), expected, sort)
            expected.reverse()
            self.assertEqual(self.listed(self.manager, sort=f"-{sort}"), expected)
            for limit in (1, 2, 3):
                for sign in ("", "-"):
                    pages, cursor = [], {}
                    while True:
                        answer = self.body(
                            self.manager,
                            "invoices",
                            sort=f"{sign}{sort}",
                            limit=limit,
                            **cursor,
                        )
                        pages += [self.names[i["odoo_id"]] for i in answer["items"]]
                        if not answer["next"]:
                            break
                        cursor = {"cursor": answer["next"]}
                    whole = self.listed(self.manager, sort=f"{sign}{sort}")
                    self.assertEqual(pages, whole, (sign, sort, limit))

    def test_what_has_no_day_comes_last(self):
        with_draft = {"status": "draft,open,paid"}
        self.made["draft"].invoice_date = False
        self.env.cr.flush()
        self.assertEqual(
            self.listed(self.seller, sort="date", **with_draft)[-1], "draft"
        )
        self.assertEqual(
            self.listed(self.seller, sort="-date", **with_draft)[0], "draft"
        )
        for sort in ("date", "-date"):
            pages, cursor = [], {}
            while True:
                answer = self.body(
                    self.seller, "invoices", sort=sort, limit=2, **cursor, **with_draft
                )
                pages += [self.names[i["odoo_id"]] for i in answer["items"]]
                if not answer["next"]:
                    break
                cursor = {"cursor": answer["next"]}
            self.assertEqual(pages, self.listed(self.seller, sort=sort, **with_draft))

    def test_an_invoice(self):
        items = self.body(self.seller, "invoices", sort="date")["items"]
        item = {self.names[each["odoo_id"]]: each for each in items}
        old, euro, parts = item["old"], item["euro"], item["parts"]
        self.assertEqual(old["number"], self.made["old"].name)
        self.assertEqual(old["type"], "invoice")
        self.assertEqual(old["status"], "overdue")
        self.assertEqual(old["payment_state"], "partial")
        self.assertEqual(
            old["account"], {"id": self.customer.id, "name": self.customer.name}
        )
        self.assertEqual(old["salesperson"]["id"], self.uuid(self.seller))
        self.assertEqual(old["overdue_days"], 100)
        self.assertEqual((old["total"], old["open"]), (100, 75))
        self.assertEqual(
            (euro["currency"], euro["total"], euro["booked"]["currency"]),
            ("EUR", 80, self.dollar.name),
        )
        booked = Decimal(str(self.made["euro"].amount_total_signed))
        self.assertEqual(euro["booked"]["total"], booked)
        # 30 % were due 45 days ago, 30 % 15 days ago, the rest in 15 days.
        self.assertEqual(parts["overdue_days"], 45)
        self.assertEqual(parts["booked"]["overdue"], 120)
        self.assertEqual(parts["open"], 200)
        note = item["note"]
        self.assertEqual((note["type"], note["total"]), ("credit_note", -20))
        self.assertEqual(item["paid"]["status"], "paid")
        self.assertIsNone(item["paid"]["overdue_days"])

    def assertTotals(self, caller, **query):
        """The totals of a list are those of its invoices, by plain loops."""
        answer = self.body(caller, "invoices", limit=200, **query)
        invoices = self.env["account.move"]
        seen = [invoices.browse(item["odoo_id"]) for item in answer["items"]]
        posted = [each for each in seen if each.state == "posted"]
        self.assertEqual(answer["total"], len(seen), query)
        ages, counts = dict.fromkeys(AGES, Decimal(0)), dict.fromkeys(AGES, 0)
        overdue = 0
        for each in posted:
            in_age = set()
            for line in each.line_ids.filtered(
                lambda line: (
                    line.account_type == "asset_receivable" and line.amount_residual
                )
            ):
                days = (self.today - line.date_maturity).days
                age = AGES[sum(days > edge for edge in (0, 30, 60, 90))]
                ages[age] += Decimal(str(line.amount_residual))
                in_age.add(age)
            for age in in_age:
                counts[age] += 1
            overdue += bool(in_age - {"not_due"})
        found = answer["ageing"]
        self.assertEqual({age: found[age]["exact"] for age in AGES}, ages, query)
        self.assertEqual({age: found[age]["count"] for age in AGES}, counts, query)
        self.assertEqual(answer["open"]["exact"], sum(ages.values()), query)
        self.assertEqual(
            answer["open"]["count"],
            sum(bool(each.amount_residual) for each in posted),
            query,
        )
        self.assertEqual(
            sum(found[age]["amount"] for age in AGES), answer["open"]["amount"]
        )
        self.assertEqual(
            (answer["overdue"]["count"], answer["overdue"]["exact"]),
            (overdue, sum(ages.values()) - ages["not_due"]),
            query,
        )
        self.assertEqual(
            (answer["invoiced"]["count"], answer["invoiced"]["exact"]),
            (
                len(posted),
                sum(Decimal(str(each.amount_untaxed_signed)) for each in posted),
            ),
            query,
        )
        return ages

    def test_totals_and_ageing(self):
        self.made["nobody's"] = self.due(33, 7)
        self.made["nobody's"].invoice_user_id = False
        self.env["ir.config_parameter"].set_param(OPTIONS["unassigned"], True)
        first, last = self.days_ago(45), self.days_ago(20)
        for is_folded in (False, True):
            if is_folded:
                self.env["cqrs.sales.figures"]._fold_batch()
                # And a change that is not in the sums yet
                self.pay(self.made["recent"], 10)
            for caller in (self.head, self.manager, self.seller):
                for query in (
                    {},
                    {"scope": "own"},
                    {"scope": "team"},
                    {"salesperson": f"{self.uuid(self.seller)},none"},
                    {"account": self.other.id},
                    {"text": "optica"},
                    {"from": first, "to": last},
                    {"from": first, "scope": "team"},
                    {"period": "this_year", "status": "open"},
                    {"company": self.env.company.id},
                    *({"status": status} for status in ("open", "overdue", "paid")),
                    {"status": "draft,overdue", "scope": "team"},
                ):
                    self.assertTotals(caller, **query)
        ages = self.assertTotals(self.manager)
        # In another currency, at the rate of the day
        euros = self.body(self.manager, "invoices", currency="EUR")
        self.assertEqual(euros["currency"], "EUR")
        rate = Decimal("0.8")
        self.assertEqual(euros["open"]["exact"], sum(ages.values()) * rate)

    def test_amounts_of_two_companies_compare_as_converted(self):
        company = self.selling_company(self.euro)
        self.manager.company_ids += company
        with self.working_in(company):
            # A euro is 1.25 dollars.
            for name, price, kind in (
                ("80", 80, "out_invoice"),
                ("81", 81, "out_invoice"),
                ("16", 16, "out_invoice"),
                ("-16", 16, "out_refund"),
            ):
                self.made[name] = self.due(1, price, user=self.manager, move_type=kind)
        self.made = {name: each.with_env(self.env) for name, each in self.made.items()}
        self.names = {invoice.id: name for name, invoice in self.made.items()}
        amounts = {
            name: Decimal(str(each.amount_total_signed))
            * (1 if each.company_id == self.env.company else Decimal("1.25"))
            for name, each in self.made.items()
            if name not in ("peer", "draft")
        }
        self.assertEqual(amounts["80"], amounts["old"])
        expected = sorted(amounts, key=lambda n: (amounts[n], self.made[n].id))
        for sort, names in (("amount", expected), ("-amount", expected[::-1])):
            self.assertEqual(self.listed(self.manager, sort=sort), names)
            for limit in (1, 3):
                found, cursor = [], {}
                while True:
                    answer = self.body(
                        self.manager, "invoices", sort=sort, limit=limit, **cursor
                    )
                    found += [self.names[i["odoo_id"]] for i in answer["items"]]
                    if not answer["next"]:
                        break
                    cursor = {"cursor": answer["next"]}
                self.assertEqual(found, names, (sort, limit))

    def test_the_callers_day_decides(self):
        self.assertNotIn("today", self.listed(self.manager, status="overdue"))
        # It is tomorrow there for a part of the day, or it is not.
        zone = "Pacific/Kiritimati"
        answer = self.body(self.manager, "metrics", tz=zone)
        there = answer["computed_at"]
        self.assertTrue(there)
        overdue = "today" in self.listed(self.manager, status="overdue", tz=zone)
        at = self.env["cqrs.access"].env.cr.now() + timedelta(hours=14)
        self.assertEqual(overdue, at.date() > self.today)

    def test_a_payment_is_another_answer(self):
        first = self.get(self.manager, "invoices", status="open")
        tag = {"If-None-Match": first.headers["ETag"]}
        self.assertEqual(
            self.get(self.manager, "invoices", tag, status="open").status_code, 304
        )
        self.pay(self.made["recent"])
        after = self.get(self.manager, "invoices", tag, status="open")
        self.assertEqual(after.status_code, 200)
        self.assertEqual(after.json()["total"], first.json()["total"] - 1)

    def test_a_cursor_is_of_its_list(self):
        cursor = self.body(self.manager, "invoices", limit=1)["next"]
        refused = self.get(self.manager, "invoices", cursor=cursor, status="paid")
        self.assertProblem(refused, 400, parameter="cursor")
        for wrong in ({"status": "lost"}, {"sort": "name"}, {"account": "x"}):
            refused = self.get(self.manager, "invoices", **wrong)
            self.assertProblem(refused, 400, parameter=next(iter(wrong)))
