"""Tells browsers that something has changed, after the commit and beside the writer."""

import atexit
import logging
import threading

from odoo import SUPERUSER_ID, api
from odoo.sql_db import db_connect

_logger = logging.getLogger(__name__)

#: What browsers ask for, and the type of what they are told
CHANNEL = "crm_cqrs.dashboard"
CHANGED = "crm_cqrs/changed"

#: Seconds between two messages: what is committed meanwhile is told as one
INTERVAL = 0.5


def channel(env) -> tuple:
    """Return the channel on Odoo's bus: no text, so nobody can name it and listen in.

    See ``channel.py`` for who gets it.
    """
    return env.ref("base.group_user"), CHANNEL


class Announcer:
    """Sends the messages of this process, one after the other, in a thread.

    A message on Odoo's bus is a row and a notification of PostgreSQL: half a
    millisecond that the writer would wait, and one for each transaction. Here the
    writer sets a flag, and a thousand commits a second are two messages.

    A message is lost if the process is killed between the commit and the thread's next
    turn. Browsers therefore also look by themselves, every half minute.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._databases: set[str] = set()
        self._thread = None
        # A command may end as soon as it has committed.
        atexit.register(self.send_pending)

    def announce(self, dbname: str):
        """Have it told that something has changed in a database. Does not wait."""
        with self._lock:
            self._databases.add(dbname)
            # Also where the process is the fork of one that had a thread.
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
                # The database may be gone; what is written is not affected.
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


announcer = Announcer()
