"""The one form that an endpoint's address may have, and the networks of the public.

An address is parsed once, here, and by its parts afterwards, so that no two parsers
can differ on its host. Forms that some programs read as another host are refused:

>>> parse("https://hooks.example.com/crm?tenant=1").host
'hooks.example.com'
>>> for url in ("https://2130706433/", "https://0x7f.1/", "https://hooks.example.com./"):
...     try:
...         parse(url)
...     except AddressProblem as problem:
...         print(problem)
host
host
host

What a host stands for is asked when it is connected to:

>>> is_public(ip_address("93.184.215.14")), is_public(ip_address("169.254.169.254"))
(True, False)
>>> [is_public(ip_address(f"64:ff9b::{ipv4}")) for ipv4 in ("5db8:d70e", "7f00:1")]
[True, False]
"""

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

MAX_LENGTH = 2000

Address = IPv4Address | IPv6Address

# A name as DNS has them, but with at least one letter in its last label: else it is a
# number, which programs read as they like (127.1, 0x7f000001, 017700000001).
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*(?!0x[0-9a-f]*$)(?!\d+$){_LABEL}")
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", re.ASCII)

# Beside what the registry of special addresses has, as this Python knows it
_NEVER = tuple(
    map(
        ip_network,
        (
            "168.63.129.16/32",  # the metadata of Azure
            "192.0.0.0/24",  # protocol assignments, and the metadata of Oracle's cloud
            "192.88.99.0/24",  # relays of 6to4
            "2001::/23",  # Teredo and other assignments
            "2002::/16",  # 6to4, which holds an IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
_UNICAST = IPv6Network("2000::/3")
# DNS64 puts every IPv4 address there.
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressProblem(ValueError):
    """Problem of an address.

    :ivar kind: ``characters``, ``length``, ``scheme``, ``credentials``, ``fragment``,
        ``host`` or ``port``
    """

    def __init__(self, kind: str):
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Target:
    """A parsed address.

    :ivar scheme: ``https`` or ``http``
    :ivar host: a name or an IP address, in lower case, without brackets
    :ivar path: with the query; begins with a slash
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def literal(self) -> Address | None:
        """The IP address, if that is what the host is."""
        return None if _NAME.fullmatch(self.host) else ip_address(self.host)


def parse(url: str) -> Target:
    """Return the parts of an endpoint's address.

    :raise AddressProblem: it has not the form that is needed
    """
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise AddressProblem("characters")
    if len(url) > MAX_LENGTH:
        raise AddressProblem("length")
    scheme, __, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in ("https", "http") or not rest:
        raise AddressProblem("scheme")
    authority, path = re.fullmatch(r"([^/?#]*)(.*)", rest).groups()
    if "@" in authority:
        raise AddressProblem("credentials")
    if "#" in path:
        raise AddressProblem("fragment")
    match = _AUTHORITY.fullmatch(authority.lower())
    if not match:
        raise AddressProblem("host")
    bracketed, name, port = match.groups()
    if port is None:
        port = 443 if scheme == "https" else 80
    if not 1 <= int(port) <= 65535:
        raise AddressProblem("port")
    host = _canonical(bracketed, IPv6Address) if bracketed else name
    if not bracketed and not _NAME.fullmatch(name):
        host = _canonical(name, IPv4Address)
    return Target(scheme, host, int(port), path if path[:1] == "/" else f"/{path}")


def _canonical(text: str, kind: type[Address]) -> str:
    try:
        return str(kind(text))
    except ValueError as error:
        raise AddressProblem("host") from error


def is_public(address: Address) -> bool:
    """Return whether an address is one of the internet, and of one host."""
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.version == 6 and address not in _UNICAST:
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _NEVER)
    )
