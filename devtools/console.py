"""What a person sees: lines on standard error, and the progress of long steps."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET_SECONDS = 2
"""A step that is over sooner than this is not worth a line."""
PLAIN_INTERVAL = 20
"""Seconds between two progress lines where no terminal can redraw one."""
FRAMES = "|/-\\"
CLEAR_LINE = "\r\033[K"


class Failure(Exception):
    """What failed and what to do about it; shown as it stands, with no traceback."""


def say(text: str) -> None:
    """Write a line to standard error; standard output belongs to the commands."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Show that ``title`` is under way, and how long it took.

    Yields a function that sets what is shown beside the title, such as "40 %".
    """
    start = time.monotonic()
    note = ""
    over = threading.Event()

    def set_note(text: str) -> None:
        nonlocal note
        note = text

    def elapsed() -> str:
        return seconds(time.monotonic() - start)

    def redraw() -> None:
        frame = 0
        while not over.wait(0.2):
            frame += 1
            text = f"{FRAMES[frame % 4]} {title}  {note} ({elapsed()})"
            sys.stderr.write(f"{CLEAR_LINE}{text}")
            sys.stderr.flush()

    def repeat() -> None:
        if not over.wait(QUIET_SECONDS):
            say(f"{title} ...")
        while not over.wait(PLAIN_INTERVAL):
            say(f"{title} ... {note} ({elapsed()})")

    terminal = sys.stderr.isatty()
    painter = threading.Thread(target=redraw if terminal else repeat, daemon=True)
    painter.start()
    try:
        yield set_note
    finally:
        over.set()
        painter.join()
        if terminal:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()
    if time.monotonic() - start >= QUIET_SECONDS:
        say(f"{title}: done in {elapsed()}")
