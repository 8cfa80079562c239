import logging
import threading
import time

import psycopg2
import psycopg2.pool
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    Gone,
    HTTPException,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    default_exceptions,
)

from odoo.exceptions import AccessDenied, AccessError, MissingError, UserError
from odoo.http import HttpDispatcher, Response, SessionExpiredException

from ..models.api import paths, position
from ..models.api.ir_http import UnknownPath, unauthorized
from ..models.api.quota import WINDOW_SECONDS
from ..models.event_store import metadata
from ..models.support.exact_json import dumps
from .problems import describe, kind_of

_logger = logging.getLogger(__name__)

#: Seconds after which to ask again where nobody knows better
RETRY_SECONDS = 1
#: The same where somebody has to rebuild a read model
BROKEN_SECONDS = 60

# Of the request, which may be dispatched more than once (after a conflict of
# transactions, or where a write was tried on a replica).
_QUOTA = "crm_cqrs.quota"
_HEADERS = "crm_cqrs.headers"


# Of a connection that was lost in a request, Odoo's own rollback says InterfaceError.
_UNAVAILABLE = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.pool.PoolError,
)


class BadParameter(BadRequest):
    """A parameter of the query that cannot be answered; the problem names it."""

    kind = "bad-parameter"

    def __init__(self, parameter: str, description: str):
        super().__init__(description)
        self.members = {"parameter": parameter}


class NotFoundOrHidden(NotFound):
    """What is asked for is not there, or not for the caller: the answer tells neither.

    :param what: it would be, in a word
    :param parameter: of the query, where that has asked for it
    """

    def __init__(self, what: str, parameter: str | None = None):
        super().__init__(f"There is no such {what}, or none that you may see.")
        self.members = {"parameter": parameter} if parameter else {}


class NoSalesAccess(Forbidden):
    """Opportunities are asked for by somebody whom Odoo lets read none.

    :param groups: names of those of which one would let them
    """

    kind = "no-sales-access"

    def __init__(self, description: str, groups: list[str]):
        super().__init__(description)
        self.members = {"groups": groups}


class PositionNotReached(ServiceUnavailable):
    """The event that the client waits for cannot be seen yet."""

    kind = "position-not-reached"


class ReadModelBroken(ServiceUnavailable):
    """A read model cannot be written, or read, until it is rebuilt."""

    kind = "read-model-broken"

    def __init__(self, description: str, projections: list[str]):
        super().__init__(description, retry_after=BROKEN_SECONDS)
        self.members = {"read_models": projections}


class SwitchedOff(Gone):
    """A route of v1, after an administrator has switched them off."""

    kind = "v1-switched-off"

    def __init__(self, successor: str):
        super().__init__(f"API v1 is switched off. Use {successor} instead.")
        self.members = {"successor": successor}


