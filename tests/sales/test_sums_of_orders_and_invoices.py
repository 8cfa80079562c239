"""Orders and invoices as rows and as sums, against Odoo's records and plain loops."""

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL, mute_logger

from ...models.maintenance.oracle import ORACLES
from ...models.maintenance.replay import replay
from ...models.maintenance.verify import verify
from ...models.metrics.accounts import ALL_MEASURES
from ...models.metrics.ages import AGES
from ...models.metrics.documents import FIGURES
from ...models.projections.failures import quarantined
from ...models.support.periods import Calendar, Period, zone_named
from .common import Sales

PROJECTIONS = ("cqrs.order.view", "cqrs.invoice.view", "cqrs.sales.figures")
TABLES = ("cqrs_contact", "cqrs_order_view", "cqrs_invoice_view", "cqrs_sales_figures")


class SalesFigures(Sales):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        groups = cls.env.ref("sales_team.group_sale_salesman_all_leads")
        cls.head.group_ids += groups

    def fold(self):
        self.env.cr.flush()
        for name in ("cqrs.metrics", "cqrs.sales.figures"):
            self.env[name]._fold_batch()

    def life(self):
        """Make orders and invoices of every kind."""
        order = self.order(self.contact, 100, 20.5, user=self.seller)
        self.order(self.customer, 70, user=self.peer, currency=self.euro)
        self.order(self.customer, 7, user=self.seller, confirm=False)
        invoice = self.invoice(order, user=self.seller, days=45)
        self.pay(invoice, 50)
        plan = self.invoice(
            self.customer,
            1000,
            user=self.peer,
            terms=self.instalments,
            tax=self.tax,
            days=70,
        )
        self.pay(plan, 330)
        self.credit(self.invoice(self.contact, 40, user=self.seller), 15)
        self.invoice(self.customer, 500, user=self.seller, currency=self.euro, days=31)
        self.invoice(self.customer, 9, user=self.seller, post=False)
        draft = self.invoice(self.customer, 13, user=self.manager)
        self.reset(draft)
        self.invoice(self.customer, 3, days=100)
        return order, invoice, plan

    def assert_no_drift(self):
        self.env.cr.flush()
        for table in TABLES:
            self.assertEqual(list(ORACLES[table](self.env)), [], table)
        for replayed in replay(self.env, [*PROJECTIONS, "cqrs.contact"], repair=False):
            self.assertEqual(replayed.drift, 0, replayed.projection)

    def account_sums(self, user, **asked):
        """Return ``{(account, currency): {measure: amount}}``, without zeros."""
        self.env.cr.flush()
        query = self.env["cqrs.sales.figures"]._account_sums(user, self.today, **asked)
        names = SQL(", ").join(
            SQL("sum(%s)::text", SQL.identifier(name)) for name in ALL_MEASURES
        )
        rows = self.env.execute_query(
            SQL(
                "SELECT account_id, currency_id, %s FROM (%s) s GROUP BY 1, 2",
                names,
                query,
            )
        )
        return {
            (account_id, currency_id): sums
            for account_id, currency_id, *amounts in rows
            if (
                sums := {
                    name: Decimal(amount)
                    for name, amount in zip(ALL_MEASURES, amounts, strict=True)
                    if amount and Decimal(amount)
                }
            )
        }

    def expected_sums(self, orders, invoices):
        """Return the same of some orders and invoices, by a plain loop."""
        sums = defaultdict(Counter)
        for order in orders:
            if order.state == "sale":
                key = order.partner_id.commercial_partner_id.id, order.currency_id.id
                sums[key].update(orders=1, ordered=number(order.amount_untaxed))
        for move in invoices:
            if move.state != "posted":
                continue
            key = move.commercial_partner_id.id, move.company_id.currency_id.id
            untaxed = number(move.amount_untaxed_signed)
            residual = number(move.amount_residual_signed)
            sums[key].update(
                invoices=1,
                invoiced=untaxed,
                credited=untaxed if move.move_type == "out_refund" else 0,
                paid=number(move.amount_total_signed) - residual,
                open=residual,
                overdue=sum(
                    number(line.amount_residual)
                    for line in receivables(move)
                    if line.date_maturity < self.today
                ),
            )
        return {
            key: {name: Decimal(amount) for name, amount in each.items() if amount}
            for key, each in sums.items()
        }

    def seen(self, model, field, companies, *users):
        domain = [("company_id", "in", companies.ids)]
        if users:
            domain.append((field, "in", [user.id for user in users]))
        return self.env[model].search(domain)

    def seen_by(self, user):
        """Return the orders and the invoices that a person of the test sees."""
        owners = {
            self.head: (),
            self.manager: (self.manager, self.seller),
            self.seller: (self.seller,),
            self.peer: (self.peer,),
        }[user]
        types = ("out_invoice", "out_refund", "out_receipt")
        places = user.company_ids
        invoices = self.seen("account.move", "invoice_user_id", places, *owners)
        return (
            self.seen("sale.order", "user_id", places, *owners),
            invoices.filtered(lambda move: move.move_type in types),
        )


