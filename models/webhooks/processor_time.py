"""Processor time that threads beside requests and jobs use, given back to these.

Odoo limits the processor time of a worker's request or job by that of the process
(``limit_time_cpu``), and would end one for what the dispatcher has used meanwhile.
"""

import math
import resource
import threading
import time

_here = threading.local()
_lock = threading.Lock()
_used = 0.0


def give_back():
    """Raise the process's limit by what this thread has used since its last call."""
    global _used
    now = time.thread_time()
    used, _here.seen = now - getattr(_here, "seen", 0.0), now
    with _lock:
        _used += used
        # The limit has whole seconds; they are given in advance.
        seconds = math.ceil(_used)
        if seconds <= 0:
            return
        _used -= seconds
        soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        if soft == resource.RLIM_INFINITY:
            return
        soft += seconds
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
