"""What is known of the HTTP request being served: its id, and who is logged in.

Work without a server may put anything in a request's place: Odoo's tests put mocks
there, other addons objects with the few attributes that they need.
"""

import re
import uuid

from odoo.http import request

#: The header it is taken from and given back in
HEADER = "X-Correlation-ID"

# What may stand in a log line and in a header as it is.
_SANE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?")

_VARIABLE = "HTTP_" + HEADER.upper().replace("-", "_")
_KEY = "crm_cqrs.correlation_id"

_MISSING = object()


def request_environ() -> dict | None:
    """Return the WSGI environment of the request, None outside of one."""
    environ = _read("httprequest", "environ")
    return environ if isinstance(environ, dict) else None


def correlation_id() -> str | None:
    """Return the id of the HTTP request being served, None outside of one.

    The client's own where it is at most 128 characters of printable ASCII, else a
    UUID made once: the same in every call, a retry of the request included.
    """
    environ = request_environ()
    if environ is None:
        return None
    if _KEY not in environ:
        given = environ.get(_VARIABLE, "")
        given = given.strip() if isinstance(given, str) else ""
        environ[_KEY] = given if _SANE.fullmatch(given) else str(uuid.uuid4())
    return environ[_KEY]


def logged_in_user_id(env) -> int | None:
    """Return who is logged in: the person of the request, else of the environment."""
    found = [_read("session", "uid"), _read("env", "uid")]
    for uid in found:
        if isinstance(uid, int) and uid:
            return uid
    # Of a request that nobody has logged in for, nobody.
    return None if None in found else env.uid


def _read(owner: str, name: str):
    """Return ``request.<owner>.<name>``, ``_MISSING`` if there is no such thing."""
    if not request:
        return _MISSING
    try:
        return getattr(getattr(request, owner), name)
    except (AttributeError, RuntimeError):
        return _MISSING
