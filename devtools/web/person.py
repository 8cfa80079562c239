"""A person at a browser, as far as Odoo's HTTP interface can tell."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from decimal import Decimal
from http.cookiejar import CookieJar
from typing import Any

from ..console import Failure

TIMEOUT = 60
DASHBOARD = "/api/v2/dashboard/"


@dataclass(frozen=True)
class Response:
    status: int
    content_type: str
    text: str

    def json(self) -> Any:
        """The body, with amounts as they are written: to the cent, never a float."""
        try:
            return json.loads(self.text, parse_float=Decimal)
        except ValueError:
            raise Failure(
                f"A response of status {self.status} is not JSON: {self.text[:500]}"
            ) from None


class Person:
    """A cookie jar and what can be done with it.

    >>> admin = Person("http://localhost:8069")
    >>> admin.log_in("demo", "admin", "admin")
    >>> admin.call("crm.stage", "search_read", [], fields=["name"])
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # the server is on this machine
            urllib.request.HTTPCookieProcessor(CookieJar()),
        )

    def open(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Response:
        """Send a GET, or a POST where there is a body; any status is an answer."""
        request = urllib.request.Request(
            self._base_url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        try:
            answer = self._opener.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Response(
                status=answer.status,
                content_type=answer.headers.get_content_type(),
                text=answer.read().decode(),
            )

    def post(self, path: str, **params: Any) -> Any:
        """Call a JSON-RPC route; returns its result."""
        body = {"jsonrpc": "2.0", "method": "call", "params": params}
        answer = self.open(path, body).json()
        if "error" in answer:
            message = answer["error"].get("data", {}).get("message", answer["error"])
            what = ".".join(filter(None, (params.get("model"), params.get("method"))))
            raise Failure(f"{what or path} failed on the server: {message}")
        return answer["result"]

    def log_in(self, name: str, login: str, password: str) -> int:
        """Log in with a password; returns the user's id."""
        path = "/web/session/authenticate"
        return self.post(path, db=name, login=login, password=password)["uid"]

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a model's method with this person's rights."""
        return self.post(
            "/web/dataset/call_kw",
            model=model,
            method=method,
            args=args,
            kwargs=kwargs,
        )

    def dashboard(self) -> Response:
        return self.open(DASHBOARD)
