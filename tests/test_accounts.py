"""Accounts by API: what each person sees of a customer, and in which order."""

from collections import defaultdict
from decimal import Decimal
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from .api import ApiCase
from .common import other_company, visible_opportunities

AMOUNTS = ("pipeline_value", "weighted_pipeline", "won_revenue")
COUNTS = ("active_opportunities", "won", "lost")
#: Figures of orders and invoices, whose modules are not installed here
ABSENT = {
    *("orders", "ordered", "invoices", "invoiced"),
    *("credited", "paid", "open", "overdue"),
}


class AccountCase(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Figures are of these alone, whatever the database has.
        cls.env["res.partner"].search([("name", "like", "Cqrs ")]).unlink()
        partners = cls.env["res.partner"]
        cls.belgium, cls.france = cls.env.ref("base.be"), cls.env.ref("base.fr")
        cls.nile = partners.create(
            {
                "name": "Cqrs Nile",
                "is_company": True,
                "country_id": cls.belgium.id,
                "city": "Liège",
                "user_id": cls.seller.id,
            }
        )
        cls.clerk = partners.create({"name": "Cqrs Clerk", "parent_id": cls.nile.id})
        cls.elbe = partners.create(
            {"name": "Cqrs Elbe", "is_company": True, "country_id": cls.france.id}
        )
        cls.person_ = partners.create({"name": "Cqrs Person"})
        cls.quiet = partners.create({"name": "Cqrs Quiet", "is_company": True})
        deals = (
            (cls.seller, 1_000, cls.nile, "open"),
            (cls.seller, 250.5, cls.clerk, "won"),
            (cls.manager, 300, cls.clerk, "open"),
            (cls.peer, 70_000, cls.nile, "won"),
            (cls.seller, 5_000, cls.elbe, "lost"),
            (cls.seller, 2_000, cls.elbe, "open"),
            (cls.peer, 9_000, cls.person_, "open"),
        )
        for user, value, partner, state in deals:
            deal = cls.opportunity(user, value, partner_id=partner.id)
            if state == "won":
                deal.action_set_won()
            elif state == "lost":
                deal.action_set_lost()
        cls.env.cr.flush()

    def accounts(self, caller, **query):
        """Return the items of a whole list, page by page, and its last answer."""
        query = {"text": "cqrs", "limit": 2, "totals": "true", **query}
        items, answer = [], {"next": None}
        while True:
            answer = self.body(caller, "accounts", **query)
            items += answer["items"]
            if answer["next"] is None:
                return items, answer
            query["cursor"] = answer["next"]

    def names(self, caller, **query):
        items, __ = self.accounts(caller, **query)
        return [item["name"].removeprefix("Cqrs ") for item in items]

    def plain_figures(self, user):
        """Return ``{account id: figures}`` by a loop over Odoo's records."""
        figures = defaultdict(lambda: dict.fromkeys((*AMOUNTS, *COUNTS), Decimal(0)))
        for row in visible_opportunities(self.env, user):
            lead = self.env["crm.lead"].browse(row["id"])
            if not lead.partner_id:
                continue
            of = figures[lead.partner_id.commercial_partner_id.id]
            value = Decimal(str(lead.expected_revenue))
            probability = Decimal(str(lead.probability))
            if lead.won_status == "pending" and lead.active:
                of["active_opportunities"] += 1
                of["pipeline_value"] += value
                of["weighted_pipeline"] += value * probability / 100
            elif lead.won_status == "won":
                of["won"] += 1
                of["won_revenue"] += value
            elif lead.won_status == "lost":
                of["lost"] += 1
        return figures


@tagged("post_install", "-at_install")
class TestAccounts(AccountCase):
    def test_figures_equal_a_plain_loop(self):
        self.head.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        for user in (self.seller, self.manager, self.peer, self.head):
            items, answer = self.accounts(user)
            plain = self.plain_figures(user)
            with self.subTest(user.name):
                self.assertEqual(len(items), 4)
                self.assertEqual(answer["total"], 4)
                for item in items:
                    expected = plain[item["odoo_id"]]
                    exact = {name: item["exact"][name] for name in AMOUNTS}
                    self.assertEqual(exact, {name: expected[name] for name in AMOUNTS})
                    counts = {name: item[name] for name in COUNTS}
                    self.assertEqual(counts, {name: expected[name] for name in COUNTS})
                for name in AMOUNTS:
                    self.assertEqual(
                        answer["totals"]["exact"][name],
                        sum(item["exact"][name] for item in items),
                    )
        nile = next(item for item in items if item["name"] == "Cqrs Nile")
        self.assertEqual(nile["won_revenue"], Decimal("70250.50"))
        self.assertEqual(nile["active_opportunities"], 2)

    def test_who_sees_no_deals_sees_the_customer_without_figures(self):
        items, answer = self.accounts(self.other_manager, sort="name")
        by_name = {item["name"]: item for item in items}
        self.assertEqual(by_name["Cqrs Nile"]["won_revenue"], 70_000)
        self.assertEqual(by_name["Cqrs Elbe"]["pipeline_value"], 0)
        self.assertEqual(answer["totals"]["won_revenue"], 70_000)

    def test_each_order_gives_each_account_once(self):
        self.assertEqual(
            self.names(self.manager, sort="name"), ["Elbe", "Nile", "Person", "Quiet"]
        )
        self.assertEqual(
            self.names(self.manager, sort="-name"), ["Quiet", "Person", "Nile", "Elbe"]
        )
        # Where the figure is nothing, an account comes last, both ways.
        for sort, first in (
            ("-pipeline_value", ["Elbe", "Nile"]),
            ("pipeline_value", ["Nile", "Elbe"]),
            ("-active_opportunities", ["Nile", "Elbe"]),
            ("-won_revenue", ["Nile"]),
            ("won_revenue", ["Nile"]),
            ("-lost", ["Elbe"]),
        ):
            rest = [
                name
                for name in ("Nile", "Elbe", "Person", "Quiet")
                if name not in first
            ]
            if sort.startswith("-"):
                rest.reverse()
            for limit in (1, 2, 3, 4):
                names = self.names(self.manager, sort=sort, limit=limit)
                with self.subTest(sort=sort, limit=limit):
                    self.assertEqual(names, [*first, *rest])

    def test_ties_are_broken_by_id(self):
        partners = self.env["res.partner"].create(
            [{"name": f"Cqrs Tie {n}", "is_company": True} for n in range(5)]
        )
        for partner in partners:
            self.opportunity(self.seller, 40, partner_id=partner.id)
        for limit in (1, 2, 5):
            items, __ = self.accounts(
                self.seller, sort="pipeline_value", text="tie", limit=limit
            )
            self.assertEqual([item["odoo_id"] for item in items], partners.ids)
            items, __ = self.accounts(
                self.seller, sort="-pipeline_value", text="tie", limit=limit
            )
            self.assertEqual([item["odoo_id"] for item in items], partners.ids[::-1])

    def test_filters(self):
        names = self.names
        self.assertEqual(names(self.seller, text="NÍLE cqrs"), ["Nile"])
        self.assertEqual(names(self.seller, text="ile"), [])
        self.assertEqual(names(self.seller, text="?!"), [])
        self.assertEqual(names(self.seller, country="BE"), ["Nile"])
        self.assertEqual(names(self.seller, country="BE,FR"), ["Elbe", "Nile"])
        self.assertEqual(names(self.seller, country="ZZ"), [])
        seller = self.uuid(self.seller)
        self.assertEqual(names(self.manager, salesperson=seller), ["Nile"])
        self.assertEqual(
            names(self.manager, salesperson="none"), ["Elbe", "Person", "Quiet"]
        )
        self.elbe.active = False
        self.assertEqual(names(self.seller, country="FR"), [])
        self.assertEqual(names(self.seller, country="FR", archived="any"), ["Elbe"])
        self.assertEqual(names(self.seller, archived="true"), ["Elbe"])
        # Nobody may read invoices here.
        self.assertEqual(names(self.seller, has_overdue="true"), [])

    def test_a_company_alone(self):
        other = other_company(self.env)
        self.manager.company_ids += other
        boss = self.employee("boss", user=None, company=other)
        boss.user_id = self.manager
        abroad, __ = self.person("abroad", boss, other)
        self.opportunity(
            abroad, 77, partner_id=self.elbe.id, company_id=other.id, team_id=False
        )
        home = self.env.company.id

        def pipeline(**query):
            items, __ = self.accounts(self.manager, country="FR", **query)
            return items[0]["pipeline_value"]

        self.assertEqual(pipeline(), 2_077)
        self.assertEqual(pipeline(company=home), 2_000)
        self.assertEqual(pipeline(company=other.id), 77)
        account = self.body(self.manager, f"accounts/{self.elbe.id}")
        self.assertEqual(
            [
                (each["company_id"], each["pipeline_value"])
                for each in account["by_company"]
            ],
            sorted([(home, 2_000), (other.id, 77)]),
        )

    def test_amounts_are_converted_and_rounded_once(self):
        currency = self.env["res.currency"].create({"name": "CQX", "symbol": "CQX"})
        self.env["res.currency.rate"].create(
            {"currency_id": currency.id, "rate": 3, "company_id": False}
        )
        company = other_company(self.env, currency)
        boss = self.employee("boss", user=None, company=company)
        self.manager.company_ids += company
        boss.user_id = self.manager
        abroad, __ = self.person("abroad", boss, company)
        for _number in range(2):
            self.opportunity(
                abroad,
                0.04,
                partner_id=self.quiet.id,
                company_id=company.id,
                team_id=False,
            )
        account = self.body(self.manager, f"accounts/{self.quiet.id}")
        # Each alone were 0.01.
        self.assertEqual(account["pipeline_value"], Decimal("0.03"))
        [group] = account["by_company"]
        self.assertEqual(
            (group["currency"], group["pipeline_value"]), ("CQX", Decimal("0.08"))
        )
        account = self.body(self.manager, f"accounts/{self.quiet.id}", currency="CQX")
        self.assertEqual(
            (account["currency"], account["pipeline_value"]), ("CQX", Decimal("0.08"))
        )

    def test_contacts_that_odoo_hides_are_not_listed(self):
        other = other_company(self.env)
        other.name = "Elsewhere"
        self.nile.company_id = other
        self.clerk.company_id = other
        self.assertEqual(self.names(self.seller), ["Elbe", "Person", "Quiet"])
        names = self.names(self.seller, sort="-pipeline_value", limit=1)
        self.assertEqual(names, ["Elbe", "Quiet", "Person"])
        __, answer = self.accounts(self.seller)
        self.assertEqual(
            (answer["total"], answer["totals"]["pipeline_value"]), (3, 2000)
        )
        for path in ("", "/timeline"):
            response = self.get(self.seller, f"accounts/{self.nile.id}{path}")
            self.assertProblem(response, 404)
        records = self.env["cqrs.account.view"].with_user(self.seller).search([])
        self.assertIn(self.elbe, records.account_id)
        self.assertNotIn(self.nile, records.account_id)

    def test_a_rule_of_the_administrators_holds_at_once(self):
        before = self.get(self.seller, "accounts", text="cqrs")
        self.env["ir.rule"].create(
            {
                "name": "Belgians alone",
                "model_id": self.env.ref("base.model_res_partner").id,
                "domain_force": f"[('country_id', '=', {self.belgium.id})]",
                "groups": [
                    Command.link(self.env.ref("sales_team.group_sale_salesman").id)
                ],
            }
        )
        tag = {"If-None-Match": before.headers["ETag"]}
        after = self.get(self.seller, "accounts", tag, text="cqrs")
        self.assertEqual(after.status_code, 200)
        self.assertEqual(
            [each["name"] for each in after.json()["items"]], ["Cqrs Nile"]
        )

    def test_what_is_not_installed_is_absent(self):
        if {"sale.order", "account.move"} & set(self.env):
            self.skipTest("orders or invoices are installed")
        items, answer = self.accounts(self.manager)
        for figures in (*items, answer["totals"]):
            self.assertFalse(ABSENT & (figures.keys() | figures["exact"].keys()))
        account = self.body(self.manager, f"accounts/{self.nile.id}")
        self.assertFalse((ABSENT | {"ageing"}) & account.keys())
        self.assertEqual(list(account["recent"]), ["opportunities"])
        # To sort by it is to sort by nothing.
        self.assertEqual(
            self.names(self.manager, sort="-ordered"),
            ["Quiet", "Person", "Elbe", "Nile"],
        )

    def test_an_account_and_its_deals(self):
        account = self.body(self.manager, f"accounts/{self.nile.id}")
        self.assertEqual(account["name"], "Cqrs Nile")
        self.assertEqual(account["country"], {"code": "BE", "name": "Belgium"})
        self.assertEqual(account["city"], "Liège")
        self.assertEqual(account["salesperson"]["name"], "Seller")
        self.assertEqual(account["pipeline_value"], 1_300)
        self.assertEqual(account["won_revenue"], Decimal("250.50"))
        deals = account["recent"]["opportunities"]
        self.assertEqual(deals["total"], 3)
        self.assertEqual(
            sorted(deal["value"] for deal in deals["items"]),
            [Decimal("250.50"), 300, 1_000],
        )
        self.assertEqual(deals["first"], deals["last"])
        self.assertEqual(deals["first"], str(self.env.cr.now().date()))

    def test_there_is_no_account_of_a_contact_of_one(self):
        for id_ in (self.clerk.id, 2**31 - 1, 2**40, 0):
            response = self.get(self.manager, f"accounts/{id_}")
            self.assertProblem(response, 404)

    def test_a_contact_that_changes_its_company_takes_its_deals_along(self):
        self.clerk.parent_id = self.elbe
        items, __ = self.accounts(self.manager)
        by_name = {item["name"]: item["pipeline_value"] for item in items}
        self.assertEqual((by_name["Cqrs Nile"], by_name["Cqrs Elbe"]), (1_000, 2_300))

    def test_who_looks_as_another_sees_no_more_than_both(self):
        peer = self.uuid(self.peer)
        self.assertProblem(self.get(self.manager, "accounts", user=peer), 404)
        seller = self.uuid(self.seller)
        account = self.body(self.manager, f"accounts/{self.nile.id}", user=seller)
        self.assertEqual(account["pipeline_value"], 1_000)
        self.assertEqual(account["recent"]["opportunities"]["total"], 2)

    def test_the_fields_that_are_asked_for(self):
        answer = self.body(
            self.seller, "accounts", text="nile", fields="name,won_revenue"
        )
        self.assertEqual(
            answer["items"], [{"name": "Cqrs Nile", "won_revenue": Decimal("250.50")}]
        )

    def test_a_cursor_belongs_to_its_list(self):
        cursor = self.body(self.seller, "accounts", text="cqrs", limit=1)["next"]
        for query in (
            {"text": "cqrs", "sort": "-name"},
            {"text": "cqrs", "country": "BE"},
            {"text": "nile"},
        ):
            response = self.get(self.seller, "accounts", cursor=cursor, **query)
            self.assertProblem(response, 400, parameter="cursor")
        response = self.get(self.manager, "accounts", cursor=cursor, text="cqrs")
        self.assertProblem(response, 400, parameter="cursor")

    def test_an_answer_that_is_still_right_is_not_made_again(self):
        path = f"accounts/{self.nile.id}"
        for url in ("accounts", path, f"{path}/timeline"):
            held = {"If-None-Match": self.get(self.seller, url).headers["ETag"]}
            self.assertEqual(self.get(self.seller, url, held).status_code, 304)
            self.nile.city = f"{self.nile.city}!"
            self.assertEqual(self.get(self.seller, url, held).status_code, 200)


@tagged("post_install", "-at_install")
class TestTimeline(AccountCase):
    def story(self, caller, **query):
        """Return a whole timeline, page by page."""
        items, path = [], f"accounts/{self.nile.id}/timeline"
        query = {"limit": 3, **query}
        while True:
            answer = self.body(caller, path, **query)
            items += answer["items"]
            if answer["next"] is None:
                return items
            query["cursor"] = answer["next"]

    def test_one_order_by_time_of_all_that_happened(self):
        items = self.story(self.manager)
        self.assertEqual(
            [(item["at"], item["position"]) for item in items],
            sorted(((item["at"], item["position"]) for item in items), reverse=True),
        )
        self.assertEqual(len({item["position"] for item in items}), len(items))
        whole = self.story(self.manager, limit=200)
        self.assertEqual(items, whole)
        told = {(item["kind"], item["record"]["name"]) for item in items}
        self.assertEqual(
            told,
            {
                ("contact", "Cqrs Nile"),
                ("contact", "Cqrs Clerk"),
                ("opportunity", "Deal"),
            },
        )
        deals = [item for item in items if item["kind"] == "opportunity"]
        types = sorted(item["type"] for item in deals)
        self.assertEqual(types.count("OpportunityCreated"), 3)
        self.assertIn("OpportunityWon", types)

    def test_what_the_viewer_does_not_see_is_not_told(self):
        hidden = self.env["crm.lead"].search(
            [("user_id", "=", self.peer.id), ("partner_id", "=", self.nile.id)]
        )

        def ids(caller):
            return {
                item["record"]["odoo_id"]
                for item in self.story(caller)
                if item["kind"] == "opportunity"
            }

        self.assertNotIn(hidden.id, ids(self.manager))
        self.assertEqual(ids(self.peer), set(hidden.ids))

    def test_an_edit_of_a_deal_is_no_part_of_the_story(self):
        before = self.story(self.seller)
        deal = self.env["crm.lead"].search(
            [("user_id", "=", self.seller.id), ("partner_id", "=", self.nile.id)],
            limit=1,
        )
        deal.description = "a note"
        self.assertEqual(self.story(self.seller), before)
        deal.action_set_lost()
        newest = self.story(self.seller)[0]
        self.assertEqual(
            (newest["type"], newest["sentences"]), ("OpportunityLost", ["Lost"])
        )

    def test_fields_that_odoo_hides_are_left_out(self):
        self.nile.write({"city": "Namur", "ref": "secret 7"})
        fields = self.env["res.partner"]._fields

        def said():
            newest = self.story(self.seller)[0]
            return newest["sentences"][0]

        self.assertIn("1 more field", said())
        with patch.object(fields["ref"], "groups", "base.group_system"):
            self.assertEqual(said(), "City from Liège to Namur")
        with patch.object(fields["city"], "groups", "base.group_system"):
            self.assertEqual(said(), "Reference set to secret 7")
