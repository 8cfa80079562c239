"""Five databases under one server, of which four are copies of the first."""

import json
import os
from contextlib import closing
from unittest.mock import patch

import psycopg2

from odoo.sql_db import connection_info_for
from odoo.tests import tagged

from ..models.live.announcer import COMMITTED
from ..models.webhooks.settings import ALLOWED_OPTION
from .common import INSTALLED, TEMPLATE
from .own_server import ServedDatabase

#: As many keys as there are databases, all in the first one, and a webhook
PREPARE = """
from datetime import datetime, timedelta
admin = env.ref("base.user_admin")
for number in range(5):
    key = env["res.users.apikeys"].with_user(admin).sudo()._generate(
        None, f"key {number}", datetime.now() + timedelta(days=1))
    print("key", number, key)
env["cqrs.webhook"].with_user(admin).create(
    {"name": "Test", "url": "https://127.0.0.1:9/"})
env.cr.commit()
"""
THIS = """(SELECT value || ' ' || current_database() FROM ir_config_parameter
           WHERE key = 'database.uuid')"""
#: Leaves one of the keys to this database, as if it had been made here
BIND = f"""
    UPDATE cqrs_api_key_database SET bound_to =
        CASE WHEN name = 'key {{number}}' THEN {THIS} ELSE 'uuid elsewhere' END
    FROM res_users_apikeys apikey WHERE apikey.id = key_id RETURNING name
"""
LISTS = (
    "/api/v2/dashboard/opportunities?limit=1",
    "/api/v2/dashboard/metrics?by=stage&limit=1",
    "/api/v2/events?limit=1",
)
TAGGED = ("/api/v2/dashboard/", "/api/v2/dashboard/metrics", LISTS[0])
SECRETS = "SELECT secret FROM cqrs_webhook_secret WHERE expires_at IS NULL"


