"""The browser that Odoo's browser tests drive; they skip themselves where it is not.

Chromium without windows is the first choice: pages take it half the processor time.
"""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from ..console import Failure, say
from ..paths import STATE
from ..process import run_logged

WITHOUT_WINDOWS = "chromium-headless-shell"
"""The same Chromium, and the name of Debian's package with it."""
NAMES = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
"""What Odoo's tests look for on the PATH."""
FOLDER = STATE / "browser"
"""A folder for the PATH of Odoo's tests; the browser is there by the first name."""
LISTS = Path("/var/lib/apt/lists")
STALE_SECONDS = 24 * 3600
PATIENCE = 600
"""Seconds for which another installation of packages is waited for."""
ADVICE = "Install Chromium or Chrome so that one of these is on the PATH: " + ", ".join(
    NAMES
)


def ensure() -> str | None:
    """Return None where there is a browser, else what to tell the person twice.

    On Debian, root gets Debian's Chromium without windows installed. With CI set, no
    browser is a failure: there, a skipped test would go unseen.
    """
    if shutil.which(WITHOUT_WINDOWS):
        return None
    if is_debian() and os.geteuid() == 0:
        try:
            install()
        except Failure:
            if not find():
                raise
    if find():
        return None
    if os.environ.get("CI"):
        raise Failure(f"No browser for the browser tests, and CI is set.\n{ADVICE}.")
    line = "=" * 79
    notice = f"{line}\nNO BROWSER: ALL BROWSER TESTS ARE SKIPPED.\n{ADVICE}.\n{line}"
    say(notice)
    return notice


def find() -> str | None:
    """Return the path of the browser, None where there is none."""
    return next(filter(None, map(shutil.which, (WITHOUT_WINDOWS, *NAMES))), None)


def first_on_path(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which Odoo's tests find the same browser as we do."""
    if not (found := find()):
        return dict(environ)
    FOLDER.mkdir(parents=True, exist_ok=True)
    link = FOLDER / f"{NAMES[0]}.{os.getpid()}"
    link.symlink_to(found)
    link.replace(FOLDER / NAMES[0])
    return {**environ, "PATH": os.pathsep.join([os.fspath(FOLDER), environ["PATH"]])}


def is_debian() -> bool:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return False
    return "ID=debian" in lines and shutil.which("apt-get") is not None


def install() -> None:
    say(f"Installing Debian's {WITHOUT_WINDOWS} for the browser tests.")
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
        f"Running apt-get install {WITHOUT_WINDOWS}",
        [
            "apt-get",
            *("-o", f"DPkg::Lock::Timeout={PATIENCE}"),
            *("install", "-y", "--no-install-recommends", WITHOUT_WINDOWS),
        ],
        log="apt-get-install",
        advice=f"{ADVICE}, then run the command again.",
        environ=environ,
    )


def has_recent_lists() -> bool:
    files = LISTS.glob("*_Packages*") if LISTS.exists() else ()
    return any(time.time() - file.stat().st_mtime < STALE_SECONDS for file in files)
