"""Takes screenshots of a served Odoo with Chromium. Runs in the virtual environment.

Standard input is JSON: ``browser`` (its command), ``url`` and ``database`` of the
server, ``password`` of all logins but that of the ``administrator``, whose login is the
password too, and ``shots``, each a ``devtools.screenshots.Shot``.
"""

import base64
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
import websocket

WAIT_SECONDS = 60
STEP_SECONDS = 0.1
SETTLE_SECONDS = 1.0
"""For what moves after it is there: charts, images, fonts."""

SUBSCRIBE_SECONDS = 3.0
"""Until a page is told of changes, which it says nowhere."""


class Page:
    """A page of a browser, over the Chrome DevTools Protocol."""

    def __init__(self, url: str):
        self._socket = websocket.create_connection(url, timeout=WAIT_SECONDS)
        self._ids = itertools.count(1)

    def call(self, method: str, **parameters) -> dict:
        call = next(self._ids)
        request = {"id": call, "method": method, "params": parameters}
        self._socket.send(json.dumps(request))
        while (answer := json.loads(self._socket.recv())).get("id") != call:
            pass
        if "error" in answer:
            sys.exit(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def evaluate(self, expression: str):
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        return answer["result"].get("value")

    def wait_for(self, selector: str, name: str) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not self.evaluate(f"!!document.querySelector({json.dumps(selector)})"):
            if time.monotonic() > end:
                seen = self.evaluate("location.href + ': ' + document.body?.innerText")
                sys.exit(f"{name}: no {selector} after {WAIT_SECONDS} s. {seen[:300]}")
            time.sleep(STEP_SECONDS)

    def place_of(self, selector: str) -> dict:
        """Return the rectangle of an element, as a screenshot is clipped to."""
        place = self.evaluate(
            f"document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect().toJSON()"
        )
        sides = ("x", "y", "width", "height")
        return {"scale": 1, **{side: place[side] for side in sides}}


def open_page(browser: str, profile: str) -> tuple[subprocess.Popen, Page]:
    process = subprocess.Popen(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
            "--remote-allow-origins=*",
            f"--user-data-dir={profile}",
            "about:blank",
        ],
        stderr=subprocess.DEVNULL,
    )
    noted = Path(profile, "DevToolsActivePort")
    end = time.monotonic() + WAIT_SECONDS
    while not (noted.exists() and noted.read_text().count("\n")):
        if time.monotonic() > end or process.poll() is not None:
            sys.exit("The browser did not start.")
        time.sleep(STEP_SECONDS)
    port = noted.read_text().split("\n")[0]
    targets = requests.get(f"http://127.0.0.1:{port}/json", timeout=WAIT_SECONDS).json()
    target = next(each for each in targets if each["type"] == "page")
    return process, Page(target["webSocketDebuggerUrl"])


def log_in(url: str, database: str, login: str, password: str) -> requests.Session:
    session = requests.Session()
    answer = session.post(
        f"{url}/web/session/authenticate",
        json={"params": {"db": database, "login": login, "password": password}},
        timeout=WAIT_SECONDS,
    ).json()
    if not answer.get("result", {}).get("uid"):
        sys.exit(f"{login} cannot log in.")
    return session


def busiest_lead(session: requests.Session, url: str) -> int:
    """Return the id of an open opportunity, changed lately, with many events."""
    answer = session.get(
        f"{url}/api/v2/dashboard/opportunities",
        params={
            "status": "pending",
            "sort": "-changed_at",
            "fields": "odoo_id,version",
            "limit": 200,
        },
        timeout=WAIT_SECONDS,
    )
    return max(answer.json()["items"], key=lambda item: item["version"])["odoo_id"]


def write(order: dict, lead: int, values: dict) -> None:
    """Write to a lead as the administrator, in another session than the page's."""
    url, login = order["url"], order["administrator"]
    answer = (
        log_in(url, order["database"], login, login)
        .post(
            f"{url}/web/dataset/call_kw/crm.lead/write",
            json={
                "params": {
                    "model": "crm.lead",
                    "method": "write",
                    "args": [[lead], values],
                    "kwargs": {},
                }
            },
            timeout=WAIT_SECONDS,
        )
        .json()
    )
    if "result" not in answer:
        sys.exit(f"{login} could not write: {answer}")


def take(page: Page, order: dict, shot: dict) -> None:
    url = order["url"]
    password = shot["password"] or order["password"]
    session = log_in(url, order["database"], shot["login"], password)
    page.call(
        "Network.setCookie",
        name="session_id",
        value=session.cookies["session_id"],
        url=url,
    )
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=shot["width"],
        height=shot["height"],
        deviceScaleFactor=1,
        mobile=shot["width"] < 500,
    )
    path = shot["path"]
    if "{lead}" in path:
        path = path.format(lead=busiest_lead(session, url))
    page.call("Page.navigate", url=url + path)
    for selector in shot["clicks"]:
        page.wait_for(selector, shot["file"])
        page.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
    if shot["writes"]:
        time.sleep(SUBSCRIBE_SECONDS)
        write(order, busiest_lead(session, url), shot["writes"])
    page.wait_for(shot["ready"], shot["file"])
    time.sleep(SETTLE_SECONDS)
    clip = {"clip": page.place_of(shot["part"])} if shot["part"] else {}
    picture = page.call("Page.captureScreenshot", **clip)["data"]
    Path(shot["file"]).write_bytes(base64.b64decode(picture))
    # Read by ./dev, which counts them.
    sys.stdout.write(f"{shot['file']}\n")
    sys.stdout.flush()


def main() -> None:
    order = json.load(sys.stdin)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser, page = open_page(order["browser"], profile)
        try:
            for shot in order["shots"]:
                take(page, order, shot)
        finally:
            browser.terminate()
            browser.wait()


if __name__ == "__main__":
    main()
