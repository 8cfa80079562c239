import threading

import psycopg2

from odoo.sql_db import connection_info_for
from odoo.tests import HttpCase, tagged

from .own_server import OwnServer

RELEASED = "SELECT value FROM ir_config_parameter WHERE key = 'crm_cqrs.test_release'"


@tagged("post_install", "-at_install")
class TestDeskTour(OwnServer, HttpCase):
    """Runs are performed by a cron, beside whoever watches them: a real server."""

    def hold_up(self, table, until):
        """Have a repair of a table wait until the tour says so.

        A row of it is made wrong, and locked.
        """
        connection = psycopg2.connect(**connection_info_for(self.db)[1])
        with connection.cursor() as cr:
            row = f"(SELECT min(id) FROM {table})"
            cr.execute(f"UPDATE {table} SET name = 'Wrong' WHERE id = {row}")
            connection.commit()
            cr.execute(f"SELECT FROM {table} WHERE id = {row} FOR UPDATE")
        done = threading.Event()

        def release():
            while not done.wait(0.2):
                rows = self.query(RELEASED)
                if rows and rows[0][0] == until:
                    break
            connection.close()

        thread = threading.Thread(target=release)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(done.set)

    def test_an_administrator_rebuilds_and_cancels(self):
        url = self.serve("--max-cron-threads=1")
        self.hold_up("cqrs_user_profile", until="profile")
        self.hold_up("cqrs_opportunity_view", until="opportunity")
        self.start_tour(
            f"{url}/odoo/event-store?debug=tests",
            "crm_cqrs_event_store",
            cookies={"session_id": self.log_in(url).session_id},
            timeout=300,
        )
        wrong = "SELECT count(*) FROM %s WHERE name = 'Wrong'"
        self.assertEqual(self.query(wrong % "cqrs_user_profile"), [(0,)])
        # Of the one that was cancelled, nothing is left.
        self.assertEqual(self.query(wrong % "cqrs_opportunity_view"), [(1,)])
