"""Receivers of webhooks, in a process of their own, good ones and bad ones."""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..console import Failure
from ..process import guarded
from .serving import HOST

PROGRAM = Path(__file__).with_name("receiver_process.py")
GOOD = ("good", "slow")
"""Kinds that take every message at the first attempt."""
BAD = ("error", "silent", "half", "endless", "inward")
"""Kinds that never take a message: 500, no answer, half an answer, 1 GB, a redirect."""


class Receivers:
    """The process, from outside."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._secrets: dict[str, list[str]] = {}
        self._read_to = 0
        self._lines: list[dict[str, Any]] = []

    def url(self, path: str) -> str:
        """Return the address of a receiver, such as ``/good/1``."""
        return f"http://{HOST}:{self._port}{path}"

    def trust(self, path: str, *secrets: str) -> None:
        """Let a receiver verify with these secrets; before its first message."""
        self._secrets[path] = [*secrets]
        file = self._folder / "secrets.json"
        partial = file.with_suffix(".new")
        partial.write_text(json.dumps(self._secrets))
        partial.replace(file)

    def received(self, *paths: str) -> list[dict[str, Any]]:
        """Return what has come so far, in order, at these paths or at all.

        Each has ``path``, ``at`` (of ``time.monotonic()``), ``id``, ``status``,
        ``is_verified``, ``connection`` (its port), ``headers``, ``text`` and ``body``.
        """
        file = self._folder / "received.jsonl"
        if file.exists():
            with file.open("rb") as lines:
                lines.seek(self._read_to)
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    self._lines.append(json.loads(line))
                    self._read_to += len(line)
        return [each for each in self._lines if not paths or each["path"] in paths]

    def wait_for(
        self, condition: Callable[[], bool], seconds: float = 60, pause: float = 0.05
    ) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Failure(f"What is waited for did not come within {seconds} s.")
            time.sleep(pause)


@contextmanager
def receivers(port: int = 0) -> Iterator[Receivers]:
    """Run receivers for the block, on a free port or this one."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(512)
        listener.set_inheritable(True)
        process = subprocess.Popen(
            guarded([sys.executable, PROGRAM, str(listener.fileno()), folder]),
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
        )
        try:
            yield Receivers(Path(folder), listener.getsockname()[1])
        finally:
            process.kill()
            process.wait()
