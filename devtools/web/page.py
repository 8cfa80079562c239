"""A page of a browser, over the Chrome DevTools Protocol."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..console import Failure

TIMEOUT = 60
"""Seconds until what is waited for must be so."""

#: ``{name: (DOM code, Windows' code, text)}``
KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Space": ("Space", 32, " "),
    "Escape": ("Escape", 27, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "Home": ("Home", 36, ""),
    "End": ("End", 35, ""),
}
SHIFT = 8

Send = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Send a command of the protocol with its parameters; return its result."""


class Page:
    """The actions of a person, or a script, at a page.

    :param send: to the page, whoever has opened it
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        return self._send(method, parameters)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        if error := answer.get("exceptionDetails"):
            raise Failure(f"{expression[:2000]}: {json.dumps(error)[:2000]}")
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait for an expression to hold, also while the page is being loaded."""
        end = time.monotonic() + TIMEOUT
        while not self._holds(condition):
            if time.monotonic() > end:
                seen = self.evaluate("location.href + ': ' + document.body?.innerText")
                raise Failure(f"The page never came to: {condition}. {seen[:300]}")
            time.sleep(0.05)

    def _holds(self, condition: str) -> bool:
        try:
            return self.evaluate(f"(async () => Boolean(await ({condition})))()")
        except Failure:  # asked of a page that gave way to the next one
            return False

    def visit(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def enter(self, url: str, session_id: str) -> None:
        """Go on in a session of Odoo's."""
        host = urlsplit(url).hostname
        self.call("Network.setCookie", name="session_id", value=session_id, domain=host)

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def press(self, key: str, times: int = 1, shift: bool = False) -> None:
        """Press a key as a person does, which goes to whatever has the focus."""
        code, number, text = KEYS[key]
        event = {
            "key": " " if key == "Space" else key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "modifiers": SHIFT if shift else 0,
        }
        kind = "keyDown" if text else "rawKeyDown"
        for _time in range(times):
            down = {**event, "type": kind, **({"text": text} if text else {})}
            self.call("Input.dispatchKeyEvent", **down)
            self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def write_text(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def picture(self, part: str = "") -> bytes:
        """Return a PNG of the window, or of an element that a selector names."""
        clip = {"clip": self._place_of(part)} if part else {}
        return base64.b64decode(self.call("Page.captureScreenshot", **clip)["data"])

    def _place_of(self, selector: str) -> dict[str, Any]:
        place = self.evaluate(
            f"document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect().toJSON()"
        )
        sides = ("x", "y", "width", "height")
        return {"scale": 1, **{side: place[side] for side in sides}}


@contextmanager
def opened(program: str) -> Iterator[Page]:
    """Open an empty page in a browser of its own for the block."""
    # Not at the top: it is not of the standard library.
    import websocket

    folder = tempfile.mkdtemp()
    browser = subprocess.Popen(
        [
            *(program, "--headless", "--no-sandbox", "--no-first-run"),
            *("--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
            *("--remote-debugging-port=0", "--remote-allow-origins=*"),
            *("--window-size=1366,768", f"--user-data-dir={folder}", "about:blank"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    numbers = count(1)
    try:
        socket = websocket.create_connection(_debugger(Path(folder)), timeout=TIMEOUT)

        def send(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
            number = next(numbers)
            message = {"id": number, "method": method, "params": parameters}
            socket.send(json.dumps(message))
            while (answer := json.loads(socket.recv())).get("id") != number:
                pass
            if "error" in answer:
                raise Failure(f"{method}: {answer['error']}")
            return answer["result"]

        yield Page(send)
        socket.close()
    finally:
        browser.kill()
        browser.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _debugger(folder: Path) -> str:
    """Return the address of the first page, once the browser says where it listens."""
    file = folder / "DevToolsActivePort"
    deadline = time.monotonic() + TIMEOUT
    while not (file.exists() and file.read_text().count("\n")):
        if time.monotonic() > deadline:
            raise Failure("The browser did not start.")
        time.sleep(0.05)
    port = file.read_text().split("\n")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=TIMEOUT) as f:
        targets = json.load(f)
    return next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
