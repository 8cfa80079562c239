"""Requests of the API for which Odoo has no database.

A server with several databases does not know which one is asked, a name is wrong, or
the database cannot be opened. Odoo answers that before anything of an addon is looked
for, in HTML. Only the dispatcher that it begins each request with hears of it.
"""

from werkzeug.exceptions import BadRequest, Forbidden, NotFound, ServiceUnavailable

from odoo.http import HttpDispatcher, Response, db_list
from odoo.service.db import list_dbs

from ..models.api.headers import api_headers
from ..models.api.paths import is_of_the_api
from ..models.event_store import metadata
from .dispatcher import problem
from .errors import RETRY_SECONDS

HEADER = "X-Odoo-Database"


class DatabaseNotNamed(BadRequest):
    kind = "database-not-named"


class DatabaseNotFound(NotFound):
    kind = "database-not-found"


class SessionOfAnotherDatabase(Forbidden):
    kind = "session-of-another-database"


class FirstDispatcher(HttpDispatcher):
    """Odoo's ``http``, with errors of the API in JSON as long as there is no database.

    A database without the addon answers by itself, under the API's paths too.
    """

    routing_type = "http"

    def handle_error(self, exc):
        http = self.request.httprequest
        if self.request.registry is not None or not is_of_the_api(http.path):
            return super().handle_error(exc)
        if http.method == "OPTIONS":
            # A browser names the database only in the request that follows.
            response = Response(status=204)
        else:
            response = problem(explained(exc, http), http)
        response.headers.update(api_headers(None, http))
        response.headers[metadata.HEADER] = metadata.correlation_id()
        return response


def explained(exc: Exception, http) -> Exception:
    """Return the error that says what to do about a database that was not found."""
    if isinstance(exc, Forbidden):
        return SessionOfAnotherDatabase(
            f"The session is of another database than the one in {HEADER}. Send no"
            " cookie with it, or no such header."
        )
    if not isinstance(exc, NotFound):
        return exc
    name, names = http.headers.get(HEADER), db_list(force=True)
    if not name and len(names) > 1:
        return DatabaseNotNamed(
            "This server has several databases. Send the name of yours in the header"
            f" {HEADER}, or use its host name."
        )
    # None at all: this host has none, or PostgreSQL does not answer.
    if (name and names and name not in names) or (not names and list_dbs(force=True)):
        return DatabaseNotFound(
            f"There is no database of the name in {HEADER} here, or none for this host"
            " name."
        )
    return ServiceUnavailable(
        "The database cannot be opened just now.", retry_after=RETRY_SECONDS
    )
