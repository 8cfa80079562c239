"""A person at an HTTP client, as far as Odoo's HTTP interface can tell."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from email.message import Message
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from ..console import Failure

TIMEOUT = 120
DASHBOARD = "/api/v2/dashboard/"


class RefusedError(Failure):
    """The server refused a call; ``name`` is the name of its error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


@dataclass(frozen=True)
class Response:
    status: int
    headers: Message
    text: str

    @property
    def content_type(self) -> str:
        return self.headers.get_content_type()

    def json(self) -> Any:
        """The body, with amounts as they are written: to the cent, never a float."""
        try:
            return json.loads(self.text, parse_float=Decimal)
        except ValueError:
            raise Failure(
                f"A response of status {self.status} is not JSON: {self.text[:500]}"
            ) from None


class Person:
    """A session of Odoo's, and what can be done in it.

    >>> admin = Person("http://localhost:8069")  # doctest: +SKIP
    >>> admin.log_in("demo", "admin", "admin")  # doctest: +SKIP
    >>> admin.call("crm.stage", "search_read", [], fields=["name"])  # doctest: +SKIP

    :ivar session_id: the cookie, empty before anybody has logged in
    """

    def __init__(self, base_url: str) -> None:
        self._address = urlsplit(base_url).netloc
        self.session_id = ""

    def open(
        self,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Response:
        """Send a GET, or a POST where there is a body; any status is an answer.

        :raise OSError: nobody answers
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        if self.session_id:
            sent["Cookie"] = f"session_id={self.session_id}"
        data = None if body is None else json.dumps(body)
        method = method or ("GET" if body is None else "POST")
        # One connection for each request: Odoo's own server keeps none.
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            self._take_cookie(answer.headers)
            return Response(answer.status, answer.headers, answer.read().decode())
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def _take_cookie(self, headers: Message) -> None:
        # The session has another one once somebody has logged in.
        for header in headers.get_all("Set-Cookie") or ():
            if cookie := SimpleCookie(header).get("session_id"):
                self.session_id = cookie.value

    def get(
        self, path: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return the answer to a GET.

        :raise Failure: it has another status
        """
        answer = self.open(path, headers=headers)
        if answer.status != status:
            raise Failure(f"{path}: {answer.status} {answer.text[:300]}")
        return answer

    def post(self, path: str, **params: Any) -> Any:
        """Call a JSON-RPC route; returns its result."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": params}
        answer = json.loads(self.open(path, body).text)
        if error := answer.get("error"):
            data = error.get("data", {})
            name = data.get("name", "").rpartition(".")[2]
            what = ".".join(filter(None, (params.get("model"), params.get("method"))))
            text = f"{what or path}: {data.get('message', error)}"
            raise RefusedError(name, text)
        return answer["result"]

    def log_in(self, name: str, login: str, password: str) -> int:
        """Log in with a password; returns the user's id."""
        path = "/web/session/authenticate"
        return self.post(path, db=name, login=login, password=password)["uid"]

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a model's method with this person's rights, as the web client does."""
        return self.post(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=args,
            kwargs=kwargs,
        )

    def dashboard(self) -> Response:
        return self.open(DASHBOARD)
