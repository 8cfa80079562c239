"""A bounded number of threads that send."""

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from . import processor_time


class Senders:
    """Calls functions in threads, as many at a time as there are threads.

    They are daemons: a server that stops waits for no receiver.

    :ivar finished: the results, each as soon as it is there
    """

    def __init__(self, most: int, done: Callable[[], None]):
        """
        :param done: called whenever a result is there
        """
        self.finished = SimpleQueue()
        self._most, self._done = most, done
        self._calls = SimpleQueue()
        self._threads = 0
        self._idle = threading.Semaphore(0)

    def submit(self, call: Callable[[], Iterable]):
        """Call a function, and have each of its results in ``finished``."""
        self._calls.put(call)
        if not self._idle.acquire(blocking=False) and self._threads < self._most:
            self._threads += 1
            threading.Thread(
                target=self._work, name=f"{__name__}.{self._threads}", daemon=True
            ).start()

    def close(self):
        """Let the threads end once they have done what was submitted."""
        for __ in range(self._threads):
            self._calls.put(None)

    def _work(self):
        while call := self._calls.get():
            for result in call():
                self.finished.put(result)
                processor_time.give_back()
                self._done()
            self._idle.release()
