from odoo.exceptions import UserError
from odoo.tests import Form, HttpCase, tagged
from odoo.tools import mute_logger

from .common import SalesOrganisation, administrator

REFUSED = (
    "%s are written by the event store alone. You cannot create, change or delete them."
)


@tagged("post_install", "-at_install")
class TestEventViewsAreReadOnly(SalesOrganisation, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = administrator(cls.env)
        cls.lead = cls.opportunity(cls.seller)
        cls.lead.stage_id = cls.stage_won
        cls.env.cr.flush()

    def newest(self, model):
        domain = [("stream_model", "=", "crm.lead"), ("stream_id", "=", self.lead.id)]
        return self.env[model].search(domain, limit=1)

    def test_the_orm_refuses_even_sudo(self):
        for model, name in (
            ("cqrs.event", "Domain Event"),
            ("cqrs.stream", "Recorded State"),
        ):
            record = self.newest(model).sudo()
            for attempt in (
                lambda r: r.create({"stream_id": 1}),
                lambda r: r.write({"stream_id": 1}),
                lambda r: r.unlink(),
                lambda r: r.copy(),
                lambda r: setattr(r, "stream_id", 1),
                lambda r: r._write({"stream_id": 1}),
                lambda r: r._write_multi([{"stream_id": 1}]),
                lambda r: r._create([{"stored": {"stream_id": 1}}]),
            ):
                with (
                    self.subTest(model),
                    self.assertRaisesRegex(UserError, REFUSED % name),
                ):
                    attempt(record)
                    self.env.flush_all()

    @mute_logger("odoo.http")
    def test_rpc_refuses_an_administrator(self):
        self.authenticate("cqrs_admin", "cqrs_admin")
        for model, name in (
            ("cqrs.event", "Domain Event"),
            ("cqrs.stream", "Recorded State"),
        ):
            ids = self.newest(model).ids
            self.assertEqual(len(ids), 1)
            for method, args in (
                ("create", [[{"stream_id": 1}]]),
                ("write", [ids, {"stream_id": 1}]),
                ("unlink", [ids]),
                ("copy", [ids]),
                ("web_save", [ids, {"stream_id": 1}, {}]),
            ):
                with self.subTest(model, method=method):
                    error = self.call(model, method, args)["error"]["data"]
                    self.assertEqual(error["name"], "odoo.exceptions.UserError")
                    self.assertEqual(error["message"], REFUSED % name)

    def test_only_administrators_read_it(self):
        self.authenticate("cqrs_head", "cqrs_head")
        with mute_logger("odoo.http", "odoo.addons.base.models.ir_model"):
            answer = self.call("cqrs.event", "search_read", [[]])
        self.assertEqual(answer["error"]["data"]["name"], "odoo.exceptions.AccessError")
        self.authenticate("cqrs_admin", "cqrs_admin")
        answer = self.call("cqrs.event", "search_read", [[], ["type"]])
        self.assertGreater(len(answer["result"]), 1)

    def call(self, model, method, args):
        return self.url_open(
            f"/web/dataset/call_kw/{model}/{method}",
            json={
                "params": {"model": model, "method": method, "args": args, "kwargs": {}}
            },
        ).json()

    def test_the_form_shows_the_difference_and_offers_no_change(self):
        won = self.newest("cqrs.event").with_user(self.admin)
        self.assertEqual(won.type, "OpportunityWon")
        changes = {change["path"]: change for change in won.changes}
        self.assertEqual(
            changes["stage_id"],
            {
                "path": "stage_id",
                "label": "Stage",
                "type": "many2one",
                "before": "New",
                "after": "Won",
            },
        )
        self.assertEqual(changes["won_status"]["before"], "Pending")
        form = Form(won)
        for name in ("type", "before", "after", "changes", "occurred_at"):
            self.assertTrue(form._get_modifier(name, "readonly"), name)
        for view in ("list", "form"):
            arch = self.env["cqrs.event"].get_view(view_type=view)["arch"]
            for act in ("create", "edit", "delete"):
                self.assertIn(f'{act}="false"', arch)

    def test_a_stream_is_found_by_its_name(self):
        log = self.env["cqrs.event"]
        found = log.search([("stream", "ilike", f" crm.lead/{self.lead.id} ")])
        self.assertEqual(found.mapped("version"), [2, 1])
        self.assertEqual(set(found.mapped("stream")), {f"crm.lead/{self.lead.id}"})
        models = log.search([("stream", "=", "crm.stage")]).mapped("stream_model")
        self.assertEqual(set(models), {"crm.stage"})
        self.assertFalse(log.search([("stream", "=", "crm.lead/x")]))

    def test_an_event_names_its_record_and_whether_it_can_be_opened(self):
        self.lead.name = "Deal of a name"
        gone = self.opportunity(self.seller, name="Deal that goes")
        self.env.cr.flush()
        gone_id = gone.id
        gone.unlink()
        self.env.cr.flush()
        log = self.env["cqrs.event"].with_user(self.admin)

        def shown(model, record_id):
            domain = [("stream_model", "=", model), ("stream_id", "=", record_id)]
            events = log.search(domain)
            events.invalidate_recordset()
            self.assertTrue(events, model)
            return {(event.record_name, event.can_open_record) for event in events}

        seller = self.seller
        self.assertEqual(shown("crm.lead", self.lead.id), {("Deal of a name", False)})
        self.assertEqual(
            shown("crm.lead", gone_id), {("Deal that goes (deleted)", False)}
        )
        self.assertEqual(shown("res.users", seller.id), {(seller.name, True)})
        # Odoo's rules let an administrator who also sells open it.
        self.admin.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.assertEqual(shown("crm.lead", self.lead.id), {("Deal of a name", True)})
        self.assertIn(
            'widget="cqrs_record_link"', log.get_view(view_type="list")["arch"]
        )

    def test_groups(self):
        log = self.env["cqrs.event"].with_user(self.admin)
        domain = [("stream", "=", f"crm.lead/{self.lead.id}")]
        for group in (
            "type",
            "stream_model",
            "acting_user_id",
            "origin",
            "occurred_at:day",
        ):
            counts = [n for __, n in log._read_group(domain, [group], ["__count"])]
            self.assertEqual(sum(counts), 2, group)
