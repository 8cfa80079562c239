"""The lease: which process sends the messages of a database.

One row names the holder. The holder renews it; who finds that it has ended takes it.
A holder never trusts it for longer than it was granted, by a clock of its own, and each
statement that writes names the holder: so a process that was stopped for a minute
neither goes on sending nor writes over the state of the next one.
"""

import os
import socket
import time
import uuid

from odoo.tools import SQL

#: Seconds that a lease is granted for, and between two renewals. A standby looks as
#: often as the holder renews: the next one sends within their sum.
GRANTED = 6.0
RENEWED_EACH = 2.0
#: Seconds by which a holder stops before its lease ends
MARGIN = 1.0

_TAKE = """
    UPDATE cqrs_webhook_lease
    SET holder = %(holder)s,
        until = clock_timestamp() + %(granted)s * interval '1 second'
    WHERE until < clock_timestamp()
    RETURNING true
"""
_RENEW = """
    UPDATE cqrs_webhook_lease
    SET until = clock_timestamp() + %(granted)s * interval '1 second'
    WHERE holder = %(holder)s
    RETURNING true
"""
_RELEASE = """
    UPDATE cqrs_webhook_lease SET until = '-infinity' WHERE holder = %(holder)s
"""


class Lease:
    """A term of one holder. Each has a name of its own, also within a process.

    :ivar holder: host, process id and a random part
    """

    def __init__(self):
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        self._until = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether this process may send. No statement is needed to know it."""
        return time.monotonic() < self._until

    def take(self, cr) -> bool:
        """Take the lease if it has ended; ``cr`` commits each statement."""
        return self._granted(cr, _TAKE)

    def renew(self, cr) -> bool:
        """Renew it; False if another holder has it."""
        return self._granted(cr, _RENEW)

    def release(self, cr):
        """Let the next one take it at once."""
        self._until = float("-inf")
        cr.execute(SQL(_RELEASE, holder=self.holder))

    def end(self):
        """Stop trusting it."""
        self._until = float("-inf")

    def _granted(self, cr, statement: str) -> bool:
        # Before the statement: PostgreSQL counts from a later moment.
        begin = time.monotonic()
        cr.execute(SQL(statement, holder=self.holder, granted=GRANTED))
        if not cr.fetchall():
            self.end()
            return False
        self._until = begin + GRANTED - MARGIN
        return True


#: The condition of a statement that only the present holder may execute. It locks the
#: row until the statement is committed, so that nobody takes the lease in between.
HELD = """
    held AS MATERIALIZED (
        SELECT FROM cqrs_webhook_lease WHERE holder = %(holder)s FOR SHARE)
"""
