"""Where things lie, and how files there are written so that a kill leaves no half."""

import hashlib
import os
import secrets
import shutil
from functools import cache
from pathlib import Path

ADDON = "crm_cqrs"
ROOT = Path(__file__).resolve().parent.parent
"""The checkout, which is the addon's folder too."""
STATE = ROOT / ".dev"
"""Everything that is provisioned; git-ignored, and removed by ./dev clean."""
LOGS = STATE / "logs"
WORK = STATE / "work"
"""What is being made; a kill leaves it there, for the last user of .dev to remove."""
ADDONS = STATE / "addons"
LINK = ADDONS / ADDON
"""The checkout under the addon's name: Odoo and pytest-odoo both go by the
folder's name, and a checkout may be called anything."""
DATA_DIR = STATE / "data"
LOCK_FILE = ROOT / "requirements.lock"


def digest(*parts: str | bytes) -> str:
    """Fingerprint of the inputs of something that is kept until they change."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hasher.update(b"%d:" % len(data) + data)
    return hasher.hexdigest()[:12]


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write so that any reader, and any kill, finds the old text or the new one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as f:
        f.write(text)
    temporary.replace(path)


def link_atomically(link: Path, target: Path) -> None:
    """Make ``link`` point to ``target``, whatever it pointed to."""
    if link.is_symlink() and os.readlink(link) == os.fspath(target):
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_name(f"{link.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def remove_tree(path: Path) -> None:
    """Remove a folder that may not be there, or may be half removed already."""
    if path.exists():
        shutil.rmtree(path)


@cache
def identity() -> str:
    """Name of this checkout where it meets others: databases, folders in /var/tmp.

    The path alone would do on one machine, but a database server can be shared by
    several, where checkouts lie at the same path.
    """
    token = STATE / "id"
    if not token.exists():
        write_atomically(token, secrets.token_hex(8))
    return digest(token.read_text(), os.fspath(ROOT))[:8]
