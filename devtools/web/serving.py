"""Odoo's HTTP server, started for a block of code and stopped after it."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from ..bootstrap import odoo
from ..console import Failure, step
from ..process import free_port, start
from .person import Person

HOST = "127.0.0.1"
START_SECONDS = 180
STOP_SECONDS = 20


def require_free(port: int) -> None:
    """Refuse a port that somebody listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Failure(
                f"Port {port} cannot be used: {error.strerror}. Stop what uses it, or "
                f"choose another: ./dev demo --port {port + 1}"
            ) from None


@contextmanager
def served(
    environ: Mapping[str, str],
    name: str,
    port: int,
    log: Path,
    *options: str,
    waiting_for: str = "/web/login",
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the database ``name`` on ``port`` for the block, once it answers.

    :param waiting_for: a path that is answered once it can be used
    """
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as file:
        server = start(
            # With a filter, Odoo would list the server's databases for each request.
            [odoo.COMMAND, "-d", name, f"--http-port={port}", "--no-database-list"]
            + [f"--gevent-port={free_port()}", *options],
            environ=environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        with step("Starting Odoo"):
            wait_until_it_answers(server, port, log, waiting_for)
        yield server
    finally:
        stop(server)


def wait_until_it_answers(
    server: "subprocess.Popen[bytes]", port: int, log: Path, path: str
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if answers(port, path):
            return
        time.sleep(0.2)
    tail = "".join(f"    {line}\n" for line in log.read_text().splitlines()[-15:])
    raise Failure(
        f"Odoo did not come up on port {port}.\n{tail}The whole log is in {log}."
    )


def answers(port: int, path: str) -> bool:
    """Whether a page is served, for which all of Odoo must be loaded."""
    try:
        return Person(f"http://{HOST}:{port}").open(path).status == HTTPStatus.OK
    except OSError:
        return False


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Have Odoo end what it does and stop; kill it where it takes too long."""
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
