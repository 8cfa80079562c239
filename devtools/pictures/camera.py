"""Takes screenshots of a served Odoo with Chromium. Runs in the virtual environment.

Standard input is JSON: ``browser`` (its command), ``url`` and ``database`` of the
server, ``password`` of all logins but that of the ``administrator``, whose login is the
password too, and ``shots``, each a ``devtools.pictures.screenshots.Shot``.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from ..console import Failure
from ..web.page import Page, opened
from ..web.person import DASHBOARD, Person

SETTLE_SECONDS = 1.0
"""For what moves after it is there: charts, images, fonts."""

SUBSCRIBE_SECONDS = 3.0
"""Until a page is told of changes, which it says nowhere."""


def log_in(order: dict[str, Any], login: str, password: str) -> Person:
    person = Person(order["url"])
    person.log_in(order["database"], login, password)
    return person


def busiest_lead(person: Person) -> int:
    """Return the id of an open opportunity, changed lately, with many events."""
    query = "status=pending&sort=-changed_at&fields=odoo_id,version&limit=200"
    items = person.get(f"{DASHBOARD}opportunities?{query}").json()["items"]
    return max(items, key=lambda item: item["version"])["odoo_id"]


def take(page: Page, order: dict[str, Any], shot: dict[str, Any]) -> None:
    url = order["url"]
    person = log_in(order, shot["login"], shot["password"] or order["password"])
    # Of the companies, too, that somebody else has switched on.
    page.call("Network.clearBrowserCookies")
    page.enter(url, person.session_id)
    page.resize(shot["width"], shot["height"], mobile=shot["width"] < 500)
    path = shot["path"]
    if "{lead}" in path:
        path = path.format(lead=busiest_lead(person))
    page.visit(url + path)
    for selector in shot["clicks"]:
        element = f"document.querySelector({json.dumps(selector)})"
        page.wait_for(element)
        # As a click of a person does, it takes the focus there.
        page.evaluate(f"{element}.focus(); {element}.click()")
    if shot["writes"]:
        time.sleep(SUBSCRIBE_SECONDS)
        lead, login = busiest_lead(person), order["administrator"]
        log_in(order, login, login).call("crm.lead", "write", [lead], shot["writes"])
    page.wait_for(f"document.querySelector({json.dumps(shot['ready'])})")
    time.sleep(SETTLE_SECONDS)
    Path(shot["file"]).write_bytes(page.picture(shot["part"]))
    # Read by ./dev, which counts them.
    sys.stdout.write(f"{shot['file']}\n")
    sys.stdout.flush()


def main() -> None:
    order = json.load(sys.stdin)
    with opened(order["browser"]) as page:
        for shot in order["shots"]:
            try:
                take(page, order, shot)
            except Failure as failure:
                sys.exit(f"{shot['file']}: {failure}")


if __name__ == "__main__":
    main()
