import json
import os
import subprocess
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from threading import Event

from odoo.tests import tagged

from .common import ODOO
from .own_server import ServedDatabase

LEADS = int(os.environ.get("CRM_CQRS_INSTALL_LEADS", "30000"))
#: Everywhere: CRM_CQRS_KILLS=7 ./dev test -k install_beside
IS_WHOLE = int(os.environ.get("CRM_CQRS_KILLS", "0")) >= 7
#: Where an install is killed; where all is there but the commit, always
DURING_INSTALL = (
    "module crm_cqrs: creating or updating database tables",
    "loading crm_cqrs/views/delegation_views.xml",
    "First build, 0%",
    "First build, 100%",
)[:: 1 if IS_WHOLE else 3]
DURING_UPDATE = (
    "loading crm_cqrs/views/api_views.xml",
    "Module crm_cqrs loaded in",
)[0 if IS_WHOLE else 1 :]
INSERT = f"""
INSERT INTO crm_lead (name, type, active, stage_id, user_id, expected_revenue,
                      company_id, create_date)
SELECT 'Deal ' || n, 'opportunity', true, (SELECT min(id) FROM crm_stage),
       (SELECT id FROM res_users WHERE login = 'own'), n, 1, now()
FROM generate_series(1, {LEADS}) n;
ANALYZE crm_lead; SELECT 1
"""
PEOPLE = """
from datetime import datetime, timedelta
for login, group in [
    ("own", "sales_team.group_sale_salesman"),
    ("all", "sales_team.group_sale_salesman_all_leads"),
    ("officer", "hr.group_hr_user"),
]:
    user = env["res.users"].create({
        "name": login, "login": login, "email": f"{login}@x.test",
        "group_ids": [(4, env.ref(group).id), (4, env.ref("base.group_user").id)]})
    key = env["res.users.apikeys"].with_user(user).sudo()._generate(
        "rpc", "test", datetime.now() + timedelta(days=1))
    print("person", login, user.id, key)
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
        lines = map(str.split, self.odoo("shell", script=PEOPLE).stdout.splitlines())
        people = [line[1:] for line in lines if line[:1] == ["person"]]
        self.keys = {login: key for login, __, key in people}
        self.ids = {login: int(id_) for login, id_, __ in people}
        self.query(INSERT)
        self.url = self.serve("--max-cron-threads=1", waiting_for="/web/login")

    def call(self, login, model, method, ids=(), context=None, **arguments):
        """Call a public method as somebody does over Odoo's JSON API."""
        status, __, body = self.request(
            f"{self.url}/json/2/{model}/{method}",
            login,
            body={**arguments, "context": context or {}}
            | ({"ids": ids} if ids else {}),
            headers={"X-Odoo-Database": self.db},
        )
        self.assertEqual(status, 200, f"{login}, {model}.{method}: {body}")
        return json.loads(body)

    def read_leads(self, login, rules_anew):
        """Do what a salesperson does who reads.

        :param rules_anew: Odoo keeps the rules' domains by the companies' ids; another
            number of them is asked for anew
        """
        call = partial(self.call, login)
        context = {"allowed_company_ids": [1] * rules_anew}
        leads = call(
            *("crm.lead", "search_read"),
            context=context,
            domain=[],
            fields=["name"],
            limit=80,
        )
        self.assertEqual(len(leads), 80)
        call("crm.activity.report", "search_count", context=context, domain=[])
        call("crm.lead", "get_views", views=[(False, "form"), (False, "list")])

    def write_leads(self, login, number):
        call = partial(self.call, login, "crm.lead")
        lead = call("create", vals_list=[{"name": "New", "user_id": self.ids[login]}])
        call("write", lead, vals={"expected_revenue": number})
        [read] = call("read", lead, fields=["expected_revenue"])
        self.assertEqual(read["expected_revenue"], number)
        call("write", lead, vals={"active": False})

    def hire(self, login, number):
        call = partial(self.call, login, "hr.employee")
        employee = call("create", vals_list=[{"name": f"Employee {number}"}])
        call("unlink", employee)

    @contextmanager
    def people_at_work(self):
        """Within the block four people work; whatever fails for them fails the test."""
        end = Event()

        def work(login, do):
            times = 0
            while not end.is_set():
                do(login, next(self.numbers))
                times += 1
                end.wait(0.5)
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
            said = deque(maxlen=50)
            for line in process.stderr:
                if words in line:
                    process.kill()
                    break
                said.append(line)
            else:
                self.fail(f"It never said {words!r}, but: {''.join(said)}")
        # PostgreSQL finds out once a statement has ended.
        while self.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            f" AND application_name = 'odoo-{process.pid}'"
        ):
            time.sleep(0.1)
        self.work_a_little()

    def work_a_little(self):
        for login in ("own", "all"):
            self.read_leads(login, rules_anew=next(self.numbers))
            self.write_leads(login, 17)

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
            for words in DURING_INSTALL:
                with self.subTest(words):
                    self.kill_at(words, *install)
                    self.assertEqual(self.records(), before)
            with self.subTest("after its commit"):
                self.kill_at("Module crm_cqrs loaded in", *install)
                self.assertEqual(self.module_state(), [("installed",)])
            installed = self.records()
            # The server has loaded it meanwhile.
            domain = [("cqrs_in_team", "=", True)]
            self.assertTrue(self.call("own", "crm.lead", "search", domain=domain))
            for words in DURING_UPDATE:
                with self.subTest(f"update: {words}"):
                    self.kill_at(words, *update)
                    self.assertEqual(self.records(), installed)
        self.assert_server_is_well()
        self.odoo(*install[:3])
        self.odoo(*update[:3])
        self.odoo("cqrs", "reconcile")
        done = self.odoo("cqrs", "verify")
        self.assertIn("findings: -\n", done.stdout)
        self.work_a_little()
        self.assert_server_is_well()
