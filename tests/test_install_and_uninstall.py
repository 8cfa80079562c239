import os
import subprocess
import unittest
import uuid

import psycopg2

from odoo.sql_db import connection_info_for
from odoo.tests import BaseCase, tagged

ODOO = os.environ.get("CRM_CQRS_ODOO")
TEMPLATE = os.environ.get("CRM_CQRS_TEMPLATE_DB")

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


@unittest.skipUnless(ODOO and TEMPLATE, "needs ./dev test, which provides a template")
@tagged("post_install", "-at_install")
class TestInstallAndUninstall(BaseCase):
    """On a database of its own, full of Odoo's demo data, in processes of its own."""

    def setUp(self):
        super().setUp()
        self.db = f"{TEMPLATE}_{uuid.uuid4().hex[:8]}"
        self.server("CREATE DATABASE {} TEMPLATE {}", self.db, TEMPLATE)
        self.addCleanup(self.server, "DROP DATABASE {} WITH (FORCE)", self.db)

    def server(self, statement, *names):
        connection = psycopg2.connect(**connection_info_for("postgres")[1])
        connection.autocommit = True
        with connection.cursor() as cr:
            cr.execute(statement.format(*(f'"{name}"' for name in names)))
        connection.close()

    def query(self, statement):
        connection = psycopg2.connect(**connection_info_for(self.db)[1])
        with connection.cursor() as cr:
            cr.execute(statement)
            rows = cr.fetchall()
        connection.close()
        return rows

    def odoo(self, *arguments, script=None):
        done = subprocess.run(
            [ODOO, *arguments, "-d", self.db, "--no-http", "--log-level=warn"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

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
