"""Requests in a network of their own, with a name server and with public addresses.

``test_webhooks_reach_nothing_inside`` runs this file in a new network, mount and user
namespace, where it is root and alone. What it sees it prints, as JSON.
"""

import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from pathlib import Path
from time import monotonic
from types import ModuleType

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from receiver import Receiver, answer, answering

# Without Odoo: the transport knows none.
webhooks = ModuleType("webhooks")
webhooks.__path__ = [str(Path(__file__).parent.parent / "models" / "webhooks")]
sys.modules["webhooks"] = webhooks
from webhooks.addresses import is_public
from webhooks.transport import Settings, Transport

PUBLIC = "93.184.215.14"

#: ``{name: its addresses}``, as the name server has them
NAMES = {
    "public.example": [PUBLIC],
    "other.example": [PUBLIC],
    "inside.example": ["127.0.0.1"],
    "both.example": [PUBLIC, "127.0.0.1"],
    "beside.example": [PUBLIC, "10.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "private.example": ["10.0.0.1"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "translated.example": ["64:ff9b::7f00:1"],
    "embedded.example": ["2002:7f00:1::1"],
    "unspecified.example": ["0.0.0.0"],
}
#: A name that stands for another address each time that it is asked for
REBINDING = "rebinding.example"
#: A name of which nobody says anything
SILENT = "silent.example"

A, AAAA = 1, 28


class NameServer:
    """A server of ``NAMES`` by UDP.

    :ivar turns: how often ``REBINDING`` was asked for
    """

    def __init__(self):
        self.turns = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, client = self._socket.recvfrom(512)
            labels, at = [], 12
            while length := query[at]:
                labels.append(query[at + 1 : at + 1 + length].decode())
                at += 1 + length
            name, kind = ".".join(labels), int.from_bytes(query[at + 1 : at + 3])
            if name != SILENT:
                question = query[12 : at + 5]
                records = self._records(name, kind)
                head = query[:2] + b"\x81\x80" + b"\0\1" + bytes([0, len(records)])
                # The name again, class IN, to be kept for 0 s
                fixed = b"\xc0\x0c" + bytes([0, kind, 0, 1, 0, 0, 0, 0, 0])
                body = b"".join(fixed + bytes([len(each)]) + each for each in records)
                self._socket.sendto(head + b"\0\0\0\0" + question + body, client)

    def _records(self, name: str, kind: int) -> list[bytes]:
        if name == REBINDING and kind == A:
            self.turns += 1
            addresses = [PUBLIC if self.turns % 2 else "127.0.0.1"]
        else:
            addresses = NAMES.get(name, [])
        packed = [ip_address(each).packed for each in addresses]
        return [each for each in packed if len(each) == (4 if kind == A else 16)]


def set_up(folder: Path):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "addr", "add", f"{PUBLIC}/32", "dev", "lo"], check=True)
    configuration = folder / "resolv.conf"
    configuration.write_text("nameserver 127.0.0.1\n")
    mount = ["mount", "--bind", configuration, "/etc/resolv.conf"]
    subprocess.run(mount, check=True)


def certificate(folder: Path, *names: str) -> ssl.SSLContext:
    """Make the file ``ca.pem``; return a server's context with a certificate of it."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(timezone.utc)

    def signed(subject, public_key, *extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name.from_rfc4514_string(f"CN={subject}"))
            .issuer_name(x509.Name.from_rfc4514_string("CN=ca"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, is_critical)
        made = builder.sign(ca_key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    constraints = x509.BasicConstraints(ca=True, path_length=0), True
    (folder / "ca.pem").write_bytes(signed("ca", ca_key.public_key(), constraints))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    leaf = signed("leaf", key.public_key(), (alternatives, False))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "leaf.pem").write_bytes(private + leaf)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context


def proxy(asked: list[str]):
    """Return a function that serves a connection as a proxy; it notes what is asked."""

    def serve(connection):
        line = connection.head().partition(b"\r\n")[0].decode()
        asked.append(line)
        if line.startswith("CONNECT"):
            connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
            connection.pass_on(PUBLIC, 443)
        else:
            connection.send(answer("200 OK", b"by proxy"))

    return serve


def check_then_post(url: str, host: str, settings: Settings):
    """Send as many senders do: look at the name's addresses, then send by its name."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    if all(is_public(ip_address(place[0])) for *__, place in found):
        pools = urllib3.PoolManager(ssl_context=settings.tls(), retries=False)
        pools.request("POST", url, body=b"{}", timeout=5)


