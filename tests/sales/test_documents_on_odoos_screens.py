"""Orders and invoices on Odoo's own screens, by record rules for reading."""

from datetime import timedelta
from types import SimpleNamespace

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from ...models.access.document_rules import RULED
from ..plain_rules import ALL_DOCUMENTS, TEAM
from .common import Sales

#: ``{model of parts: (the field of the document, the document's model)}``
PARTS = {
    "sale.order.line": ("order_id", "sale.order"),
    "account.move.line": ("move_id", "account.move"),
}


@tagged("post_install", "-at_install")
class TestDocumentsOnOdoosScreens(Sales):
    def setUp(self):
        super().setUp()
        self.manager.group_ids += self.env.ref(TEAM)
        owners = {
            "seller": self.seller,
            "manager": self.manager,
            "peer": self.peer,
            "nobody": self.env["res.users"],
        }
        self.documents = {
            "sale.order": {
                name: self.order(self.customer, 100, user=user)
                for name, user in owners.items()
            },
            "account.move": {
                name: self.invoice(self.customer, 100, user=user)
                for name, user in owners.items()
            },
        }

    def seen(self, user, model):
        """Return the names of the documents that a user sees, however they ask."""
        self.env.cr.flush()
        self.env.invalidate_all()
        named = {each.id: name for name, each in self.documents[model].items()}
        records = self.env[model].with_user(user)
        domain = [("id", "in", list(named))]
        rows = records.web_search_read(domain, {"name": {}})["records"]
        grouped = records.formatted_read_group(domain, ["partner_id"], ["id:array_agg"])
        [[ids]] = records._read_group(domain, [], ["id:array_agg"])
        ways = {
            "search_read": [row["id"] for row in records.search_read(domain, ["name"])],
            "web_search_read": [row["id"] for row in rows],
            "name_search": [id_ for id_, __ in records.name_search("", domain)],
            "_read_group": ids or [],
            "formatted_read_group": [
                id_ for group in grouped for id_ in group["id:array_agg"]
            ],
            "_filtered_access": records.browse(named)._filtered_access("read").ids,
            "read": [id_ for id_ in named if self.is_readable(records.browse(id_))],
        }
        for part, (link, of_model) in PARTS.items():
            if of_model == model:
                lines = self.env[part].with_user(user)
                ways[part] = lines.search([(link, "in", list(named))])[link].ids
        if model == "sale.order":
            report = self.env["sale.report"].with_user(user)
            lines = report.search([("order_reference", "in", self.references(named))])
            ways["sale.report"] = [line.order_reference.id for line in lines]
        found = records.search(domain).ids
        self.assertEqual(records.search_count(domain), len(found))
        for way, ids in ways.items():
            self.assertEqual(set(ids), set(found), (way, user.name))
        return {named[id_] for id_ in found}

    def references(self, ids):
        return [f"sale.order,{id_}" for id_ in ids]

    @mute_logger("odoo.addons.base.models.ir_rule")
    def is_readable(self, record):
        record.invalidate_recordset()
        try:
            return bool(record.read(["name"]))
        except AccessError:
            return False

    def assertSees(self, user, *names):
        for model in self.documents:
            self.assertEqual(self.seen(user, model), set(names), (user.name, model))

    def test_a_manager_sees_the_team(self):
        self.assertSees(self.manager, "manager", "seller", "nobody")
        self.assertSees(self.seller, "seller", "nobody")
        self.assertSees(self.peer, "peer", "nobody")

    def test_the_privilege_decides(self):
        # The head stands above the manager, but sees own documents alone.
        self.assertSees(self.head, "nobody")
        self.head.group_ids += self.env.ref(TEAM)
        self.assertSees(self.head, "manager", "seller", "nobody")
        self.head.group_ids += self.env.ref(ALL_DOCUMENTS)
        self.assertSees(self.head, "manager", "seller", "peer", "nobody")

    def test_a_move_of_a_salesperson_shows_at_once(self):
        self.assertSees(self.manager, "manager", "seller", "nobody")
        self.seller_employee.parent_id = self.other_manager_employee
        self.assertSees(self.manager, "manager", "nobody")
        self.peer_employee.parent_id = self.manager_employee
        self.assertSees(self.manager, "manager", "peer", "nobody")

    def test_a_document_that_changes_hands_shows_at_once(self):
        self.documents["sale.order"]["seller"].user_id = self.peer
        self.documents["account.move"]["seller"].invoice_user_id = self.peer
        self.assertSees(self.manager, "manager", "nobody")

    def test_a_delegation_lends_it(self):
        today = fields.Date.today()
        self.env["cqrs.delegation"].create(
            {
                "lender_id": self.manager.id,
                "delegate_id": self.peer.id,
                "date_from": today - timedelta(days=2),
                "date_to": today + timedelta(days=2),
            }
        )
        self.assertSees(self.peer, "peer", "manager", "seller", "nobody")

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_it_is_for_reading_alone(self):
        order = self.documents["sale.order"]["seller"].with_user(self.manager)
        self.assertTrue(order.has_access("read"))
        self.assertFalse(order.has_access("write"))
        with self.assertRaises(AccessError):
            order.client_order_ref = "changed"
        self.assertFalse(order.order_line.has_access("write"))
        rules = self.env["ir.rule"].search([("domain_force", "like", "document.rule")])
        self.assertEqual(len(rules), 2 * len(RULED))
        for rule in rules:
            self.assertTrue(rule.perm_read and rule.groups)
            self.assertFalse(rule.perm_write or rule.perm_create or rule.perm_unlink)

    def test_no_vendor_bill_or_entry_is_shown(self):
        company = self.account("Vendor")
        bill = self.invoice(company, 100, post=False, move_type="in_invoice")
        bill.invoice_user_id = self.seller
        receipt = self.invoice(company, 100, move_type="out_receipt", user=self.seller)
        payment = self.pay(self.documents["account.move"]["seller"]).move_id
        self.env.cr.flush()
        for move in (bill, receipt, payment):
            self.assertFalse(move.with_user(self.manager).has_access("read"))

    def test_only_in_companies_that_are_switched_on(self):
        order = self.documents["sale.order"]["seller"]
        other = self.env["res.company"].create({"name": "cqrs other company"})
        self.manager.company_ids += other
        there = order.with_user(self.manager).with_context(
            allowed_company_ids=other.ids
        )
        self.assertFalse(there.search([("id", "=", order.id)]))

    def test_what_an_administrator_changes_stays(self):
        rule = self.env.ref("crm_cqrs.account_move_rule_team")
        gone = self.env.ref("crm_cqrs.sale_order_rule_team")
        rule.active = False
        gone.unlink()
        self.env["cqrs.document.rule"]._make_missing()
        self.assertFalse(rule.active)
        made = self.env.ref("crm_cqrs.sale_order_rule_team")
        self.assertNotEqual(made, gone)
        self.assertEqual(made.groups, self.env.ref(TEAM))
        self.env.cr.flush()
        for model, is_seen in (("account.move", False), ("sale.order", True)):
            document = self.documents[model]["seller"].with_user(self.manager)
            self.assertIs(document.has_access("read"), is_seen)

    def test_the_rules_go_with_their_model(self):
        # As the database does when a module is uninstalled.
        model = self.env["ir.model"]._get("sale.report")
        rules = self.env["ir.rule"].search([("model_id", "=", model.id)])
        self.assertTrue(rules)
        self.env.cr.execute(
            "SELECT confdeltype FROM pg_constraint"
            " WHERE conname = 'ir_rule_model_id_fkey'"
        )
        self.assertEqual(self.env.cr.fetchone(), ("c",))

    def test_a_process_without_this_code_lets_nothing_through(self):
        rule = self.env.ref("crm_cqrs.account_move_rule_team")
        elsewhere = SimpleNamespace(env={"account.move": self.env["account.move"]})
        domain = safe_eval(rule.domain_force, {"user": elsewhere})
        self.assertEqual(domain, [(0, "=", 1)])

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_the_records_behind_a_figure_open_their_documents(self):
        for model, view in (
            ("sale.order", "cqrs.order.view"),
            ("account.move", "cqrs.invoice.view"),
        ):
            of = self.documents[model]
            ids = [each.id for each in of.values()]
            # The head sees the team's rows, but only own documents in Odoo's lists.
            for user, viewer, names in (
                (self.manager, self.manager, {"manager", "seller"}),
                (self.head, self.head, {"manager", "seller"}),
                (self.head, self.seller, {"seller"}),
                (self.seller, self.manager, set()),
            ):
                rows = self.env[view].with_user(user)
                found = rows.search([("viewer_id", "=", viewer.id), ("id", "in", ids)])
                expected = {of[name].id for name in names}
                self.assertEqual(set(found.ids), expected, (view, user.name))
            row = self.env[view].browse(of["seller"].id)
            action = row.with_user(self.manager).action_open_document()
            self.assertEqual(
                (action["res_model"], action["res_id"]), (model, of["seller"].id)
            )
            with self.assertRaises(UserError):
                row.with_user(self.head).action_open_document()
            with self.assertRaises(AccessError):
                row.with_user(self.peer).action_open_document()

    def test_overdue_is_decided_by_the_day(self):
        invoice = self.invoice(
            self.customer, 7, user=self.seller, invoice_date_due=self.days_ago(1)
        )
        rows = self.env["cqrs.invoice.view"].with_user(self.manager)
        overdue = rows.search([("is_overdue", "=", True)])
        self.assertIn(invoice.id, overdue.ids)
        self.assertTrue(rows.browse(invoice.id).is_overdue)
        due_today = self.documents["account.move"]["seller"]
        self.assertNotIn(due_today.id, overdue.ids)
        self.assertIn(due_today.id, rows.search([("is_overdue", "=", False)]).ids)

    def test_a_form_opens_where_somebody_has_deleted_the_action(self):
        for model, name in (("sale.order", "order"), ("account.move", "invoice")):
            action = self.env.ref(f"crm_cqrs.{name}_history_action")
            view = self.env[model].get_view(view_type="form")["arch"]
            self.assertIn(f'name="{action.id}"', view)
            action.unlink()
            # Odoo keeps views for an hour, or until something of theirs changes.
            self.registry.clear_cache("templates")
            view = self.env[model].get_view(view_type="form")["arch"]
            self.assertNotIn(f'name="{action.id}"', view)

    def test_a_right_to_other_entries_is_none_to_invoices(self):
        buyers = self.env["res.groups"].create({"name": "Cqrs Buyers"})
        self.env["ir.model.access"].create(
            {
                "name": "Cqrs bills",
                "model_id": self.env["ir.model"]._get_id("account.move"),
                "group_id": buyers.id,
                "perm_read": True,
            }
        )
        access = self.env["cqrs.access"]
        buyer = self.env["res.users"].create(
            {
                "name": "Buyer",
                "login": "cqrs_buyer",
                "group_ids": [Command.set([self.env.ref("base.group_user").id])],
            }
        )
        buyer.group_ids |= buyers
        self.assertTrue(self.env["account.move"].with_user(buyer).has_access("read"))
        self.assertFalse(access._may_read(buyer.id, "account.move"))
        buyer.group_ids |= self.env.ref("sales_team.group_sale_salesman")
        self.assertTrue(access._may_read(buyer.id, "account.move"))

    def test_who_has_no_sales_right_gains_none(self):
        clerk = self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "cqrs_clerk",
                "group_ids": [Command.set(self.env.ref("base.group_user").ids)],
            }
        )
        for model in self.documents:
            self.assertFalse(self.env[model].with_user(clerk).has_access("read"))
