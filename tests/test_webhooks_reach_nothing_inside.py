"""Addresses that lead inside are refused: by their form, their number or their name."""

import json
import os
import shutil
import socket
import subprocess
import sys
import unittest
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import urllib3

from odoo.tests import BaseCase, tagged
from odoo.tools.config import configmanager

from ..models.webhooks.addresses import AddressProblem, is_public, parse
from ..models.webhooks.settings import UnusableOption
from ..models.webhooks.transport import Settings, Transport
from .receiver import Receiver, answering

#: Hosts by which a client that does not look connects to this machine
REACHING = [
    *("127.0.0.1", "localhost", "LOCALHOST", "0", "0.0.0.0", "127.1", "127.0.1"),
    *("2130706433", "0x7f000001", "0x7f.0.0.1", "0x7F.1", "017700000001", "0177.0.0.1"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "%6c%6f%63%61%6c%68%6f%73%74"),
    *("hooks.example.com@127.0.0.1", "hooks.example.com:80@127.0.0.1"),
]

#: Hosts that some client takes for this machine, or that are one of its own network
TRICKS = [
    *("localhost.", "127.0.0.1.", "127.0.0.2", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]"),
    *("[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::127.0.0.1]"),
    *("[2002:7f00:1::1]", "[2001:0:7f00:1::1]", "[::1%25lo]", "[::1%lo]"),
    *("[fe80::1%25lo]", "[v1.1]", "", " 127.0.0.1", "127.0.0.1\t"),
    *("\uff4cocalhost", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3"),
    *("\uff11\uff12\uff17.0.0.1", "127\u30020.0.1", "loc\u00adalhost"),
    *("127.0.0.1%00.example.com", "127.0.0.1#@hooks.example.com"),
    *("hooks.example.com\\@127.0.0.1", "127.0.0.1\\@hooks.example.com"),
]

#: Addresses that no message may reach, one of each kind
INSIDE = [
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.0.1"),
    *("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    *("0.0.0.0", "0.1.2.3", "127.255.255.254", "192.0.2.1", "198.51.100.1"),
    *("203.0.113.1", "198.18.0.1", "192.88.99.1", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fec0::1", "ff02::1", "::ffff:93.184.215.14", "::93.184.215.14"),
    *("64:ff9b::10.0.0.1", "64:ff9b:1::93.184.215.14", "2002:5db8:d70e::1"),
    *("2001:0:5db8:d70e::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1"),
]
OUTSIDE = ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "64:ff9b::93.184.215.14"]


@tagged("post_install", "-at_install")
class TestWebhooksReachNothingInside(BaseCase):
    def test_each_trick_is_refused(self):
        transport = Transport(Settings())
        with Receiver(answering()) as receiver:
            for host in (*REACHING, *TRICKS, socket.gethostname()):
                for scheme in ("https", "http"):
                    url = f"{scheme}://{host}:{receiver.port}/"
                    with self.subTest(url):
                        answered = transport.send(url, {}, b"{}")
                        self.assertNotEqual(answered.error, "")
                        self.assertEqual((answered.status, answered.text), (None, ""))
            self.assertEqual(receiver.connections, 0)
            for host in REACHING:
                with suppress(urllib3.exceptions.HTTPError):
                    url = f"http://{host}:{receiver.port}/"
                    urllib3.PoolManager(retries=False).request("POST", url, timeout=2)
            self.assertGreaterEqual(receiver.connections, 14)

    def test_an_address_inside_is_refused(self):
        for text in INSIDE:
            with self.subTest(text):
                self.assertFalse(is_public(ip_address(text)))
                self.assertFalse(Settings().allows(text, ip_address(text), True))
        for text in OUTSIDE:
            with self.subTest(text):
                self.assertTrue(is_public(ip_address(text)))
                self.assertTrue(Settings().allows(text, ip_address(text), True))
                self.assertFalse(Settings().allows(text, ip_address(text), False))

    def test_forms_that_are_right(self):
        for url, parts in {
            "https://hooks.example.com": ("https", "hooks.example.com", 443, "/"),
            "HTTPS://Hooks.Example.COM/A": ("https", "hooks.example.com", 443, "/A"),
            "http://a_b.xn--bcher-kva.example:8080/c?d=/e@f:g": (
                *("http", "a_b.xn--bcher-kva.example", 8080),
                "/c?d=/e@f:g",
            ),
            "https://a.example?b=1": ("https", "a.example", 443, "/?b=1"),
            "https://[2606:4700::1]:8443//a": ("https", "2606:4700::1", 8443, "//a"),
            "https://93.184.215.14/%C3%A9": ("https", "93.184.215.14", 443, "/%C3%A9"),
        }.items():
            with self.subTest(url):
                target = parse(url)
                found = (target.scheme, target.host, target.port, target.path)
                self.assertEqual(found, parts)
                # urllib3, which gets the address again, reads the same of it.
                again = urllib3.util.parse_url(target.url)
                host = (again.host or "").strip("[]")
                self.assertEqual((again.scheme, host, again.port), parts[:3])

    def test_forms_that_are_wrong_say_why(self):
        for url, kind in {
            "https://hooks.example.com/\u00e9": "characters",
            "https://hooks.example.com\\a": "characters",
            "https://hooks.example.com/" + "a" * 2000: "length",
            "ftp://hooks.example.com/": "scheme",
            "//hooks.example.com/": "scheme",
            "https:hooks.example.com": "scheme",
            "https://": "scheme",
            "https://me:secret@hooks.example.com/": "credentials",
            "https://hooks.example.com/#a": "fragment",
            "https:///a": "host",
            "https://a..b/": "host",
            "https://[::1/": "host",
            "https://1.2.3/": "host",
            "https://hooks.example.com:/": "host",
            "https://hooks.example.com:0/": "port",
            "https://hooks.example.com:65536/": "port",
        }.items():
            with self.subTest(url), self.assertRaises(AddressProblem) as raised:
                parse(url)
            self.assertEqual(raised.exception.kind, kind)


@tagged("post_install", "-at_install")
class TestWebhookOptions(BaseCase):
    def setUp(self):
        super().setUp()
        self.folder = Path(self.enterContext(TemporaryDirectory()))

    def settings(self, **options) -> Settings:
        path = self.folder / "odoo.conf"
        lines = [f"{name} = {value}" for name, value in options.items()]
        path.write_text("\n".join(["[options]", *lines]))
        read = configmanager()
        read._parse_config(["-c", str(path)])
        return Settings.from_config(read)

    def test_without_options_nothing_inside_is_allowed(self):
        self.assertEqual(self.settings(), Settings())

    def test_hosts_and_networks_are_listed(self):
        settings = self.settings(
            cqrs_webhook_allowed="Hooks.Intranet.example, 10.1.2.0/24,::1,localhost,"
        )
        self.assertEqual(settings.hosts, {"hooks.intranet.example", "localhost"})
        networks = (ip_network("10.1.2.0/24"), ip_network("::1"))
        self.assertEqual(settings.networks, networks)
        for host, address, is_allowed in (
            ("hooks.intranet.example", "192.168.1.1", True),
            ("other.intranet.example", "192.168.1.1", False),
            ("x.hooks.intranet.example", "192.168.1.1", False),
            ("other.intranet.example", "10.1.2.255", True),
            ("other.intranet.example", "10.1.3.1", False),
            ("other.intranet.example", "::ffff:10.1.2.1", False),
            ("six.example", "::1", True),
        ):
            for is_encrypted in (True, False):
                found = settings.allows(host, ip_address(address), is_encrypted)
                self.assertEqual(found, is_allowed, (host, address))

    def test_a_listed_network_is_reached(self):
        with Receiver(answering("200 OK", b"inside")) as receiver:
            url = f"http://localhost:{receiver.port}/"
            for allowed in ("127.0.0.0/8, ::1", "localhost"):
                transport = Transport(self.settings(cqrs_webhook_allowed=allowed))
                self.assertEqual(transport.send(url, {}, b"{}").text, "inside")
            self.assertEqual(receiver.connections, 2)

    def test_a_wrong_option_says_what_to_do(self):
        broken = self.folder / "broken.pem"
        broken.write_text("no certificate")
        for option, value, advice in (
            ("cqrs_webhook_allowed", "10.1.2.3/24", "10.1.2.0/24"),
            ("cqrs_webhook_allowed", "https://hooks.example.com", "names and networks"),
            ("cqrs_webhook_allowed", "hooks.example.com:8080", "names and networks"),
            ("cqrs_webhook_allowed", "*.example.com", "names and networks"),
            ("cqrs_webhook_allowed", "10.1.2.0-10.1.2.9", "names and networks"),
            ("cqrs_webhook_allowed", "127.1", "names and networks"),
            ("cqrs_webhook_proxy", "proxy.example:3128", "http://proxy"),
            ("cqrs_webhook_proxy", "socks5://proxy.example", "http://proxy"),
            ("cqrs_webhook_proxy", "http://proxy.example/path", "http://proxy"),
            ("cqrs_webhook_ca_file", self.folder / "none.pem", "PEM"),
            ("cqrs_webhook_ca_file", broken, "PEM"),
        ):
            with self.subTest(f"{option} = {value}"):
                with self.assertRaises(UnusableOption) as raised:
                    self.settings(**{option: value})
                text = str(raised.exception)
                self.assertIn(option, text)
                self.assertIn(advice, text)


def _has_namespaces() -> bool:
    if not shutil.which("unshare") or not shutil.which("ip"):
        return False
    done = subprocess.run(["unshare", "-rmn", "true"], check=False, capture_output=True)
    return done.returncode == 0


@unittest.skipUnless(_has_namespaces(), "needs unshare, ip and user namespaces")
@tagged("post_install", "-at_install")
class TestNamesThatLeadInside(BaseCase):
    """In a network of its own, where names and public addresses are the test's."""

    def test_names(self):
        script = Path(__file__).parent / "network_of_its_own.py"
        done = subprocess.run(
            ["unshare", "-rmn", sys.executable, script],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        seen = json.loads(done.stdout)

        # By its name, as TLS and HTTP have it, though connected to by its address
        self.assertEqual(seen["public"], "public")
        self.assertIn("\r\nHost: public.example\r\n", seen["request"])
        self.assertEqual(seen["server_name"], "public.example")
        self.assertIn("certificate is not valid", seen["other_name"])
        self.assertIn("certificate is not valid", seen["literal"])
        self.assertIn("was not found", seen["unknown_name"])
        self.assertIn("within 1 s", seen["silent"])
        # The resolver itself waits for five.
        self.assertLess(seen["seconds_of_silence"], 4)

        self.assertEqual(len(seen["names"]), 10)
        for name, error in seen["names"].items():
            self.assertIn("no address of the internet", error, name)
        self.assertIn("without TLS", seen["without_tls"])
        self.assertEqual(seen["without_tls_listed"], "plain")
        self.assertEqual(seen["inner"], 0)
        self.assertEqual(seen["listed_network"], "inside")

        # Each is either the address that was checked, or none.
        self.assertEqual(seen["rebinding"][::2], ["public"] * 10)
        for error in seen["rebinding"][1::2]:
            self.assertIn("at 127.0.0.1, which is no address of the internet", error)
        self.assertEqual((seen["turns"], seen["inner_after_all"]), (20, 0))
        self.assertEqual(seen["inner_of_check_then_post"], 10)

        self.assertEqual(seen["proxy_of_the_environment"], "public")
        # The configured proxy looks up names and checks their addresses.
        self.assertEqual(seen["by_proxy"], "public")
        self.assertIn("does not connect to 127.0.0.1", seen["by_proxy_literal"])
        self.assertIn("without TLS", seen["by_proxy_without_tls"])
        self.assertEqual(seen["by_proxy_listed"], "by proxy")
        self.assertEqual(
            seen["asked"],
            [
                "CONNECT inside.example:443 HTTP/1.0",
                "POST http://intranet.example:80/ HTTP/1.1",
            ],
        )
        self.assertEqual(seen["inner_by_proxy"], 0)
        self.assertIn("Connection refused", seen["no_proxy"])