def main(folder: Path) -> dict:
    set_up(folder)
    server = NameServer()
    names_asked: list[str] = []
    tls = certificate(folder, REBINDING, *NAMES.keys() - {"other.example"})
    tls.sni_callback = lambda sock, name, context: names_asked.append(name)
    settings = Settings(ca_file=str(folder / "ca.pem"))
    seen = {}

    def send(url, settings=settings, seconds=5):
        answered = Transport(settings, seconds).send(url, {}, b"{}")
        return answered.error or answered.text

    with (
        Receiver(answering("200 OK", b"public"), PUBLIC, 443, tls) as outside,
        Receiver(answering("200 OK", b"plain"), PUBLIC, 80) as plain,
        Receiver(answering("200 OK", b"inside"), "127.0.0.1", 443, tls) as inside,
        Receiver(answering("200 OK", b"inside"), "::1", 443, tls) as inside_six,
        Receiver(answering("200 OK", b"inside"), "127.0.0.1", 80) as inside_plain,
    ):

        def inner():
            return sum(each.connections for each in (inside, inside_six, inside_plain))

        seen["public"] = send("https://public.example/hook")
        seen["request"] = outside.requests[-1].decode()
        seen["server_name"] = names_asked[-1]
        seen["literal"] = send(f"https://{PUBLIC}/")
        seen["other_name"] = send("https://other.example/")
        seen["unknown_name"] = send("https://nothing.example/")
        seen["names"] = {
            name: send(f"https://{name}/")
            for name in NAMES
            if name not in ("public.example", "other.example")
        }
        before = monotonic()
        seen["silent"] = send(f"https://{SILENT}/", seconds=1)
        seen["seconds_of_silence"] = monotonic() - before
        seen["without_tls"] = send("http://public.example/")
        listed = replace(settings, hosts=frozenset({"public.example"}))
        seen["without_tls_listed"] = send("http://public.example/", listed)
        seen["inner"] = inner()

        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            os.environ[variable] = os.environ[variable.lower()] = "http://127.0.0.1:80"
        seen["proxy_of_the_environment"] = send("https://public.example/")
        seen["rebinding"] = [send(f"https://{REBINDING}/") for __ in range(20)]
        seen["turns"] = server.turns
        seen["inner_after_all"] = inner()

        for __ in range(10):
            check_then_post(f"https://{REBINDING}/", REBINDING, settings)
        seen["inner_of_check_then_post"] = inner() - seen["inner_after_all"]

        listed = replace(settings, networks=(ip_network("127.0.0.0/8"),))
        seen["listed_network"] = send("https://inside.example/", listed)

        asked = []
        with Receiver(proxy(asked), "127.0.0.1") as through:
            proxied = replace(settings, proxy=f"http://127.0.0.1:{through.port}")
            listed = replace(proxied, hosts=frozenset({"intranet.example"}))
            before = inner()
            seen["by_proxy"] = send("https://inside.example/", proxied)
            seen["by_proxy_literal"] = send("https://127.0.0.1/", proxied)
            seen["by_proxy_without_tls"] = send("http://inside.example/", proxied)
            seen["by_proxy_listed"] = send("http://intranet.example/", listed)
            seen["asked"] = asked
            seen["inner_by_proxy"] = inner() - before
        seen["no_proxy"] = send("https://public.example/", proxied)
        seen["plain"] = plain.connections
    return seen


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        json.dump(main(Path(name)), sys.stdout)
