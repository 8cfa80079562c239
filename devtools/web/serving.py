"""Odoo's HTTP server, started for a block of code and stopped after it."""

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..bootstrap import odoo
from ..console import Failure, step
from ..environment import Environment
from ..process import start

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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@contextmanager
def served(
    env: Environment, name: str, port: int, log: Path, *options: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the database ``name`` on ``port`` for the block, once it answers."""
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as file:
        server = start(
            [odoo.COMMAND, "-d", name, f"--http-port={port}", "--no-database-list"]
            + [f"--db-filter=^{name}$", *options],
            environ=env.environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        with step("Starting Odoo"):
            wait_until_it_answers(server, port, log)
        yield server
    finally:
        stop(server)


def wait_until_it_answers(
    server: "subprocess.Popen[bytes]", port: int, log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if answers(port):
            return
        time.sleep(0.2)
    tail = "".join(f"    {line}\n" for line in log.read_text().splitlines()[-15:])
    raise Failure(
        f"Odoo did not come up on port {port}.\n{tail}The whole log is in {log}."
    )


def answers(port: int) -> bool:
    """Whether the login page is served, for which all of Odoo must be loaded."""
    connection = http.client.HTTPConnection(HOST, port, timeout=START_SECONDS)
    try:
        connection.request("GET", "/web/login")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Have Odoo end what it does and stop; kill it where it takes too long."""
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
