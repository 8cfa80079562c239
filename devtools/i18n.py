"""./dev i18n: Odoo's export of all that can be translated, merged into i18n/."""

import os

from . import odoo, template, throwaway, venv
from .environment import environment
from .paths import ADDON, ROOT
from .process import run_in_front

FOLDER = ROOT / "i18n"
MERGE = ("-m", "devtools.merge_translations", FOLDER)


def run() -> int:
    """Export the template, and give each language its terms; 1 where any is open."""
    with environment() as env:
        base = template.ensure(env)
        with throwaway.database_from(env, base) as name:
            template.run_odoo(env, f"Installing {ADDON}", "-d", name, "-i", ADDON)
            export = [odoo.COMMAND, "i18n", "export", "-d", name]
            export += ["-o", FOLDER / f"{ADDON}.pot", ADDON]
            if code := run_in_front(export, environ=env.environ):
                return code
        # The catalogues are read with a package that ./dev itself does without.
        return run_in_front([venv.python(), *MERGE], environ=os.environ, cwd=ROOT)
