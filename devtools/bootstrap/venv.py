"""The virtual environment: the interpreter that runs ./dev plus requirements.lock."""

import importlib.util
import os
import sys
from pathlib import Path

from ..console import Failure
from ..paths import (
    LOCK_FILE,
    STATE,
    digest,
    link_atomically,
    remove_tree,
    write_atomically,
)
from ..process import run_logged
from . import apt

VENV = STATE / "venv"
"""A link to the folder in use: scripts in a virtual environment hold its absolute
path, so a finished one cannot be renamed into place."""
STAMP = "complete"


def python() -> Path:
    return VENV / "bin" / "python"


def wanted(lock_file: Path = LOCK_FILE, kind: str = "venv") -> Path:
    """Folder of the environment for this interpreter, lock file and checkout."""
    inputs = (lock_file.read_text(), sys.version, sys.base_prefix, os.fspath(STATE))
    return STATE / f"{kind}-{digest(*inputs)}"


def ensure() -> None:
    """Make the virtual environment, unless a complete one of these inputs exists."""
    folder = wanted()
    ensure_complete(folder, LOCK_FILE)
    link_atomically(VENV, folder)


def ensure_complete(folder: Path, lock_file: Path) -> None:
    """Make the environment of a lock file, unless it is complete."""
    if not (folder / STAMP).exists():
        remove_tree(folder)
        build(folder, lock_file)
        write_atomically(folder / STAMP, "")


def prune() -> None:
    """Remove environments of former lock files; only while nobody runs in one."""
    for folder in STATE.glob("venv-*"):
        if folder != wanted():
            remove_tree(folder)


def build(folder: Path, lock_file: Path) -> None:
    base = Path(sys.base_prefix, "bin", Path(sys.executable).name)
    interpreter = base if base.exists() else Path(sys.executable)
    has_pip = importlib.util.find_spec("ensurepip") is not None
    run_logged(
        "Creating the virtual environment",
        [interpreter, "-m", "venv", *([] if has_pip else ["--without-pip"]), folder],
        log="venv",
        advice="Is this Python's standard library complete? Try another interpreter: "
        "python3.11 ./dev ...",
    )
    environ = environ_of_pip()
    total = sum("==" in line for line in lock_file.read_text().splitlines())
    collected = 0

    def progress(line: str) -> str | None:
        nonlocal collected
        if line.startswith("Installing collected packages"):
            return "installing"
        if line.startswith(("Collecting ", "Ignoring ")):
            collected += 1
            return f"{100 * collected // total} %"
        return None

    run_logged(
        f"Installing the Python packages of {lock_file.name}",
        [folder / "bin" / "python", "-m", "pip", "install", "--no-input"]
        # Hashes are checked; nothing is resolved and nothing is built here.
        + ["--require-hashes", "--no-deps", "--only-binary=:all:"]
        + ["--requirement", lock_file],
        log="pip",
        advice="Check that pip reaches its package index, then run the command again.",
        progress=progress,
        environ=environ,
    )


def environ_of_pip() -> dict[str, str]:
    """Environment in which ``python -m pip`` runs in an environment made here."""
    if importlib.util.find_spec("ensurepip") is None:
        return environ_with_debian_pip()
    return dict(os.environ)


def environ_with_debian_pip() -> dict[str, str]:
    """Environment in which ``python -m pip`` runs off the wheel that Debian ships.

    Debian's python3 comes without ensurepip, and asking a person to install a
    system package is what ./dev is there to avoid.
    """
    folder = STATE / "debian-pip"
    if not folder.exists():
        apt.unpack(
            {"python3-pip-whl": apt.STABLE},
            folder,
            advice="Install your system's python3-venv package instead.",
        )
    wheels = sorted(folder.glob("usr/share/python-wheels/pip-*.whl"))
    if not wheels:
        raise Failure(
            "Debian's python3-pip-whl held no pip wheel; install python3-venv instead."
        )
    return {**os.environ, "PYTHONPATH": os.fspath(wheels[-1])}
