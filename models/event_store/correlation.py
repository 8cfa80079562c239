"""The id that ties an HTTP request to the events it makes and to its answer."""

import re
import uuid

from odoo.http import request

#: The header it is taken from and given back in
HEADER = "X-Correlation-ID"

# What may stand in a log line and in a header as it is.
_SANE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?")

_KEY = "crm_cqrs.correlation_id"


def correlation_id() -> str | None:
    """Return the id of the HTTP request being served, None outside of one.

    The client's own where it is at most 128 characters of printable ASCII, else a
    UUID made once: the same in every call, a retry of the request included.
    """
    if not request:
        return None
    environ = request.httprequest.environ
    if _KEY not in environ:
        given = request.httprequest.headers.get(HEADER, "").strip()
        environ[_KEY] = given if _SANE.fullmatch(given) else str(uuid.uuid4())
    return environ[_KEY]
