"""Odoo's HTTP server in processes of its own, on a database of its own."""

import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from .common import INSTALLED, ODOO, OwnDatabase

HOST = "127.0.0.1"
START_SECONDS = 120

KEYS = """
from datetime import datetime, timedelta
for user in env["res.users"].search([("share", "=", False)]):
    key = env["res.users.apikeys"].with_user(user).sudo()._generate(
        "crm_cqrs", "test", datetime.now() + timedelta(days=1))
    print("key", user.login, key)
env.cr.commit()
"""


class ServedDatabase(OwnDatabase):
    """A database that can be served; the addon need not be there."""

    def serve(
        self, *options: str, waiting_for: str = "/api/v2/problems/not-found"
    ) -> str:
        """Serve the database until the test ends; return the server's URL.

        :param waiting_for: a path that is answered once it can be used
        """
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.web.serving import free_port

        port = free_port()
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.log = Path(folder, "log")
        with self.log.open("wb") as file:
            self.server = subprocess.Popen(
                [ODOO, "-d", self.db, f"--http-port={port}", f"--db-filter=^{self.db}$"]
                + [f"--gevent-port={free_port()}", "--max-cron-threads=0", *options],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.addCleanup(self.stop, self.server)
        url = f"http://{HOST}:{port}"
        deadline = time.monotonic() + START_SECONDS
        while self.request(url + waiting_for)[0] != 200:
            if self.server.poll() is not None or time.monotonic() > deadline:
                self.fail(f"Odoo did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.2)
        return url

    def stop(self, server):
        if server.poll() is not None:
            return
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def request(self, url, login=None, **options):
        """Return ``(status, headers, body)``; status 0 where nobody answers."""
        headers = options.pop("headers", {})
        if login:
            headers["Authorization"] = f"Bearer {self.keys[login]}"
        asked = urllib.request.Request(url, headers=headers, **options)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()
        except OSError:
            return 0, {}, ""


class OwnServer(ServedDatabase):
    """Has the addon installed and a key for every internal user.

    :ivar keys: ``{login: API key}``
    """

    template = INSTALLED

    def setUp(self):
        super().setUp()
        lines = map(str.split, self.odoo("shell", script=KEYS).stdout.splitlines())
        self.keys = {line[1]: line[2] for line in lines if line[:1] == ["key"]}
