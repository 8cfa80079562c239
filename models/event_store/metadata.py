"""The metadata of events: the facts that each event has about its transaction.

The origin follows from the code that runs, the users and the request from Odoo's
``request``; nothing follows from a context key, which any client can set. Code that
runs without a server may put anything in the place of a request: Odoo's tests put mocks
there, other addons objects with the few attributes that they need.
"""

import re
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from odoo import api, models
from odoo.http import request
from odoo.modules import Manifest

ORM = "orm"
IMPORT = "import"
CRON = "cron"
MIGRATION = "migration"

#: The header that a client may give the correlation id in, and finds it in
HEADER = "X-Correlation-ID"

# Text that a log line and a header can carry unchanged.
_PRINTABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?")

_VARIABLE = "HTTP_" + HEADER.upper().replace("-", "_")
_KEY = "crm_cqrs.correlation_id"

_MISSING = object()

_origin: ContextVar[str] = ContextVar("crm_cqrs.origin", default=ORM)


class Metadata(NamedTuple):
    """The facts that all events of one transaction share.

    :ivar origin: one of ``event.ORIGINS``
    :ivar user_id: the user of an event whose writer is not known
    :ivar acting_user_id: the user who was logged in
    :ivar correlation_id: the HTTP request, None outside of one
    :ivar module_version: the version of this addon
    """

    origin: str
    user_id: int | None
    acting_user_id: int | None
    correlation_id: str | None
    module_version: str

    @classmethod
    def current(cls, env, origin: str) -> "Metadata":
        """Return the metadata of events that are recorded now."""
        return cls(
            origin=origin,
            user_id=env.uid,
            acting_user_id=logged_in_user_id(env),
            correlation_id=correlation_id(),
            module_version=Manifest.for_addon("crm_cqrs")["version"],
        )


def current_origin() -> str:
    """Return the origin of the code that runs: ``orm``, ``import`` or ``cron``."""
    return _origin.get()


def request_environ() -> dict | None:
    """Return the WSGI environment of the request, None outside of one."""
    environ = _read("httprequest", "environ")
    return environ if isinstance(environ, dict) else None


def correlation_id() -> str | None:
    """Return the id of the HTTP request being served, None outside of one.

    The client's own id if it is at most 128 characters of printable ASCII, else a new
    UUID. Every call within a request returns the same id, also when Odoo retries it.
    """
    environ = request_environ()
    if environ is None:
        return None
    if _KEY not in environ:
        given = environ.get(_VARIABLE, "")
        given = given.strip() if isinstance(given, str) else ""
        environ[_KEY] = given if _PRINTABLE.fullmatch(given) else str(uuid.uuid4())
    return environ[_KEY]


def logged_in_user_id(env) -> int | None:
    """Return the user logged in to the request, else the user of the environment."""
    found = [_read("session", "uid"), _read("env", "uid")]
    for uid in found:
        if isinstance(uid, int) and uid:
            return uid
    # A request without a login has no acting user.
    return None if None in found else env.uid


def _read(owner: str, name: str):
    """Return ``request.<owner>.<name>``, ``_MISSING`` if there is no such thing."""
    if not request:
        return _MISSING
    try:
        return getattr(getattr(request, owner), name)
    except (AttributeError, RuntimeError):
        return _MISSING


@contextmanager
def _originating(origin: str):
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model
    def load(self, fields, data):
        with _originating(IMPORT):
            return super().load(fields, data)


class IrCron(models.Model):
    _inherit = "ir.cron"

    def _callback(self, cron_name, server_action_id):
        with _originating(CRON):
            return super()._callback(cron_name, server_action_id)
