from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tests import TransactionCase, new_test_user, tagged

from ..models.api.cloudevents import cloud_event
from ..models.event_store.erasure import erase
from ..models.event_store.never_recorded import SECRET_MODELS, recordable_models
from ..models.event_store.reader import read_page
from ..models.event_store.source import Source
from ..models.maintenance.replay import replay
from ..models.maintenance.verify import verify
from .common import SalesOrganisation, administrator, sources_declared
from .examples import add_models


class CustomFields(SalesOrganisation):
    def add_field(self, name, ttype="char", model="crm.lead", **values):
        return self.env["ir.model.fields"].create(
            {
                "name": name,
                "ttype": ttype,
                "field_description": name,
                "model_id": self.env["ir.model"]._get(model).id,
                **values,
            }
        )

    def source(self, model="crm.lead"):
        return self.env["cqrs.source"].search([("model", "=", model)])

    def recorded(self, model="crm.lead"):
        return set(self.env["cqrs.event"]._sources()[model].fields)

    def join(self, model="crm.lead"):
        self.env["cqrs.source"]._sync()
        log = self.env["cqrs.event"]
        while log._join_batch(self.source(model))[0]:
            pass
        self.source(model)._joined()


@tagged("post_install", "-at_install")
class TestCustomFieldsAreRecorded(CustomFields, TransactionCase):
    def test_a_custom_field_comes_and_goes(self):
        lead = self.opportunity(self.seller)
        self.assertFalse(self.env["cqrs.source"]._is_behind())
        field = self.add_field("x_budget")
        self.assertTrue(self.env["cqrs.source"]._is_behind())
        runs = self.env["cqrs.run"]
        for state, is_requested in (("cancelled", True), ("done", False)):
            runs._request_build_if_behind()
            run = runs.search([], limit=1)
            self.assertEqual((run.kind, run.state), ("build", "pending"))
            run.write({"state": state, "finished_at": fields.Datetime.now()})
            with self.subTest(state):
                runs._request_build_if_behind()
                self.assertEqual(runs.search([], limit=1) == run, is_requested)
            run.finished_at -= timedelta(days=2)
        lead.x_budget = "Before"
        self.assertEqual(len(self.events(lead)), 1)
        self.join()
        self.assertFalse(self.env["cqrs.source"]._is_behind())
        __, type_, before, after = self.events(lead)[-1]
        self.assertEqual(type_, "OpportunityUpdated")
        self.assertEqual((before, after), ({"x_budget": None}, {"x_budget": "Before"}))
        lead.x_budget = "After"
        __, __, before, after = self.events(lead)[-1]
        self.assertEqual(
            (before, after), ({"x_budget": "Before"}, {"x_budget": "After"})
        )

        lead.write({"x_budget": "Gone", "name": "Written before it is deleted"})
        field.unlink()
        __, __, __, after = self.events(lead)[-1]
        self.assertEqual(after, {"name": "Written before it is deleted"})
        lead.name = "Written later"
        self.assertEqual(self.events(lead)[-1][-1], {"name": "Written later"})
        left = self.source().field_ids.filtered(lambda f: f.path == "x_budget")
        self.assertEqual(left.state, "left")
        history = self.env["cqrs.history"].read_page("crm.lead", lead.id)
        self.assertIn("After", str(history))
        self.assertEqual(verify(self.env), [])

    def test_what_is_never_recorded(self):
        self.add_field("x_note", "text")
        self.add_field("x_file", "binary")
        self.add_field("x_api_key")
        self.add_field("x_studio_password")
        self.add_field("x_pin")
        self.add_field("x_pinned", "boolean")
        self.add_field("x_shown", related="user_id.login", store=False)
        self.env["cqrs.source"]._sync()
        custom = {path for path in self.recorded() if path.startswith("x_")}
        self.assertEqual(custom, {"x_note", "x_pinned"})

    def test_a_field_that_is_left_out(self):
        self.add_field("x_budget")
        self.join()
        lead = self.opportunity(self.seller, x_budget="Recorded")
        budget = self.env["ir.model.fields"]._get("crm.lead", "x_budget")
        settings = self.env["res.config.settings"].create({})
        self.assertIn(budget, settings.cqrs_custom_field_ids)
        self.assertFalse(settings.cqrs_left_out_ids)
        settings.cqrs_left_out_ids = budget
        self.assertNotIn("x_budget", self.recorded())
        lead.write({"x_budget": "Not recorded", "name": "Renamed"})
        self.assertEqual(self.events(lead)[-1][-1], {"name": "Renamed"})
        self.assertEqual(verify(self.env), [])
        settings = self.env["res.config.settings"].create({})
        self.assertEqual(settings.cqrs_left_out_ids, budget)
        settings.cqrs_left_out_ids = False
        self.join()
        self.assertEqual(self.events(lead)[-1][-1], {"x_budget": "Not recorded"})
        self.assertEqual(verify(self.env), [])

    def test_an_erasure_reaches_a_field_that_is_gone(self):
        fields_ = [self.add_field("x_nick"), self.add_field("x_size", "integer")]
        self.join()
        lead = self.opportunity(self.seller, x_nick="Planted", x_size=5)
        for field in fields_:
            field.unlink()
        lead.name = "Gone"
        self.env.cr.flush()
        self.assertIn("x_nick", self.state(lead))
        self.assertGreater(erase(self.env, {"crm.lead": lead.ids}, "Request 17"), 0)
        self.assertEqual(self.state(lead).keys() & {"x_nick", "x_size"}, set())
        for table in ("cqrs_event", "cqrs_stream"):
            self.env.cr.execute(
                f"SELECT FROM {table} t WHERE stream_model = 'crm.lead'"
                " AND stream_id = %s AND t::text LIKE '%%Planted%%'",
                [lead.id],
            )
            self.assertEqual(self.env.cr.rowcount, 0, table)
        self.assertEqual({each.drift for each in replay(self.env, repair=False)}, {0})
        self.assertEqual(verify(self.env), [])

    def state(self, lead):
        self.env.cr.execute(
            "SELECT state FROM cqrs_stream"
            " WHERE stream_model = 'crm.lead' AND stream_id = %s",
            [lead.id],
        )
        return self.env.cr.fetchone()[0]

    def test_a_module_that_adds_a_field(self):
        class CrmLead(models.Model):
            _inherit = "crm.lead"
            _module = "some_module"

            budget = fields.Float()
            not_stored = fields.Float(store=False)
            for_some = fields.Float(groups="base.group_system")

        add_models(self, CrmLead)
        self.registry.init_models(self.env.cr, ["crm.lead"], {}, False)
        self.assertNotIn("budget", self.recorded())
        self.env["cqrs.source"]._sync()
        self.assertIn("budget", self.recorded())
        self.assertFalse(self.recorded() & {"not_stored", "for_some"})

    def test_properties_and_color(self):
        team = self.env["crm.team"].create({"name": "With properties"})
        team.lead_properties_definition = [
            {"name": "size", "type": "char", "string": "Size"},
            {
                "name": "mood",
                "type": "selection",
                "string": "Mood",
                "selection": [["g", "Good"], ["b", "Bad"]],
            },
        ]
        lead = self.opportunity(self.seller, team_id=team.id, color=3)
        lead.write({"lead_properties": {"size": "XL", "mood": "g"}, "color": 4})
        __, __, before, after = self.events(lead)[-1]
        self.assertEqual(after["color"], 4)
        self.assertEqual(before["color"], 3)
        self.assertEqual(after["lead_properties"], {"size": "XL", "mood": "g"})
        history = self.env["cqrs.history"].read_page("crm.lead", lead.id)
        changes = {c["path"]: c for c in history["entries"][0]["changes"]}
        self.assertEqual(changes["lead_properties"]["after"], "Size: XL, Mood: Good")


