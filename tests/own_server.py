"""Odoo's HTTP server in processes of its own, on a database of its own."""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from .common import INSTALLED, OwnDatabase

KEYS = """
from datetime import datetime, timedelta
for user in env["res.users"].search([("share", "=", False)]):
    key = env["res.users.apikeys"].with_user(user).sudo()._generate(
        "crm_cqrs", "test", datetime.now() + timedelta(days=1))
    print("key", user.login, key)
env.cr.commit()
"""


class ServedDatabase(OwnDatabase):
    """A database that can be served; the addon need not be there.

    :ivar keys: ``{login: API key}``
    """

    def serve(
        self, *options: str, waiting_for: str = "/api/v2/problems/not-found"
    ) -> str:
        """Serve the database until the test ends; return the server's URL.

        :param waiting_for: a path that is answered once it can be used
        """
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.process import free_port
        from ..devtools.web import serving

        port = free_port()
        self.log = Path(self.enterContext(tempfile.TemporaryDirectory()), "log")
        self.server = self.enterContext(
            serving.served(
                os.environ,
                self.db,
                port,
                self.log,
                *("--max-cron-threads=0", *options),
                waiting_for=waiting_for,
            )
        )
        return f"http://{serving.HOST}:{port}"

    def stop(self):
        from ..devtools.web import serving

        serving.stop(self.server)

    def log_in(self, url, login="admin", password="admin"):
        """Return somebody at an HTTP client, in a new session."""
        from ..devtools.web.person import Person

        person = Person(url)
        person.log_in(self.db, login, password)
        return person

    def request(self, url, login=None, headers=(), **options):
        """Return ``(status, headers, body)``; status 0 where nobody answers."""
        from ..devtools.web.person import Person

        headers = dict(headers)
        if login:
            headers["Authorization"] = f"Bearer {self.keys[login]}"
        parts = urlsplit(url)
        path = parts._replace(scheme="", netloc="").geturl()
        try:
            answer = Person(url).open(path, headers=headers, **options)
        except OSError:
            return 0, {}, ""
        return answer.status, answer.headers, answer.text


class OwnServer(ServedDatabase):
    """Has the addon installed and a key for every internal user."""

    template = INSTALLED
    first_keys = None

    def setUp(self):
        super().setUp()
        if not self.first_keys:
            self.prepare()
        self.bind_keys()
        self.keys = self.first_keys

    def bind_keys(self):
        """Have the keys that came with the template be of this database."""
        # Not that of a test which asks a copy of the cluster; there is none yet.
        return super().query(
            "UPDATE cqrs_api_key_database"
            " SET bound_to = value || ' ' || current_database()"
            " FROM ir_config_parameter WHERE key = 'database.uuid' RETURNING 1"
        )

    def prepare(self):
        """Make the keys once, in what the others are copies of."""
        from ..devtools.databases import database

        OwnServer.first_keys = self.make_keys()
        # Processes that test side by side have one folder for the files of databases.
        OwnServer.template = f"{INSTALLED}_with_keys_{os.getpid()}"
        database.create_from(os.environ, self.db, self.template)

    def make_keys(self):
        """Make a key for every internal user; return ``{login: API key}``."""
        lines = map(str.split, self.odoo("shell", script=KEYS).stdout.splitlines())
        return {line[1]: line[2] for line in lines if line[:1] == ["key"]}
