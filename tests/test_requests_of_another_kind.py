from types import SimpleNamespace
from unittest.mock import Mock

from odoo.http import _request_stack, get_default_session
from odoo.tests import tagged
from odoo.tools.misc import DotDict

from .common import SalesOrganisation


class Refusing:
    """Has nothing, and says so in its own way."""

    def __getattr__(self, name):
        raise RuntimeError(name)


@tagged("post_install", "-at_install")
class TestRequestsOfAnotherKind(SalesOrganisation):
    """What stands in a request's place, in tests and in scripts, may be anything."""

    def recorded_within(self, request):
        """Return ``(acting_user_id, correlation_id)`` of a stage created meanwhile."""
        _request_stack.push(request)
        try:
            # Not a lead: Odoo asks the request for the campaign's cookie.
            stage = self.env["crm.stage"].create({"name": "Recorded"})
            self.env.cr.flush()
        finally:
            _request_stack.pop()
        self.env.cr.execute(
            "SELECT acting_user_id, correlation_id FROM cqrs_event"
            " WHERE stream_model = 'crm.stage' AND stream_id = %s",
            [stage.id],
        )
        return self.env.cr.fetchone()

    def test_what_is_missing_is_not_asked_for(self):
        uid, seller = self.env.uid, self.seller.id
        session = DotDict(get_default_session(), debug="1")
        environ = {"HTTP_X_CORRELATION_ID": "asked"}
        for name, request, expected in (
            ("nothing", SimpleNamespace(), (uid, None)),
            ("refuses", Refusing(), (uid, None)),
            ("mock", Mock(), (uid, None)),
            # Odoo's own tests: debug_mode() and one of the users'
            (
                "debug",
                Mock(httprequest=Mock(host="localhost"), env=self.env, session=session),
                (uid, None),
            ),
            (
                "session alone",
                SimpleNamespace(session=SimpleNamespace(uid=seller), env=self.env),
                (seller, None),
            ),
            (
                "environment alone",
                SimpleNamespace(httprequest=SimpleNamespace(environ=environ)),
                (uid, "asked"),
            ),
            (
                "nobody logged in",
                SimpleNamespace(
                    session=SimpleNamespace(uid=None), env=SimpleNamespace(uid=None)
                ),
                (None, None),
            ),
        ):
            with self.subTest(name):
                self.assertEqual(self.recorded_within(request), expected)

    def test_an_id_that_is_no_text_is_not_taken(self):
        environ = {"HTTP_X_CORRELATION_ID": b"asked"}
        request = SimpleNamespace(httprequest=SimpleNamespace(environ=environ))
        __, first = self.recorded_within(request)
        self.assertRegex(first, r"^[0-9a-f-]{36}$")
        # The same for all of the request.
        self.assertEqual(self.recorded_within(request)[1], first)

    def test_a_request_without_an_environment_has_recorded_nothing(self):
        _request_stack.push(SimpleNamespace())
        try:
            self.env["crm.stage"].create({"name": "Recorded"})
            self.env.cr.flush()
            self.assertIsNone(self.env["cqrs.event"]._recorded_position())
        finally:
            _request_stack.pop()
