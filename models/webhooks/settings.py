"""Options of ``odoo.conf``: what the administrator lets webhooks reach.

The database has no say: whoever may write its settings could otherwise have the server
ask its own network.
"""

import ssl
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from requests.certs import where
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from .addresses import Address, AddressProblem, is_public, parse

#: Option: hosts and networks that are trusted, separated by commas
ALLOWED_OPTION = "cqrs_webhook_allowed"
#: Option: the address of the proxy that all messages pass
PROXY_OPTION = "cqrs_webhook_proxy"
#: Option: the path of a file with certificates to trust beside the public ones (PEM)
CA_OPTION = "cqrs_webhook_ca_file"


class UnusableOption(ValueError):
    """An option of ``odoo.conf`` that cannot be used; says what to write instead."""


@dataclass(frozen=True)
class Settings:
    """Hosts and networks that messages may reach.

    :ivar hosts: names of hosts that may have any address, and do without TLS
    :ivar networks: IP networks of which the same holds
    :ivar proxy: ``http://`` or ``https://`` and the proxy's host; None for none
    :ivar ca_file: the path of further certificates to trust
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    proxy: str | None = None
    ca_file: str | None = None

    @classmethod
    def from_config(cls, config) -> "Settings":
        """Return the settings of Odoo's configuration.

        :raise UnusableOption: one of its options cannot be used
        """
        hosts, networks = set(), []
        for entry in (config.get(ALLOWED_OPTION) or "").split(","):
            if entry := entry.strip():
                network = _network(entry)
                networks.extend([network] if network else [])
                hosts.update([] if network else [_host(entry)])
        settings = cls(
            hosts=frozenset(hosts),
            networks=tuple(networks),
            proxy=_proxy(config.get(PROXY_OPTION) or None),
            ca_file=config.get(CA_OPTION) or None,
        )
        settings.tls()
        return settings

    def tls(self) -> ssl.SSLContext:
        """Return a context that checks certificates and names.

        :raise UnusableOption: the certificates cannot be read
        """
        context = ssl.create_default_context(cafile=where())
        if self.ca_file:
            try:
                context.load_verify_locations(self.ca_file)
            except (OSError, ValueError) as error:
                raise UnusableOption(
                    f"{CA_OPTION} in odoo.conf names {self.ca_file}, which cannot be "
                    f"read as a file of certificates ({error}). Name a file in PEM "
                    "format that the user of the Odoo server may read."
                ) from error
        return context

    def allows(self, host: str, address: Address | None, is_encrypted: bool) -> bool:
        """Return whether a host may be reached at an address.

        :param address: None if a proxy finds it
        """
        if host in self.hosts:
            return True
        if address is None:
            return is_encrypted
        if any(address in network for network in self.networks):
            return True
        return is_encrypted and is_public(address)


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None


def _host(entry: str) -> str:
    try:
        target = parse(f"https://{entry}")
    except AddressProblem:
        target = None
    # The name alone, so that nobody believes that a port or a path restricts it.
    if not target or target.host != entry.lower() or target.literal:
        raise UnusableOption(
            f"{ALLOWED_OPTION} in odoo.conf has {entry!r}, which is neither the name "
            "of a host nor a network. Write names and networks, separated by commas: "
            "hooks.intranet.example, 10.1.2.0/24, ::1"
        )
    return target.host


def _proxy(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        url = parse_url(text)
    except LocationParseError:
        url = None
    if not url or url.scheme not in ("http", "https") or not url.host or url.path:
        raise UnusableOption(
            f"{PROXY_OPTION} in odoo.conf is not the address of a proxy. Write its "
            "scheme, host and port: http://proxy.intranet.example:3128"
        )
    return text
