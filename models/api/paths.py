"""Which paths are the API's, and what every answer under them carries."""

from datetime import datetime, timezone
from email.utils import format_datetime

from odoo import fields
from odoo.tools import str2bool

from .origins import parse_origins
from .settings import (
    CORS_ORIGINS,
    V1_DEFAULT_SUNSET,
    V1_DEPRECATED_SINCE,
    V1_IS_OFF,
    V1_SUNSET,
)

PREFIX = "/api/v2"

#: The routes of v1, and what of v2 takes the place of each
SUCCESSORS = {
    "/api/sales/dashboard/real": "/api/v2/dashboard/",
    "/api/opportunities": "/api/v2/dashboard/opportunities",
}

#: What pages of other origins may send, and read, beside what they always may
REQUEST_HEADERS = "Authorization, Content-Type, If-None-Match, X-Correlation-ID"
EXPOSED_HEADERS = (
    "Deprecation, ETag, Link, RateLimit, RateLimit-Policy, Retry-After, Server-Timing,"
    " Sunset, WWW-Authenticate, X-Correlation-ID, X-Event-Position, X-Records-Left-Out"
)
#: No browser keeps a preflight for longer than two hours
PREFLIGHT_SECONDS = 7200


def is_of_the_api(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/") or is_of_v1(path)


def is_of_v1(path: str) -> bool:
    return v1_route(path) in SUCCESSORS


def v1_route(path: str) -> str:
    return path.rstrip("/")


def v1_is_off(env) -> bool:
    return str2bool(_parameter(env, V1_IS_OFF) or "", default=False)


def v1_sunset(env) -> datetime:
    """Return the moment at which v1 is announced to end, in UTC without a zone."""
    try:
        sunset = fields.Datetime.to_datetime(_parameter(env, V1_SUNSET))
    except ValueError:
        # Written past the settings.
        sunset = None
    return sunset or V1_DEFAULT_SUNSET


def headers(env, httprequest) -> dict[str, str]:
    """Return the headers of whatever is answered to a request, errors included."""
    result = cors_headers(env, httprequest)
    if successor := SUCCESSORS.get(v1_route(httprequest.path)):
        result |= {
            "Deprecation": f"@{_utc(V1_DEPRECATED_SINCE).timestamp():.0f}",
            "Sunset": format_datetime(_utc(v1_sunset(env)), usegmt=True),
            "Link": f'<{successor}>; rel="successor-version"',
        }
    return result


def cors_headers(env, httprequest) -> dict[str, str]:
    """Return what lets a page of another origin read the answer, if it may.

    The session counts for an allowed origin: whoever lists one trusts its pages with
    what their visitors may see in Odoo. Browsers send the session's cookie
    (``SameSite=Lax``) to pages of the same site alone, and the API changes nothing, so
    a page that is not listed gains nothing from sending it.
    """
    try:
        allowed = parse_origins(_parameter(env, CORS_ORIGINS))
    except ValueError:
        # Written past the settings, which refuse it.
        allowed = ()
    if not allowed:
        return {}
    result = {"Vary": "Origin"}
    origin = httprequest.headers.get("Origin")
    if origin in allowed:
        result |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": EXPOSED_HEADERS,
        }
        if httprequest.method == "OPTIONS":
            result |= {
                "Access-Control-Allow-Methods": "GET, HEAD",
                "Access-Control-Allow-Headers": REQUEST_HEADERS,
                "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            }
    return result


def _parameter(env, name: str) -> str | bool:
    return env["ir.config_parameter"].sudo().get_param(name)


def _utc(moment):
    return moment.replace(tzinfo=timezone.utc)
