"""PostgreSQL servers beside the private one, which live as long as a block of code.

A test has two of them that are about one another, and each of several test processes
has one to itself: a transaction that one of them leaves open holds back whoever reads
the log of events, in any database of the same server.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ..bootstrap import faketime
from ..console import Failure
from ..paths import remove_tree
from ..process import free_port, guarded
from . import cluster

START_SECONDS = 60
LOG = "server.log"
PREFIX = "beside-"
SETTINGS = {**cluster.SETTINGS, "shared_buffers": "128MB", "max_wal_size": "1GB"}


@contextmanager
def replica() -> Iterator[dict[str, str]]:
    """Run a hot standby of the server in use; gives the variables that lead to it.

    It has all that was committed before, and follows.
    """
    with new_folder("replica") as folder:
        copy(folder, os.environ, "--write-recovery-conf")
        with served(folder) as variables:
            yield variables


@contextmanager
def copy_of(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run a copy of the server that the variables lead to; gives those of the copy."""
    with new_folder("copy") as folder:
        copy(folder, environ)
        with served(folder) as variables:
            yield variables


class Mortal:
    """A copy of a server, which can be killed and started again.

    It loses nothing that was committed: neither it nor the machine's memory is what
    ``fsync`` is for.

    :ivar variables: lead libpq to it
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.variables = {**cluster.variables(), "PGPORT": str(self._port)}
        self.start()

    def start(self) -> None:
        durable = {"synchronous_commit": "on"}
        self._server = start(self._folder, self._port, {}, durable)
        wait_until_it_answers(self._server, self._port, self._folder / LOG)

    def kill(self) -> None:
        """Kill it as the kernel does; its backends end by themselves."""
        self._server.kill()
        self._server.wait()

    def stop(self) -> None:
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()


@contextmanager
def mortal() -> Iterator[Mortal]:
    """Run a copy of the server in use that can be killed."""
    with new_folder("mortal") as folder:
        copy(folder, os.environ)
        server = Mortal(folder)
        try:
            yield server
        finally:
            server.stop()


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
def in_the_past(library: Path, moment: datetime) -> Iterator[dict[str, str]]:
    """Run a new and empty cluster whose clock is a file, which stands at a moment.

    Gives what leads libpq to it, and Odoo to the same clock.
    """
    with new_folder("past") as folder:
        cluster.create(folder)
        # Where the server's account gets at them.
        own_library, clock = folder / library.name, folder / "clock"
        shutil.copyfile(library, own_library)
        own_library.chmod(0o755)
        faketime.write_clock(clock, moment)
        preload = faketime.variables(own_library, clock)
        with served(folder, preload) as variables:
            yield {**variables, **preload}


def copy(folder: Path, environ: Mapping[str, str], *options: str) -> None:
    """Copy the cluster of a running server of ours."""
    cluster.run(
        "Copying the database cluster",
        "pg_basebackup",
        *("-D", folder, "-h", cluster.home(), "-U", cluster.ROLE),
        *("-p", environ.get("PGPORT", str(cluster.PORT))),
        *("--checkpoint=fast", "--no-sync", *options),
    )


def prune() -> None:
    """Remove what killed ones have left; only while nobody runs one."""
    for home in cluster.homes():
        for folder in home.glob(f"{PREFIX}*"):
            remove_tree(folder)


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    folder = cluster.home() / f"{PREFIX}{name}-{secrets.token_hex(4)}"
    try:
        yield folder
    finally:
        remove_tree(folder)


@contextmanager
def served(
    folder: Path, preload: Mapping[str, str] | None = None
) -> Iterator[dict[str, str]]:
    """Serve a cluster for the block; gives the variables that lead libpq to it."""
    port = free_port()  # names the socket's file, in the folder of the private server's
    server = start(folder, port, preload or {})
    try:
        wait_until_it_answers(server, port, folder / LOG)
        yield {**cluster.variables(), "PGPORT": str(port)}
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nobody needs what is in it
        server.wait()


def start(
    folder: Path,
    port: int,
    preload: Mapping[str, str],
    further: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    settings = {
        **SETTINGS,
        **(further or {}),
        "port": port,
        "unix_socket_directories": os.fspath(cluster.home()),
    }
    with (folder / LOG).open("wb") as log:
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
            env={**os.environ, **preload},
            cwd=cluster.home(),
            **cluster.account(),
        )


def wait_until_it_answers(
    server: "subprocess.Popen[bytes]", port: int, log: Path
) -> None:
    command = [cluster.programs() / "pg_isready", "-q", "-h", cluster.home()]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run([*command, "-p", str(port)], check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text()[-2000:]
            raise Failure(f"Another PostgreSQL server did not start.\n{tail}")
        time.sleep(0.05)