@tagged("post_install", "-at_install")
class TestAModelByChoice(CustomFields, TransactionCase):
    def choose(self, model, **values):
        choice = self.env["cqrs.source.choice"].create(
            {"model_id": self.env["ir.model"]._get(model).id, **values}
        )
        action = choice.action_confirm()
        return self.env[action["res_model"]].browse(action["res_id"])

    def test_models_that_hold_secrets(self):
        allowed = recordable_models(self.env)
        self.assertIn("res.partner", allowed)
        here = {name for name in SECRET_MODELS if name in self.env}
        self.assertGreaterEqual(
            here, {"ir.config_parameter", "ir.mail_server", "res.users.apikeys"}
        )
        ours = {name for name in self.env.registry if name.startswith("cqrs.")}
        self.assertFalse(allowed & (here | ours))
        with self.assertRaises(UserError):
            self.choose("ir.config_parameter")
        with self.assertRaises(UserError):
            self.choose("crm.lead")

    def test_some_fields_from_now_on(self):
        title = self.env["res.partner.category"].create({"name": "Old", "color": 1})
        color = self.env["ir.model.fields"]._get("res.partner.category", "color")
        name = self.env["ir.model.fields"]._get("res.partner.category", "name")
        run = self.choose(
            "res.partner.category", start="now", field_ids=[(6, 0, [name.id])]
        )
        self.assertEqual((run.kind, run.state), ("build", "pending"))
        source = self.source("res.partner.category")
        self.assertTrue(source.is_from_now_on)
        self.assertNotIn(
            "res.partner.category",
            self.env["cqrs.event"]._all_missing(lambda work: work()),
        )
        self.assertEqual(verify(self.env), [])
        title.write({"name": "New", "color": 2})
        self.assertEqual(
            [event[1:] for event in self.events(title)],
            [
                ("ResPartnerCategoryCreated", None, {"name": {"en_US": "Old"}}),
                (
                    "ResPartnerCategoryUpdated",
                    {"name": {"en_US": "Old"}},
                    {"name": {"en_US": "New"}},
                ),
            ],
        )
        choice = self.env["cqrs.source.choice"].create({"source_id": source.id})
        self.assertEqual(choice.field_ids, name)
        choice.field_ids += color
        choice.action_confirm()
        self.join("res.partner.category")
        self.assertEqual(self.events(title)[-1][-1], {"color": 2})
        self.assertEqual(verify(self.env), [])

    def test_it_is_taken_off_record(self):
        tag = self.env["res.partner.category"].create({"name": "Tag"})
        self.choose("res.partner.category")
        source = self.source("res.partner.category")
        self.assertTrue(source._history_action())
        tag.name = "Renamed"
        self.assertEqual(len(self.events(tag)), 2)
        with self.assertRaises(UserError):
            self.source().action_end()
        source.action_end()
        self.assertFalse(source._history_action())
        tag.name = "Not recorded"
        self.assertEqual(len(self.events(tag)), 2)
        self.assertEqual(verify(self.env), [])

    def test_a_history_is_read_by_who_may_read_the_record(self):
        note = self.env["res.partner.category"].create({"name": "Tag"})
        self.choose("res.partner.category")
        note.name = "Renamed"
        self.env.cr.flush()
        history = self.env["cqrs.history"]
        page = history.with_user(self.seller).read_page(note._name, note.id)
        self.assertEqual(
            [entry["sentences"] for entry in page["entries"]],
            [["Name from Tag to Renamed"], ["Created"]],
        )
        portal = self.env.ref("base.public_user")
        with self.assertRaises(AccessError):
            history.with_user(portal).read_page(note._name, note.id)


