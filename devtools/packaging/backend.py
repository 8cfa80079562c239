"""The build backend of pyproject.toml: whool, for an addon at a checkout's root.

whool takes the addon's name from the folder and packs all that git has. A checkout may
be called anything, and has much that only developers need. So whool gets a folder of
the addon's name with what customers need.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whool import buildapi

ADDON = "crm_cqrs"
ROOT = Path(__file__).resolve().parent.parent.parent

PACKED = (
    *("LICENSE", "CHANGELOG.md", "README.rst"),
    *("__init__.py", "__manifest__.py", "hooks.py"),
    *("cli", "controllers", "data", "i18n", "migrations", "models", "security"),
    *("static", "views"),
)
LEFT_OUT = ("static/tests",)
"""What Odoo loads in tests alone; a bundle may lack files that match its pattern."""

# With it, what whool makes does not depend on git's history. The second line is what
# a source distribution is built with: it holds the addon alone.
SETTINGS = """\
[build-system]
requires = ["whool>=1.3,<2"]
build-backend = "whool.buildapi"

[tool.whool]
post_version_strategy_override = "none"
"""


def files() -> list[Path]:
    """Return what is packed: paths in the checkout, of those that git tracks.

    Without git, as in an export, all files are taken for tracked.
    """
    try:
        tracked = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        tracked = ""
    paths = [Path(name) for name in tracked.split("\0") if name] or [
        path.relative_to(ROOT)
        for name in PACKED
        for path in (ROOT / name, *(ROOT / name).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    ]
    return [
        path
        for path in paths
        if path.parts[0] in PACKED
        and not path.as_posix().startswith(tuple(f"{name}/" for name in LEFT_OUT))
    ]


@contextmanager
def staged() -> Iterator[None]:
    """Work in a folder of the addon's name with what is packed, for the block."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        addon = Path(folder, ADDON)
        for path in files():
            (addon / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, addon / path)
        (addon / "pyproject.toml").write_text(SETTINGS)
        # Where temporary files lie in a repository, whool would ask that.
        os.environ["GIT_CEILING_DIRECTORIES"] = folder
        os.chdir(addon)
        try:
            yield
        finally:
            os.chdir(before)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    wheel_directory = os.path.abspath(wheel_directory)
    with staged():
        return buildapi.build_wheel(wheel_directory, config_settings)


def build_sdist(sdist_directory, config_settings=None):
    sdist_directory = os.path.abspath(sdist_directory)
    with staged():
        return buildapi.build_sdist(sdist_directory, config_settings)


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    metadata_directory = os.path.abspath(metadata_directory)
    with staged():
        return buildapi.prepare_metadata_for_build_wheel(
            metadata_directory, config_settings
        )


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    _require_name()
    return buildapi.build_editable(wheel_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory, config_settings=None):
    _require_name()
    return buildapi.prepare_metadata_for_build_editable(
        metadata_directory, config_settings
    )


def _require_name() -> None:
    """Refuse a folder of another name: an editable install links to the folder."""
    if ROOT.name != ADDON:
        raise SystemExit(
            f"An editable install needs this folder to be named {ADDON}, but it is "
            f"named {ROOT.name}. Rename it, or install without --editable."
        )
