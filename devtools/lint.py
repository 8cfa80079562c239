"""./dev lint: ruff and pylint-odoo, both with OCA's settings for 19.0."""

import os
import sys

from .bootstrap import venv
from .console import say
from .environment import PROVISIONING, in_use, provisioning_lock
from .locks import exclusive
from .paths import ADDON, ADDONS, LINK, ROOT, STATE, link_atomically
from .process import run_in_front


def run() -> int:
    """Run every linter over the addon, ./dev and devtools; 1 where one complains."""
    with in_use():
        with exclusive(provisioning_lock(), PROVISIONING):
            venv.ensure()
            link_atomically(LINK, ROOT)
        ruff = venv.VENV / "bin" / "ruff"
        cache = f"--cache-dir={STATE / 'ruff'}"
        pylint = [venv.python(), venv.VENV / "bin" / "pylint"]
        pylint.append(f"--rcfile={ROOT / '.pylintrc'}")
        # ./dev is named since nothing in its name says that it is Python.
        sources = (ADDON, f"{ADDON}/dev")
        if sys.stdout.isatty():
            pylint.append("--output-format=colorized")
        commands = (
            [ruff, "check", cache, "--no-fix", *sources],
            [ruff, "format", cache, "--check", *sources],
            [*pylint, *sources],
        )
        # From outside: to each of them the folder's name is the addon's, and the
        # checkout's own may be any.
        codes = [
            run_in_front(command, environ=os.environ, cwd=ADDONS)
            for command in commands
        ]
    if any(codes):
        return 1
    say("No complaints from ruff and pylint.")
    return 0