@tagged("post_install", "-at_install")
class TestSumsOfOrdersAndInvoices(SalesFigures, TransactionCase):
    def test_rows_and_sums_follow_every_change(self):
        order, invoice, plan = self.life()
        self.assert_no_drift()
        self.fold()
        self.assert_no_drift()
        self.pay(invoice)
        self.credit(plan)
        order._action_cancel()
        self.customer.name = "Renamed"
        self.contact.parent_id = self.account("Another")
        invoice.invoice_user_id = self.peer
        self.assert_no_drift()
        self.fold()
        self.assert_no_drift()
        self.assertEqual(verify(self.env), [])

    def test_an_account_has_the_sums_of_what_each_sees(self):
        self.life()
        for is_folded in (False, True):
            for user in (self.head, self.manager, self.seller, self.peer):
                with self.subTest(user.name, is_folded=is_folded):
                    expected = self.expected_sums(*self.seen_by(user))
                    names = set(ALL_MEASURES) - {*_OF_DEALS}
                    found = self.account_sums(user, measures=names)
                    self.assertEqual(found, expected)
                    some = [self.customer.id]
                    self.assertEqual(
                        self.account_sums(user, measures=names, account_ids=some),
                        {k: v for k, v in expected.items() if k[0] in some},
                    )
            self.fold()

    def test_instalments_age_each_by_its_own_day(self):
        plan = self.invoice(
            self.customer,
            1000,
            user=self.seller,
            terms=self.instalments,
            days=70,
        )
        self.env.cr.flush()
        ageing = self.env["cqrs.sales.figures"]._read_ageing(
            self.seller, self.today, [self.customer.id]
        )
        # 300 for 70 days, 300 for 40, 400 for 10
        amounts = {age: ageing[age]["amount"] for age in AGES}
        self.assertEqual(
            amounts,
            {"not_due": 0, "0_30": 400, "31_60": 300, "61_90": 300, "over_90": 0},
        )
        self.assertEqual(ageing["total"]["amount"], 1000)
        later = self.env["cqrs.sales.figures"]._read_ageing(
            self.seller, self.today + timedelta(days=30), [self.customer.id]
        )
        self.assertEqual([later[age]["amount"] for age in AGES], [0, 0, 400, 300, 300])
        self.pay(plan, 300)
        ageing = self.env["cqrs.sales.figures"]._read_ageing(
            self.seller, self.today, [self.customer.id]
        )
        self.assertEqual(ageing["total"]["amount"], 700)
        self.assertEqual(
            self.env["cqrs.sales.figures"]._read_ageing(
                self.peer, self.today, [self.customer.id]
            )["total"]["count"],
            0,
        )

    def test_a_draft_that_says_it_is_paid_counts_for_nothing(self):
        invoice = self.invoice(self.customer, 100, user=self.seller)
        self.pay(invoice)
        self.reset(invoice)
        [row] = self.env.execute_query_dict(
            SQL("SELECT * FROM cqrs_invoice_view WHERE id = %s", invoice.id)
        )
        self.assertEqual(
            (row["state"], row["payment_state"], row["residual"]), ("draft", None, 0)
        )
        self.assertEqual(self.account_sums(self.seller), {})

    def test_figures_of_all_by_person_and_by_month(self):
        self.life()
        figures = self.env["cqrs.sales.figures"]
        for is_folded in (False, True):
            for user in (self.head, self.manager, self.seller, self.peer):
                with self.subTest(user.name, is_folded=is_folded):
                    self.assert_figures(
                        figures._read_documents(user), *self.seen_by(user), user
                    )
            self.fold()
        answer = figures._read_documents(self.head, "salesperson")
        for name in FIGURES:
            self.assertEqual(
                sum(group[name]["amount"] for group in answer["groups"]),
                answer[name]["amount"],
                name,
            )
        by_month = figures._read_documents(self.head, "month")
        months = {group["month"]: group for group in by_month["groups"]}
        __, invoices = self.seen_by(self.head)
        for month, group in months.items():
            of_month = invoices.filtered(
                lambda move, month=month: (
                    move.state == "posted"
                    and move.invoice_date.isoformat()[:7] == month
                )
            )
            self.assertEqual(
                group["invoiced"]["exact"],
                sum(number(move.amount_untaxed_signed) for move in of_month),
            )
            self.assertEqual(group["invoiced"]["count"], len(of_month))

    def assert_figures(self, answer, orders, invoices, user):
        """Compare figures in the company's currency with a plain loop."""
        today = self.today
        company = self.env.company
        loops = {name: Decimal(0) for name in FIGURES}
        own = dict(loops)
        for order in orders.filtered(lambda each: each.state == "sale"):
            rate = self.env["res.currency"]._get_conversion_rate(
                order.currency_id, company.currency_id, company, today
            )
            amount = number(order.amount_untaxed) * number(rate)
            loops["ordered"] += amount
            own["ordered"] += amount * (order.user_id == user)
        for move in invoices.filtered(lambda each: each.state == "posted"):
            untaxed = number(move.amount_untaxed_signed)
            residual = number(move.amount_residual_signed)
            amounts = {
                "invoiced": untaxed,
                "credited": untaxed * (move.move_type == "out_refund"),
                "paid": number(move.amount_total_signed) - residual,
                "open": residual,
                "overdue": sum(
                    number(line.amount_residual)
                    for line in receivables(move)
                    if line.date_maturity < today
                ),
            }
            for name, amount in amounts.items():
                loops[name] += amount
                own[name] += amount * (move.invoice_user_id == user)
        late = invoices.filtered(
            lambda move: (
                move.state == "posted"
                and any(
                    line.amount_residual and line.date_maturity < today
                    for line in receivables(move)
                )
            )
        )
        self.assertEqual(answer["overdue"]["count"], len(late))
        for name, amount in loops.items():
            self.assertEqual(answer[name]["exact"], amount, name)
            self.assertEqual(answer["own"][name]["exact"], own[name], name)
            self.assertEqual(
                answer["own"][name]["amount"] + answer["team"][name]["amount"],
                answer[name]["amount"],
                name,
            )

    def test_days_are_those_of_the_zone(self):
        choose = random.Random(23)
        moments = [
            datetime(2026, 3, 31, 12) + timedelta(hours=choose.randint(-40, 40))
            for __ in range(30)
        ]
        for moment in moments:
            order = self.order(self.customer, 10, user=self.seller)
            order.date_order = moment
            self.invoice(self.customer, 1, user=self.seller, invoice_date=moment.date())
        self.env.cr.flush()
        figures = self.env["cqrs.sales.figures"]
        for name in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):
            zone = zone_named(name)
            calendar = Calendar(zone)
            locals_ = [
                moment.replace(tzinfo=zone_named("UTC")).astimezone(zone).date()
                for moment in moments
            ]
            for first, until in (
                ("2026-03-01", "2026-04-01"),
                ("2026-04-01", "2026-05-01"),
                ("2026-03-31", "2026-04-02"),
                ("2026-03-30", "2026-05-02"),
                (None, "2026-04-01"),
                ("2026-04-01", None),
            ):
                bounds = [
                    each and datetime.fromisoformat(each).date()
                    for each in (first, until)
                ]
                period = Period(*bounds, zone)
                answer = figures._read_documents(
                    self.seller, calendar=calendar, period=period
                )
                with self.subTest(name, first=first, until=until):
                    ordered = sum(_within(day, *bounds) for day in locals_)
                    invoiced = sum(_within(m.date(), *bounds) for m in moments)
                    self.assertEqual(answer["ordered"]["count"], ordered)
                    self.assertEqual(answer["ordered"]["amount"], 10 * ordered)
                    self.assertEqual(answer["invoiced"]["count"], invoiced)
            by_month = figures._read_documents(self.seller, "month", calendar=calendar)
            counted = Counter(day.isoformat()[:7] for day in locals_)
            with self.subTest(name):
                self.assertEqual(
                    {
                        group["month"]: group["ordered"]["count"]
                        for group in by_month["groups"]
                        if group["ordered"]["count"]
                    },
                    counted,
                )

    def test_no_read_model_stops_a_sale(self):
        self.life()
        for table, column in (
            ("cqrs_receivable", "residual"),
            ("cqrs_order_view", "total"),
            ("cqrs_sales_tail", "(state).amount_total_signed"),
        ):
            with self.subTest(table), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(
                    f"ALTER TABLE {table} ADD CONSTRAINT cqrs_small"
                    f" CHECK ({column} < 5000) NOT VALID"
                )
                with mute_logger("odoo.addons.crm_cqrs", "odoo.sql_db"):
                    large = self.order(self.contact, 9000, user=self.seller)
                    invoice = self.invoice(large, user=self.seller)
                    small = self.invoice(self.customer, 3, user=self.seller)
                self.assertEqual((invoice.state, small.state), ("posted", "posted"))
                # Of all its read models, so that they agree.
                self.assertEqual({row["records"] for row in quarantined(self.env)}, {1})
                self.env.cr.execute(f"ALTER TABLE {table} DROP CONSTRAINT cqrs_small")
                self.env["cqrs.projection"]._heal()
                self.assertEqual(quarantined(self.env), [])
                self.assert_no_drift()
                savepoint.rollback()

    def test_verify_finds_what_was_spoiled(self):
        self.life()
        self.fold()
        for table, spoil in (
            ("cqrs_order_view", "UPDATE cqrs_order_view SET untaxed = untaxed + 1"),
            ("cqrs_invoice_view", "UPDATE cqrs_invoice_view SET order_ids = '{1}'"),
            ("cqrs_invoice_view", "DELETE FROM cqrs_receivable"),
            ("cqrs_sales_figures", "UPDATE cqrs_month_sales SET paid = paid + 1"),
            ("cqrs_sales_figures", "DELETE FROM cqrs_contact_orders"),
            ("cqrs_sales_figures", "DELETE FROM cqrs_account_invoices"),
        ):
            with self.subTest(spoil), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(spoil)
                self.assertGreater(len(list(ORACLES[table](self.env))), 0)
                replayed = replay(self.env, [*PROJECTIONS])
                self.assertGreater(sum(each.repaired for each in replayed), 0)
                self.assertEqual(list(ORACLES[table](self.env)), [])
                savepoint.rollback()


_OF_DEALS = (
    *("active", "won", "lost"),
    *("pipeline_value", "weighted_pipeline", "won_revenue"),
)


def number(value):
    return Decimal(str(value))


def receivables(move):
    return move.line_ids.filtered(
        lambda line: line.account_id.account_type == "asset_receivable"
    )


def _within(day, first, until):
    return (first is None or first <= day) and (until is None or day < until)
