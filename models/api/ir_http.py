import re

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, Unauthorized

from odoo import SUPERUSER_ID, models
from odoo.http import _dispatchers, request

from ..support.bound_companies import BOUND
from . import position
from .paths import is_of_the_api

#: The header with the id of the user that the caller of the API is
CALLER = "X-Odoo-User"

#: Key of a request's environment: the API key that has let it in
SENT_KEY = "crm_cqrs.sent_key"

#: Scope of the API keys that open the API and nothing else
API_KEY_SCOPE = "crm_cqrs"

#: Scope of the API keys that open Odoo's own RPC alone
RPC_SCOPE = "rpc"

#: Scope of the API keys that manage webhooks and nothing else
WEBHOOKS_SCOPE = "crm_cqrs.webhooks"


class UnknownPath(HTTPException):
    """There is nothing under a path of the API.

    It is no ``NotFound``, for which Odoo would look for an attachment or a page of the
    website and answer in HTML.
    """

    code = 404
    description = "There is nothing under this path."


class WrongScope(Forbidden):
    """The API key is valid, but not for this."""

    kind = "wrong-scope"

    def __init__(self, scope: str):
        super().__init__(f"This takes an API key of the scope {scope}.")
        self.members = {"scope": scope}


class NoCompanyOfKey(Forbidden):
    """The API key is bound to companies in none of which its user may work."""

    kind = "no-company-of-key"

    def __init__(self):
        super().__init__(
            "The API key is bound to companies in none of which its user may work."
        )


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _match(cls, path_info):
        if not is_of_the_api(path_info):
            return super()._match(path_info)
        # Our dispatcher also answers unknown paths, without the website's redirection
        # to a path with a language in it.
        request.dispatcher = _dispatchers["cqrs_api"](request)
        request.is_frontend = request.is_frontend_multilang = False
        if "//" in path_info:
            # Werkzeug would redirect, which no client of an API need follow.
            raise UnknownPath()
        try:
            return super()._match(path_info)
        # An int of more digits than Python reads is a ValueError.
        except (NotFound, ValueError) as error:
            raise UnknownPath() from error

    @classmethod
    def _auth_method_cqrs_api(cls):
        """Accept an Odoo session or ``Authorization: Bearer`` with an API key.

        The key has this addon's scope or the global one. Odoo's own ``bearer`` refuses
        the ``fetch()`` of a logged-in page, and any scope but the global one. A
        preflight (OPTIONS) has no credentials and needs none.

        :raise Unauthorized: no valid credentials, or not those of an internal user
        """
        if request.httprequest.method == "OPTIONS":
            return cls._auth_method_none()
        key = _sent_key()
        if key is not None:
            _log_in(key, API_KEY_SCOPE)
        elif not request.env.uid:
            raise unauthorized(
                "Log in to Odoo, or send an API key: Authorization: Bearer <key>."
            )
        if not request.env.user._is_internal():
            raise unauthorized("Only internal users have a dashboard.")

    @classmethod
    def _auth_method_cqrs_webhooks(cls):
        """Accept an API key of ``WEBHOOKS_SCOPE``, or of the global one, alone.

        No session: a page could have a browser send it with a form.

        :raise Unauthorized: no valid key
        :raise WrongScope: the key has another scope
        """
        if request.httprequest.method == "OPTIONS":
            return cls._auth_method_none()
        key = _sent_key()
        if key is None:
            raise unauthorized("Send an API key: Authorization: Bearer <key>.")
        _log_in(key, WEBHOOKS_SCOPE)

    @classmethod
    def _post_dispatch(cls, response):
        """Add the header with the position of the request's own last event.

        Only for who may ask the API from which position it answers: not for a visitor
        of the website whose form makes a lead, nor a customer on the portal.
        """
        super()._post_dispatch(response)
        cr = request.env.cr
        if cr.readonly or cr._closed:
            return
        # Odoo flushes after the answer in any case; the flush records the events.
        cr.flush()
        recorded = request.env["cqrs.event"]._recorded_position()
        if recorded and _is_by_an_internal_user():
            response.headers[position.HEADER] = str(recorded)


def _sent_key() -> str | None:
    """Return the API key that the request has, None if it has none."""
    header = request.httprequest.headers.get("Authorization", "")
    bearer = re.fullmatch(r"bearer(?:\s+(.*))?", header, re.IGNORECASE)
    return (bearer[1] or "").strip() if bearer else None


def _log_in(key: str, scope: str):
    """Have the request be of the user of an API key, in the key's companies.

    This is the one place where a key's bound is put on its caller.
    """
    keys = request.env["res.users.apikeys"]
    uid = key and keys._check_credentials(scope=scope, key=key)
    if not uid:
        others = [API_KEY_SCOPE, WEBHOOKS_SCOPE, RPC_SCOPE]
        if key and any(keys._check_credentials(scope=s, key=key) for s in others):
            raise WrongScope(scope)
        raise unauthorized(
            "This API key is unknown, expired or revoked.", "invalid_token"
        )
    bounds = keys._cqrs_bounds(key, uid)
    if not bounds.is_of_here:
        raise unauthorized(
            "This API key was made in another database: in one of which this is a copy,"
            " or in this one before it was renamed. Make a new key. After a rename an"
            " administrator can confirm it (odoo-bin cqrs renamed).",
            "invalid_token",
        )
    request.update_env(user=uid)
    request.session.can_save = False
    request.httprequest.environ[SENT_KEY] = key
    if bounds.company_ids is not None:
        own = request.env.user._get_company_ids()
        ids = [id_ for id_ in own if id_ in bounds.company_ids]
        if not ids:
            raise NoCompanyOfKey()
        request.update_context(**{BOUND: tuple(ids), "allowed_company_ids": ids})


def _is_by_an_internal_user() -> bool:
    """Return whether an internal user has made the request, by session or API key."""
    env = request.env
    # A route for everybody may go on as the superuser.
    if not env.uid or env.uid == SUPERUSER_ID != request.session.uid:
        return False
    return env.user._is_internal()


def unauthorized(description: str, error: str | None = None) -> Unauthorized:
    """Return a 401 that names the credentials needed (RFC 6750)."""
    parameters = {"realm": "CRM CQRS"} | ({"error": error} if error else {})
    return Unauthorized(
        description, www_authenticate=WWWAuthenticate("bearer", parameters)
    )