class JsonApiDispatcher(HttpDispatcher):
    """Serves ``type="cqrs_api"`` routes: as ``http``, with errors in JSON.

    ``http`` answers errors in HTML and sends whoever is not logged in to a login
    page; ``jsonrpc`` cannot serve GET; ``json2`` leaks tracebacks.

    It is made for every request under a path of the API, whether or not there is a
    route (``ir.http._match``).
    """

    routing_type = "cqrs_api"

    def __init__(self, request):
        super().__init__(request)
        self._environ = request.httprequest.environ
        if _HEADERS not in self._environ:
            # While the transaction is sound: an error's may not be.
            headers = paths.headers(request.env, request.httprequest)
            self._environ[_HEADERS] = headers

    def dispatch(self, endpoint, args):
        if self.request.httprequest.method == "OPTIONS":
            self.request.params = {}
            methods = {*endpoint.routing["methods"], "HEAD", "OPTIONS"}
            return Response(status=204, headers={"Allow": ", ".join(sorted(methods))})
        if endpoint.routing["auth"] == self.routing_type:
            self._admit()
        # Not the query with them, as Odoo has it: a parameter named as one of the
        # method's would take its place. There is no form, only GET.
        self.request.params = args
        return self.request.registry["ir.http"]._dispatch(endpoint)

    def _admit(self):
        """Count the request, and refuse it where it is one too many.

        :raise TooManyRequests:
        :raise ServiceUnavailable: a limit is set, and the request cannot be counted
        :raise SwitchedOff:
        """
        env, path = self.request.env, self.request.httprequest.path
        route = paths.v1_route(path) if paths.is_of_v1(path) else None
        if _QUOTA not in self._environ:
            try:
                quota = self._environ[_QUOTA] = env["cqrs.api.quota"]._take()
            except psycopg2.Error as error:
                raise ServiceUnavailable(
                    "Your requests cannot be counted just now.",
                    retry_after=RETRY_SECONDS,
                ) from error
            if quota and quota.is_exceeded:
                raise TooManyRequests(
                    f"There are {quota.limit} requests a minute.",
                    retry_after=quota.seconds,
                )
            if route:
                env["cqrs.api.usage"]._count(route)
        if route and paths.v1_is_off(env):
            raise SwitchedOff(paths.SUCCESSORS[route])

    def post_dispatch(self, response):
        result = super().post_dispatch(response)
        if self.request.env.uid and not paths.is_of_v1(self.request.httprequest.path):
            latest = self.request.env["cqrs.event"]._latest_position()
            if latest is not None:
                response.headers[position.HEADER] = str(latest)
        self._complete(response)
        return result

    def handle_error(self, exc):
        """Return the error as ``application/problem+json`` (RFC 9457)."""
        if isinstance(exc, HTTPException) and exc.response:
            return exc.response
        is_preflight = (
            "Access-Control-Request-Method" in self.request.httprequest.headers
        )
        if isinstance(exc, UnknownPath) and is_preflight:
            # So that the page can ask, and read that there is nothing.
            response = Response(status=204)
            self._complete(response)
            return response
        error = _as_http(exc)
        trace_id = metadata.correlation_id()
        problem = describe(getattr(error, "kind", kind_of(error.code)), error.code)
        if error.description and error.code != 500:
            problem["detail"] = error.description
        problem |= getattr(error, "members", {})
        problem["trace_id"] = trace_id
        response = Response(
            dumps(problem),
            status=error.code,
            headers=[
                (name, value)
                for name, value in error.get_headers()
                if name.lower() != "content-type"
            ],
            content_type="application/problem+json",
        )
        # Caches may keep a 404 of themselves; it may be another user's, or soon past.
        response.headers["Cache-Control"] = "no-store"
        # An error does not pass post_dispatch.
        self._complete(response)
        # Odoo logs the traceback of what is unexpected; the answer never carries it.
        _logger.log(
            logging.ERROR if error.code >= 500 else logging.INFO,
            "%s %s is answered with %s %s, trace id %s",
            self.request.httprequest.method,
            self.request.httprequest.path.encode("unicode_escape").decode(),
            error.code,
            type(exc).__name__,
            trace_id,
        )
        return response

    def _complete(self, response):
        """Add the headers that every answer has, errors included."""
        headers = response.headers
        headers[metadata.HEADER] = metadata.correlation_id()
        for name, value in self._environ[_HEADERS].items():
            # Of these there may be more than one.
            if name in ("Link", "Vary") and name in headers:
                value = ", ".join([*headers.getlist(name), value])
            headers[name] = value
        if quota := self._environ.get(_QUOTA):
            # draft-ietf-httpapi-ratelimit-headers
            headers["RateLimit-Policy"] = f'"user";q={quota.limit};w={WINDOW_SECONDS}'
            headers["RateLimit"] = f'"user";r={quota.remaining};t={quota.seconds}'
        thread = threading.current_thread()
        total = 1000 * (time.time() - thread.perf_t0)
        headers["Server-Timing"] = (
            f"total;dur={total:.1f}, db;dur={1000 * thread.query_time:.1f}"
            f';desc="{thread.query_count} queries"'
        )


def _http_error(status: int, description: str | None = None) -> HTTPException:
    error = default_exceptions.get(status, HTTPException)(description)
    error.code = status
    return error


def _as_http(exc: Exception) -> HTTPException:
    """Return what an exception is to the client."""
    if isinstance(exc, HTTPException):
        return exc
    if isinstance(exc, (AccessDenied, SessionExpiredException)):
        return unauthorized(str(exc))
    # What one may not see is not there.
    if isinstance(exc, (AccessError, MissingError)):
        return NotFoundOrHidden("record")
    if isinstance(exc, UserError):
        return _http_error(exc.http_status, str(exc))
    if isinstance(exc, _UNAVAILABLE):
        return ServiceUnavailable(
            "The database cannot answer just now.", retry_after=RETRY_SECONDS
        )
    if isinstance(exc, psycopg2.Error) and (exc.pgcode or "").startswith(("42", "XX")):
        # A table or a column is missing, or cannot be read.
        return ReadModelBroken("What answers are made from cannot be read.", [])
    return _http_error(500)
