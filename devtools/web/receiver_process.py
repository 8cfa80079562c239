"""A server that receives webhooks: receiver_process.py SOCKET FOLDER

Started by ``receivers.py``, with a socket that listens as file descriptor SOCKET. The
first part of a path says how its messages are answered, the rest is a name. What is
received is written to FOLDER, a line of JSON for each message.
"""

import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
from gevent.pywsgi import WSGIServer
from standardwebhooks import Webhook, WebhookVerificationError

NEVER = 3600
CHUNK = bytes(1 << 16)
GIGABYTE = 1 << 30

Environ = dict[str, object]
Start = Callable[[str, list[tuple[str, str]]], object]


class Receivers:
    """The WSGI application."""

    def __init__(self, folder: Path) -> None:
        self._secrets_file = folder / "secrets.json"
        self._secrets: dict[str, list[str]] = {}
        self._log = (folder / "received.jsonl").open("a", buffering=1)
        self._attempts: Counter[tuple[str, str]] = Counter()

    def __call__(self, environ: Environ, start: Start) -> Iterator[bytes] | list[bytes]:
        at = time.monotonic()
        body = environ["wsgi.input"].read()
        path = environ["PATH_INFO"]
        message_id = environ.get("HTTP_WEBHOOK_ID", "")
        self._attempts[path, message_id] += 1
        kind = path.split("/")[1]
        status, headers, answer = getattr(self, f"_{kind}", self._lost)(
            self._attempts[path, message_id]
        )
        self._write(path, at, message_id, body, environ, status)
        start(status, headers)
        return answer

    def _write(
        self,
        path: str,
        at: float,
        message_id: str,
        body: bytes,
        environ: Environ,
        status: str,
    ) -> None:
        try:
            message = json.loads(body)
        except ValueError:
            message = {}
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        line = {
            "path": path,
            "at": at,
            "id": message_id,
            "status": int(status[:3]),
            "is_verified": self._is_verified(path, body, headers),
            "connection": environ["REMOTE_PORT"],
            "headers": headers,
            "text": body.decode(errors="replace"),
            "body": message,
        }
        self._log.write(json.dumps(line) + "\n")

    def _is_verified(self, path: str, body: bytes, headers: dict[str, str]) -> bool:
        if path not in self._secrets and self._secrets_file.exists():
            self._secrets = json.loads(self._secrets_file.read_text())
        for secret in self._secrets.get(path, ()):
            try:
                Webhook(secret).verify(body, headers, json_parse=False)
            except (WebhookVerificationError, ValueError):
                continue
            return True
        return False

    # The ways to answer; each gives status, headers and body.

    def _lost(self, attempt: int):
        return "404 Not Found", [], [b""]

    def _good(self, attempt: int):
        return "204 No Content", [], []

    def _slow(self, attempt: int):
        gevent.sleep(0.2)
        return "204 No Content", [], []

    def _flaky(self, attempt: int):
        """Fail at the first attempt at every message."""
        return self._good(attempt) if attempt > 1 else self._error(attempt)

    def _error(self, attempt: int):
        return "500 Internal Server Error", [], [b"a fault of the receiver's"]

    def _gone(self, attempt: int):
        return "410 Gone", [], [b""]

    def _silent(self, attempt: int):
        def answer() -> Iterator[bytes]:
            # Not even headers are sent before the first byte of the answer.
            gevent.sleep(NEVER)
            yield b""

        return "200 OK", [], answer()

    def _half(self, attempt: int):
        def answer() -> Iterator[bytes]:
            yield b"the first half"
            gevent.sleep(NEVER)

        return "200 OK", [("Content-Length", "1000")], answer()

    def _endless(self, attempt: int):
        def answer() -> Iterator[bytes]:
            for _ in range(GIGABYTE // len(CHUNK)):
                yield CHUNK

        return "200 OK", [("Content-Length", str(GIGABYTE))], answer()

    def _inward(self, attempt: int):
        # Where it leads is a receiver, too, which notes who comes.
        return "302 Found", [("Location", "/good/trap")], [b""]


def main(descriptor: int, folder: str) -> None:
    listener = socket.socket(fileno=descriptor)
    listener.setblocking(False)
    gevent_listener = gevent.socket.socket(fileno=listener.detach())
    WSGIServer(
        gevent_listener, Receivers(Path(folder)), log=None, error_log=None
    ).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
