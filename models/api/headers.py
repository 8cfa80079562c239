"""The headers that every answer of the API has, errors included."""

from email.utils import format_datetime

from .origins import parse_origins
from .paths import SUCCESSORS, parameter, utc, v1_route
from .settings import CORS_ORIGINS

#: Headers that pages of other origins may send, and read, beside the usual ones
REQUEST_HEADERS = (
    "Authorization, Content-Type, If-None-Match, X-Correlation-ID, X-Odoo-Database"
)
EXPOSED_HEADERS = (
    "Deprecation, ETag, Link, RateLimit, RateLimit-Policy, Retry-After, Server-Timing,"
    " Sunset, WWW-Authenticate, X-Correlation-ID, X-Event-Position, X-Odoo-User,"
    " X-Records-Left-Out"
)
#: No browser keeps a preflight for longer than two hours
PREFLIGHT_SECONDS = 7200


#: Where there is no database whose setting would list origins. Without credentials: a
#: page may then only ask with a key that it has, and each database says who may read.
WITHOUT_DATABASE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": EXPOSED_HEADERS,
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": REQUEST_HEADERS,
    "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
}


def api_headers(env, httprequest) -> dict[str, str]:
    """Return the headers of every answer to a request, errors included.

    :param env: None without a database
    """
    if env is None:
        is_preflight = "Access-Control-Request-Method" in httprequest.headers
        return WITHOUT_DATABASE | (PREFLIGHT if is_preflight else {})
    result = cors_headers(env, httprequest)
    if successor := SUCCESSORS.get(v1_route(httprequest.path)):
        retirement = env["cqrs.api.v1.step"]._retirement()
        result |= {
            "Deprecation": f"@{utc(retirement.since).timestamp():.0f}",
            "Sunset": format_datetime(utc(retirement.sunset), usegmt=True),
            "Link": f'<{successor}>; rel="successor-version"',
        }
    return result


def cors_headers(env, httprequest) -> dict[str, str]:
    """Return the headers that let a page of an allowed origin read the answer.

    The session counts for an allowed origin: an administrator who lists one trusts its
    pages with everything that their visitors may see in Odoo. Browsers send the
    session's cookie (``SameSite=Lax``) to pages of the same site alone, and the API
    changes nothing, so a page that is not listed gains nothing from sending it.
    """
    try:
        allowed = parse_origins(parameter(env, CORS_ORIGINS))
    except ValueError:
        # A parameter can be written without the settings' check.
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
            result |= PREFLIGHT
    return result
