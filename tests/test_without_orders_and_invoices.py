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

    def test_rules_that_orders_have_left_go(self):
        self.env["ir.rule"].create(
            {
                "name": "Cqrs left over",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": "user.env['cqrs.document.rule']._domain('x', 'team')",
                "groups": [(4, self.env.ref("base.group_portal").id)],
            }
        )
        self.env["cqrs.document.rule"]._register_hook()
        rules = self.env["ir.rule"].search([("domain_force", "like", "document.rule")])
        self.assertFalse(rules)

    def test_a_broken_read_model_of_theirs_is_nobodys_loss(self):
        self.env.cr.execute(
            """
            INSERT INTO cqrs_projection_failure
                (projection, rebuilds, sqlstate, error)
            SELECT name, (SELECT count(*) FROM cqrs_projection_rebuild
                          WHERE projection = name), '42P01', 'gone'
            FROM unnest(ARRAY['cqrs.contact', 'cqrs.order.view', 'cqrs.invoice.view',
                              'cqrs.sales.figures']) name
            """
        )
        for path in ("", "metrics", "users/profile", "opportunities"):
            self.assertEqual(self.get(self.manager, path).status_code, 200, path)
        problem = self.get(self.manager, "accounts")
        self.assertEqual(problem.status_code, 503)
        self.assertIn("cqrs.contact", problem.text)

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
