"""The dispatcher: a thread of each process and database, one of which delivers.

A database without an endpoint has none. Else each thread asks for the lease of its
database; who gets it delivers, and the others ask again. A commit calls the one that
delivers, by the thread that also tells browsers (``live/announcer.py``) and
PostgreSQL's NOTIFY: nothing of it is in the transaction that writes.
"""

import atexit
import logging
import os
import select
import threading
import time

import psycopg2
from psycopg2.pool import PoolError

from odoo.modules.registry import Registry
from odoo.service import server as servers
from odoo.sql_db import db_connect
from odoo.tools import SQL, config

from ..live.announcer import COMMITTED, FOLLOWERS
from . import outbox
from .delivery import Delivery
from .lease import RENEWED_EACH, Lease
from .schedule import STANDARD, Schedule
from .switching_off import pause_copies

_logger = logging.getLogger(__name__)

#: Seconds before the first look. Odoo loads what it restores before it neutralises it.
BEFORE_FIRST = 3.0
#: Seconds between two looks after an error
AFTER_ERROR = 5.0
#: Seconds between two looks whether the thread shall end
LISTENED_EACH = 0.5
#: Seconds until a lost connection is made anew. Whoever drops or copies a database ends
#: its connections first; PostgreSQL then waits 5 s for the last one to go.
RECONNECT = 5.5


def run_once(dbname: str, schedule: Schedule = STANDARD) -> int:
    """Send all that may be sent now; return the number of attempts.

    Nothing is sent where another process holds the lease.
    """
    lease = Lease()
    with outbox.statements(dbname) as cr:
        pause_copies(dbname, cr)
        if not outbox.is_needed(cr) or not lease.take(cr):
            return 0
        delivery = Delivery(dbname, lease, schedule)
        renewed = time.monotonic()
        try:
            with delivery.connected() as own:
                while delivery.step(own) or delivery.is_sending:
                    delivery.wait(own, RENEWED_EACH if delivery.is_sending else 0)
                    if time.monotonic() > renewed + RENEWED_EACH:
                        renewed = time.monotonic()
                        if not lease.renew(cr):
                            break
        finally:
            delivery.close()
            lease.release(cr)
    return delivery.attempts


class Dispatcher:
    """The thread of one database in this process."""

    def __init__(self, dbname: str, after: float, schedule: Schedule = STANDARD):
        self.dbname = dbname
        self._after = after
        self._schedule = schedule
        self._is_stopped = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"{__name__}.{dbname}", daemon=True
        )

    def start(self):
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def wake(self):
        """Have it look whether there is something to do; from any thread."""
        self._awake.set()

    def stop(self):
        """End the thread, and let the next process deliver at once."""
        self._is_stopped.set()
        self._awake.set()
        # Longer than a round takes; what is being sent is not waited for.
        self._thread.join(2)

    def _run(self):
        self._is_stopped.wait(self._after)
        while not self._is_stopped.is_set():
            try:
                pause = self._look()
            except (psycopg2.OperationalError, psycopg2.InterfaceError, PoolError) as e:
                if self._is_stopped.is_set() or not _exists(self.dbname):
                    return
                _logger.info("Webhooks of %s wait: %s", self.dbname, e)
                pause = RECONNECT
            except psycopg2.errors.UndefinedTable:
                # The addon was uninstalled.
                return
            except Exception:
                _logger.exception("Webhooks of %s wait", self.dbname)
                pause = AFTER_ERROR
            if pause is None:
                return
            self._awake.wait(pause)
            self._awake.clear()

    def _look(self) -> float | None:
        """Deliver if nobody else does; return the seconds until the next look.

        None if there is nothing to deliver here, and nobody to wait for.
        """
        registry = Registry.registries.get(self.dbname)
        if registry is None or not registry.ready:
            return RENEWED_EACH
        lease = Lease()
        with outbox.statements(self.dbname) as cr:
            pause_copies(self.dbname, cr)
            if not outbox.is_needed(cr):
                return None
            if not lease.take(cr):
                return RENEWED_EACH
            _logger.info("Webhooks of %s are sent by %s", self.dbname, lease.holder)
            try:
                self._lead(cr, lease)
            finally:
                lease.end()
                if not cr.connection.closed:
                    lease.release(cr)
        return 0

    def _lead(self, cr, lease: Lease):
        """Deliver until the lease is somebody else's or the thread is stopped.

        One thread delivers; this one keeps the lease and listens, also while reading
        the log takes long.
        """
        delivery = Delivery(self.dbname, lease, self._schedule)
        thread = threading.Thread(
            target=self._deliver,
            args=(delivery, lease),
            name=f"{__name__}.{self.dbname}.delivery",
            daemon=True,
        )
        thread.start()
        try:
            cr.execute(SQL("LISTEN %s", SQL.identifier(COMMITTED)))
            while not self._is_stopped.is_set() and thread.is_alive():
                if not lease.renew(cr):
                    _logger.info("Webhooks of %s are sent by another", self.dbname)
                    break
                if not outbox.is_needed(cr):
                    break
                self._listen(cr.connection, delivery)
        finally:
            lease.end()
            delivery.call()
            thread.join(1)
            delivery.close()

    def _listen(self, connection, delivery: Delivery):
        """Call for a round at each notification, until the lease is to be renewed."""
        end = time.monotonic() + RENEWED_EACH
        while time.monotonic() < end and not self._is_stopped.is_set():
            if select.select([connection], [], [], LISTENED_EACH)[0]:
                connection.poll()
            if connection.notifies or self._awake.is_set():
                connection.notifies.clear()
                self._awake.clear()
                delivery.call()

    def _deliver(self, delivery: Delivery, lease: Lease):
        try:
            with delivery.connected() as cr:
                while lease.holds:
                    if not delivery.step(cr):
                        delivery.wait(cr, RENEWED_EACH)
        except (psycopg2.OperationalError, psycopg2.InterfaceError, PoolError) as error:
            _logger.info("Webhooks of %s wait: %s", self.dbname, error)
        except psycopg2.errors.UndefinedTable:
            _logger.info("Webhooks of %s end", self.dbname)
        except Exception:
            _logger.exception("Webhooks of %s wait", self.dbname)


