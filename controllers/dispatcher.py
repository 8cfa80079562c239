import logging
import threading
import time

import psycopg2
from werkzeug.exceptions import HTTPException, ServiceUnavailable, TooManyRequests

from odoo.http import HttpDispatcher, Response, root

from ..models.api import paths, position
from ..models.api.headers import api_headers
from ..models.api.ir_http import CALLER, SENT_KEY, UnknownPath
from ..models.api.quota import WINDOW_SECONDS
from ..models.event_store import metadata
from ..models.support.exact_json import dumps
from .errors import RETRY_SECONDS, SwitchedOff, as_http
from .problems import describe, kind_of

_logger = logging.getLogger(__name__)

# Kept with the request, which may be dispatched more than once (after a conflict of
# transactions, or a write on a replica).
_QUOTA = "crm_cqrs.quota"

_HEADERS = "crm_cqrs.headers"

#: The id of the user that the caller is, once that is proven
_CALLER = "crm_cqrs.caller"


def problem(exc: Exception, httprequest) -> Response:
    """Return an error as ``application/problem+json``, and log it."""
    error = as_http(exc)
    trace_id = metadata.correlation_id()
    described = describe(getattr(error, "kind", kind_of(error.code)), error.code)
    if error.description and error.code != 500:
        described["detail"] = error.description
    described |= getattr(error, "members", {})
    described["trace_id"] = trace_id
    response = Response(
        dumps(described),
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
    # Odoo logs the traceback of an unexpected error; the answer never carries it.
    _logger.log(
        logging.ERROR if error.code >= 500 else logging.INFO,
        "%s %s is answered with %s %s, trace id %s",
        httprequest.method,
        httprequest.path.encode("unicode_escape").decode(),
        error.code,
        type(exc).__name__,
        trace_id,
    )
    return response


class JsonApiDispatcher(HttpDispatcher):
    """Serves ``type="cqrs_api"`` routes: as ``http``, with errors in JSON.

    ``http`` answers errors in HTML and redirects a client without a session to the
    login page; ``jsonrpc`` cannot serve GET; ``json2`` leaks tracebacks.

    It serves every request under a path of the API, whether or not there is a route
    (``ir.http._match``).
    """

    routing_type = "cqrs_api"

    def __init__(self, request):
        super().__init__(request)
        self._environ = request.httprequest.environ
        if _HEADERS not in self._environ:
            # While the transaction is sound: an error's may not be.
            self._environ[_HEADERS] = api_headers(request.env, request.httprequest)

    def dispatch(self, endpoint, args):
        if self.request.httprequest.method == "OPTIONS":
            self.request.params = {}
            methods = {*self._methods(), "OPTIONS"}
            return Response(status=204, headers={"Allow": ", ".join(sorted(methods))})
        if endpoint.routing["auth"] != "none":
            self._admit()
        # Not the query with them, as Odoo has it: a parameter named as one of the
        # method's would take its place. There is no form: bodies are JSON.
        self.request.params = args
        if not self.request.db:
            return endpoint(**args)
        return self.request.registry["ir.http"]._dispatch(endpoint)

    def _methods(self) -> list[str]:
        """Return the methods that the path of the request takes."""
        routes = root.get_db_router(self.request.db)
        adapter = routes.bind_to_environ(self._environ)
        return adapter.allowed_methods()

    def _admit(self):
        """Count the request, and refuse it if it is one too many.

        :raise TooManyRequests:
        :raise ServiceUnavailable: a limit is set, and the request cannot be counted
        :raise SwitchedOff:
        """
        env, path = self.request.env, self.request.httprequest.path
        self._environ[_CALLER] = env.uid
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
                env["cqrs.api.usage"]._count(route, self._environ.get(SENT_KEY))
        if route and env["cqrs.api.v1.step"]._retirement().is_off:
            raise SwitchedOff(paths.SUCCESSORS[route])

    def post_dispatch(self, response):
        result = super().post_dispatch(response)
        is_of_v1 = paths.is_of_v1(self.request.httprequest.path)
        if _CALLER in self._environ and not is_of_v1:
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
            # Lets a web page send the request, and read the answer that there is none.
            response = Response(status=204)
            self._complete(response)
            return response
        response = problem(exc, self.request.httprequest)
        # An error does not pass post_dispatch.
        self._complete(response)
        return response

    def _complete(self, response):
        """Add the headers that every answer has, errors included.

        Who has not proven to be a caller learns nothing of the database: not even how
        long a question to it takes.
        """
        headers = response.headers
        headers[metadata.HEADER] = metadata.correlation_id()
        for name, value in self._environ[_HEADERS].items():
            # Several headers may have one of these names.
            if name in ("Link", "Vary") and name in headers:
                value = ", ".join([*headers.getlist(name), value])
            headers[name] = value
        if quota := self._environ.get(_QUOTA):
            # draft-ietf-httpapi-ratelimit-headers
            headers["RateLimit-Policy"] = f'"user";q={quota.limit};w={WINDOW_SECONDS}'
            headers["RateLimit"] = f'"user";r={quota.remaining};t={quota.seconds}'
        if _CALLER not in self._environ:
            return
        headers[CALLER] = str(self._environ[_CALLER])
        thread = threading.current_thread()
        total = 1000 * (time.time() - thread.perf_t0)
        headers["Server-Timing"] = (
            f"total;dur={total:.1f}, db;dur={1000 * thread.query_time:.1f}"
            f';desc="{thread.query_count} queries"'
        )
