import os
import subprocess
import time
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Event

from odoo.tests import tagged

from .common import ODOO
from .own_server import ServedDatabase

LEADS = int(os.environ.get("CRM_CQRS_INSTALL_LEADS", "30000"))
INSERT = f"""
INSERT INTO crm_lead (name, type, active, stage_id, user_id, expected_revenue,
                      company_id, create_date)
SELECT 'Deal ' || n, 'opportunity', true, (SELECT min(id) FROM crm_stage),
       (SELECT id FROM res_users WHERE login = 'own'), n, 1, now()
FROM generate_series(1, {LEADS}) n;
ANALYZE crm_lead; SELECT 1
"""
PEOPLE = """
for login, group in [
    ("own", "sales_team.group_sale_salesman"),
    ("all", "sales_team.group_sale_salesman_all_leads"),
    ("officer", "hr.group_hr_user"),
]:
    env["res.users"].create({
        "name": login, "login": login, "password": login, "email": f"{login}@x.test",
        "group_ids": [(4, env.ref(group).id), (4, env.ref("base.group_user").id)]})
env.cr.commit()
"""
#: What there is that Odoo, and not PostgreSQL, has to take away again
RECORDS = """
SELECT module || '.' || name FROM ir_model_data
UNION ALL SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT name || state FROM ir_module_module
"""


@tagged("post_install", "-at_install")
class TestInstallBesideAServer(ServedDatabase):
    """A server that runs, with people at work, on a database that others change."""

    def setUp(self):
        super().setUp()
        self.numbers = count(2)
        self.odoo("shell", script=PEOPLE)
        self.query(INSERT)
        self.url = self.serve("--max-cron-threads=1", waiting_for="/web/login")

    def as_user(self, login):
        """Return ``call(model, method, *arguments, **keywords)`` over XML-RPC."""
        common = xmlrpc.client.ServerProxy(f"{self.url}/xmlrpc/2/common")
        uid = common.authenticate(self.db, login, login, {})
        proxy = xmlrpc.client.ServerProxy(
            f"{self.url}/xmlrpc/2/object", allow_none=True
        )

        def call(model, method, *arguments, **keywords):
            return proxy.execute_kw(
                self.db, uid, login, model, method, arguments, keywords
            )

        call.uid = uid
        return call

    def read_leads(self, call, rules_anew=1):
        """Do what a salesperson does who reads.

        :param rules_anew: Odoo keeps the rules' domains by the companies' ids; another
            number of them is asked for anew
        """
        context = {"allowed_company_ids": [1] * rules_anew}
        leads = call("crm.lead", "search_read", [], ["name"], limit=80, context=context)
        self.assertEqual(len(leads), 80)
        call("crm.activity.report", "search_count", [], context=context)
        call("crm.lead", "get_views", [(False, "form"), (False, "list")])

    def write_leads(self, call, number):
        lead = call("crm.lead", "create", {"name": "New", "user_id": call.uid})
        call("crm.lead", "write", lead, {"expected_revenue": number})
        [read] = call("crm.lead", "read", lead, ["expected_revenue"])
        self.assertEqual(read["expected_revenue"], number)
        call("crm.lead", "write", lead, {"active": False})

    def hire(self, call, number):
        employee = call("hr.employee", "create", {"name": f"Employee {number}"})
        call("hr.employee", "unlink", employee)

    @contextmanager
    def people_at_work(self):
        """Within the block four people work; whatever fails for them fails the test."""
        end = Event()

        def work(login, do):
            call, times = self.as_user(login), 0
            while not end.is_set():
                do(call, next(self.numbers))
                times += 1
                end.wait(0.2)
            return times

        with ThreadPoolExecutor(4) as pool:
            working = [
                pool.submit(work, login, do)
                for login, do in (
                    ("own", self.read_leads),
                    ("own", self.write_leads),
                    ("all", self.write_leads),
                    ("officer", self.hire),
                )
            ]
            try:
                yield
            finally:
                end.set()
            for each in working:
                self.assertGreater(each.result(), 1)

    def kill_at(self, words, *arguments):
        """Kill Odoo where its log says some words."""
        with subprocess.Popen(
            [ODOO, *arguments, "-d", self.db],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stderr:
                if words in line:
                    process.kill()
                    break
            else:
                self.fail(f"It never said {words!r}.")
        # PostgreSQL finds out once a statement has ended.
        while self.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            f" AND application_name = 'odoo-{process.pid}'"
        ):
            time.sleep(0.1)
        self.work_a_little()

    def work_a_little(self):
        for login in ("own", "all"):
            call = self.as_user(login)
            self.read_leads(call, rules_anew=next(self.numbers))
            self.write_leads(call, 17)

    def assert_server_is_well(self):
        """Nothing went wrong in the server that its log tells of."""
        log = self.log.read_text()
        for word in (" ERROR ", " CRITICAL ", "Traceback"):
            self.assertNotIn(word, log, log[max(0, log.find(word) - 500) :][:9000])

    def records(self):
        return sorted(self.query(RECORDS))

    def module_state(self):
        return self.query("SELECT state FROM ir_module_module WHERE name = 'crm_cqrs'")

    def test_killed_anywhere(self):
        install = ("-i", "crm_cqrs", "--stop-after-init", "--no-http")
        update = ("-u", "crm_cqrs", "--stop-after-init", "--no-http")
        before = self.records()
        with self.people_at_work():
            for words in (
                "module crm_cqrs: creating or updating database tables",
                "loading crm_cqrs/views/delegation_views.xml",
                "First build, 0%",
                "First build, 100%",
            ):
                with self.subTest(words):
                    self.kill_at(words, *install)
                    self.assertEqual(self.records(), before)
            with self.subTest("after its commit"):
                self.kill_at("Module crm_cqrs loaded in", *install)
                self.assertEqual(self.module_state(), [("installed",)])
            installed = self.records()
            # The server has loaded it meanwhile.
            leads = self.as_user("own")
            self.assertTrue(leads("crm.lead", "search", [["cqrs_in_team", "=", True]]))
            for words in (
                "module crm_cqrs: creating or updating database tables",
                "loading crm_cqrs/views/api_views.xml",
                "Module crm_cqrs loaded in",
            ):
                with self.subTest(f"update: {words}"):
                    self.kill_at(words, *update)
                    self.assertEqual(self.records(), installed)
        self.assert_server_is_well()
        self.odoo(*install[:3])
        self.odoo(*update[:3])
        self.odoo("cqrs", "reconcile")
        done = self.odoo("cqrs", "verify")
        self.assertEqual(done.stdout, "findings: -\n")

        with self.people_at_work():
            self.kill_at("Deleting res.groups", "module", "uninstall", "crm_cqrs")
        self.assertEqual(self.module_state(), [("to remove",)])
        # As with any module, the next update goes on.
        self.odoo(*update[:3])
        self.assertEqual(self.records(), before)
        self.work_a_little()
        self.assert_server_is_well()
