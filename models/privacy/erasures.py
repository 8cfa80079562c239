"""The list of erasures outside of the database, for a restore of an older dump.

A line for each erasure (JSON): ids of records and of events, and nothing personal. The
option ``cqrs_erasures`` of Odoo's configuration file names the file.
"""

import json
import os
from functools import lru_cache

from odoo.tools import config

OPTION = "cqrs_erasures"


def path() -> str | None:
    """Return the path of the list, None if the configuration names none."""
    return config.get(OPTION) or None


def append(line: dict) -> bool:
    """Add a line, on disk when this returns; False if the configuration names no list.

    :raise OSError: it cannot be written, so that nothing may be erased
    """
    name = path()
    if not name:
        return False
    is_new = not os.path.exists(name)
    with open(name, "a", encoding="utf-8") as file:
        # The line before may have been cut off.
        file.write("\n" if not is_new and not _ends_in_newline(name) else "")
        file.write(json.dumps(line, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new and hasattr(os, "O_DIRECTORY"):
        folder = os.open(os.path.dirname(os.path.abspath(name)), os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return True


def _ends_in_newline(name: str) -> bool:
    with open(name, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - 1, 0))
        return file.read() in (b"", b"\n")


def lines() -> list[dict]:
    """Return the lines of the list, oldest first; a line that was cut off is none."""
    name = path()
    if not name or not os.path.exists(name):
        return []
    facts = os.stat(name)
    return _lines(name, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1)
def _lines(name: str, modified: int, size: int) -> list[dict]:
    """Return the lines of a file that has not changed since, for screens that poll."""
    found = []
    with open(name, encoding="utf-8") as file:
        for text in file:
            try:
                found.append(json.loads(text))
            except ValueError:
                continue
    return found
