"""Messages that something has changed, sent after the writer's commit."""

import atexit
import logging
import threading
from collections.abc import Callable

from odoo import SUPERUSER_ID, api
from odoo.sql_db import db_connect
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

#: The channel that browsers ask for, and the type of the messages on it
CHANNEL = "crm_cqrs.dashboard"
CHANGED = "crm_cqrs/changed"

#: PostgreSQL's channel on which threads of all processes hear of commits
COMMITTED = "crm_cqrs_committed"

#: Seconds between two messages; one message stands for all commits of that time
INTERVAL = 0.5

#: Functions that are called at each message, with a cursor of the database that is
#: committed after them
FOLLOWERS: list[Callable] = []


def channel(env) -> tuple:
    """Return the channel on Odoo's bus; it is no text, which anybody could ask for.

    ``channel.py`` gives it to internal users.
    """
    return env.ref("base.group_user"), CHANNEL


class Announcer:
    """Sends the messages of this process, one after the other, in a thread.

    A message on Odoo's bus takes a row and a notification of PostgreSQL: half a
    millisecond of the writer's time, for each transaction. Here the writer sets a flag,
    and a thousand commits a second make two messages.

    A message is lost if the process is killed between the commit and the thread's next
    turn. Browsers therefore also ask by themselves, every half minute.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._databases: set[str] = set()
        self._thread = None
        # A command may end as soon as it has committed.
        atexit.register(self.send_pending)

    def announce(self, dbname: str):
        """Let the thread announce a change in a database; does not wait for it."""
        with self._lock:
            self._databases.add(dbname)
            # A fork of a process that had a thread has none.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name=f"{__name__}.Announcer", daemon=True
                )
                self._thread.start()
        self._wake.set()

    def send_pending(self):
        with self._lock:
            databases, self._databases = self._databases, set()
        for dbname in databases:
            try:
                _send(dbname)
            except Exception:
                # The database may have been dropped; the write itself is committed.
                _logger.info("Browsers of %s were not told", dbname, exc_info=True)

    def _run(self):
        pause = threading.Event()
        while self._wake.wait():
            self._wake.clear()
            self.send_pending()
            pause.wait(INTERVAL)


def _send(dbname: str):
    with db_connect(dbname).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env["bus.bus"]._sendone(channel(env), CHANGED, {})
        # Sent with this transaction; the writer's has ended.
        cr.execute(SQL("NOTIFY %s", SQL.identifier(COMMITTED)))
        for follow in FOLLOWERS:
            follow(cr)


announcer = Announcer()
