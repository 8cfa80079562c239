from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..models.access.options import OPTIONS
from .api import ApiCase
from .common import administrator

NO_SALES_ACCESS = {
    "type": "/api/v2/problems/no-sales-access",
    "title": "No Access to Sales",
}
OWN_DOCUMENTS = "Sales/User: Own Documents Only"

#: Every route that shows opportunities, or figures of them
ROUTES = (
    "/api/v2/dashboard/",
    "/api/v2/dashboard/metrics",
    "/api/v2/dashboard/metrics?by=salesperson",
    "/api/v2/dashboard/metrics/series",
    "/api/v2/dashboard/users/hierarchy?metrics=true",
    "/api/v2/dashboard/opportunities",
    "/api/v2/dashboard/opportunities/{deal}",
    "/api/v2/dashboard/access/{deal}",
    "/api/sales/dashboard/real",
    "/api/opportunities",
)


@tagged("post_install", "-at_install")
class TestAccessNeedsSalesRights(ApiCase):
    """An HR officer, who may not read leads, makes herself everybody's manager."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.officer = new_test_user(
            cls.env, "cqrs_officer", groups="hr.group_hr_user", name="Officer"
        )
        cls.officer_employee = cls.employee("officer", user=cls.officer)
        chiefs = cls.head_employee | cls.other_manager_employee
        chiefs.with_user(cls.officer).parent_id = cls.officer_employee
        cls.deal = cls.opportunity(cls.seller)
        cls.own = cls.opportunity(cls.officer, 5)
        cls.salesman = cls.env.ref("sales_team.group_sale_salesman")

    def counts(self, user, asked_by=None):
        """Return how many opportunities each reader below the API counts."""
        self.env.cr.flush()
        env = self.env(user=asked_by or user, su=False)
        user = user.with_env(env)
        opportunities, metrics = env["cqrs.opportunities"], env["cqrs.metrics"]
        figures = metrics._read(user)
        series = metrics._read_series(user, months=1)
        dashboard = env["cqrs.dashboard"]._read_dashboard(user)
        people = metrics._read_people(user, [self.officer.id])
        return {
            "visible": len(self.visible(user)),
            "page": len(opportunities._read_page(user).ids),
            "count": opportunities._count(user),
            "may see": sum(
                env["cqrs.access"]._may_see(user, deal.id)
                for deal in self.deal | self.own
            ),
            "metrics": figures["active_opportunities"],
            "value": figures["pipeline_value"] and 2,
            "series": series["months"][0]["active_opportunities"],
            "people": people[self.officer.id]["active_opportunities"],
            "dashboard": dashboard["opportunities"]["total"],
            "accessible": env["cqrs.dashboard"]._read_access(user)[
                "accessible_opportunities"
            ],
            "v1": env["cqrs.api.v1"]
            .with_user(user)
            ._read_opportunities(80, 0)["total"],
        }

    def give(self, *groups):
        self.officer.group_ids = [
            Command.set([self.env.ref("hr.group_hr_user").id, *groups])
        ]
        self.env.cr.flush()

    def reader_group(self):
        """Return a group that lets its members read leads, and nothing else."""
        group = self.env["res.groups"].create({"name": "Readers of leads"})
        self.env["ir.model.access"].create(
            {
                "name": "readers",
                "model_id": self.env.ref("crm.model_crm_lead").id,
                "group_id": group.id,
                "perm_read": True,
            }
        )
        return group

    def assertCounts(self, number, user, asked_by=None):
        counts = self.counts(user, asked_by)
        self.assertEqual(counts, dict.fromkeys(counts, number))

    # By every path

    def test_every_route_tells_which_group_is_missing(self):
        self.env.cr.flush()
        self.authenticate(self.officer.login, self.officer.login)
        for route in ROUTES:
            with self.subTest(route):
                answer = self.url_open(route.format(deal=self.deal.id))
                self.assertProblem(answer, 403, **NO_SALES_ACCESS)
                self.assertIn(OWN_DOCUMENTS, answer.json()["groups"])
                self.assertIn(OWN_DOCUMENTS, answer.json()["detail"])
                self.assertIn("administrator", answer.json()["detail"])
                self.assertNotIn("Deal", answer.text)

    def test_nothing_is_found_below_the_routes(self):
        for option in OPTIONS:
            self.env["ir.config_parameter"].set_param(OPTIONS[option], True)
        self.assertCounts(0, self.officer)
        self.give(self.salesman.id)
        self.assertCounts(2, self.officer)

    def test_odoos_own_screens_show_nothing(self):
        self.env["cqrs.dashboard.metrics"]._refresh_users(self.officer.ids)
        for model in ("crm.lead", "cqrs.opportunity.view", "cqrs.dashboard.metrics"):
            with self.subTest(model):
                records = self.env[model].with_user(self.officer)
                self.assertFalse(records.has_access("read"))
                with self.assertRaises(AccessError):
                    records.search([])
        lead = self.env["crm.lead"].with_user(self.officer)
        self.assertFalse(lead.sudo().search([("cqrs_in_team", "=", True)]))

    def test_who_she_is_and_who_stands_below_is_no_secret(self):
        profile = self.body(self.officer, "users/profile")
        self.assertEqual(profile["odoo"]["user_id"], self.officer.id)
        people = ["Head", "Other Manager"]
        below = profile["hierarchy"]
        self.assertEqual([each["name"] for each in below["subordinates"]], people)
        level = self.body(self.officer, "users/hierarchy")
        self.assertEqual([each["name"] for each in level["items"]], people)
        below = self.body(self.officer, "users/hierarchy", parent=self.uuid(self.head))
        self.assertEqual([each["name"] for each in below["items"]], ["Manager"])
        self.assertEqual(
            self.body(self.officer, "users/profile", user=self.uuid(self.head))["name"],
            "Head",
        )

    def test_administrators_are_no_exception(self):
        admin = administrator(self.env)
        self.assertCounts(0, admin)
        self.assertProblem(self.get(admin), 403, **NO_SALES_ACCESS)
        for model in ("cqrs.opportunity.view", "cqrs.dashboard.metrics"):
            with self.assertRaisesRegex(AccessError, "Own Documents Only"):
                self.env[model].with_user(admin).search([])
        # The log is theirs: they audit it.
        self.assertTrue(self.env["cqrs.event"].with_user(admin).search([], limit=1))
        admin.group_ids += self.salesman
        self.assertEqual(self.counts(admin)["may see"], 2)

    def test_looking_as_her_shows_nothing(self):
        officer = self.uuid(self.officer)
        boss, boss_employee = self.person("boss")
        self.officer_employee.parent_id = boss_employee
        answer = self.body(boss, user=officer)
        self.assertEqual(answer["user"]["name"], "Officer")
        self.assertEqual(answer["opportunities"]["total"], 0)
        self.assertEqual(answer["metrics"]["pipeline_value"], 0)
        # What she owns is seen by whoever stands above her as theirs to see.
        level = self.body(boss, "users/hierarchy", metrics="true")
        self.assertEqual(level["items"][0]["metrics"]["own"]["active_opportunities"], 1)
        self.assertTrue(self.body(boss, f"opportunities/{self.own.id}"))
        explained = self.body(boss, f"access/{self.own.id}", user=officer)
        self.assertIs(explained["visible"], False)
        self.assertEqual(
            explained["reasons"],
            [
                (
                    "Officer does not have access to opportunities. Add one of "
                    "these groups: Sales/Administrator, Sales/User: Own Documents"
                    " Only."
                )
            ],
        )

    def test_only_who_may_see_an_opportunity_is_named_as_such(self):
        above = self.seller | self.manager | self.head
        self.assertEqual(self.visible_to(self.deal), sorted(above.ids))
        self.assertEqual(self.visible_to(self.own), [])
        self.give(self.salesman.id)
        self.assertEqual(self.visible_to(self.deal), sorted((above | self.officer).ids))
        self.manager.group_ids = [Command.set(self.env.ref("base.group_user").ids)]
        self.assertNotIn(self.manager.id, self.visible_to(self.deal))

    # When it is read

    def test_rights_are_asked_when_something_is_read(self):
        answer = self.get(self.head)
        self.assertEqual(answer.json()["opportunities"]["total"], 1)
        held = {"If-None-Match": answer.headers["ETag"]}
        groups = self.head.group_ids
        self.head.group_ids = [Command.set(self.env.ref("base.group_user").ids)]
        self.assertProblem(self.get(self.head, "", held), 403, **NO_SALES_ACCESS)
        self.assertEqual(self.visible(self.head), set())
        self.head.group_ids = [Command.set(groups.ids)]
        self.assertEqual(self.body(self.head)["opportunities"]["total"], 1)

    def test_it_is_the_right_that_counts_whichever_group_gives_it(self):
        readers = self.reader_group()
        self.assertCounts(0, self.officer)
        self.give(readers.id)
        self.assertCounts(2, self.officer)
        self.assertIn(self.officer.id, self.visible_to(self.deal))
        implying = self.env["res.groups"].create({"name": "Implying"})
        self.give(implying.id)
        self.assertCounts(0, self.officer)
        implying.implied_ids = readers
        self.assertCounts(2, self.officer)
        self.assertIn(self.officer.id, self.visible_to(self.deal))
        implying.implied_ids = False
        self.assertCounts(0, self.officer)
        self.assertNotIn(self.officer.id, self.visible_to(self.deal))
        self.give(readers.id)
        self.assertIn(self.officer.id, self.visible_to(self.deal))
        self.give()
        self.assertNotIn(self.officer.id, self.visible_to(self.deal))
        self.give(readers.id)
        rights = self.env["ir.model.access"].search([("group_id", "=", readers.id)])
        rights.perm_read = False
        self.assertCounts(0, self.officer)
        self.assertNotIn(self.officer.id, self.visible_to(self.deal))
        rights.write({"perm_read": True, "group_id": False})
        self.assertCounts(2, self.officer)
        self.assertIn(self.officer.id, self.visible_to(self.deal))

    def test_a_right_that_changes_makes_another_answer(self):
        """The rights of groups are no events."""
        readers = self.reader_group()
        self.give(readers.id)
        answer = self.get(self.head, "opportunities")
        [item] = answer.json()["items"]
        self.assertIn(self.officer.id, item["visible_to_user_ids"])
        held = {"If-None-Match": answer.headers["ETag"]}
        self.assertEqual(self.ask("opportunities", held).status_code, 304)
        self.env["ir.model.access"].search([("group_id", "=", readers.id)]).unlink()
        answer = self.ask("opportunities", held)
        self.assertEqual(answer.status_code, 200)
        [item] = answer.json()["items"]
        self.assertNotIn(self.officer.id, item["visible_to_user_ids"])
