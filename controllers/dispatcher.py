from http import HTTPStatus

from werkzeug.exceptions import BadRequest, HTTPException

from odoo.exceptions import AccessDenied, UserError
from odoo.http import HttpDispatcher, Response, SessionExpiredException

from ..models.event_store import correlation
from ..models.json_encoding import dumps


class BadParameter(BadRequest):
    """A parameter of the query that cannot be answered; the problem names it."""

    def __init__(self, parameter: str, description: str):
        super().__init__(description)
        self.parameter = parameter


class JsonApiDispatcher(HttpDispatcher):
    """Serves ``type="cqrs_api"`` routes: as ``http``, with errors in JSON.

    ``http`` answers errors in HTML and sends whoever is not logged in to a login
    page; ``jsonrpc`` cannot serve GET; ``json2`` leaks tracebacks.
    """

    routing_type = "cqrs_api"

    def post_dispatch(self, response):
        response.headers[correlation.HEADER] = correlation.correlation_id()
        return super().post_dispatch(response)

    def handle_error(self, exc):
        """Return the error as ``application/problem+json`` (RFC 9457)."""
        if isinstance(exc, HTTPException):
            if exc.response:
                return exc.response
            status, detail = exc.code, exc.description
            headers = [
                (k, v) for k, v in exc.get_headers() if k.lower() != "content-type"
            ]
        elif isinstance(exc, (UserError, AccessDenied, SessionExpiredException)):
            status, detail, headers = exc.http_status, str(exc), []
        else:
            # Odoo logs the traceback; the answer never carries it.
            status, detail, headers = 500, None, []
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
        }
        if detail:
            problem["detail"] = detail
        if isinstance(exc, BadParameter):
            problem["parameter"] = exc.parameter
        # An error does not pass post_dispatch.
        headers.append((correlation.HEADER, correlation.correlation_id()))
        return Response(
            dumps(problem),
            status=status,
            headers=headers,
            content_type="application/problem+json",
        )
