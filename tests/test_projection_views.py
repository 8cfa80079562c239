from unittest.mock import patch

from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools.safe_eval import safe_eval

from .common import RealCursors, SalesOrganisation, administrator

ACTIONS = {
    "cqrs.opportunity.view": "cqrs_opportunity_view_action",
    "cqrs.user.profile": "cqrs_user_profile_action",
    "cqrs.dashboard.metrics": "cqrs_dashboard_metrics_action",
    "cqrs.event": "cqrs_event_action",
    "cqrs.run": "cqrs_run_action",
    "cqrs.delegation": "cqrs_delegation_action",
}

#: Menus of the addon, and who finds them: salespeople, those with All Documents and
#: the configuration menu, administrators
MENUS = {
    "dashboard_menu": ("salesperson", "sales_manager", "admin"),
    "cqrs_opportunity_view_menu": ("salesperson", "sales_manager", "admin"),
    "cqrs_delegation_menu_own": ("salesperson", "sales_manager", "admin"),
    "cqrs_subscription_menu": ("salesperson", "sales_manager", "admin"),
    "cqrs_delegation_menu": ("sales_manager", "admin"),
    "desk_menu": ("admin",),
    "cqrs_event_menu": ("admin",),
    "cqrs_run_menu": ("admin",),
    "cqrs_seal_menu": ("admin",),
    "cqrs_source_menu": ("admin",),
    "cqrs_webhook_menu": ("admin",),
    "cqrs_forget_menu": ("admin",),
    "cqrs_forgetting_menu": ("admin",),
    "cqrs_legal_hold_menu": ("admin",),
    "cqrs_api_usage_menu": ("admin",),
    "v1_comparison_menu": ("admin",),
    "v1_retirement_menu": ("admin",),
    "cqrs_user_profile_menu": ("admin",),
    "cqrs_dashboard_metrics_menu": ("admin",),
}


