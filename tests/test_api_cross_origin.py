from odoo.exceptions import ValidationError
from odoo.tests import BaseCase, HttpCase, tagged

from ..models.api.origins import parse_origins
from ..models.api.settings import CORS_ORIGINS
from .common import SalesOrganisation

URL = "/api/v2/dashboard/"
APP = "https://app.example"
CORS = "Access-Control-"


@tagged("post_install", "-at_install")
class TestApiCrossOrigin(SalesOrganisation, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate("cqrs_seller", "cqrs_seller")

    def allow(self, text):
        self.env["ir.config_parameter"].set_param(CORS_ORIGINS, text)

    def cors(self, origin=APP, url=URL, **options):
        """Return the headers that concern other origins, and Vary."""
        headers = {**({"Origin": origin} if origin else {}), **options.pop("sent", {})}
        self.response = self.url_open(url, headers=headers, **options)
        return {
            name.removeprefix(CORS): value
            for name, value in self.response.headers.items()
            if name.startswith(CORS)
        }

    @property
    def varies(self):
        return "Origin" in self.response.headers.get("Vary", "").split(", ")

    def preflight(self, origin=APP):
        sent = {
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        return self.cors(origin, method="OPTIONS", sent=sent)

    def test_by_default_no_other_origin_may(self):
        self.assertEqual((self.cors(), self.varies), ({}, False))
        self.assertEqual(self.preflight(), {})
        self.assertEqual(self.response.status_code, 204)

    def test_an_origin_that_is_listed_may(self):
        self.allow(f"https://other.example, {APP}")
        for url, status in ((URL, 200), (f"{URL}?x=1", 400), ("/api/v2/nothing", 404)):
            with self.subTest(url):
                cors = self.cors(url=url)
                self.assertEqual(
                    (self.response.status_code, self.varies), (status, True)
                )
                exposed = set(cors.pop("Expose-Headers").split(", "))
                self.assertEqual(
                    cors, {"Allow-Origin": APP, "Allow-Credentials": "true"}
                )
                self.assertGreaterEqual(
                    exposed,
                    {
                        *("ETag", "Link", "X-Correlation-ID", "X-Event-Position"),
                        *("RateLimit", "RateLimit-Policy", "Retry-After"),
                        *("Deprecation", "Sunset", "Server-Timing"),
                    },
                )

    def test_one_that_is_not_may_not(self):
        self.allow(APP)
        for origin in (
            "https://app.example.evil",
            "http://app.example",
            "https://app.example:8443",
            "https://app",
            "null",
            None,
        ):
            with self.subTest(origin):
                # What caches keep of it must not be given to one that may.
                self.assertEqual((self.cors(origin), self.varies), ({}, True))
                self.assertEqual(self.preflight(origin), {})

    def test_a_preflight_needs_no_credentials(self):
        self.allow(APP)
        self.authenticate(None, None)
        cors = self.preflight()
        self.assertEqual((self.response.status_code, self.response.text), (204, ""))
        self.assertTrue(cors.pop("Expose-Headers"))
        self.assertEqual(
            cors,
            {
                "Allow-Origin": APP,
                "Allow-Credentials": "true",
                "Allow-Methods": "GET, HEAD",
                "Allow-Headers": "Authorization, Content-Type, If-None-Match,"
                " X-Correlation-ID, X-Odoo-Database",
                "Max-Age": "7200",
            },
        )
        # What it precedes does.
        self.cors()
        self.assertEqual(self.response.status_code, 401)

    def test_a_preflight_of_an_unknown_path_lets_the_page_read_that_it_is(self):
        self.allow(APP)
        sent = {"Access-Control-Request-Method": "GET"}
        cors = self.cors(url="/api/v2/nothing", method="OPTIONS", sent=sent)
        self.assertEqual(self.response.status_code, 204)
        self.assertEqual(cors["Allow-Origin"], APP)
        self.assertIn("Authorization", cors["Allow-Headers"])
        self.cors(url="/api/v2/nothing", method="OPTIONS")
        self.assertEqual(self.response.status_code, 404)

    def test_the_rest_of_odoo_stays_closed(self):
        self.allow(APP)
        self.assertEqual(self.cors(url="/web/login"), {})

    def test_the_settings_refuse_what_is_no_origin(self):
        settings = self.env["res.config.settings"]
        for text in ("*", "app.example", "https://app.example/page", "null"):
            with self.subTest(text), self.assertRaises(ValidationError) as raised:
                settings.create({"cqrs_api_cors_origins": f"{APP}, {text}"})
            self.assertIn(f"{text} is not a valid origin", str(raised.exception))
        settings.create({"cqrs_api_cors_origins": APP}).execute()
        self.assertEqual(self.cors()["Allow-Origin"], APP)

    def test_what_is_written_past_the_settings_opens_nothing(self):
        self.allow("https://*, *")
        self.assertEqual(self.cors("https://*"), {})
        self.assertEqual(self.response.status_code, 200)


class TestOrigins(BaseCase):
    def test_as_browsers_write_them(self):
        for text, origins in (
            (None, ()),
            ("", ()),
            (" , ", ()),
            ("https://a.example", ("https://a.example",)),
            (
                "https://A.Example:443,\nhttp://localhost:3000 http://b:80",
                ("https://a.example", "http://localhost:3000", "http://b"),
            ),
            (
                "http://[::1]:8069, http://127.0.0.1",
                ("http://[::1]:8069", "http://127.0.0.1"),
            ),
            ("http://a:080", ("http://a",)),
        ):
            with self.subTest(text):
                self.assertEqual(parse_origins(text), origins)

    def test_no_other(self):
        for text in (
            *("*", "null", "a.example", "https://", "https://*.a.example", "ftp://a"),
            *("https://a/", "https://a/b", "https://a?b", "https://u@a", "https://ä"),
            *("https://a:", "https://a:65536", "https://a:x", "https://.a"),
        ):
            with self.subTest(text), self.assertRaises(ValueError):
                parse_origins(text)
