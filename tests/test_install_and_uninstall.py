from odoo.tests import tagged

from .common import OwnDatabase

UNINSTALL = """
env["ir.module.module"].search([("name", "=", "crm_cqrs")]).button_immediate_uninstall()
"""
WORK_ON = """
lead = env["crm.lead"].create({"name": "Odoo works on", "type": "opportunity"})
lead.action_set_won()
lead.unlink()
env["hr.employee"].create({"name": "Odoo works on"}).unlink()
env.cr.commit()
"""


@tagged("post_install", "-at_install")
class TestInstallAndUninstall(OwnDatabase):
    def left_behind(self):
        return self.query(
            """
            SELECT relname FROM pg_class WHERE relname LIKE 'cqrs%'
            UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'cqrs%'
            UNION ALL SELECT tgname FROM pg_trigger WHERE tgname LIKE 'cqrs%'
            """
        )

    def test_the_past_is_recorded_and_removal_is_clean(self):
        leads = self.query("SELECT count(*) FROM crm_lead")[0][0]
        self.assertGreater(leads, 0)
        self.assertEqual(self.left_behind(), [])

        self.odoo("-i", "crm_cqrs", "--stop-after-init")
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

        self.odoo("shell", script=UNINSTALL)
        self.assertEqual(self.left_behind(), [])
        self.odoo("shell", script=WORK_ON)
