"""Processor time of processes: what a thing costs, however loaded the machine is."""

import os
import time
from dataclasses import dataclass, field

IS_LOCAL = os.environ.get("PGHOST", "").startswith("/")
"""Whether PostgreSQL's processes are here: it is reached through a Unix socket."""


@dataclass(frozen=True)
class Cost:
    """What something took, in seconds.

    :ivar seconds: by the clock
    :ivar odoo, postgres: of the processor, by whose it was; PostgreSQL's is 0 where
        it is elsewhere
    """

    seconds: float
    odoo: float
    postgres: float

    @property
    def processor(self) -> float:
        return self.odoo + self.postgres


@dataclass
class Meter:
    """Measures what an Odoo and PostgreSQL's processes for it take."""

    odoo: int = field(default_factory=os.getpid)
    backends: set[int] = field(default_factory=set)

    def now(self) -> Cost:
        """Return the time by the clock, and that which the processes have had so far;
        the cost of something is a difference of two."""
        postgres = sum(map(of_process, self.backends)) if IS_LOCAL else 0
        return Cost(time.perf_counter(), of_process(self.odoo), postgres)

    def since(self, before: Cost) -> Cost:
        now = self.now()
        return Cost(
            now.seconds - before.seconds,
            now.odoo - before.odoo,
            now.postgres - before.postgres,
        )


def of_process(pid: int) -> float:
    """Return the seconds that a process has had, threads that ended included; 0 of one
    that has ended.

    >>> 0 < of_process(os.getpid()) <= time.process_time()
    True
    """
    # What clock_getcpuclockid(3) returns on Linux: in nanoseconds, where the files in
    # /proc count hundredths of a second.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0