class Dispatchers:
    """The dispatchers of this process, by database."""

    def __init__(self):
        self._lock = threading.Lock()
        self._dispatchers: dict[str, Dispatcher] = {}
        atexit.register(self.stop)
        servers.CommonServer.on_stop(self.stop)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def start(self, dbname: str, after: float = BEFORE_FIRST) -> bool:
        """Have a thread, if this process serves; return whether there is one.

        It ends at its first look where there is no endpoint. The master of several
        workers only notes the database: threads do not survive a fork.

        :param after: seconds before the first look of a new one
        """
        with self._lock:
            former = self._dispatchers.get(dbname)
            if former and former.is_alive:
                return True
            dispatcher = self._dispatchers[dbname] = Dispatcher(dbname, after)
            if not is_serving():
                return False
            dispatcher.start()
            return True

    def wake(self, dbname: str):
        """Have the thread of a database look; if it has ended, another one."""
        dispatcher = self._dispatchers.get(dbname)
        if dispatcher and dispatcher.is_alive:
            dispatcher.wake()
        elif dispatcher:
            self.start(dbname, 0)

    def stop(self):
        with self._lock:
            dispatchers, self._dispatchers = self._dispatchers, {}
        for dispatcher in dispatchers.values():
            if dispatcher.is_alive:
                dispatcher.stop()

    def _after_fork(self):
        self._lock = threading.Lock()
        databases, self._dispatchers = list(self._dispatchers), {}
        if is_serving():
            for dbname in databases:
                self.start(dbname)


def is_serving() -> bool:
    """Return whether this process is one of a server's that may send.

    That is a server with threads that answers or runs jobs, and each worker of one with
    processes; neither a command, nor a test, nor what serves websockets.
    """
    server = servers.server
    if server is None or config["test_enable"] or config["stop_after_init"]:
        return False
    if isinstance(server, servers.PreforkServer):
        return os.getpid() != server.pid
    if isinstance(server, servers.ThreadedServer):
        runs_jobs = any(
            getattr(each, "type", None) == "cron" for each in threading.enumerate()
        )
        return server.httpd is not None or runs_jobs
    return False


def _exists(dbname: str) -> bool:
    """Return whether there is such a database, as far as can be told."""
    try:
        with db_connect("postgres").cursor() as cr:
            cr.execute("SELECT FROM pg_database WHERE datname = %s", [dbname])
            return bool(cr.rowcount)
    except psycopg2.Error:
        return True


dispatchers = Dispatchers()


def _stand_by(cr):
    """Have a thread where an endpoint was made that another process knows of."""
    if outbox.is_needed(cr):
        dispatchers.start(cr.dbname, 0)


FOLLOWERS.append(_stand_by)
