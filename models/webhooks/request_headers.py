"""The headers of its own that an endpoint has, as a person enters them.

>>> parse_headers('{"X-Tenant": "1"}')
{'X-Tenant': '1'}
>>> try:
...     parse_headers('{"Webhook-Id": "1"}')
... except HeaderProblem as problem:
...     print(problem.kind)
reserved
"""

import json
import re

#: Bytes of all headers of an endpoint
MAX_HEADERS = 4000

#: Headers that the sender itself sets, and those of the connection
RESERVED = re.compile(
    r"(?:webhook-|content-|proxy-).*"
    r"|host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect",
    re.IGNORECASE,
)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[!-~](?:[ !-~]*[!-~])?")


class HeaderProblem(ValueError):
    """A problem of headers.

    :ivar kind: ``json``, ``name``, ``value``, ``reserved``, ``twice``, or ``length``
    :ivar header: the name of the header, empty if the problem is of all of them
    """

    def __init__(self, kind: str, header: str = ""):
        super().__init__(kind, header)
        self.kind, self.header = kind, header


def parse_headers(text: str | None) -> dict[str, str]:
    """Return the headers that a JSON object gives; none for an empty text.

    :raise HeaderProblem: it is none, or has a header that cannot be sent
    """
    if not (text or "").strip():
        return {}
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except ValueError as error:
        raise HeaderProblem("json") from error
    if not isinstance(pairs, _Pairs):
        raise HeaderProblem("json")
    headers, seen = {}, set()
    for name, value in pairs:
        if not _TOKEN.fullmatch(name):
            raise HeaderProblem("name", name)
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise HeaderProblem("value", name)
        if RESERVED.fullmatch(name):
            raise HeaderProblem("reserved", name)
        if name.lower() in seen:
            raise HeaderProblem("twice", name)
        seen.add(name.lower())
        headers[name] = value
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADERS:
        raise HeaderProblem("length")
    return headers


class _Pairs(list):
    """The members of a JSON object; a name may come twice."""
