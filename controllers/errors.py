"""Errors of the API, and the one that each exception becomes."""

from datetime import datetime, timezone

import psycopg2
import psycopg2.pool
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    Gone,
    HTTPException,
    NotFound,
    ServiceUnavailable,
    UnprocessableEntity,
    default_exceptions,
)

from odoo.exceptions import AccessDenied, AccessError, MissingError, UserError
from odoo.http import SessionExpiredException

from ..models.access.answer_context import Unreadable
from ..models.api.ir_http import unauthorized
from ..models.projections.followed_reading import NotFilled
from ..models.support.binding import marks

#: Seconds after which to ask again, unless another time is known
RETRY_SECONDS = 1

#: The same where an administrator has to rebuild a read model
BROKEN_SECONDS = 60

# If the connection is lost during a request, Odoo's rollback raises InterfaceError.
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


class OtherDatabase(BadParameter):
    """A cursor that another database has given."""

    kind = "other-database"

    def __init__(self):
        super().__init__(
            "cursor",
            "This cursor was given by another database: by one of which this is a copy,"
            " or by this one before it was renamed. Begin anew without it. After a"
            " rename an administrator can confirm it (odoo-bin cqrs renamed).",
        )


def check_mark(env, mark: str):
    """Check that this database has given a cursor.

    :param mark: as of ``mark_of``, of the database that has
    :raise OtherDatabase:
    """
    if mark not in marks(env):
        raise OtherDatabase()


class InvalidValue(UnprocessableEntity):
    """A member of the body that cannot be taken; the problem names it."""

    kind = "invalid-values"

    def __init__(self, member: str, description: str):
        super().__init__(description)
        self.members = {"parameter": member}


class NotFoundOrHidden(NotFound):
    """There is no such thing, or the caller may not see it; the answer does not tell.

    :param what: the thing, in a word
    :param parameter: the one of the query that asked for it, if any
    """

    def __init__(self, what: str, parameter: str | None = None):
        super().__init__(f"There is no such {what}, or none that you may see.")
        self.members = {"parameter": parameter} if parameter else {}


class BeforeHistory(NotFound):
    """A moment of which there is no history yet.

    :param since: from when on there is; None if there is none
    """

    kind = "before-history"

    def __init__(self, parameter: str, since: datetime | None):
        when = since and since.astimezone(timezone.utc).isoformat()
        super().__init__(
            f"There is history since {when}." if when else "There is no history."
        )
        self.members = {"parameter": parameter, "since": when}


class NoSalesAccess(Forbidden):
    """Odoo lets the caller read no opportunities, or none of another model.

    :param groups: names of the groups of which any would let them
    """

    kind = "no-sales-access"

    def __init__(self, description: str, groups: list[str]):
        super().__init__(description)
        self.members = {"groups": groups}


class PositionNotReached(ServiceUnavailable):
    """The event that the client waits for is not visible yet."""

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


def as_http(exc: Exception) -> HTTPException:
    """Return the HTTP error that an exception is to the client."""
    if isinstance(exc, HTTPException):
        return exc
    if isinstance(exc, (AccessDenied, SessionExpiredException)):
        return unauthorized(str(exc))
    # A record that the caller may not see is answered as one that is not there.
    if isinstance(exc, (AccessError, MissingError)):
        return NotFoundOrHidden("record")
    if isinstance(exc, UserError):
        return _http_error(exc.http_status, str(exc))
    if isinstance(exc, _UNAVAILABLE):
        return ServiceUnavailable(
            "The database cannot answer just now.", retry_after=RETRY_SECONDS
        )
    if isinstance(exc, NotFilled):
        return ReadModelBroken(f"A read model is not ready: {exc}.", [exc.projection])
    if isinstance(exc, Unreadable):
        return ReadModelBroken(f"A read model is broken: {exc}.", exc.names)
    if isinstance(exc, psycopg2.Error) and (exc.pgcode or "").startswith(("42", "XX")):
        # A table or a column is missing, or cannot be read.
        return ReadModelBroken("A read model cannot be read.", [])
    return _http_error(500)


def _http_error(status: int, description: str | None = None) -> HTTPException:
    error = default_exceptions.get(status, HTTPException)(description)
    error.code = status
    return error
