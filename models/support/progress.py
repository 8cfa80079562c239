"""Progress of long runs, reported before each of their statements."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Lock

#: Called with the part that is done (0 to 1) and the name of the next step; it may
#: raise to end the run
Report = Callable[[float, str], None]


class Postponed(Exception):
    """The rest of a run has to wait.

    :ivar pause: the time until it is tried again
    """

    def __init__(self, pause: timedelta):
        super().__init__(pause)
        self.pause = pause


def silent(done: float, step: str):
    """Report to nobody."""


def seldom(report: Report, seconds: float = 0.5) -> Report:
    """Return a report that is passed on only after a pause, for many small steps."""
    last = 0.0

    def report_seldom(done: float, step: str):
        nonlocal last
        if time.monotonic() - last >= seconds:
            report(done, step)
            last = time.monotonic()

    return report_seldom


class Progress:
    """Counts the steps of a run; to be called with each step's name before the step.

    :param steps: the number of steps of the run
    """

    def __init__(self, report: Report, steps: int):
        self._report = report
        self._steps = steps
        self._taken = 0
        self._lock = Lock()

    def __call__(self, step: str):
        # Two sessions may work side by side.
        with self._lock:
            self._report(self._taken / self._steps, step)
            self._taken += 1
