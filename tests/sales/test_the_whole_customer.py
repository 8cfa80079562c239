"""Accounts with their orders and invoices: API, timeline and screens."""

from decimal import Decimal
from unittest.mock import patch

from odoo.tests import tagged

from ...models.customers import places
from ..api import ApiCase
from ..browser import BrowserCase
from .common import Sales


class WholeCustomer(Sales, ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.name = "Cqrs Customer"

    def story_of_a_deal(self):
        """Have a deal won, ordered, invoiced, credited and partly paid."""
        self.deal = self.opportunity(self.seller, 400, partner_id=self.contact.id)
        self.deal.action_set_won()
        self.sold = self.order(
            self.customer, 100, 250, user=self.seller, deal=self.deal
        )
        self.quote = self.order(self.customer, 70, user=self.seller, confirm=False)
        self.old = self.invoice(self.sold, days=75, invoice_date_due=self.days_ago(75))
        self.note = self.credit(self.old, 50)
        self.pay(self.old, 120)
        self.foreign = self.invoice(
            self.customer,
            100,
            user=self.seller,
            currency=self.euro,
            days=10,
            invoice_date_due=self.days_ago(10),
        )
        # Nobody below the manager owns these.
        self.order(self.customer, 9_000, user=self.peer)
        self.invoice(self.customer, 5_000, user=self.peer, days=1)
        self.env.cr.flush()


@tagged("post_install", "-at_install")
class TestTheWholeCustomer(WholeCustomer):
    def read_account(self, caller, **query):
        return self.body(caller, f"accounts/{self.customer.id}", **query)

    def read_timeline(self, caller):
        path = f"accounts/{self.customer.id}/timeline"
        return self.body(caller, path, limit=200)["items"]

    def test_figures_are_those_of_odoos_records(self):
        self.story_of_a_deal()
        account = self.read_account(self.manager)
        invoices = self.old + self.note + self.foreign

        def added(records, name):
            return sum(Decimal(str(value)) for value in records.mapped(name))

        residual = added(invoices, "amount_residual_signed")
        expected = {
            "won": 1,
            "won_revenue": 400,
            "orders": 1,
            "ordered": added(self.sold, "amount_untaxed"),
            "invoices": 3,
            "invoiced": added(invoices, "amount_untaxed_signed"),
            "credited": added(self.note, "amount_untaxed_signed"),
            "paid": added(invoices, "amount_total_signed") - residual,
            "open": residual,
        }
        self.assertEqual({name: account[name] for name in expected}, expected)
        # 350 less 50; 100 euros at 0.8 are 125 dollars.
        self.assertEqual((account["invoiced"], account["credited"]), (425, -50))
        self.assertEqual(account["open"], account["overdue"])
        ageing = {name: part["amount"] for name, part in account["ageing"].items()}
        self.assertEqual(sum(ageing.values()), account["open"])
        self.assertEqual((ageing["0_30"], ageing["61_90"]), (125, 180))

    def test_totals_are_sums_over_what_is_seen(self):
        self.story_of_a_deal()
        items = self.body(self.manager, "accounts", text="cqrs customer")["items"]
        self.assertEqual([item["ordered"] for item in items], [350])
        items = self.body(self.peer, "accounts", text="cqrs customer")["items"]
        self.assertEqual([item["ordered"] for item in items], [9_000])
        self.assertEqual([item["won_revenue"] for item in items], [0])
        self.head.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        answer = self.body(self.head, "accounts", text="cqrs", totals="true")
        self.assertEqual(answer["totals"]["ordered"], 9_350)

    def test_lists_are_sorted_and_filtered_by_figures_of_documents(self):
        self.story_of_a_deal()
        other = self.account("Cqrs Other")
        self.invoice(other, 20, user=self.seller)

        def names(**query):
            items = self.body(self.manager, "accounts", text="cqrs", **query)["items"]
            return [item["name"] for item in items]

        self.assertEqual(names(sort="-invoiced"), ["Cqrs Customer", "Cqrs Other"])
        self.assertEqual(names(sort="invoiced"), ["Cqrs Other", "Cqrs Customer"])
        # Whether one account after another is asked, or all of them are looked up
        for frequent in (-1, 2):
            with patch.object(places, "FREQUENT", frequent):
                self.assertEqual(names(has_overdue="true"), ["Cqrs Customer"])
                self.assertEqual(names(has_overdue="false"), ["Cqrs Other"])
        by_figure = names(has_overdue="true", sort="-invoiced")
        self.assertEqual(by_figure, ["Cqrs Customer"])

    def test_recent_documents_and_what_is_overdue_of_them(self):
        self.story_of_a_deal()
        recent = self.read_account(self.manager)["recent"]
        orders = {each["odoo_id"]: each for each in recent["orders"]["items"]}
        self.assertEqual(set(orders), {self.sold.id, self.quote.id})
        self.assertEqual(orders[self.sold.id]["opportunity_id"], self.deal.id)
        self.assertEqual(orders[self.sold.id]["untaxed"], 350)
        invoices = {each["odoo_id"]: each for each in recent["invoices"]["items"]}
        self.assertEqual(set(invoices), {self.old.id, self.note.id, self.foreign.id})
        self.assertEqual(invoices[self.old.id]["order_ids"], self.sold.ids)
        self.assertEqual(invoices[self.note.id]["total"], -50)
        foreign = invoices[self.foreign.id]
        self.assertEqual((foreign["currency"], foreign["total"]), ("EUR", 100))
        overdue = {id_ for id_, each in invoices.items() if each["is_overdue"]}
        self.assertEqual(overdue, {self.old.id, self.foreign.id})

    def test_the_timeline_tells_what_became_of_them(self):
        self.story_of_a_deal()
        items = self.read_timeline(self.manager)
        told = {
            (item["kind"], item["record"]["odoo_id"], sentence)
            for item in items
            for sentence in item["sentences"]
        }
        for expected in (
            ("opportunity", self.deal.id, "Won"),
            ("order", self.sold.id, "Order confirmed"),
            ("order", self.quote.id, "Quoted"),
            ("invoice", self.old.id, "Partly paid"),
            ("credit_note", self.note.id, "Posted"),
        ):
            self.assertIn(expected, told)
        orders = {id_ for kind, id_, __ in told if kind == "order"}
        self.assertEqual(orders, {self.sold.id, self.quote.id})

    def test_who_may_read_no_invoices_has_none_of_their_figures(self):
        self.story_of_a_deal()
        self.env["ir.model.access"].search(
            [("model_id.model", "=", "account.move"), ("perm_read", "=", True)]
        ).perm_read = False
        account = self.read_account(self.manager)
        self.assertEqual(account["ordered"], 350)
        for name in ("invoices", "invoiced", "paid", "open", "overdue", "ageing"):
            self.assertNotIn(name, account)
        self.assertEqual(set(account["recent"]), {"opportunities", "orders"})
        kinds = {item["kind"] for item in self.read_timeline(self.manager)}
        self.assertEqual(kinds, {"contact", "opportunity", "order"})

    def test_forms_of_orders_and_invoices_have_the_button(self):
        for model in ("sale.order", "account.move"):
            arch = self.env[model].get_view(view_type="form")["arch"]
            self.assertIn('<span class="o_stat_text">History</span>', arch)


@tagged("post_install", "-at_install")
class TestTheWholeCustomerInABrowser(WholeCustomer, BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Made before, or the page's other requests wait for them for too long.
        bundle = cls.env["ir.qweb"]._get_asset_bundle("web.assets_web")
        bundle.js()
        bundle.css()

    def test_from_the_tile_to_the_story(self):
        # Without it the order of a seller below is seen, but not opened in Odoo.
        self.manager.group_ids += self.env.ref("crm_cqrs.group_sale_team")
        self.story_of_a_deal()
        self.start_tour(
            "/odoo/sales-dashboard?period=all",
            "crm_cqrs_the_whole_customer",
            login=self.manager.login,
        )
