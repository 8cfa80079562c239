"""The browser that Odoo's browser tests drive; they skip themselves where it is not."""

import os
import shutil
import time
from pathlib import Path

from ..console import Failure, say
from ..process import run_logged

NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
"""What Odoo's tests look for on the PATH."""
LISTS = Path("/var/lib/apt/lists")
STALE_SECONDS = 24 * 3600
PATIENCE = 600
"""Seconds for which another installation of packages is waited for."""
ADVICE = "Install Chromium or Chrome so that one of these is on the PATH: " + ", ".join(
    NAMES
)


def ensure() -> str | None:
    """Return None where there is a browser, else what to tell the person twice.

    On Debian, root gets Debian's Chromium installed. With CI set, no browser is a
    failure: there, a skipped test would go unseen.
    """
    if is_present():
        return None
    if is_debian() and os.geteuid() == 0:
        install()
        return None
    if os.environ.get("CI"):
        raise Failure(f"No browser for the browser tests, and CI is set.\n{ADVICE}.")
    line = "=" * 79
    notice = f"{line}\nNO BROWSER: ALL BROWSER TESTS ARE SKIPPED.\n{ADVICE}.\n{line}"
    say(notice)
    return notice


def find() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def is_present() -> bool:
    return find() is not None


def is_debian() -> bool:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return False
    return "ID=debian" in lines and shutil.which("apt-get") is not None


def install() -> None:
    say("No browser on the PATH: installing Debian's chromium for the browser tests.")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if not has_recent_lists():
        run_logged(
            "Running apt-get update",
            ["apt-get", "update", "-qq"],
            log="apt-get-update",
            advice=f"{ADVICE}, then run the command again.",
            environ=environ,
        )
    run_logged(
        "Running apt-get install chromium",
        [
            "apt-get",
            *("-o", f"DPkg::Lock::Timeout={PATIENCE}"),
            *("install", "-y", "--no-install-recommends", "chromium"),
        ],
        log="apt-get-install",
        advice=f"{ADVICE}, then run the command again.",
        environ=environ,
    )


def has_recent_lists() -> bool:
    files = LISTS.glob("*_Packages*") if LISTS.exists() else ()
    return any(time.time() - file.stat().st_mtime < STALE_SECONDS for file in files)
