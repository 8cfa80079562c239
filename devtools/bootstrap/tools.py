"""Virtual environments of tools, beside that of Odoo and the tests.

Each is made of a lock file of its own: what a linter or a generator requires need not
agree with Odoo, and a change there makes neither the tests' environment nor the
template databases anew.
"""

from pathlib import Path

from ..paths import STATE, link_atomically, remove_tree
from . import venv

DECLARED = Path(__file__).resolve().parent / "tools"


def ensure(name: str) -> Path:
    """Return the environment of ``tools/NAME.lock``, made unless it is complete."""
    lock_file = DECLARED / f"{name}.lock"
    folder = venv.wanted(lock_file, f"tools-{name}")
    venv.ensure_complete(folder, lock_file)
    link_atomically(link(name), folder)
    return link(name)


def link(name: str) -> Path:
    """A link to the environment in use, as ``venv.VENV``."""
    return STATE / f"tools_{name}"


def prune() -> None:
    """Remove environments of former lock files; only while nobody runs in one."""
    wanted = {
        venv.wanted(lock_file, f"tools-{lock_file.stem}")
        for lock_file in DECLARED.glob("*.lock")
    }
    for folder in set(STATE.glob("tools-*")) - wanted:
        remove_tree(folder)
