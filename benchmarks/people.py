"""A person at an HTTP client: logged in, and asking."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 120


class Person:
    """A session of Odoo's.

    >>> head = Person(url, database, login, password)  # doctest: +SKIP
    >>> head.get("/api/v2/dashboard/")  # doctest: +SKIP
    """

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self._address = urlsplit(url).netloc
        answer, _body = self._ask(
            "POST",
            "/web/session/authenticate",
            {"params": {"db": database, "login": login, "password": password}},
            {},
        )
        cookies = answer.headers.get_all("Set-Cookie") or []
        # The session has another one once somebody has logged in.
        sessions = [each for each in cookies if each.startswith("session_id=")]
        self.session_id = sessions[-1].removeprefix("session_id=").partition(";")[0]
        self._headers = {"Cookie": f"session_id={self.session_id}"}

    def _ask(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        # One connection for each request: Odoo's own server keeps none.
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT)
        try:
            connection.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json", **headers},
            )
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def get(
        self, path: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Return the answer and its body.

        :raise RuntimeError: it has another status
        """
        answer, body = self._ask(
            "GET", path, None, {**self._headers, **(headers or {})}
        )
        if answer.status != status:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        return answer, body

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method as Odoo's web client does.

        :raise RuntimeError: it fails
        """
        parameters = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        path = f"/web/dataset/call_kw/{model}/{method}"
        _answer, body = self._ask("POST", path, {"params": parameters}, self._headers)
        result = json.loads(body)
        if "error" in result:
            raise RuntimeError(f"{model}.{method}: {str(result['error'])[:500]}")
        return result["result"]
