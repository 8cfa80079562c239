from datetime import timedelta

from odoo import Command, fields
from odoo.tests import HttpCase, tagged

from ..models.ir_http import API_KEY_SCOPE
from .common import SalesOrganisation

URL = "/api/v2/dashboard/"


@tagged("post_install", "-at_install")
class TestApiCredentials(SalesOrganisation, HttpCase):
    def key(self, user, scope=API_KEY_SCOPE, days=1):
        expires = fields.Datetime.now() + timedelta(days=days)
        keys = self.env["res.users.apikeys"].with_user(user).sudo()
        return keys._generate(scope, "test", expires)

    def get(self, key):
        return self.url_open(URL, headers={"Authorization": f"Bearer {key}"})

    def assertUnauthorized(self, response, detail):
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        self.assertTrue(response.headers["WWW-Authenticate"].startswith("Bearer"))
        self.assertEqual(
            response.json(),
            {
                "type": "about:blank",
                "title": "Unauthorized",
                "status": 401,
                "detail": detail,
            },
        )

    def test_a_key_of_this_scope_or_of_the_global_one_opens_it(self):
        for scope in (API_KEY_SCOPE, None):
            response = self.get(self.key(self.manager, scope))
            self.assertEqual(response.status_code, 200)
            self.assertEqual(
                response.json()["user"]["odoo"]["user_id"], self.manager.id
            )

    def test_other_keys_do_not(self):
        detail = "This API key is unknown, expired or revoked."
        self.assertUnauthorized(self.get("0" * 40), detail)
        self.assertUnauthorized(self.get(self.key(self.manager, "other")), detail)
        self.assertUnauthorized(self.get(self.key(self.manager, days=-1)), detail)
        key = self.key(self.manager)
        self.manager.active = False
        self.assertUnauthorized(self.get(key), detail)

    def test_without_credentials_nothing_is_served_and_nobody_redirected(self):
        response = self.url_open(URL, allow_redirects=False)
        self.assertUnauthorized(
            response,
            "Log in to Odoo, or send an API key: Authorization: Bearer <key>.",
        )

    def test_a_portal_user_is_refused(self):
        portal = self.env["res.users"].create(
            {
                "name": "Portal",
                "login": "cqrs_portal",
                "password": "cqrs_portal",
                "group_ids": [Command.set(self.env.ref("base.group_portal").ids)],
            }
        )
        self.authenticate(portal.login, portal.login)
        self.assertUnauthorized(
            self.url_open(URL), "Only internal users have a dashboard."
        )
