import subprocess
import tempfile
from pathlib import Path

from odoo.tests import tagged
from odoo.tools import config

from ..hooks import ADDON
from .common import ODOO, OwnDatabase

WORK_ON = """
lead = env["crm.lead"].create({"name": "Odoo works on", "type": "opportunity"})
lead.action_set_won()
lead.unlink()
employee = env["hr.employee"].create({"name": "Odoo works on"})
employee.parent_id = env["hr.employee"].search([("id", "!=", employee.id)], limit=1)
employee.unlink()
user = env["res.users"].create({"name": "Odoo works on", "login": "works_on"})
user.group_ids += env.ref("sales_team.group_sale_salesman_all_leads")
user.unlink()
env["res.currency.rate"].create({"name": "2001-01-01", "rate": 2, "currency_id": 1})
env.cr.commit()
"""
USE = """
health = env["cqrs.health"].read_health()
parts = {name: part for name, part in health.items() if isinstance(part, dict)}
levels = {name: part["level"] for name, part in parts.items() if "level" in part}
assert health["level"] == "good", levels
last = health["verification"]["last"]
assert last["findings"] == 0 and last["coverage"]["is_whole"], last
# As the settings do; saved there, Odoo's own options would be among them.
for name in "team_leaders_see_their_team", "api_requests_per_minute":
    env["ir.config_parameter"].set_param(f"crm_cqrs.{name}", "1")
demo = env.ref("base.user_demo")
demo.group_ids = [
    (3, env.ref("sales_team.group_sale_salesman_all_leads").id),
    (4, env.ref("crm_cqrs.group_sale_team").id),
]
env["cqrs.delegation"].create({
    "lender_id": demo.id, "delegate_id": env.ref("base.user_admin").id,
    "date_from": "2026-01-01", "date_to": "2036-01-01"})
env["cqrs.run"].action_verify()
env["cqrs.seal"]._seal()
env["cqrs.run"].action_archive_events("2100-01-01 00:00:00")
env["cqrs.run"]._perform_pending()
env.cr.execute("SELECT count(*) > 100 FROM cqrs_event_archive_1")
assert env.cr.fetchone()[0]
env["crm.lead"].search([], limit=3).name = "Changed"
env.cr.commit()
"""

#: Whatever an addon can leave in a database, of which Odoo or PostgreSQL has a list
TABLES = (
    "ir_model",
    "ir_model_fields",
    "ir_model_fields_selection",
    "ir_model_access",
    "ir_model_constraint",
    "ir_model_relation",
    "ir_model_inherit",
    "ir_rule",
    "ir_cron",
    "ir_actions",
    "ir_ui_view",
    "ir_ui_menu",
    "ir_default",
    "ir_filters",
    "ir_sequence",
    "mail_message_subtype",
    "res_groups",
    "res_groups_privilege",
)
INVENTORY = "UNION ALL ".join(
    [f"SELECT '{table}' AS kind, id::text AS name FROM {table} " for table in TABLES]
    + [
        """
        SELECT 'parameter', key FROM ir_config_parameter
        UNION ALL SELECT 'trigger of', cron_name
        FROM ir_cron_trigger JOIN ir_cron ON ir_cron.id = cron_id
        UNION ALL SELECT 'external id', module || '.' || name || ' ' || model
        FROM ir_model_data
        UNION ALL SELECT 'implied group', gid || ' ' || hid FROM res_groups_implied_rel
        UNION ALL SELECT 'member', gid || ' ' || uid FROM res_groups_users_rel
        UNION ALL SELECT 'relation', concat_ws(' ', relkind, relname)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'function', oid::regprocedure::text
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT 'type', typname
        FROM pg_type WHERE typnamespace = 'public'::regnamespace
        UNION ALL SELECT 'trigger', tgrelid::regclass || ' ' || tgname
        FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'constraint', conrelid::regclass || ' ' || conname
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT 'column', table_name || ' ' || column_name
        FROM information_schema.columns WHERE table_schema = 'public'
        """
    ]
)


@tagged("post_install", "-at_install")
class TestInstallAndUninstall(OwnDatabase):
    def inventory(self):
        return set(self.query(INVENTORY))

    def without_a_warning(self, *arguments):
        """Run Odoo; it must say nothing that anybody would have to look into."""
        done = subprocess.run(
            [ODOO, *arguments, "-d", self.db],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        said = [
            line
            for line in done.stderr.splitlines()
            if any(f" {level} " in line for level in ("WARNING", "ERROR", "CRITICAL"))
        ]
        self.assertEqual(said, [])

    def assert_everything_is_recorded(self):
        leads = self.query("SELECT count(*) FROM crm_lead")[0][0]
        self.assertGreater(leads, 0)
        self.assertEqual(
            self.query(
                """
                SELECT count(*), count(DISTINCT stream_id), min(version), max(version),
                       min(origin), max(origin)
                FROM cqrs_event WHERE stream_model = 'crm.lead'
                """
            ),
            [(leads, leads, 1, 1, "migration", "migration")],
        )
        self.assertEqual(
            self.query(
                "SELECT id, expected_revenue FROM crm_lead"
                " WHERE type = 'opportunity' ORDER BY id"
            ),
            self.query("SELECT id, value FROM cqrs_opportunity_view ORDER BY id"),
        )
        self.assertEqual(
            self.query("SELECT id FROM res_users WHERE NOT share ORDER BY id"),
            self.query("SELECT id FROM cqrs_user_profile ORDER BY id"),
        )

    def test_the_past_is_recorded_and_removal_is_clean(self):
        before = self.inventory()
        self.without_a_warning("-i", "crm_cqrs", "--stop-after-init", "--no-http")
        self.assert_everything_is_recorded()
        self.odoo("shell", script=USE)

        self.without_a_warning("module", "uninstall", "crm_cqrs")
        after = self.inventory()
        self.assertEqual(sorted(after - before), [])
        # The demo user has lost All Documents above, and has got the next one below.
        self.assertLessEqual({kind for kind, __ in before - after}, {"member"})
        [own] = self.query(
            "SELECT u.login FROM res_groups_users_rel JOIN res_users u ON u.id = uid"
            " JOIN ir_model_data ON model = 'res.groups' AND res_id = gid"
            " WHERE name = 'group_sale_salesman' AND u.login = 'demo'"
        )
        self.assertEqual(own, ("demo",))
        self.odoo("shell", script=WORK_ON)

        # The ids of some records come again.
        self.without_a_warning("module", "install", "crm_cqrs")
        self.assert_everything_is_recorded()
        done = self.odoo("cqrs", "verify")
        self.assertIn("findings: -\n", done.stdout)

    def test_a_folder_of_another_name_is_refused_in_words(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        Path(folder, "our_crm").symlink_to(Path(__file__).resolve().parent.parent)
        paths = [folder] + [
            path for path in config["addons_path"] if not Path(path, ADDON).exists()
        ]
        before = self.inventory()
        done = subprocess.run(
            [ODOO, "-i", "our_crm", "-d", self.db, "--stop-after-init", "--no-http"]
            + [f"--addons-path={','.join(paths)}"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(
            "The folder of this module must be named crm_cqrs, but it is named our_crm",
            done.stderr,
        )
        self.assertNotIn("TypeError", done.stderr)
        self.assertEqual(self.inventory() - before, set())
