"""Receive webhooks, and keep a copy of the opportunities: webhook_receiver.py FILE PORT

FILE is a database of SQLite, made where there is none. The environment has the rest:

    WEBHOOK_SECRETS  secrets of the endpoint: one, or two while a new one takes over
    ODOO_URL         address of Odoo
    ODOO_KEY         API key of the user as whom the endpoint looks

A message is verified, written down with its cursor, and answered. A thread then asks
Odoo for the opportunity as it is now, so that order, duplicates and old messages do no
harm. At the start and every hour the log tells, from the last cursor on, what an outage
has kept away.

Needs no Odoo, only Python and the library `standardwebhooks`. Put a web server in front
of it that speaks TLS.
"""

# pylint: disable=print-used  # what runs it reads its standard output

import json
import os
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST = 1 << 20
"""Bytes of a message that are read; none of Odoo's is longer."""
HOUR, PAUSE = 3600, 5
"""Seconds between two looks at the log, and until Odoo is asked again after a fault."""
RESYNC = "crm_cqrs.resync"
TABLES = """
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, task TEXT
);
CREATE INDEX IF NOT EXISTS waiting ON message (task) WHERE task IS NOT NULL;
CREATE TABLE IF NOT EXISTS opportunity (id INTEGER PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoint (cursor TEXT NOT NULL);
"""

WAITING = """
SELECT task, max(number) FROM message WHERE task IS NOT NULL
GROUP BY task ORDER BY max(number)
"""


class Store:
    """The messages, each once, and the opportunities."""

    def __init__(self, path: str):
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.executescript(f"PRAGMA journal_mode = WAL;{TABLES}")
        self.has_news = threading.Event()
        self.has_news.set()

    def run(self, *statements: tuple) -> list[tuple]:
        """Run statements in one transaction; return the rows of the last."""
        with self._lock, self._connection:
            for statement in statements:
                rows = self._connection.execute(*statement).fetchall()
        return rows

    def keep(self, message: dict) -> None:
        """Write down a message, if it is new, and where the log goes on after it."""
        # There is none before the first look at the log, after which all is loaded. A
        # test message has none.
        goes_on = "UPDATE checkpoint SET cursor = coalesce(?, cursor)"
        self.run(keeping(message), (goes_on, (message.get("cursor"),)))
        self.has_news.set()

    def keep_page(self, messages: list[dict], cursor: str) -> None:
        """Write down those of the log that are new, and where it goes on."""
        self.run(
            *map(keeping, messages),
            ("DELETE FROM checkpoint",),
            ("INSERT INTO checkpoint VALUES (?)", (cursor,)),
        )
        self.has_news.set()


def keeping(message: dict) -> tuple:
    return "INSERT OR IGNORE INTO message (id, task) VALUES (?, ?)", (
        message["id"],
        task(message),
    )


def task(message: dict) -> str | None:
    """Return what is to be loaded: the id of an opportunity, ``all``, or nothing."""
    if message["type"] == RESYNC:
        return "all"
    model, __, record_id = message.get("subject", "").partition("/")
    return record_id if model == "crm.lead" else None


def ask(path: str, **parameters: str | int) -> dict:
    """Return Odoo's answer.

    :raise OSError: there is none; an HTTPError where it is a refusal
    """
    url = f"{os.environ['ODOO_URL']}{path}?{urlencode(parameters)}"
    headers = {"Authorization": f"Bearer {os.environ['ODOO_KEY']}"}
    with urlopen(Request(url, headers=headers), timeout=60) as answer:
        return json.load(answer)


def catch_up(store: Store) -> None:
    """Write down what the log has since the last look.

    Nothing is known before the first: then everything is to be loaded, as of now.
    """
    has_more = True
    while has_more:
        [(cursor,)] = store.run(("SELECT max(cursor) FROM checkpoint",))
        after = cursor or "end"
        page = ask("/api/v2/events", stream="crm.lead", limit=1000, cursor=after)
        new = page["events"] if cursor else [{"id": "first", "type": RESYNC}]
        store.keep_page(new, page["next"])
        has_more = page["more"]


def load_all(store: Store) -> None:
    """Replace the copy by all that there is to see."""
    statements, cursor = [("DELETE FROM opportunity",)], {}
    while True:
        page = ask(
            "/api/v2/dashboard/opportunities", limit=200, archived="any", **cursor
        )
        statements += map(copying, page["items"])
        if not page["next"]:
            break
        cursor = {"cursor": page["next"]}
    store.run(*statements)


def load(store: Store, opportunity_id: int) -> None:
    """Replace the copy of one opportunity; it goes where there is none to see."""
    try:
        item = ask(f"/api/v2/dashboard/opportunities/{opportunity_id}")
    except HTTPError as error:
        if error.code != 404:
            raise
        store.run(("DELETE FROM opportunity WHERE id = ?", (opportunity_id,)))
    else:
        store.run(copying(item))


def copying(item: dict) -> tuple:
    content = json.dumps(item, ensure_ascii=False)
    return "INSERT OR REPLACE INTO opportunity VALUES (?, ?)", (
        item["odoo_id"],
        content,
    )


def work(store: Store) -> None:
    """Load what the messages name, for ever."""
    while True:
        store.has_news.wait()
        store.has_news.clear()
        waiting = store.run((WAITING,))
        try:
            for target, number in waiting:
                if target == "all":
                    load_all(store)
                else:
                    load(store, int(target))
                # What has come for it meanwhile has a higher number, and waits.
                store.run(
                    (
                        "UPDATE message SET task = NULL WHERE task = ? AND number <= ?",
                        (target, number),
                    )
                )
        except OSError as error:
            print(f"Odoo is asked again in {PAUSE} s: {error}", file=sys.stderr)
            time.sleep(PAUSE)
            store.has_news.set()


def look_at_the_log(store: Store) -> None:
    """Catch up now and every hour, for ever."""
    while True:
        try:
            catch_up(store)
            pause = HOUR
        except OSError as error:
            print(f"The log is read again in {PAUSE} s: {error}", file=sys.stderr)
            pause = PAUSE
        time.sleep(pause)


class Handler(BaseHTTPRequestHandler):
    """Answers 204 to what is verified, new or not, and 401 to anything else."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    store: Store

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", -1))
        if not 0 <= length <= LARGEST:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(length)
        for secret in os.environ["WEBHOOK_SECRETS"].split():
            try:
                message = Webhook(secret).verify(body, dict(self.headers))
            except (WebhookVerificationError, ValueError):
                continue
            self.store.keep(message)
            return self.answer(204)
        return self.answer(401)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    Handler.store = Store(sys.argv[1])
    for target in (work, look_at_the_log):
        threading.Thread(target=target, args=(Handler.store,), daemon=True).start()
    ThreadingHTTPServer(("", int(sys.argv[2])), Handler).serve_forever()
