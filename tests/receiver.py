"""A receiver of webhooks that behaves as a test says, on a real socket."""

import ssl
import threading
from contextlib import suppress
from socket import (
    AF_INET,
    AF_INET6,
    SHUT_RDWR,
    create_connection,
    create_server,
    socket,
)


class Receiver:
    """Listens at a free port of an address and serves each connection in a thread.

    ::

        with Receiver(lambda connection: connection.answer(b"HTTP/1.1 200 OK …")) as r:
            …

    :ivar connections: how many were accepted
    :ivar requests: what was read of them, one entry a request
    """

    def __init__(
        self,
        serve,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ):
        self._serve = serve
        self._tls = tls
        family = AF_INET6 if ":" in address else AF_INET
        self._listening = create_server((address, port), family=family)
        self._open: list[socket] = []
        self.address = address
        self.port = self._listening.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error):
        with suppress(OSError):
            # Closing alone would not wake the thread that waits for a connection.
            self._listening.shutdown(SHUT_RDWR)
        self._listening.close()
        self.drop()

    def drop(self):
        """Close all connections."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(SHUT_RDWR)
            each.close()

    def _accept(self):
        while True:
            try:
                accepted, __ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(accepted)
            threading.Thread(target=self._run, args=[accepted], daemon=True).start()

    def _run(self, accepted: socket):
        with suppress(OSError):
            if self._tls:
                accepted = self._tls.wrap_socket(accepted, server_side=True)
                self._open.append(accepted)
            self._serve(_Connection(self, accepted))
            accepted.shutdown(SHUT_RDWR)
        accepted.close()


class _Connection:
    """One connection, as the function that serves it sees it."""

    def __init__(self, receiver: Receiver, accepted: socket):
        self._receiver = receiver
        self._socket = accepted
        self._file = accepted.makefile("rb")
        self.number = receiver.connections

    def request(self) -> bytes:
        """Read a request and return it; empty if the sender has closed."""
        head = self.head()
        if not head:
            return b""
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().splitlines()
            if line.startswith(b"content-length:")
        )
        request = head + self._file.read(length)
        self._receiver.requests.append(request)
        return request

    def head(self) -> bytes:
        """Read the head of a request and return it; empty if the sender has closed."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            if not line:
                return b""
            head += line
        return head

    def send(self, data: bytes):
        self._socket.sendall(data)

    def pass_on(self, address: str, port: int):
        """Pass all bytes on, in both directions, until one side closes."""
        with create_connection((address, port)) as other:

            def back():
                with suppress(OSError):
                    while data := other.recv(65536):
                        self._socket.sendall(data)
                    self._socket.shutdown(SHUT_RDWR)

            threading.Thread(target=back, daemon=True).start()
            while data := self._socket.recv(65536):
                other.sendall(data)


def answer(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    """Return an answer that leaves the connection open."""
    head = "".join(f"{each}\r\n" for each in headers)
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
        + body
    )


def answering(*args):
    """Return a function that answers each request of a connection with the same."""

    def serve(connection):
        while connection.request():
            connection.send(answer(*args))

    return serve
