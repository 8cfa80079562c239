"""Odoo 19: where it comes from, its configuration, and the command that runs it."""

import importlib.util
import os
import re
import shlex
from pathlib import Path

from ..console import Failure
from ..paths import (
    ADDONS,
    DATA_DIR,
    LINK,
    ROOT,
    STATE,
    digest,
    link_atomically,
    write_atomically,
)
from . import apt, venv

SERIES = "19.0"
CONFIG = STATE / "odoo.conf"
IMPORTS = STATE / "imports"
"""Folder on PYTHONPATH that holds a link to the package and nothing else. The folder
that the package lies in may hold a whole system's packages, in other versions than
those of the lock file."""
COMMAND = STATE / "bin" / "odoo"
DEBIAN_PACKAGES = {
    "odoo-19": apt.UNSTABLE,
    # What odoo-19 links to instead of shipping it.
    "libjs-jquery": apt.UNSTABLE,
    "libjs-jquery-form": apt.UNSTABLE,
    "libjs-underscore": apt.UNSTABLE,
    "fonts-inconsolata": apt.UNSTABLE,
    "fonts-montserrat": apt.UNSTABLE,
    "fonts-ocr-b": apt.UNSTABLE,
    "fonts-roboto-unhinted": apt.UNSTABLE,
    # unstable has Font Awesome 7, the links are to files of 4.7.
    "fonts-font-awesome": apt.STABLE,
}
ADVICE = "To use an Odoo 19.0 of your own, set ODOO_PATH to its source tree."


def ensure() -> Path:
    """Return the folder of the package ``odoo`` 19.0, fetched where there is none.

    In this order: ODOO_PATH, the ``odoo`` that this interpreter imports, Debian's.
    """
    if path := os.environ.get("ODOO_PATH"):
        package = package_in(Path(path).expanduser().resolve())
        if package is None:
            raise Failure(
                f"ODOO_PATH is {path}, which holds neither odoo/release.py nor "
                "release.py. Set it to an Odoo 19.0 source tree or package folder."
            )
        require_series(package, "ODOO_PATH")
        return package
    if package := importable_package():
        require_series(package, "this Python's odoo")
        return package
    package = ensure_debian_package()
    require_series(package, "Debian's odoo-19")
    return package


def package_in(folder: Path) -> Path | None:
    candidates = (folder, folder / "odoo")
    return next((path for path in candidates if (path / "release.py").is_file()), None)


def importable_package() -> Path | None:
    spec = importlib.util.find_spec("odoo")
    locations = spec.submodule_search_locations if spec else None
    packages = (package_in(Path(location).resolve()) for location in locations or ())
    return next(filter(None, packages), None)


def require_series(package: Path, origin: str) -> None:
    """Refuse any other series: the addon is written for one."""
    release = (package / "release.py").read_text()
    match = re.search(r"^version_info = \((.+?),\s*(\d+),", release, re.MULTILINE)
    series = f"{match[1]}.{match[2]}".replace("'", "") if match else "of no series"
    if series != SERIES:
        raise Failure(
            f"{origin} ({package}) is Odoo {series}; this addon needs {SERIES}.\n"
            f"{ADVICE}"
        )


def ensure_debian_package() -> Path:
    """Unpack Debian's odoo-19, with what it links to, into one private root."""
    root = STATE / f"debian-{digest(repr(sorted(DEBIAN_PACKAGES.items())))}"
    package = root / "usr/lib/python3/dist-packages/odoo"
    if not root.exists():
        apt.unpack(DEBIAN_PACKAGES, root, ADVICE)
    add_missing_file(package)
    return package


def add_missing_file(package: Path) -> None:
    """Put an empty file where Debian left out one that is not free.

    The page asks for it, and its absence is a console error, which fails every
    browser test.
    """
    script = package / "addons/mail/static/lib/selfie_segmentation"
    script.mkdir(parents=True, exist_ok=True)
    path = script / "selfie_segmentation.js"
    # Written anew, it would be a change of all that pages load.
    if not path.exists():
        path.touch()


def write_configuration(package: Path) -> None:
    """Write what runs Odoo here: odoo.conf, the import link and the command.

    The server is not in it but in the environment (PGHOST and the like, which
    Odoo 19 reads), so two commands with different servers do not disturb each other.
    """
    link_atomically(IMPORTS / "odoo", package)
    link_atomically(LINK, ROOT)
    # A source tree keeps base in odoo/addons and all else in addons beside it.
    folders = (package / "addons", package.parent / "addons")
    paths = [os.fspath(path) for path in (*folders, ADDONS) if path.is_dir()]
    write_atomically(
        CONFIG,
        "[options]\n"
        f"addons_path = {','.join(paths)}\n"
        f"data_dir = {DATA_DIR}\n"
        "http_interface = 127.0.0.1\n",
    )
    COMMAND.parent.mkdir(parents=True, exist_ok=True)
    script = COMMAND.with_name("odoo_main.py")
    write_atomically(script, "import odoo.cli\n\nodoo.cli.main()\n")
    write_atomically(
        COMMAND,
        "#!/bin/sh\n"
        f"export ODOO_RC={shlex.quote(os.fspath(CONFIG))}\n"
        f"export PYTHONPATH={shlex.quote(os.fspath(IMPORTS))}\n"
        f"exec {shlex.quote(os.fspath(venv.python()))} "
        f'{shlex.quote(os.fspath(script))} "$@"\n',
        mode=0o755,
    )


def loading_percent(line: str) -> str | None:
    """Progress of an installation out of a line of Odoo's log."""
    match = re.search(r"Loading module (\w+) \((\d+)/(\d+)\)", line)
    return f"{100 * int(match[2]) // int(match[3])} % {match[1]}" if match else None