@tagged("post_install", "-at_install")
class TestDatabasesOfOneServer(ServedDatabase):
    template = INSTALLED

    def setUp(self):
        super().setUp()
        from ..devtools.databases import database

        shell = self.odoo(
            "shell",
            "-c",
            str(self.configuration(**{ALLOWED_OPTION: "127.0.0.1"})),
            script=PREPARE,
        )
        lines = map(str.split, shell.stdout.splitlines())
        keys = [line[2] for line in lines if line[:1] == ["key"]]
        self.names = [self.db, *(f"{self.db}_{number}" for number in range(1, 5))]
        for name in self.names[1:]:
            database.create_from(os.environ, self.db, name)
            self.addCleanup(database.drop, os.environ, name)
        for number, name in enumerate(self.names):
            self.of(name, BIND.format(number=number))
        self.keys = dict(zip(self.names, keys, strict=True))
        self.url = self.serve(
            *("-d", ",".join(self.names), f"--db-filter=^{self.db}"),
            "--load=base,rpc,web,crm_cqrs",
        )

    def of(self, name, statement):
        with patch.object(self, "db", name):
            return self.query(statement)

    def ask(self, name, path, key_of=None, headers=(), **options):
        """Return the answer of a database, to a key of it or of another one."""
        headers = {"X-Odoo-Database": name, **dict(headers)}
        key_of = key_of or name
        return self.request(f"{self.url}{path}", key_of, headers, **options)

    def problem(self, answer, status, kind):
        found, headers, body = answer
        self.assertEqual(found, status, body)
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        problem = json.loads(body)
        self.assertEqual(problem["type"], f"/api/v2/problems/{kind}")
        return problem

    def pairs(self):
        return [(a, b) for a in self.names for b in self.names if a != b]

    def test_nothing_of_one_is_accepted_by_another(self):
        self.check_that_a_database_is_named()
        self.check_keys()
        self.check_cursors()
        self.check_tags()
        self.check_sessions()
        self.check_caches_and_messages()
        self.check_signatures()
        self.assertNotIn("Traceback", self.log.read_text())
        self.check_rename()
        self.check_status_of_all()
        self.stop()
        self.check_host_names()

    def check_that_a_database_is_named(self):
        first, path = self.names[0], TAGGED[0]
        problem = self.problem(
            self.request(f"{self.url}{path}", first), 400, "database-not-named"
        )
        self.assertIn("X-Odoo-Database", problem["detail"])
        self.problem(self.ask("none_of_them", path, first), 404, "database-not-found")
        # Another database of this cluster, which this server does not serve.
        self.problem(self.ask(TEMPLATE, path, first), 404, "database-not-found")
        asked = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization,x-odoo-database",
        }
        status, headers, __ = self.request(
            f"{self.url}{path}", headers=asked, method="OPTIONS"
        )
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (204, "*"))
        self.assertIn("X-Odoo-Database", headers["Access-Control-Allow-Headers"])
        self.assertNotIn("Access-Control-Allow-Credentials", headers)
        for page in ("openapi.json", "problems/database-not-named"):
            status, __, text = self.request(f"{self.url}/api/v2/{page}")
            self.assertEqual(status, 200)
            self.assertIn("X-Odoo-Database", text)
        self.problem(self.request(f"{self.url}/api/v2/docs"), 400, "database-not-named")
        # What is no business of the API is answered as before.
        status, headers, __ = self.request(f"{self.url}/nothing")
        self.assertEqual((status, headers.get_content_type()), (404, "text/html"))

    def check_keys(self):
        for name in self.names:
            status, __, body = self.ask(name, TAGGED[0])
            self.assertEqual(status, 200, body)
            status, __, body = self.ask(name, "/api/v2/webhooks")
            self.assertEqual(status, 200, body)
        for made_in, other in self.pairs():
            with self.subTest(made_in=made_in, other=other):
                answer = self.ask(other, TAGGED[0], key_of=made_in)
                problem = self.problem(answer, 401, "unauthorized")
                self.assertIn("another database", problem["detail"])
        answer = self.ask(self.names[1], "/api/v2/webhooks", key_of=self.names[0])
        self.problem(answer, 401, "unauthorized")
        with self.subTest("Odoo's own RPC takes it, as without the addon"):
            status, __, body = self.ask(
                self.names[1],
                "/json/2/res.users/context_get",
                self.names[0],
                body={},
            )
            self.assertEqual(status, 200, body)

    def check_cursors(self):
        given = {}
        for name in self.names:
            for path in LISTS:
                body = json.loads(self.ask(name, path)[2])
                given[name, path] = body["next"]
                if path == LISTS[2]:
                    given[name, path, "event"] = body["events"][0]["cursor"]
        for (name, path, *__), cursor in given.items():
            for other in self.names:
                answer = self.ask(other, f"{path}&cursor={cursor}")
                if other == name:
                    self.assertEqual(answer[0], 200, answer[2])
                    continue
                problem = self.problem(answer, 400, "other-database")
                self.assertEqual(problem["parameter"], "cursor")
        with self.subTest("a cursor of a former version"):
            cursor, __, mark = given[self.names[0], LISTS[2]].partition("~")
            self.assertEqual(len(mark), 12)
            answer = self.ask(self.names[0], f"{LISTS[2]}&cursor={cursor}")
            self.assertEqual(answer[0], 200)

    def check_tags(self):
        for path in TAGGED:
            tags = {}
            for name in self.names:
                __, headers, __ = self.ask(name, path)
                tags[name] = headers["ETag"]
            for name, tag in tags.items():
                for other in self.names:
                    status, __, body = self.ask(
                        other, path, headers={"If-None-Match": tag}
                    )
                    self.assertEqual(status, 304 if other == name else 200, body)

    def check_sessions(self):
        for name in self.names:
            with patch.object(self, "db", name):
                person = self.log_in(self.url)
            self.assertEqual(person.open(TAGGED[0]).status, 200)
            for other in self.names:
                answer = person.open(TAGGED[0], headers={"X-Odoo-Database": other})
                if other == name:
                    self.assertEqual(answer.status, 200)
                else:
                    answer = answer.status, answer.headers, answer.text
                    self.problem(answer, 403, "session-of-another-database")

    def check_caches_and_messages(self):
        """A change of one is in its own answers and channels alone, at once."""
        second = self.names[1]
        path = "/api/v2/dashboard/metrics?currency=USD"
        before = {name: json.loads(self.ask(name, path)[2]) for name in self.names}
        notices = "SELECT count(*) FROM bus_bus WHERE message LIKE '%crm_cqrs/changed%'"
        listening = {}
        for name in self.names:
            connection = psycopg2.connect(**connection_info_for(name)[1])
            self.enterContext(closing(connection))
            connection.autocommit = True
            connection.cursor().execute(f'LISTEN "{COMMITTED}"')
            listening[name] = connection, self.of(name, notices)
        values = {"name": "Ours", "type": "opportunity", "user_id": 2}
        status, __, body = self.ask(
            second,
            "/json/2/crm.lead/create",
            body={"vals_list": [values | {"expected_revenue": 1000}]},
        )
        self.assertEqual(status, 200, body)
        [lead_id] = json.loads(body)
        for name in self.names:
            after = json.loads(self.ask(name, path)[2])
            grown = after["active_opportunities"] - before[name]["active_opportunities"]
            self.assertEqual(grown, int(name == second))
            status, __, __ = self.ask(
                name, f"/api/v2/dashboard/opportunities/{lead_id}"
            )
            self.assertEqual(status, 200 if name == second else 404)
        self.wait_for_notice(second, listening[second][0])
        for name, (connection, told) in listening.items():
            connection.poll()
            if name != second:
                self.assertEqual(connection.notifies, [])
                self.assertEqual(self.of(name, notices), told)
        self.assertNotEqual(self.of(second, notices), listening[second][1])

    def wait_for_notice(self, name, connection):
        import select

        ready, __, __ = select.select([connection], [], [], 20)
        self.assertTrue(ready, self.log.read_text()[-2000:])
        connection.poll()
        self.assertTrue(connection.notifies)

    def check_signatures(self):
        """What is signed in a copy is not signed with the original's secret."""
        [(webhook_id,)] = self.query("SELECT id FROM cqrs_webhook")
        path = f"/api/v2/webhooks/{webhook_id}"
        secrets = {name: self.of(name, SECRETS) for name in self.names}
        self.assertEqual(len({*map(tuple, secrets.values())}), 1)
        for name in self.names[1:]:
            status, __, body = self.ask(name, f"{path}/test", body={})
            self.assertEqual(status, 422, body)
            status, __, body = self.ask(
                name, f"{path}/resume", body={"backlog": "skip"}
            )
            self.assertEqual(status, 200, body)
        signing = {name: self.of(name, SECRETS)[0][0] for name in self.names}
        self.assertEqual(len({*signing.values()}), 5)
        self.assertEqual([(signing[self.db],)], secrets[self.db])
        self.ask(self.db, f"{path}/resume", body={"backlog": "skip"})
        self.assertEqual(self.query(SECRETS), secrets[self.db])

    def check_rename(self):
        """A database that was renamed refuses what it gave out, until confirmed."""
        old, path = self.names[4], TAGGED[0]
        cursor = json.loads(self.ask(old, LISTS[2])[2])["next"]
        new = f"{old}_new"
        self.rename(old, new)
        self.keys[new] = self.keys[old]
        problem = self.problem(self.ask(new, path), 401, "unauthorized")
        self.assertIn("odoo-bin cqrs renamed", problem["detail"])
        with patch.object(self, "db", new):
            done = self.odoo("cqrs", "renamed", old, "--yes", "--json")
        self.assertEqual(
            json.loads(done.stdout),
            {
                "database": new,
                "known_as": [new, old],
                "accepted": {"api_keys": 1, "webhooks": 1},
            },
        )
        self.assertEqual(self.ask(new, path)[0], 200)
        self.assertEqual(self.ask(new, f"{LISTS[2]}&cursor={cursor}")[0], 200)

    def rename(self, old, new):
        from ..devtools.databases import database

        self.addCleanup(database.drop, os.environ, new)
        with closing(psycopg2.connect(**connection_info_for("postgres")[1])) as other:
            other.autocommit = True
            cr = other.cursor()
            # It waits for sessions that are ending.
            cr.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = %s",
                [old],
            )
            cr.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')

    def check_status_of_all(self):
        """One that is broken, missing or without the addon stops no other."""
        broken = self.names[3]
        self.of(broken, "DROP TABLE cqrs_seal CASCADE; SELECT 1")
        asked = [f"{self.db}_missing", broken, TEMPLATE, self.names[0]]
        with patch.object(self, "db", ",".join(asked)):
            done = self.odoo("cqrs", "status", "--all", "--json", status=1)
        rows = json.loads(done.stdout)["databases"]
        self.assertEqual([row["database"] for row in rows], asked)
        self.assertEqual(
            [row["state"] for row in rows], ["error", "error", "not_installed", "ok"]
        )
        self.assertIn("does not exist", rows[0]["error"])
        self.assertIn("cqrs_seal", rows[1]["error"])
        [(events,)] = self.query("SELECT count(*) FROM cqrs_event")
        self.assertEqual(rows[3]["status"]["events"], events)
        self.assertEqual(
            rows[3]["status"]["refused"], {"elsewhere": {"api_keys": 4, "webhooks": 0}}
        )

    def check_host_names(self):
        """Served by ``%d``, each host name has its own database and no other's."""
        self.url = self.serve(
            "--db-filter=^%d$",
            "--load=base,rpc,web,crm_cqrs",
            waiting_for="/api/v2/openapi.json",
        )
        first, second, path = *self.names[:2], TAGGED[0]

        def at(host, key_of, **headers):
            headers["Host"] = f"{host}.example.com"
            return self.request(f"{self.url}{path}", key_of, headers)

        tags = {}
        for name in (first, second):
            status, headers, body = at(name, name)
            self.assertEqual(status, 200, body)
            tags[name] = headers["ETag"]
        for name, other in ((first, second), (second, first)):
            self.problem(at(other, name), 401, "unauthorized")
            self.assertEqual(at(name, name, **{"If-None-Match": tags[name]})[0], 304)
            self.assertEqual(at(name, name, **{"If-None-Match": tags[other]})[0], 200)
            # A header names no database beside that of the host.
            answer = at(name, other, **{"X-Odoo-Database": other})
            self.problem(answer, 404, "database-not-found")
        self.problem(at("nobody", first), 404, "database-not-found")
