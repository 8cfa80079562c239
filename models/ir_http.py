import re

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from odoo import models
from odoo.http import request

#: Scope of the API keys that open API v2 and nothing else
API_KEY_SCOPE = "crm_cqrs"


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _auth_method_cqrs_api(cls):
        """Accept an Odoo session or ``Authorization: Bearer`` with an API key.

        A key of this addon's scope or of the global scope. Odoo's own ``bearer``
        refuses a logged-in page's ``fetch()`` and any scope but the global one.

        :raise Unauthorized: no valid credentials, or not those of an internal user
        """
        header = request.httprequest.headers.get("Authorization", "")
        if token := re.fullmatch(r"bearer\s+(\S+)", header, re.IGNORECASE):
            uid = request.env["res.users.apikeys"]._check_credentials(
                scope=API_KEY_SCOPE, key=token[1]
            )
            if not uid:
                raise _unauthorized("This API key is unknown, expired or revoked.")
            request.update_env(user=uid)
            request.session.can_save = False
        elif not request.env.uid:
            raise _unauthorized(
                "Log in to Odoo, or send an API key: Authorization: Bearer <key>."
            )
        if not request.env.user._is_internal():
            raise _unauthorized("Only internal users have a dashboard.")


def _unauthorized(description: str) -> Unauthorized:
    return Unauthorized(description, www_authenticate=WWWAuthenticate("bearer"))
