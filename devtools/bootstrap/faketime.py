"""libfaketime: has the programs that preload it tell the time by a file."""

import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from ..console import Failure
from ..paths import STATE, digest
from . import apt

DEBIAN_PACKAGES = {"libfaketime": apt.OLD_STABLE}
ADVICE = "Nothing else is affected."


def ensure() -> Path:
    """Return the library, fetched where there is none; fails where it does not work."""
    root = STATE / f"faketime-{digest(repr(DEBIAN_PACKAGES))}"
    if not root.exists():
        apt.unpack(DEBIAN_PACKAGES, root, ADVICE)
    [library] = root.glob("usr/lib/*/faketime/libfaketime.so.1")
    command = ["date", "-u", "+%Y"]
    environ = {**os.environ, "LD_PRELOAD": os.fspath(library)}
    done = subprocess.run(
        command,
        env={**environ, "FAKETIME": "2001-02-03 04:05:06", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stdout.strip() != "2001":
        raise Failure(f"{library.name} does not work here. {done.stderr.strip()}")
    return library


def variables(library: Path, clock: Path) -> dict[str, str]:
    """Variables under which a program tells the time by the file."""
    return {
        "LD_PRELOAD": os.fspath(library),
        "FAKETIME_TIMESTAMP_FILE": os.fspath(clock),
        "FAKETIME_NO_CACHE": "1",  # or a transaction could begin by the former time
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # by which programs wait
        "NO_FAKE_STAT": "1",
        "TZ": "UTC",
    }


def write_clock(clock: Path, moment: datetime) -> None:
    """Make the file, with the seconds to the moment; the server's account reads it."""
    past = moment - datetime.now(timezone.utc)
    clock.write_bytes(b"%+011d" % past.total_seconds())
    clock.chmod(0o644)
