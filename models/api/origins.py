"""Origins of web pages (RFC 6454), as the setting lists them."""

import re

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(:(?P<port>\d{1,5}))?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_origins(text: str | None) -> tuple[str, ...]:
    """Return the origins that a text lists, as browsers write them.

    >>> parse_origins("https://App.example:443, http://localhost:3000")
    ('https://app.example', 'http://localhost:3000')

    :param text: separated by commas or white space
    :raise ValueError: a part of the text is not an origin; ``args[0]`` is that part
    """
    return tuple(_parse(each) for each in re.split(r"[,\s]+", text or "") if each)


def _parse(text: str) -> str:
    match = _ORIGIN.fullmatch(text.lower())
    if not match or int(match["port"] or 0) > 65535:
        raise ValueError(text)
    origin = f"{match['scheme']}://{match['host']}"
    port = match["port"] and int(match["port"])
    if not port or port == _DEFAULT_PORTS[match["scheme"]]:
        return origin
    return f"{origin}:{port}"
