"""The link of a mailed dashboard: one click unsubscribes, and no scanner does."""

from urllib.parse import urlencode

from lxml import html

from odoo.tests import HttpCase, tagged

from .test_subscriptions import Subscriptions


@tagged("post_install", "-at_install")
class TestUnsubscribing(Subscriptions, HttpCase):
    """The link of a mail, followed by scanners, programs of mail, and people."""

    def setUp(self):
        super().setUp()
        self.subscription = self.subscribe(self.manager, self.seller)
        self.url = self.subscription._unsubscribe_url()
        self.authenticate(None, None)

    def stopped(self):
        self.subscription.invalidate_recordset()
        return self.subscription.stopped

    def test_a_scanner_that_follows_it_changes_nothing(self):
        answer = self.url_open(self.url)
        self.assertEqual(answer.status_code, 200)
        self.assertIn("Unsubscribe?", answer.text)
        self.assertNotIn("submit();", answer.text)
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertFalse(self.stopped())

    def test_the_button_of_a_program_of_mail(self):
        # RFC 8058: no session, no cookie, no redirect.
        data = {"List-Unsubscribe": "One-Click"}
        answer = self.url_open(self.url, data=data, allow_redirects=False)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self.stopped(), "recipient")
        # Some send it again.
        self.assertEqual(self.url_open(self.url, data=data).status_code, 200)
        answer = self.url_open(self.url)
        self.assertIn("You have unsubscribed", answer.text)
        answer = self.url_open(self.url, data={"again": "1"})
        self.assertIn("You are subscribed again", answer.text)
        self.assertFalse(self.stopped())

    def test_the_recipient_is_not_asked_and_others_are(self):
        for user, is_asked in ((self.manager, True), (self.seller, False)):
            self.authenticate(user.login, user.login)
            answer = self.url_open(self.url)
            self.assertEqual("submit();" not in answer.text, is_asked, user.login)
            self.assertFalse(self.stopped())

    def test_the_page_has_the_language_of_the_recipient(self):
        self.env["res.lang"]._activate_lang("ar_001")
        self.seller.lang = "ar_001"
        self.env.flush_all()
        page = html.fromstring(self.url_open(self.url).content)
        self.assertEqual((page.get("lang"), page.get("dir")), ("ar-001", "rtl"))

    def test_another_token_is_none(self):
        token = self.url.partition("token=")[2]
        for other in ("", "x", token[:-4] + "AAAA", token[:-1], "é" * 50, "AQ" * 40):
            for options in ({}, {"data": {"again": ""}}):
                url = f"/crm_cqrs/unsubscribe?{urlencode({'token': other})}"
                answer = self.url_open(url, **options)
                self.assertEqual(answer.status_code, 404, other)
                self.assertIn("This link leads nowhere", answer.text)
        self.assertFalse(self.stopped())

    def test_what_is_gone_is_said_to_be(self):
        """Programs of mail offer the link for months, and want to hear a yes."""
        self.subscription.unlink()
        self.env.flush_all()
        for options in (
            {},
            {"data": {"List-Unsubscribe": "One-Click"}},
            {"data": {"again": "1"}},
        ):
            answer = self.url_open(self.url, **options)
            self.assertEqual(answer.status_code, 200)
            self.assertIn("This subscription has been deleted", answer.text)
            self.assertNotIn("<button", answer.text)
