"""./dev i18n: Odoo's export of all that can be translated, merged into i18n/."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .bootstrap import odoo, venv
from .databases import template, throwaway
from .environment import environment
from .paths import ADDON, ADDONS, ROOT
from .process import run_in_front

FOLDER = ROOT / "i18n"
MERGE = ("-m", "devtools.merge_translations", FOLDER)


def run() -> int:
    """Export the template, and give each language its terms; 1 where any is open."""
    with environment() as env:
        base = template.ensure(env)
        with throwaway.database_from(env, base) as name:
            template.run_odoo(env, f"Installing {ADDON}", "-d", name, "-i", ADDON)
            with configuration() as config:
                export = [odoo.COMMAND, "i18n", "export", "-c", config, "-d", name]
                export += ["-o", FOLDER / f"{ADDON}.pot", ADDON]
                if code := run_in_front(export, environ=env.environ):
                    return code
        # The catalogues are read with a package that ./dev itself does without.
        return run_in_front([venv.python(), *MERGE], environ=os.environ, cwd=ROOT)


@contextmanager
def configuration() -> Iterator[Path]:
    """Give a configuration of Odoo in whose addon there is nothing of ``./dev``.

    The export follows links, and among what ``./dev`` keeps is one to the addon.
    """
    with tempfile.TemporaryDirectory() as folder:
        addons = Path(folder) / "addons"
        (addons / ADDON).mkdir(parents=True)
        for entry in ROOT.iterdir():
            if not entry.name.startswith("."):
                (addons / ADDON / entry.name).symlink_to(entry)
        config = Path(folder) / "odoo.conf"
        config.write_text(
            odoo.CONFIG.read_text().replace(os.fspath(ADDONS), os.fspath(addons))
        )
        yield config
