"""A second PostgreSQL server beside the private one, for a test that needs two."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import cluster
from .console import Failure
from .paths import remove_tree
from .process import guarded
from .serving import free_port

START_SECONDS = 60
LOG = "second-server.log"
SETTINGS = {"shared_buffers": "64MB", "hot_standby": "on", "listen_addresses": ""}


@contextmanager
def replica() -> Iterator[dict[str, str]]:
    """Run a hot standby for the block; gives the variables that lead libpq to it.

    It has all that was committed before, and follows. The private server runs.
    """
    with new_folder("replica") as folder:
        cluster.run(
            "Copying the database cluster",
            "pg_basebackup",
            *("-D", folder, "-h", cluster.home(), "-p", str(cluster.PORT)),
            *("-U", cluster.ROLE, "--checkpoint=fast", "--write-recovery-conf"),
            "--no-sync",
        )
        with served(folder) as variables:
            yield variables


@contextmanager
def younger() -> Iterator[dict[str, str]]:
    """Run a new and empty cluster for the block; gives what leads libpq to it.

    It has hardly given out a transaction id yet.
    """
    with new_folder("younger") as folder:
        cluster.create(folder)
        with served(folder) as variables:
            yield variables


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    folder = cluster.home() / f"{name}-{secrets.token_hex(4)}"
    try:
        yield folder
    finally:
        remove_tree(folder)


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """Serve a cluster for the block; gives the variables that lead libpq to it."""
    port = free_port()  # names the socket's file, in the folder of the private server's
    server = start(folder, port)
    try:
        wait_until_it_answers(server, port)
        yield {**cluster.variables(), "PGPORT": str(port)}
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nobody needs what is in it
        server.wait()


def start(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    settings = {
        **SETTINGS,
        "port": port,
        "unix_socket_directories": os.fspath(cluster.home()),
    }
    with open(cluster.home() / LOG, "wb") as log:
        return subprocess.Popen(
            guarded(
                [
                    *(cluster.server_programs() / "postgres", "-D", folder),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                signal.SIGQUIT,
            ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cluster.home(),
            **cluster.account(),
        )


def wait_until_it_answers(server: "subprocess.Popen[bytes]", port: int) -> None:
    command = [cluster.programs() / "pg_isready", "-q", "-h", cluster.home()]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run([*command, "-p", str(port)], check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            log = cluster.home() / LOG
            raise Failure(f"The second server did not start. Its log is {log}.")
        time.sleep(0.05)
