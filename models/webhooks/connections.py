"""Connections that reach checked addresses alone, and end with their exchange.

An ``Exchange`` is one request and its answer. The connections of urllib3's pools find
it by the thread, connect to the addresses that it has checked, and let no call to a
socket last longer than it may.
"""

import io
import socket
import ssl
from contextvars import ContextVar
from http.client import HTTPConnection as PlainConnection
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

from .addresses import Address
from .settings import ALLOWED_OPTION, Settings

#: Bytes of an answer that are read, its headers included
LIMIT = 64 * 1024


class ExchangeFailed(Exception):
    """An exchange that ended without an answer; its text says why, for a person."""


class Exchange:
    """One request and its answer.

    :ivar received: the bytes that the receiver has sent
    """

    def __init__(self, settings: Settings, seconds: float):
        self.received = 0
        self._settings = settings
        self._seconds = seconds
        self._end = monotonic() + seconds

    def too_late(self) -> ExchangeFailed:
        return ExchangeFailed(f"No complete answer within {self._seconds:g} s.")

    def left(self) -> float:
        """Return the seconds that are left; more than 0.

        :raise ExchangeFailed: none are
        """
        left = self._end - monotonic()
        if left <= 0:
            raise self.too_late()
        return left

    def check(self, host: str, address: Address | None, is_encrypted: bool):
        """
        :raise ExchangeFailed: the host may not be reached at the address
        """
        if self._settings.allows(host, address, is_encrypted):
            return
        at = "" if address is None or str(address) == host else f" at {address}"
        problem = (
            "which is no address of the internet"
            if is_encrypted
            else "without TLS (https)"
        )
        raise ExchangeFailed(
            f"This server does not connect to {host}{at}, {problem}. Its administrator "
            f"can allow it by {ALLOWED_OPTION} in odoo.conf."
        )

    def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host.

        :raise ExchangeFailed: it has none, or nobody says so in time
        """
        answers = SimpleQueue()

        # The resolver knows no time limit.
        def look_up():
            try:
                answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except OSError as error:
                answers.put(error)

        Thread(target=look_up, name=f"{__name__}.look_up", daemon=True).start()
        try:
            answer = answers.get(timeout=self.left())
        except Empty as error:
            raise self.too_late() from error
        if isinstance(answer, OSError):
            raise ExchangeFailed(
                f"The address of {host} was not found: {answer.strerror}."
            ) from answer
        return [ip_address(place[0]) for *__, place in answer]

    def connect(self, host: str, port: int, addresses: list[Address], options):
        """Return a socket that is connected to the first address that takes it."""
        for index, address in enumerate(addresses):
            try:
                connected = create_connection(
                    (str(address), port),
                    timeout=self.left() / (len(addresses) - index),
                    socket_options=options,
                )
                connected.settimeout(self.left())
                return connected
            except TimeoutError:
                problem = "no answer"
            except OSError as error:
                problem = error.strerror or str(error)
        raise ExchangeFailed(f"No connection to {host}, port {port}: {problem}.")


#: The exchange of this thread
current: ContextVar[Exchange] = ContextVar("exchange")


class _Received(io.RawIOBase):
    """Bytes of an answer: to the limit, and as long as the exchange may last."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket):
        self._raw = raw
        self._sock = sock

    def readable(self):
        return True

    def readinto(self, buffer):
        exchange = current.get()
        room = min(len(buffer), LIMIT - exchange.received)
        if room <= 0:
            return 0
        self._sock.settimeout(exchange.left())
        try:
            count = self._raw.readinto(memoryview(buffer)[:room])
        except TimeoutError as error:
            raise exchange.too_late() from error
        exchange.received += count
        return count

    def close(self):
        self._raw.close()
        return super().close()


class _Response(HTTPResponse):
    def __init__(self, sock, *args, **kwargs):
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Received(self.fp.detach(), sock))


class _Checked:
    """Behaviour of both kinds of connections."""

    response_class = _Response
    _is_encrypted = False
    _has_answered = False

    def _new_conn(self):
        exchange = current.get()
        self._has_answered = False
        addresses = exchange.addresses(self.host, self.port)
        if not self.proxy:
            for address in addresses:
                exchange.check(self.host, address, self._is_encrypted)
        return exchange.connect(self.host, self.port, addresses, self.socket_options)

    def request(self, *args, **kwargs):
        self._request = args, kwargs
        try:
            return super().request(*args, **kwargs)
        except OSError:
            if not self._has_answered:
                raise

    def send(self, data):
        exchange = current.get()
        if self.sock is not None:
            self.sock.settimeout(exchange.left())
        try:
            return super().send(data)
        except TimeoutError as error:
            raise exchange.too_late() from error

    def getresponse(self):
        """Return the answer; ask once more if the receiver had closed meanwhile.

        A receiver may close a connection that it has answered on at any time, and so
        while a request is on its way.
        """
        try:
            response = super().getresponse()
        except (OSError, HTTPException):
            if not self._has_answered or current.get().received:
                raise
            # urllib3's own would forget the way through a proxy.
            PlainConnection.close(self)
            args, kwargs = self._request
            super().request(*args, **kwargs)
            response = super().getresponse()
        self._has_answered = True
        return response


class _Connection(_Checked, HTTPConnection):
    pass


class _EncryptedConnection(_Checked, HTTPSConnection):
    _is_encrypted = True


class Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection


def reason(error: BaseException) -> str:
    """Return what went wrong, in words, out of the errors that urllib3 wraps.

    Nothing of the answer is in it: the owner of an endpoint, who is told of its last
    error, may not be one of those who may read answers.
    """
    while nested := next((a for a in error.args if isinstance(a, Exception)), None):
        error = nested
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate is not valid: {error.verify_message.rstrip('.')}."
    if isinstance(error, OSError) and error.strerror:
        return f"The connection failed: {error.strerror}."
    return f"There is no whole answer by HTTP ({type(error).__name__})."
