"""A page in a headless Chromium, spoken to over its DevTools protocol."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import websocket

TIMEOUT = 60


class Page:
    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._number = 0

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def evaluate(self, code: str) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        result = self.send(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(f"{code}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_for(self, code: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not self.evaluate(code):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The page never came to: {code}")
            time.sleep(0.1)


@contextmanager
def page(program: str, url: str, session_id: str) -> Iterator[Page]:
    """Open a page of a session of Odoo's for the block."""
    folder = tempfile.mkdtemp()
    browser = subprocess.Popen(
        [
            *(program, "--headless", "--no-sandbox", "--no-first-run"),
            *("--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"),
            *("--remote-allow-origins=*", "--window-size=1366,768"),
            *(f"--user-data-dir={folder}", "about:blank"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        socket = websocket.create_connection(debugger(Path(folder)), timeout=TIMEOUT)
        opened = Page(socket)
        host = urlsplit(url).hostname
        opened.send(
            "Network.setCookie", name="session_id", value=session_id, domain=host
        )
        opened.send("Page.navigate", url=url)
        yield opened
        socket.close()
    finally:
        browser.kill()
        browser.wait()
        shutil.rmtree(folder, ignore_errors=True)


def debugger(folder: Path) -> str:
    """Return the address of the first page, once the browser says where it listens."""
    file = folder / "DevToolsActivePort"
    deadline = time.monotonic() + TIMEOUT
    while not (file.exists() and file.read_text().strip()):
        if time.monotonic() > deadline:
            raise RuntimeError("Chromium did not start.")
        time.sleep(0.05)
    port = file.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=TIMEOUT) as f:
        targets = json.load(f)
    return next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
