"""Entity tags, by which an answer that its reader already has is not made again.

A tag is ``"<version>.<time>"``: the version of the facts that the answer depends on
(``models/api/answer_version.py``), and the time at which the answer was made, which
also stands in some answers. So two answers that differ have different tags, and a
client's answer is still right if its version is the present one.

A proxy that compresses answers may add the coding to the tag, as Apache does with
``"<version>.<time>-gzip"``. Clients send that back, and proxies do not always take it
away again.
"""

import hashlib
import re
from datetime import datetime, timedelta, timezone

from odoo.http import Response, request

from ..models.access.answer_context import AnswerContext
from ..models.api.answer_version import answer_version

#: An answer that is older is made again, since it says when it was made
MAX_AGE = timedelta(minutes=5)

_TAG = re.compile(r"([0-9a-f]{32})\.(\d{1,17})(?:[-;+]{1,2}[a-z]{2,8})?", re.ASCII)
_START = datetime(1970, 1, 1, tzinfo=timezone.utc)


class EntityTag:
    """The tag of the answer to the present request.

    :param user: the ``res.users`` record whose view is asked for
    :param zone: the zone of days that is asked for
    :param further: the version of what the answer depends on beside these
    """

    def __init__(self, user, zone=None, further=None):
        http = request.httprequest
        version = answer_version(request.env, user, zone)
        asked = http.path, http.query_string, version, further
        self._version = hashlib.sha256(repr(asked).encode()).hexdigest()[:32]
        self._now = AnswerContext.of(request.env).answered_at

    def not_modified(self) -> Response | None:
        """Return a 304 for a reader who holds the present answer, else None."""
        # A GET asks for weak comparison (RFC 9110, 13.1.2). Werkzeug has None for the
        # empty tag.
        for tag in request.httprequest.if_none_match.as_set(include_weak=True):
            held = _TAG.fullmatch(tag or "")
            if held and self._is_present(*held.groups()):
                # Without the coding, which the proxy adds again.
                return self._put_on(Response(status=304), held[2])
        return None

    def put_on(self, response: Response) -> Response:
        """Return the answer with its tag, or a 304 if the client accepts any tag."""
        if request.httprequest.if_none_match.star_tag:
            response = Response(status=304)
        made = (self._now - _START) // timedelta(microseconds=1)
        return self._put_on(response, made)

    def _is_present(self, version: str, microseconds: str) -> bool:
        if version != self._version:
            return False
        made = _START + timedelta(microseconds=int(microseconds))
        return self._now - MAX_AGE <= made <= self._now

    def _put_on(self, response: Response, made: int | str) -> Response:
        response.set_etag(f"{self._version}.{made}")
        return response
