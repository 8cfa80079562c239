"""./dev wheel: the wheel odoo-addon-crm_cqrs, with what customers need."""

import os
import shutil
from pathlib import Path

from .bootstrap import tools
from .console import say
from .environment import PROVISIONING, in_use, provisioning_lock
from .locks import exclusive
from .paths import ROOT, STATE
from .process import run_logged

DIST = STATE / "dist"


def run() -> int:
    with in_use():
        with exclusive(provisioning_lock(), PROVISIONING):
            package = tools.ensure("package")
        say(f"{build(package, DIST)}")
    return 0


def build(package: Path, folder: Path) -> Path:
    """Build the wheel with the programs of ``package``, and return its path."""
    # Under a name of its own until it is whole, since an older one may be in use.
    made = folder / f".new-{os.getpid()}"
    try:
        run_logged(
            "Building the wheel",
            # The backend's requirements are installed: nothing is fetched.
            [package / "bin" / "python", "-m", "build", "--wheel", "--no-isolation"]
            + ["--outdir", made, ROOT],
            log="wheel",
            advice="Run it again once that is mended.",
        )
        [wheel] = made.glob("*.whl")
        return wheel.replace(folder / wheel.name)
    finally:
        shutil.rmtree(made, ignore_errors=True)
