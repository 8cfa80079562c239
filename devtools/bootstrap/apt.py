"""Debian packages fetched and unpacked privately: nothing is installed, no root.

apt runs with its own sources, lists and archive folders. It checks the signatures
against Debian's keyring as ever.
"""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..console import Failure, step
from ..paths import WORK
from ..process import output_of, run_logged

STABLE = "trixie"
"""By its code name: "stable" will be another release one day, with other fonts."""
UNSTABLE = "unstable"
OLD_STABLE = "bookworm"
"""For what is compiled: it runs on machines as old as that, and on newer ones."""
KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)


def available() -> bool:
    return bool(shutil.which("apt-get") and shutil.which("dpkg-deb") and keyring())


def keyring() -> Path | None:
    return next((path for path in KEYRINGS if path.exists()), None)


def mirrors() -> list[str]:
    """Archives that this machine's apt is configured with, the likeliest main first.

    ``update --print-uris`` reads the configuration alone, so it also works before
    the first ``apt-get update``. Which of them is Debian's main archive is settled
    by trying: no other has its suites signed with Debian's key.
    """
    with tempfile.TemporaryDirectory() as lists:
        listing = output_of(
            ["apt-get", "update", "--print-uris", "-o", f"Dir::State::Lists={lists}"]
        )
    found = re.findall(r"^'(\S+?)/dists/(\S+)/InRelease'", listing, re.MULTILINE)
    archives = dict.fromkeys(uri for uri, suite in found if "security" not in suite)
    return sorted(archives, key=lambda uri: not uri.rstrip("/").endswith("/debian"))


def download_percent(line: str) -> str | None:
    """Percentage out of a line of apt's status protocol."""
    match = re.match(r"dlstatus:\d+:([\d.]+):", line)
    return f"{float(match[1]):.0f} %" if match else None


def options(folder: Path) -> list[str]:
    """Point apt at ``folder`` for all that it reads about, and writes of, packages."""
    values = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Dir::Cache::Archives": folder / "archives",
        # The usual sandbox user cannot reach a checkout that only its owner can.
        "APT::Sandbox::User": "root",
        "APT::Status-Fd": 1,
        "Acquire::Languages": "none",
        "Acquire::Retries": 3,
    }
    return [part for key, value in values.items() for part in ("-o", f"{key}={value}")]


def read_lists(folder: Path, suites: Sequence[str], advice: str) -> None:
    """Fetch the suites' package lists from the first archive that is Debian's."""
    for name in ("lists/partial", "archives/partial", "cache"):
        (folder / name).mkdir(parents=True)
    failure = Failure(f"apt's configuration names no Debian archive.\n{advice}")
    for mirror in mirrors():
        (folder / "sources.list").write_text(
            "".join(
                f"deb [signed-by={keyring()}] {mirror} {suite} main\n"
                for suite in suites
            )
        )
        try:
            run_logged(
                f"Reading Debian's package lists ({', '.join(suites)})",
                ["apt-get", "update", "-qq", "--error-on=any", *options(folder)],
                log="apt-update",
                advice=advice,
                progress=download_percent,
            )
            return
        except Failure as error:
            failure = error
    raise failure


def unpack(packages: Mapping[str, str], target: Path, advice: str) -> None:
    """Fetch ``packages`` (name to suite) and unpack them into the new ``target``.

    The target is there only when it is complete.
    """
    if not available():
        raise Failure(
            "This machine has no apt-get, dpkg-deb or Debian archive keyring to fetch "
            f"{', '.join(packages)} with.\n{advice}"
        )
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        folder = Path(name)
        read_lists(folder, sorted(set(packages.values())), advice)
        run_logged(
            f"Downloading {', '.join(packages)}",
            ["apt-get", "download", *options(folder)]
            + [f"{package}/{suite}" for package, suite in packages.items()],
            log="apt-download",
            advice=advice,
            progress=download_percent,
            cwd=folder / "archives",
        )
        archives = sorted((folder / "archives").glob("*.deb"))
        with step("Unpacking") as set_note:
            for archive in archives:
                set_note(archive.name)
                output_of(["dpkg-deb", "-x", archive, folder / "root"])
        (folder / "root").replace(target)