@tagged("post_install", "-at_install")
class TestDeclaredFieldsOfGroups(CustomFields, TransactionCase):
    def test_only_the_groups_are_shown_them(self):
        self.enterContext(
            sources_declared(
                self.env,
                Source("hr.employee", "Employee", ("name", "private_email", "user_id")),
            )
        )
        self.assertIn("private_email", self.recorded("hr.employee"))
        employee = self.employee("private")
        employee.private_email = "private@example.com"
        self.end_epoch()
        officer = new_test_user(
            self.env, "cqrs_officer", "base.group_system,hr.group_hr_user"
        )
        for user, is_shown in ((administrator(self.env), False), (officer, True)):
            env = self.env(user=user.id, su=False)
            self.env.invalidate_all()
            with self.subTest(user.login):
                events = env["cqrs.event"].search([("stream_id", "=", employee.id)])
                self.assertIn("Private", str(events.mapped("after")))
                stream = env["cqrs.stream"].search([("stream_id", "=", employee.id)])
                log = [
                    cloud_event(event, "", env["cqrs.event"]._hidden_paths())
                    for event in read_page(env, limit=10**6).events
                ]
                if is_shown:
                    history = env["cqrs.history"].read_page("hr.employee", employee.id)
                    self.assertIn("private@example.com", str(history))
                shown = {
                    "events": events.mapped("after"),
                    "changes": events.mapped("changes"),
                    "states": stream.mapped("state"),
                    "api": log,
                }
                self.assertEqual(
                    {n: "private@example.com" in str(v) for n, v in shown.items()},
                    dict.fromkeys(shown, is_shown),
                )
