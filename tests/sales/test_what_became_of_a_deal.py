"""Ordered, invoiced and paid beside the figures of opportunities, and of one deal."""

from decimal import Decimal

from odoo.tests import tagged

from ..api import ApiCase
from .common import Sales

FIGURES = ("ordered", "invoiced", "credited", "paid", "open", "overdue_invoices")
OF_A_DEAL = ("ordered", "invoiced", "paid")


@tagged("post_install", "-at_install")
class TestWhatBecameOfADeal(Sales, ApiCase):
    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(self.seller, 900, partner_id=self.customer.id)

    def amounts(self, figures, names=FIGURES):
        return [figures[name]["amount"] for name in names]

    def metrics(self, caller, **query):
        return self.body(caller, "metrics", **query)

    def of_deal(self, caller, **query):
        answer = self.body(caller, f"opportunities/{self.deal.id}", **query)
        return answer, [answer[name]["amount"] for name in OF_A_DEAL]

    def test_from_order_to_payment(self):
        self.assertEqual(self.amounts(self.metrics(self.seller)), [0] * 6)
        self.assertEqual(self.of_deal(self.seller)[1], [0, 0, 0])
        order = self.order(
            self.customer, 500, user=self.seller, deal=self.deal, confirm=False
        )
        self.assertEqual(self.amounts(self.metrics(self.seller)), [0] * 6)
        order.action_confirm()
        self.assertEqual(self.of_deal(self.seller)[1], [500, 0, 0])
        invoice = self.invoice(order, tax=self.tax)
        invoice_total = Decimal(str(invoice.amount_total))
        self.assertEqual(self.of_deal(self.seller)[1], [500, 500, 0])
        self.pay(invoice, 200)
        self.assertEqual(self.of_deal(self.seller)[1], [500, 500, 200])
        metrics = self.metrics(self.seller)
        self.assertEqual(
            self.amounts(metrics), [500, 500, 0, 200, invoice_total - 200, 0]
        )
        # To confirm an order wins no deal.
        self.assertEqual((metrics["won_revenue"], metrics["pipeline_value"]), (0, 900))
        self.credit(invoice, 100)
        metrics = self.metrics(self.seller)
        self.assertEqual(metrics["invoiced"]["amount"], 400)
        self.assertEqual(metrics["credited"]["amount"], -100)
        self.reset(invoice)
        self.assertEqual(self.of_deal(self.seller)[1][0], 500)

    def test_own_and_team_add_up(self):
        self.order(self.customer, 500, user=self.seller)
        self.order(self.customer, 70, user=self.manager)
        self.order(self.customer, 9, user=self.peer)
        day = self.days_ago(20)
        self.invoice(self.customer, 40, user=self.seller, days=20, invoice_date_due=day)
        metrics = self.metrics(self.manager)
        self.assertEqual(self.amounts(metrics)[:2], [570, 40])
        self.assertEqual(self.amounts(metrics["own"])[:2], [70, 0])
        self.assertEqual(self.amounts(metrics["team"])[:2], [500, 40])
        self.assertEqual(metrics["ordered"]["count"], 2)
        self.assertEqual(metrics["overdue_invoices"]["amount"], 40)
        dashboard = self.body(self.manager)["metrics"]
        for name in FIGURES:
            self.assertEqual(dashboard[name], metrics[name], name)
        as_seller = self.metrics(self.manager, user=self.uuid(self.seller))
        self.assertEqual(self.amounts(as_seller)[:2], [500, 40])

    def test_groups_add_up(self):
        self.order(self.customer, 500, user=self.seller)
        self.order(self.customer, 70, user=self.manager)
        self.invoice(self.customer, 40, user=self.seller, days=40)
        self.invoice(self.customer, 60, user=self.seller, days=0)
        for by in ("salesperson", "month", "team"):
            answer = self.metrics(self.manager, by=by)
            groups = answer["document_groups"]
            for name in ("ordered", "invoiced", "paid"):
                parts = [group[name]["exact"] for group in groups if name in group]
                self.assertEqual(sum(parts), answer[name]["exact"], (by, name))
        by_person = {
            group["salesperson"]["id"]: group
            for group in self.metrics(self.manager, by="salesperson")["document_groups"]
        }
        self.assertEqual(by_person[self.uuid(self.seller)]["ordered"]["amount"], 500)
        self.assertEqual(by_person[self.uuid(self.manager)]["ordered"]["amount"], 70)
        months = {
            group["month"]: group["invoiced"]["amount"]
            for group in self.metrics(self.manager, by="month")["document_groups"]
            if group["invoiced"]["count"]
        }
        self.assertEqual(months[self.days_ago(40).isoformat()[:7]], 40)

    def test_of_a_period(self):
        self.invoice(self.customer, 40, user=self.seller, days=40)
        self.invoice(self.customer, 60, user=self.seller, days=0)
        day = self.days_ago(40)
        found = self.metrics(self.seller, **{"from": day, "to": day})
        self.assertEqual(found["invoiced"]["amount"], 40)
        found = self.metrics(self.seller, period="today")
        self.assertEqual(found["invoiced"]["amount"], 60)

    def test_of_a_moment_there_is_none(self):
        now = f"{self.env.cr.now().isoformat()}Z"
        found = self.metrics(self.seller, as_of=now)
        self.assertTrue(found["as_of"])
        self.assertFalse(set(FIGURES).intersection(found))

    def test_only_what_one_sees_counts_for_a_deal(self):
        order = self.order(self.customer, 500, user=self.peer, deal=self.deal)
        self.order(self.customer, 30, user=self.seller, deal=self.deal)
        self.invoice(order, user=self.peer)
        answer, amounts = self.of_deal(self.seller)
        self.assertEqual(amounts, [30, 0, 0])
        self.assertEqual(answer["ordered"]["count"], 1)
        self.head.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.assertEqual(self.of_deal(self.head)[1], [530, 500, 0])

    def test_in_another_currency(self):
        self.order(self.customer, 500, user=self.seller, deal=self.deal)
        answer, amounts = self.of_deal(self.seller, currency="EUR")
        self.assertEqual(amounts[0], 400)
        self.assertEqual(answer["ordered"]["currency"], "EUR")

    def test_lists_give_it_where_it_is_asked_for(self):
        self.order(self.customer, 500, user=self.seller, deal=self.deal)
        [item] = self.body(self.seller, "opportunities")["items"]
        self.assertFalse(set(OF_A_DEAL).intersection(item))
        [item] = self.body(self.seller, "opportunities", fields="odoo_id,ordered")[
            "items"
        ]
        self.assertEqual(item["ordered"]["amount"], 500)
        self.assertEqual(set(item), {"odoo_id", "ordered"})

    def test_who_may_not_read_orders_gets_none(self):
        self.order(self.customer, 500, user=self.seller, deal=self.deal)
        for model in ("sale.order", "account.move"):
            rights = self.env["ir.model.access"].search(
                [("model_id.model", "=", model)]
            )
            rights.unlink()
        answer = self.body(self.seller, f"opportunities/{self.deal.id}")
        self.assertFalse(set(OF_A_DEAL).intersection(answer))
        self.assertFalse(set(FIGURES).intersection(self.metrics(self.seller)))
