"""API v1 is announced to end, switched off and on again; each step is on record."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.api.ir_http import API_KEY_SCOPE
from ..models.api.v1.usage import RECENT_DAYS
from .common import SalesOrganisation, administrator
from .test_update_of_an_older_version import migrate

DASHBOARD = "/api/sales/dashboard/real"
SINCE, SUNSET = "2030-01-01 00:00:00", "2031-01-01 00:00:00"


@tagged("post_install", "-at_install")
class TestStepsOfTheRetirement(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = administrator(cls.env)
        cls.steps = cls.env["cqrs.api.v1.step"].with_user(cls.admin)

    def test_each_step_is_an_event_with_who_and_when(self):
        before = self.steps.sudo().search([])
        self.steps.action_announce(SINCE, SUNSET)
        self.steps.action_switch_off()
        self.steps.action_switch_on()
        on, off, announced = self.steps.search([]) - before
        self.env.cr.flush()
        for step, type_ in (
            (announced, "ApiV1AnnouncementCreated"),
            (off, "ApiV1SwitchOffCreated"),
            (on, "ApiV1SwitchOnCreated"),
        ):
            [(__, recorded, ___, after)] = self.events(step)
            self.assertEqual(recorded, type_)
            self.assertEqual(after["user_id"], self.admin.id)
            event = self.env["cqrs.event"].search(
                [("stream_model", "=", step._name), ("stream_id", "=", step.id)]
            )
            self.assertEqual(event.user_id, self.admin)
            self.assertTrue(event.hash)
        [(*__, after)] = self.events(announced)
        self.assertEqual(after["sunset"], "2031-01-01T00:00:00Z")

    def test_what_makes_no_sense_is_refused_and_says_why(self):
        for since, sunset in (
            (SINCE, "2020-01-01 00:00:00"),
            (SUNSET, SINCE),
            (SINCE, SINCE),
        ):
            with self.assertRaisesRegex(UserError, "must be in the future"):
                self.steps.action_announce(since, sunset)
        for since, sunset in ((False, SUNSET), (SINCE, ""), ("some day", SUNSET)):
            with self.assertRaisesRegex(UserError, "Choose both dates"):
                self.steps.action_announce(since, sunset)
        with self.assertRaisesRegex(UserError, "is not switched off"):
            self.steps.action_switch_on()
        self.steps.action_switch_off()
        with self.assertRaisesRegex(UserError, "is switched off already"):
            self.steps.action_switch_off()

    def test_only_administrators_take_steps_or_see_them(self):
        for method, arguments in (
            ("action_announce", (SINCE, SUNSET)),
            ("action_switch_off", ()),
            ("action_switch_on", ()),
            ("read_checklist", ()),
        ):
            with self.assertRaises(AccessError):
                getattr(self.steps.with_user(self.manager), method)(*arguments)
        self.assertFalse(self.steps.with_user(self.manager).has_access("read"))
        for operation in ("create", "write", "unlink"):
            self.assertFalse(self.steps.has_access(operation))

    def test_a_step_stays_as_it_is(self):
        self.steps.action_switch_off()
        step = self.steps.search([], limit=1).sudo()
        for change in (step.unlink, lambda: step.write({"step": "on"})):
            with self.assertRaisesRegex(UserError, "Take another one"):
                change()
        self.env.cr.flush()
        self.env.cr.execute(
            "UPDATE cqrs_api_v1_step SET step = 'on' WHERE id = %s", [step.id]
        )
        self.env["cqrs.event"]._record({step._name: step.ids}, origin="reconcile")
        types = [type_ for __, type_, *___ in self.events(step)]
        self.assertEqual(len(types), 2)

    def test_the_checklist(self):
        self.env.cr.execute("DELETE FROM cqrs_api_usage")
        self.env["cqrs.run"].search([("kind", "=", "compare")]).unlink()
        key = self.key(self.seller, "Warehouse")
        today = fields.Date.today()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_api_usage (day, route, user_id, key_id, requests)
                VALUES (%(old)s, '/api/opportunities', %(manager)s, NULL, 9),
                       (%(before)s, '/api/opportunities', %(seller)s, %(key)s, 2),
                       (%(today)s, %(route)s, %(seller)s, %(key)s, 3),
                       (%(before)s, %(route)s, %(seller)s, NULL, 1),
                       (%(before)s, %(route)s, %(seller)s, 2147483647, 1)
                """,
                old=today - timedelta(days=RECENT_DAYS),
                before=today - timedelta(days=RECENT_DAYS - 1),
                today=today,
                route=DASHBOARD,
                manager=self.manager.id,
                seller=self.seller.id,
                key=key.id,
            )
        )
        checklist = self.steps.read_checklist()
        before = today - timedelta(days=RECENT_DAYS - 1)
        self.assertEqual(
            [
                (c["user"], c["key"], c["routes"], c["requests"], c["last_day"])
                for c in checklist["callers"]
            ],
            [
                (
                    *("Seller", "Warehouse"),
                    ["/api/opportunities", DASHBOARD],
                    *(5, today),
                ),
                ("Seller", "#2147483647", [DASHBOARD], 1, before),
                ("Seller", None, [DASHBOARD], 1, before),
            ],
        )
        self.assertIsNone(checklist["comparison"])
        self.assertFalse(checklist["is_announced"] or checklist["is_off"])
        self.env["cqrs.run"].create(
            {
                "kind": "compare",
                "state": "done",
                "findings": 0,
                "result": {"people": 7, "dashboards": 9, "is_everybody": True},
            }
        )
        self.steps.action_announce(SINCE, SUNSET)
        self.steps.action_switch_off()
        checklist = self.steps.read_checklist()
        self.assertTrue(checklist["is_announced"] and checklist["is_off"])
        comparison = checklist["comparison"]
        self.assertEqual((comparison["people"], comparison["findings"]), (7, 0))
        self.assertEqual(
            comparison["outcome"],
            "9 dashboards of 7 people were compared. Every difference is explained.",
        )
        off, announced, *__ = checklist["steps"]
        self.assertEqual(
            (off["step"], off["user"], off["callers"], off["is_compared"]),
            ("off", self.admin.name, 3, True),
        )
        self.assertEqual(announced["step"], "announced")
        # One that has found something counts for nothing.
        self.env["cqrs.run"].create(
            {"kind": "compare", "state": "done", "findings": 1, "result": {}}
        )
        self.assertFalse(self.steps._is_compared())

    def key(self, user, name):
        keys = self.env["res.users.apikeys"].with_user(user)
        keys._generate(API_KEY_SCOPE, name, fields.Datetime.now() + timedelta(days=1))
        return keys.search([("name", "=", name)])

    def test_the_settings_of_an_older_version_are_steps(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("crm_cqrs.api_v1_is_off", "True")
        parameters.set_param("crm_cqrs.api_v1_sunset", "2030-05-06 00:00:00")
        before = self.steps.sudo().search([])
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.8.0", "post-api-v1-steps")
        steps = self.steps.search([]) - before
        self.assertEqual(steps.mapped("step"), ["off", "announced"])
        retirement = self.steps._retirement()
        self.assertTrue(retirement.is_off)
        self.assertEqual(f"{retirement.since}", "2026-11-24 00:00:00")
        self.assertEqual(f"{retirement.sunset}", "2030-05-06 00:00:00")
        self.assertFalse(parameters.get_param("crm_cqrs.api_v1_is_off"))

    def test_the_usage_of_an_older_version_had_no_key(self):
        self.env.cr.execute(
            """
            DROP INDEX cqrs_api_usage_of_a_day;
            ALTER TABLE cqrs_api_usage DROP key_id,
                ADD CONSTRAINT cqrs_api_usage_day_route_user_id_key
                UNIQUE (day, route, user_id)
            """
        )
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.8.0", "pre-api-v1-usage-by-key")
            self.env["cqrs.api.usage"].init()
        self.env.cr.execute(
            "INSERT INTO cqrs_api_usage (day, route, user_id, key_id, requests)"
            " VALUES ('2026-11-24', '/', 1, 1, 1), ('2026-11-24', '/', 1, NULL, 1)"
        )
