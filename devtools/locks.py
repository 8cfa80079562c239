"""Locks between ./dev processes of one checkout; the kernel frees those of the dead."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .console import say


def open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def try_exclusive(descriptor: int) -> bool:
    """Take the lock unless somebody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def share(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold ``path`` for the block; waits, and says for what, while another does."""
    descriptor = lock_what_is_there(path, what)
    try:
        yield
    finally:
        os.close(descriptor)


def lock_what_is_there(path: Path, what: str) -> int:
    """Lock the file that bears the name by the time it is locked.

    While we waited, ./dev clean may have removed the one that we opened.
    """
    while True:
        path.parent.mkdir(exist_ok=True)
        descriptor = open_lock(path)
        if not try_exclusive(descriptor):
            say(f"Waiting for another ./dev in this checkout to finish {what} ...")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)
