from unittest.mock import MagicMock

from odoo import SUPERUSER_ID, Command
from odoo.http import _request_stack
from odoo.tests import tagged

from ..models.event_store.reader import Checkpoint, Filters, read_page
from .common import RealCursors, SalesOrganisation


class LastEvent:
    def last(self, record):
        """Return the last event of a record."""
        record.env.cr.flush()
        events = record.env["cqrs.event"].sudo()
        return events.search(
            [("stream_model", "=", record._name), ("stream_id", "=", record.id)],
            limit=1,
        )


@tagged("post_install", "-at_install")
class TestWhoDidIt(LastEvent, SalesOrganisation):
    def test_a_group_given_to_somebody_is_given_by_who_gives_it(self):
        # The person's own preferences were the last write of their row.
        self.seller.with_user(self.seller).write({"signature": "Yours"})
        self.env.cr.flush()
        group = self.env.ref("sales_team.group_sale_salesman_all_leads")
        admin = self.env.ref("base.user_admin")
        group.with_user(admin).write({"user_ids": [Command.link(self.seller.id)]})
        event = self.last(self.seller)
        self.assertEqual((event.type, event.user_id), ("UserGroupsChanged", admin))

    def test_each_record_of_a_transaction_has_its_own_user(self):
        first, second = self.opportunity(self.seller), self.opportunity(self.peer)
        first.with_user(self.seller).name = "By seller"
        second.with_user(self.env.ref("base.user_admin")).unlink()
        self.assertEqual(self.last(first).user_id, self.seller)
        self.assertEqual(self.last(second).user_id, self.env.ref("base.user_admin"))
        self.assertEqual(self.last(second).type, "OpportunityDeleted")

    def test_the_last_of_several_users_wins_and_the_others_are_told(self):
        lead = self.opportunity(self.seller)
        lead.with_user(self.seller).name = "One"
        lead.with_user(self.manager).sudo().name = "Two"
        lead.with_user(self.seller).name = "Three"
        event = self.last(lead)
        self.assertEqual(event.user_id, self.seller)
        self.assertEqual(event.details, {"users": [self.manager.id]})
        lead.with_user(self.seller).name = "Three"
        lead.with_user(self.manager).sudo().name = "Three"
        self.assertEqual(self.last(lead), event)

    def test_what_is_flushed_by_another_is_of_who_wrote_it(self):
        lead = self.opportunity(self.seller)
        lead.with_user(self.seller).name = "By seller"
        lead.with_user(self.manager).sudo().flush_recordset()
        self.assertEqual(self.last(lead).user_id, self.seller)

    def test_who_renames_a_customer_changes_the_leads(self):
        customer = self.env["res.partner"].create({"name": "Before"})
        lead = self.opportunity(self.seller, partner_id=customer.id)
        customer.with_user(self.manager).sudo().name = "After"
        self.assertEqual(self.last(lead).user_id, self.manager)

    def test_who_deletes_a_team_changes_the_leads(self):
        team = self.env["crm.team"].create({"name": "cqrs gone"})
        lead = self.opportunity(self.seller, team_id=team.id)
        team.with_user(self.env.ref("base.user_admin")).unlink()
        event = self.last(lead)
        self.assertEqual(event.before, {"team_id": team.id})
        self.assertEqual(event.user_id, self.env.ref("base.user_admin"))

    def test_a_deleted_department_or_job_is_seen_at_once(self):
        admin = self.env.ref("base.user_admin")
        for model, column, type_ in (
            ("hr.department", "department_id", "EmployeeDepartmentChanged"),
            ("hr.job", "job_id", "EmployeeJobChanged"),
        ):
            with self.subTest(model):
                record = self.env[model].create({"name": "cqrs gone"})
                self.seller_employee[column] = record
                self.last(self.seller_employee)
                record.with_user(admin).sudo().unlink()
                event = self.last(self.seller_employee)
                self.assertEqual((event.type, event.user_id), (type_, admin))
                self.assertEqual(
                    event.before, {f"current_version_id.{column}": record.id}
                )

    def test_a_lead_created_and_merged_at_once_is_created(self):
        tail = self.opportunity(self.seller, 5)
        head = self.env["crm.lead"].create(
            {"name": "Head", "type": "opportunity", "user_id": self.seller.id}
        )
        head.probability = 99
        merged = (head | tail).merge_opportunity()
        self.assertEqual(merged, head)
        event = self.last(head)
        self.assertEqual((event.version, event.type), (1, "OpportunityCreated"))
        self.assertEqual(event.details, {"merged_from": [tail.id]})
        page = self.env["cqrs.history"].read_page("crm.lead", head.id)
        self.assertEqual(
            page["entries"][0]["sentences"],
            ["Created as an opportunity", "Merged another one into this one"],
        )

    def test_a_translation_is_recorded(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        admin = self.env.ref("base.user_admin")
        stage = self.stage_new.with_user(admin)
        self.last(stage)
        stage.update_field_translations("name", {"fr_FR": "Nouveau"})
        event = self.last(stage)
        self.assertEqual(event.type, "StageRenamed")
        self.assertEqual(event.after["name"]["fr_FR"], "Nouveau")
        self.assertEqual(event.user_id, admin)

    def test_a_new_language_is_recorded(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        stage = self.env.ref("crm.stage_lead1")
        self.last(stage)
        self.env["ir.module.module"]._load_module_terms(["crm"], ["fr_FR"])
        self.assertEqual(self.last(stage).after["name"]["fr_FR"], "Nouveau")

    def test_no_origin_follows_from_a_context(self):
        lead = self.opportunity(self.seller)
        for key in ("cron_id", "import_file"):
            lead.with_context(**{key: 1}).name = key
            self.assertEqual(self.last(lead).origin, "orm")

    def test_an_import_is_one(self):
        result = self.env["crm.lead"].load(["name"], [["cqrs imported"]])
        lead = self.env["crm.lead"].browse(result["ids"])
        self.assertEqual(self.last(lead).origin, "import")
        lead.name = "By hand"
        self.assertEqual(self.last(lead).origin, "orm")

    def test_whatever_stands_for_a_request(self):
        lead = self.opportunity(self.seller)
        _request_stack.push(MagicMock())
        self.addCleanup(_request_stack.pop)
        lead.name = "Renamed"
        event = self.last(lead)
        self.assertEqual(event.acting_user_id, self.env.user)

    def test_events_of_who_was_logged_in(self):
        self.env.cr.execute(
            "SELECT max(epoch), pg_current_xact_id()::text FROM cqrs_epoch"
        )
        epoch, txid = self.env.cr.fetchone()
        start = Checkpoint(epoch, int(txid))
        lead = self.opportunity(self.seller)
        # Outside of a request it is who begins.
        self.opportunity(self.peer).name = "Begun"
        lead.with_user(self.seller).name = "As seller"
        self.env.cr.flush()
        lead.name = "As oneself"
        self.env.cr.flush()
        self.end_epoch()

        def names(**filters):
            page = read_page(self.env, start, 100, Filters("crm.lead", **filters))
            return [e.after["name"] for e in page.events if e.stream_id == lead.id]

        acting = self.env.uid
        self.assertEqual(names(user_id=self.seller.id), ["As seller"])
        self.assertEqual(
            names(acting_user_id=acting), ["Deal", "As seller", "As oneself"]
        )
        self.assertEqual(
            names(acting_user_id=acting, user_id=self.seller.id), ["As seller"]
        )
        self.assertEqual(
            names(acting_user_id=acting, types=("OpportunityCreated",)), ["Deal"]
        )
        self.assertEqual(names(acting_user_id=self.seller.id), [])


@tagged("post_install", "-at_install")
class TestWhoDidItInTransactionsOfItsOwn(LastEvent, RealCursors):
    """Where the row itself says who, and what runs by itself."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            leads = self.environment(cr)["crm.lead"]
            self.lead_id = leads.create({"name": "cqrs", "partner_name": "One"}).id
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            self.environment(cr)["crm.lead"].browse(self.lead_id).unlink()

    def test_a_row_written_before_says_nothing_of_this_change(self):
        admin = self.env.ref("base.user_admin").id
        with self.registry.cursor() as cr:
            lead = self.environment(cr)["crm.lead"].browse(self.lead_id)
            lead.with_user(admin).name = "By admin"
        with self.registry.cursor() as cr:
            lead = self.environment(cr)["crm.lead"].browse(self.lead_id)
            cr.execute(
                "UPDATE crm_lead SET name = 'By SQL' WHERE id = %s", [self.lead_id]
            )
            lead._cqrs_mark(lead.env["cqrs.event"]._watches()["crm.lead"])
            self.assertEqual(self.last(lead).user_id.id, SUPERUSER_ID)
        with self.registry.cursor() as cr:
            lead = self.environment(cr)["crm.lead"].browse(self.lead_id)
            cr.execute(
                "UPDATE crm_lead SET name = 'By code', write_uid = %s,"
                " write_date = now() AT TIME ZONE 'UTC' WHERE id = %s",
                [admin, self.lead_id],
            )
            lead._cqrs_mark(lead.env["cqrs.event"]._watches()["crm.lead"])
            self.assertEqual(self.last(lead).user_id.id, admin)

    def test_a_scheduled_action_is_one(self):
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            lead = env["crm.lead"].browse(self.lead_id)
            action = env["ir.actions.server"].create(
                {
                    "name": "cqrs",
                    "model_id": env["ir.model"]._get_id("crm.lead"),
                    "state": "code",
                    "code": f"env['crm.lead'].browse({lead.id})"
                    ".write({'name': 'By cron'})",
                }
            )
            cron = env["ir.cron"].create(
                {
                    "name": "cqrs",
                    "ir_actions_server_id": action.id,
                    "user_id": SUPERUSER_ID,
                    "interval_number": 1,
                    "interval_type": "days",
                }
            )
            cron._callback("cqrs", action.id)
            self.assertEqual(self.last(lead).origin, "cron")
            lead.name = "By hand"
            self.assertEqual(self.last(lead).origin, "orm")
            cron.unlink()
            action.unlink()
