"""*Every Monday* in a browser: as three people, by keyboard, in each form."""

import os
import unittest
from pathlib import Path

from odoo.tests import tagged

from .test_keyboard import KeyboardCase

MODULES = os.environ.get("CRM_CQRS_NODE_MODULES")
PATH = "/odoo/sales-dashboard"
# Odoo's own frame of a dialog is not looked at.
AXE = """
(async () => {
    const looked = { include: [[".modal-body > div"], [".modal-footer"]] };
    const { violations } = await axe.run(looked, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ html }) => `${id}: ${html}`)
    );
})()
"""
IN_DIALOG = "document.activeElement.closest('.modal')"
SIZES = ((1400, 900), (1024, 768), (390, 844))


@tagged("post_install", "-at_install")
class TestSubscriptionTour(KeyboardCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        cls.env["res.lang"]._activate_lang("ar_001")

    def subscriptions(self, user):
        found = self.env["cqrs.subscription"].search([("user_id", "=", user.id)])
        return found.sorted("weekday")

    def test_a_head_a_manager_and_a_salesperson(self):
        for user in (self.head, self.manager, self.seller):
            with self.subTest(user.name):
                self.start_tour(PATH, "crm_cqrs_subscription", login=user.login)
                monday, thursday = self.subscriptions(user)
                self.assertEqual((monday.weekday, monday.hour), ("0", 8))
                self.assertEqual(monday.owner_id, user)
                self.assertEqual(monday.address["scope"], "all")
                self.assertFalse(monday.stopped)
                self.assertEqual(thursday.stopped, "recipient")
                # The others find that the colleague gets it already.
                self.assertEqual(self.subscriptions(self.peer).owner_id, self.head)

    def test_one_click_of_the_recipient(self):
        """The page of who is logged in unsubscribes by itself."""
        model = self.env["cqrs.subscription"]
        model.with_user(self.seller).action_subscribe({}, 0, 8, self.seller.ids)
        subscription = self.subscriptions(self.seller)
        url = subscription._unsubscribe_url().removeprefix(model.get_base_url())
        heading = "document.querySelector('h1')?.textContent"
        with self.browse():
            self.enter(self.seller)
            self.visit(url, f"{heading} === 'You have unsubscribed'")
            self.js("document.querySelector('button').click()")
            self.until(f"{heading} === 'You are subscribed again'")
            # Which is not taken back by the page that says so.
            self.until("document.readyState === 'complete'")
            self.js("document.querySelector('button').click()")
            self.until(f"{heading} === 'You have unsubscribed'")
        subscription.invalidate_recordset()
        self.assertEqual(subscription.stopped, "recipient")

    @unittest.skipUnless(MODULES, "needs ./dev test, which provides axe")
    def test_by_keyboard_and_in_each_form(self):
        axe = Path(MODULES, "axe-core", "axe.min.js").read_text()
        with self.browse():
            for language, direction in (("en_US", "ltr"), ("ar_001", "rtl")):
                self.enter(self.manager, lang=language)
                self.visit(
                    f"{PATH}?scope=own", "document.querySelector('.o_cqrs_tile')"
                )
                self.tab_to("document.activeElement.matches('.o_cqrs_subscribe')")
                self.page.press("Enter")
                self.until("document.querySelector('.modal .o_cqrs_confirm')")
                self.until(IN_DIALOG)
                self.js(f"{axe};true")
                for width, height in SIZES:
                    self.page.resize(width, height)
                    with self.subTest(direction=direction, width=width):
                        self.assertEqual(
                            self.js("getComputedStyle(document.body).direction"),
                            direction,
                        )
                        self.assertEqual(self.js(AXE), [])
                self.page.resize(*SIZES[0])
                if direction == "ltr":
                    self.tab_to("document.activeElement.matches('.o_cqrs_confirm')")
                    self.page.press("Enter")
                else:
                    self.page.press("Escape")
                self.until("!document.querySelector('.modal')")
                # The focus is where it was.
                self.until("document.activeElement.matches('.o_cqrs_subscribe')")
        subscription = self.subscriptions(self.manager)
        self.assertEqual(subscription.address["scope"], "own")