@tagged("post_install", "-at_install")
class TestProjectionViews(SalesOrganisation):
    """Who finds which screens, and what is in them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sales_manager = new_test_user(
            cls.env, "cqrs_sales_manager", groups="sales_team.group_sale_manager"
        )
        cls.admin = administrator(cls.env, "sales_team.group_sale_manager")
        cls.of_seller = cls.opportunity(cls.seller, 100)
        cls.of_manager = cls.opportunity(cls.manager, 200)
        cls.of_peer = cls.opportunity(cls.peer, 400)
        cls.leads = cls.of_seller + cls.of_manager + cls.of_peer

    def found(self, model, user, domain):
        return self.env[model].with_user(user).search(domain)

    def test_opportunities_are_those_that_the_dashboard_counts(self):
        domain = [("id", "in", self.leads.ids)]
        for user, leads in (
            (self.seller, self.of_seller),
            (self.manager, self.of_seller + self.of_manager),
            (self.head, self.of_seller + self.of_manager),
            (self.peer, self.of_peer),
            (self.sales_manager, self.leads),
            (self.admin, self.leads),
        ):
            with self.subTest(user.login):
                found = self.found("cqrs.opportunity.view", user, domain)
                self.assertEqual(set(found.ids), set(leads.ids))
                self.assertEqual(set(found.ids), self.visible(user) & {*self.leads.ids})
                # As a pivot or a graph sums them.
                [(value,)] = found._read_group(domain, aggregates=["value:sum"])
                self.assertEqual(value, sum(leads.mapped("expected_revenue")))

    def test_an_opportunity_opens_its_lead(self):
        opportunity = self.env["cqrs.opportunity.view"].browse(self.of_seller.id)
        action = opportunity.with_user(self.seller).action_open_lead()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("crm.lead", self.of_seller.id)
        )
        for view in ("list", "kanban"):
            arch = opportunity.get_view(view_type=view)["arch"]
            self.assertIn(f'js_class="cqrs_opportunity_{view}"', arch)

    def test_profiles_of_oneself_and_the_team(self):
        users = self.head + self.manager + self.seller + self.peer
        domain = [("id", "in", users.ids)]
        for user, people in (
            (self.seller, self.seller),
            (self.manager, self.manager + self.seller),
            (self.head, self.head + self.manager + self.seller),
            (self.peer, self.peer),
            (self.admin, users),
        ):
            with self.subTest(user.login):
                found = self.found("cqrs.user.profile", user, domain)
                self.assertEqual(set(found.ids), set(people.ids))

    def test_metrics_of_oneself_alone(self):
        users = self.manager + self.seller + self.peer
        self.env["cqrs.dashboard.metrics"]._refresh_users(users.ids)
        domain = [("user_id", "in", users.ids)]
        for user, values in (
            (self.seller, {self.seller: 100}),
            (self.manager, {self.manager: 300}),
            (self.peer, {self.peer: 400}),
            (
                self.admin,
                {self.manager: 300, self.seller: 100, self.peer: 400},
            ),
        ):
            with self.subTest(user.login):
                found = self.found("cqrs.dashboard.metrics", user, domain)
                self.assertEqual(
                    {row.user_id.id: row.pipeline_value for row in found},
                    {owner.id: value for owner, value in values.items()},
                )

    def test_delegations_of_the_own_view(self):
        delegations = self.env["cqrs.delegation"]
        lent = delegations.create(
            {
                "lender_id": self.seller.id,
                "delegate_id": self.peer.id,
                "date_to": "2100-01-01",
            }
        )
        domain = [("id", "=", lent.id)]
        for user, found in (
            (self.seller, lent),
            (self.peer, lent),
            (self.manager, delegations),
            (self.sales_manager, lent),
            (self.admin, lent),
        ):
            with self.subTest(user.login):
                self.assertEqual(self.found("cqrs.delegation", user, domain), found)

    def test_the_log_and_its_runs_are_for_administrators(self):
        for model in ("cqrs.event", "cqrs.stream"):
            for user in (self.seller, self.manager, self.sales_manager):
                with (
                    self.subTest(model, login=user.login),
                    self.assertRaises(AccessError),
                ):
                    self.found(model, user, [])
        self.assertTrue(self.found("cqrs.event", self.admin, []))
        # Of the runs, everybody sees the Excel files that they asked for.
        run = self.env["cqrs.run"].create({"kind": "verify"})
        for user in (self.seller, self.manager, self.sales_manager):
            self.assertEqual(self.found("cqrs.run", user, []), run.browse())
        self.assertIn(run, self.found("cqrs.run", self.admin, []))

    def path(self, menu):
        return self.env.ref(f"crm_cqrs.{menu}").parent_path

    def test_menus(self):
        users = {
            "salesperson": self.seller,
            "sales_manager": self.sales_manager,
            "admin": self.admin,
        }
        for name, user in users.items():
            seen = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            found = {
                menu
                for menu in MENUS
                if seen.issuperset(map(int, self.path(menu).split("/")[:-1]))
            }
            self.assertEqual(
                found, {menu for menu, names in MENUS.items() if name in names}, name
            )

    def test_what_is_for_administrators_alone_is_under_one_heading(self):
        heading = self.path("event_store_menu")
        for menu, people in MENUS.items():
            is_technical = people == ("admin",)
            self.assertEqual(self.path(menu).startswith(heading), is_technical, menu)
        configuration = self.env.ref("crm.crm_menu_config").child_id
        xml_ids = configuration.get_external_id().values()
        ours = {name for name in xml_ids if name.startswith("crm_cqrs.")}
        self.assertEqual(
            ours, {"crm_cqrs.event_store_menu", "crm_cqrs.cqrs_delegation_menu"}
        )

    def test_no_view_of_a_read_model_offers_to_create(self):
        for model, xmlid in ACTIONS.items():
            action = self.env.ref(f"crm_cqrs.{xmlid}")
            self.assertEqual(action.res_model, model)
            views = [(False, kind) for kind in action.view_mode.split(",")]
            views.append((action.search_view_id.id, "search"))
            user = self.admin
            answer = self.env[model].with_user(user).get_views(views)
            for kind, view in answer["views"].items():
                if kind in ("list", "kanban", "form") and model != "cqrs.delegation":
                    with self.subTest(model, kind=kind):
                        self.assertIn('create="false"', view["arch"])

    def test_filters(self):
        """Each filter of each search view is one that the database can answer."""
        for model in ACTIONS:
            records = self.env[model].with_user(self.admin)
            arch = etree.fromstring(records.get_view(view_type="search")["arch"])
            for node in arch.iter("filter"):
                with self.subTest(model, filter=node.get("name")):
                    if domain := node.get("domain"):
                        records.search_count(
                            safe_eval(domain, {"uid": self.admin.id}), limit=1
                        )
                    if "group_by" in (context := node.get("context", "")):
                        by = safe_eval(context)["group_by"]
                        records._read_group([], [by], ["__count"])


@tagged("post_install", "-at_install")
class TestMetricsOfEachUser(RealCursors):
    def test_one_who_fails_keeps_no_other_from_theirs(self):
        model = self.env.registry["cqrs.metrics"]
        read = model._read
        with self.registry.cursor() as cr:
            snapshot = self.environment(cr)["cqrs.dashboard.metrics"]
            refused, *others = snapshot._forget_others()
            self.assertTrue(others)
            cr.execute("DELETE FROM cqrs_dashboard_metrics")

            def fail(metrics, user):
                if user.id == refused:
                    raise ValueError("why")
                return read(metrics, user)

            with (
                patch.object(model, "_read", fail),
                self.assertLogs("odoo.addons.crm_cqrs", "ERROR") as logs,
            ):
                snapshot._refresh()
            self.assertIn(f"No metrics of the user {refused}", logs.output[0])
            cr.execute("SELECT user_id FROM cqrs_dashboard_metrics ORDER BY user_id")
            self.assertEqual([id_ for (id_,) in cr.fetchall()], others)
            snapshot._refresh()
