from datetime import timedelta

from odoo import Command, fields
from odoo.tests import HttpCase, new_test_user, tagged

from ..models.api.ir_http import API_KEY_SCOPE
from .common import SalesOrganisation

URL = "/api/v2/dashboard/"
UNKNOWN_KEY = "This API key is unknown, expired or revoked."
NO_CREDENTIALS = "Log in to Odoo, or send an API key: Authorization: Bearer <key>."
NOT_INTERNAL = "Only internal users have a dashboard."


@tagged("post_install", "-at_install")
class TestApiCredentials(SalesOrganisation, HttpCase):
    def key(self, user, scope=API_KEY_SCOPE, days=1):
        expires = fields.Datetime.now() + timedelta(days=days)
        keys = self.env["res.users.apikeys"].with_user(user).sudo()
        return keys._generate(scope, "test", expires)

    def get(self, key, scheme="Bearer"):
        headers = {"Authorization": f"{scheme} {key}"}
        return self.url_open(URL, headers=headers, allow_redirects=False)

    def assertUnauthorized(self, response, detail):
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        error = ", error=invalid_token" if detail == UNKNOWN_KEY else ""
        self.assertEqual(
            response.headers["WWW-Authenticate"], f'Bearer realm="CRM CQRS"{error}'
        )
        self.assertEqual(
            response.json(),
            {
                "type": "/api/v2/problems/unauthorized",
                "title": "Unauthorized",
                "status": 401,
                "detail": detail,
                "trace_id": response.headers["X-Correlation-ID"],
            },
        )

    def assertIs_(self, response, user):
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.json()["user"]["odoo"]["user_id"], user.id)

    def not_internal(self, group):
        return new_test_user(self.env, "cqrs_outside", groups=group)

    def test_a_key_of_this_scope_or_of_the_global_one_opens_it(self):
        for scope in (API_KEY_SCOPE, None):
            self.assertIs_(self.get(self.key(self.manager, scope)), self.manager)
        self.assertIs_(self.get(self.key(self.manager), "bearer"), self.manager)

    def test_other_keys_do_not(self):
        for key in ("0" * 40, "", "two words", "\xe9" * 40):
            self.assertUnauthorized(self.get(key), UNKNOWN_KEY)
        other = self.key(self.manager, "other")
        self.assertUnauthorized(self.get(other), UNKNOWN_KEY)
        expired = self.key(self.manager, days=-1)
        self.assertUnauthorized(self.get(expired), UNKNOWN_KEY)

    def test_a_revoked_key_does_not(self):
        key = self.key(self.manager)
        self.env["res.users.apikeys"].search(
            [("user_id", "=", self.manager.id)]
        ).sudo()._remove()
        self.assertUnauthorized(self.get(key), UNKNOWN_KEY)

    def test_an_archived_user_is_refused_with_key_and_session(self):
        key = self.key(self.manager)
        self.authenticate("cqrs_manager", "cqrs_manager")
        self.assertIs_(self.url_open(URL), self.manager)
        self.manager.active = False
        self.assertUnauthorized(self.get(key), UNKNOWN_KEY)
        self.assertUnauthorized(self.url_open(URL), NO_CREDENTIALS)

    def test_portal_and_public_users_are_refused_with_key_and_session(self):
        for group in ("base.group_portal", "base.group_public"):
            with self.subTest(group):
                user = self.not_internal(group)
                self.assertUnauthorized(self.get(self.key(user)), NOT_INTERNAL)
                self.authenticate(user.login, user.login)
                self.assertUnauthorized(self.url_open(URL), NOT_INTERNAL)
                self.authenticate(None, None)
                user.login = f"former {group}"
                self.env.flush_all()

    def test_a_user_who_is_not_internal_any_more_is_refused(self):
        key = self.key(self.manager)
        portal = self.env.ref("base.group_portal")
        self.manager.group_ids = [Command.set(portal.ids)]
        self.assertUnauthorized(self.get(key), NOT_INTERNAL)

    def test_without_credentials_nothing_is_served_and_nobody_redirected(self):
        for url in (URL, "/api/v2/events", "/api/opportunities"):
            response = self.url_open(url, allow_redirects=False)
            self.assertUnauthorized(response, NO_CREDENTIALS)

    def test_a_session_that_has_ended_is_refused(self):
        self.authenticate("cqrs_manager", "cqrs_manager")
        self.manager.password = "another password"
        response = self.url_open(URL, allow_redirects=False)
        self.assertUnauthorized(response, NO_CREDENTIALS)

    def test_a_key_counts_for_more_than_the_session_beside_it(self):
        self.authenticate("cqrs_manager", "cqrs_manager")
        self.assertIs_(self.get(self.key(self.seller)), self.seller)
        self.assertUnauthorized(self.get("0" * 40), UNKNOWN_KEY)
        # Nor does it become the session.
        self.assertIs_(self.url_open(URL), self.manager)

    def test_a_key_begins_no_session(self):
        response = self.get(self.key(self.manager))
        self.assertNotIn("Set-Cookie", response.headers)

    def test_a_user_without_rights_is_told_so(self):
        user = new_test_user(self.env, "cqrs_nobody", groups="base.group_user")
        self.opportunity(self.seller)
        answer = self.get(self.key(user))
        self.assertEqual(answer.status_code, 403)
        self.assertEqual(answer.json()["type"], "/api/v2/problems/no-sales-access")

    def test_a_page_of_odoo_asks_with_its_session(self):
        self.browser_js(
            "/web/login",
            """
            fetch("%s").then((answer) => answer.json()).then((body) => {
                if (body.user.odoo.user_id === %d) {
                    console.log("test successful");
                } else {
                    console.error(JSON.stringify(body));
                }
            });
            """
            % (URL, self.manager.id),
            login="cqrs_manager",
        )
