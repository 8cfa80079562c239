"""The clock by which the sales organisation is built.

`now()` of the database and of Odoo follow a file where both run under libfaketime
(``./dev demo``). Elsewhere nothing can turn them: all events bear the present, and what
Odoo dates by itself is put back afterwards.
"""

import os
import time
from datetime import timezone


class Present:
    """The real clock: a moment ends with a flush, in the caller's transaction.

    A flush runs the precommit hooks: whoever takes the net change there, as the event
    store does, sees every moment by itself.
    """

    turns = False

    def turn_to(self, moment):
        pass

    def end_moment(self, env):
        env.cr.flush()


class ClockFile:
    """A file that libfaketime reads, here and in PostgreSQL; a moment is a transaction.

    The file has the seconds between the real time and the clock's, which goes on: a
    library that waits for the time to pass would wait for ever for one that stands.

    :param path: the file, which exists
    """

    turns = True

    def __init__(self, path):
        self.path = path

    def turn_to(self, moment):
        """Make it `moment` (naive UTC), after the last transaction."""
        file = os.open(self.path, os.O_RDWR)
        try:
            past = int(os.read(file, 100))
            real = time.time() - past
            past = round(moment.replace(tzinfo=timezone.utc).timestamp() - real)
            # In place and always as long: PostgreSQL reads it at any time, and must
            # never find half of it.
            os.pwrite(file, seconds(past), 0)
        finally:
            os.close(file)

    def end_moment(self, env):
        env.cr.commit()


def seconds(past):
    """The content of the file: ``b"-0048384000"``."""
    return b"%+011d" % past
