"""Requests to endpoints: to checked addresses, 15 s at most, 64 kB of the answer.

Values in, values out: nothing here knows a database.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from urllib3 import PoolManager, ProxyManager, Retry, make_headers
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.exceptions import TimeoutError as TooLate
from urllib3.util import parse_url

from .addresses import AddressProblem, Target, parse
from .connections import (
    LIMIT,
    EncryptedPool,
    Exchange,
    ExchangeFailed,
    Pool,
    current,
    reason,
)
from .settings import Settings

__all__ = ["Answer", "Settings", "Transport", "request_text"]

_logger = logging.getLogger(__name__)

#: Seconds that an exchange may last, from looking up the name to the answer's end
SECONDS = 15
#: Hosts, and connections of each, that are kept open
HOSTS = 256
CONNECTIONS = 48
#: The longest pause that a receiver may ask for, in seconds; urllib3's own limit
LONGEST_PAUSE = 6 * 3600


@dataclass(frozen=True)
class Answer:
    """Outcome of a request.

    :ivar status: of the answer; None if there was none
    :ivar text: its body, as far as it was read; no NUL, which PostgreSQL cannot keep
    :ivar error: why it is no answer that counts, in words; "" if it is one
    :ivar retry_after: the seconds that the receiver asks to wait, if it does
    :ivar duration_ms: from the beginning to the answer's end
    """

    status: int | None
    text: str
    error: str
    retry_after: float | None
    duration_ms: int

    @property
    def is_accepted(self) -> bool:
        return not self.error and self.status is not None and self.status // 100 == 2


class Transport:
    """Sends requests and keeps connections open; for several threads at a time."""

    def __init__(self, settings: Settings, seconds: float = SECONDS):
        self._settings = settings
        self._seconds = seconds
        self._pools = _pools(settings)

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request by POST; never raises.

        :param url: the endpoint's address
        """
        start = monotonic()
        exchange = Exchange(self._settings, self._seconds)
        token = current.set(exchange)
        status = retry_after = None
        pieces, error = [], ""
        try:
            response = self._request(parse(url), headers, body)
            try:
                status = response.status
                retry_after = _retry_after(response.headers.get("Retry-After"))
                error = _refusal(status, exchange)
                # One by one, so that those before an error are kept.
                pieces.extend(response.stream(4096, decode_content=False))
            except HTTPError:
                # What is longer than the limit is cut, which is no error.
                if exchange.received < LIMIT:
                    raise
            finally:
                # An answer that was read to its end has given its connection back. On
                # another one there is a part that nobody has read.
                response.close()
                response.release_conn()
        except AddressProblem as problem:
            error = f"The address cannot be used: {problem.kind}."
        except ExchangeFailed as failure:
            error = str(failure)
        except TooLate:
            error = str(exchange.too_late())
        except (HTTPError, OSError) as failure:
            error = reason(failure)
        except Exception as failure:
            _logger.exception("A request to an endpoint failed")
            error = f"The request could not be sent: {failure}"
        finally:
            current.reset(token)
        return Answer(
            status=status,
            text=b"".join(pieces).decode(errors="replace").replace("\0", "\ufffd"),
            error=error,
            retry_after=retry_after,
            duration_ms=round(1000 * (monotonic() - start)),
        )

    def close(self):
        """Close the connections that no request uses."""
        self._pools.clear()

    def _request(self, target: Target, headers: Mapping[str, str], body: bytes):
        if self._settings.proxy:
            exchange = current.get()
            exchange.check(target.host, target.literal, target.scheme == "https")
        return self._pools.urlopen(
            "POST",
            target.url,
            body=body,
            headers={"user-agent": "CRM-CQRS", **headers},
            redirect=False,
            retries=False,
            timeout=self._seconds,
            preload_content=False,
            enforce_content_length=True,
        )


def request_text(url: str, headers: Mapping, body: bytes, hidden: Mapping) -> str:
    """Return a request as it is shown.

    :param hidden: the headers whose values may be secret
    """
    lines = [f"POST {url}"]
    lines += [
        f"{name}: {'…' if name in hidden else value}" for name, value in headers.items()
    ]
    return "\n".join([*lines, "", body.decode()])


def _pools(settings: Settings) -> PoolManager:
    options = {
        "num_pools": HOSTS,
        "maxsize": CONNECTIONS,
        "ssl_context": settings.tls(),
    }
    if settings.proxy:
        auth = parse_url(settings.proxy).auth
        pools = ProxyManager(
            settings.proxy,
            proxy_headers=make_headers(proxy_basic_auth=auth) if auth else {},
            proxy_ssl_context=settings.tls(),
            **options,
        )
    else:
        pools = PoolManager(**options)
    pools.pool_classes_by_scheme = {"http": Pool, "https": EncryptedPool}
    return pools


def _refusal(status: int, exchange: Exchange) -> str:
    """Return why an answer of this status does not count, "" if it does."""
    if exchange.received >= LIMIT:
        return f"The headers of the answer are longer than {LIMIT // 1024} kB."
    if 300 <= status < 400:
        return f"The answer ({status}) points to another address. Enter that address."
    return ""


def _retry_after(text: str | None) -> float | None:
    seconds = None
    with suppress(InvalidHeader, ValueError, OverflowError):
        seconds = Retry().parse_retry_after(text) if text else None
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_PAUSE)
