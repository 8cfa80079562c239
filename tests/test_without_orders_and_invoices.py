"""Without Odoo's orders and invoices, nothing is seen of them."""

from odoo.tests import tagged

from .api import ApiCase

DOCUMENTS = ("sale.order", "account.move")
FIGURES = {"ordered", "invoiced", "credited", "paid", "open", "overdue_invoices"}


@tagged("post_install", "-at_install")
class TestWithoutOrdersAndInvoices(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal = cls.opportunity(cls.seller)

    def test_nobody_sees_any(self):
        access = self.env["cqrs.access"]
        for model in DOCUMENTS:
            self.assertNotIn(model, self.env)
            for user in (self.head, self.env.ref("base.user_admin")):
                self.assertEqual(access._document_viewers(user, model), [])
                self.assertIs(access._may_read(user.id, model), False)

    def test_no_record_rule_is_made(self):
        self.env["cqrs.document.rule"]._make_missing()
        rules = self.env["ir.rule"].search([("domain_force", "like", "document.rule")])
        self.assertFalse(rules)

    def test_there_is_no_such_path(self):
        self.assertProblem(
            self.get(self.manager, "invoices"), 404, type="/api/v2/problems/not-found"
        )

    def test_figures_are_absent_and_not_nothing(self):
        for path in ("metrics", "metrics?by=salesperson", "metrics?by=month"):
            answer = self.body(self.manager, path)
            self.assertTrue(answer["active_opportunities"])
            for members in (answer, answer["own"], answer["team"]):
                self.assertFalse(FIGURES.intersection(members), path)
            self.assertNotIn("document_groups", answer)
        metrics = self.body(self.manager)["metrics"]
        self.assertFalse(FIGURES.intersection(metrics))

    def test_an_opportunity_has_none(self):
        path = f"opportunities/{self.deal.id}"
        answer = self.body(self.manager, path)
        self.assertEqual(answer["odoo_id"], self.deal.id)
        self.assertFalse(FIGURES.intersection(answer))
        asked = self.body(self.manager, path, fields="odoo_id,ordered,paid")
        self.assertEqual(asked, {"odoo_id": self.deal.id})
        self.assertEqual(self.body(self.manager, path, fields="ordered"), {})
        items = self.body(self.manager, "opportunities", fields="invoiced")["items"]
        self.assertEqual(items, [{}])
