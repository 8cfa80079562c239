"""Progress of long runs, reported before each of their statements."""

from collections.abc import Callable
from threading import Lock

#: Called with the part that is done (0 to 1) and the name of the next step; it may
#: raise to end the run
Report = Callable[[float, str], None]


def silent(done: float, step: str):
    """Report to nobody."""


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
