import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg2

from odoo.sql_db import connection_info_for
from odoo.tests import tagged

from .own_server import OwnServer

LIMIT = 24
SET_LIMIT = f"""
env["ir.config_parameter"].set_param("crm_cqrs.api_requests_per_minute", "{LIMIT}")
env.cr.commit()
"""


TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
WAITING = "datname = current_database() AND wait_event_type = 'Lock'"


@tagged("post_install", "-at_install")
class TestApiSeveralWorkers(OwnServer):
    def test_the_limit_and_the_count_hold_over_all_processes(self):
        self.odoo("shell", script=SET_LIMIT)
        url = self.serve("--workers=2", "--log-handler=werkzeug:INFO")

        def ask(number):
            path = ("/api/opportunities?limit=1", "/api/v2/dashboard/")[number % 2]
            status, headers, __ = self.request(f"{url}{path}", "admin")
            return status, headers["RateLimit"], headers["Retry-After"]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(2 * LIMIT)))
        given = [rate for status, rate, __ in answers if status == 200]
        refused = [(rate, after) for status, rate, after in answers if status == 429]
        self.assertEqual((len(given), len(refused)), (LIMIT, LIMIT))
        # No two requests took the same one.
        remaining = sorted(int(re.search("r=([0-9]+)", rate)[1]) for rate in given)
        self.assertEqual(remaining, list(range(LIMIT)))
        for rate, after in refused:
            self.assertEqual(rate, f'"user";r=0;t={after}')

        used = sum(status == 200 for status, __, __ in answers[::2])
        self.assertEqual(
            self.query(
                "SELECT route, requests, name FROM cqrs_api_usage"
                " JOIN res_users_apikeys key ON key.id = key_id"
            ),
            [("/api/opportunities", used, "test")],
        )
        # Both processes were asked.
        processes = re.findall(
            r" (\d+) INFO \S+ werkzeug: .* /api/", self.log.read_text()
        )
        self.assertEqual(len(processes), 2 * LIMIT + 1)
        self.assertEqual(len(set(processes)), 2)

    def test_the_limit_holds_where_the_pool_of_connections_is_used_up(self):
        self.odoo("shell", script=SET_LIMIT)
        url = f"{self.serve('--db_maxconn=4')}/api/v2/dashboard/"
        with ThreadPoolExecutor(4) as pool:
            answers = list(
                pool.map(lambda __: self.request(url, "admin"), range(4 * LIMIT))
            )
        counts = Counter(status for status, __, __ in answers)
        # 500 is Odoo's own answer where it has no connection for the request itself.
        self.assertLessEqual(set(counts), {200, 429, 500, 503})
        self.assertLessEqual(counts[200], LIMIT)
        self.assertGreater(counts[503], 0)
        for status, headers, body in answers:
            if status == 503:
                self.assertEqual(headers["Retry-After"], "1")
                problem = json.loads(body)
                self.assertEqual(problem["type"], "/api/v2/problems/unavailable")

    def test_a_request_that_loses_its_connection_is_503_and_the_next_one_is_not(self):
        url = f"{self.serve()}/api/v2/dashboard/"
        lock = psycopg2.connect(**connection_info_for(self.db)[1])
        self.addCleanup(lock.close)
        with lock.cursor() as cr, ThreadPoolExecutor(1) as pool:
            cr.execute("LOCK TABLE cqrs_opportunity_view IN ACCESS EXCLUSIVE MODE")
            asked = pool.submit(self.request, url, "admin")
            while not self.query(f"SELECT pid FROM pg_stat_activity WHERE {WAITING}"):
                self.assertFalse(asked.done())
                time.sleep(0.05)
            self.query(f"{TERMINATE} WHERE {WAITING}")
            status, headers, body = asked.result(60)
            lock.rollback()
        self.assertEqual((status, headers["Retry-After"]), (503, "1"), body)
        self.assertEqual(json.loads(body)["type"], "/api/v2/problems/unavailable")
        self.assertEqual(self.request(url, "admin")[0], 200)
