"""*Every Monday* in a browser: as three people, by keyboard, in each form."""

import json
import os
import unittest
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from odoo.tests import tagged

from ..models.subscriptions.question import Question
from ..models.subscriptions.searches import search_of
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
# Domains of the search that the list was asked for
ASKED = (
    "performance.getEntriesByType('resource')"
    ".filter(({name}) => name.includes('/opportunities?'))"
    ".map(({name}) => new URL(name).searchParams.get('domain')).filter(Boolean)"
)
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

    def test_a_mail_finds_what_the_screen_finds(self):
        """Facets mean in a mail what Odoo's search bar makes of them."""
        model = self.env["cqrs.opportunity.view"].with_user(self.manager)
        model = model.with_context(active_test=False)
        days = [date.today() + timedelta(days=days) for days in range(-800, 60, 20)]
        self.env["crm.lead"].create(
            [
                {
                    "name": f"Closing {day}",
                    "type": "opportunity",
                    "user_id": user.id,
                    "expected_revenue": 10 * number,
                    "date_deadline": day,
                }
                for number, day in enumerate(days)
                for user in (self.manager, self.seller)
            ]
        )
        self.env.cr.flush()
        everything, asked = model.search([]), []
        with self.browse():
            self.enter(self.manager, tz="Asia/Kolkata")
            for facets in (
                ["mine", ["value", ">=", 100], ["value", ">=", 200]],
                [["user_id", "=", self.seller.id], ["search_text", "ilike", "closing"]],
                ["closing/month", "closing/month-1", "closing/year", "my_team"],
                ["closing/first_quarter", "closing/year-1", "closing/year"],
                ["closing/year-2", "created/year-1"],
                [{"domain": ["|", ["value", "<", 50], ["value", ">", 400]]}, "mine"],
                ["overdue", "no_activity", "unassigned", "mine"],
            ):
                text = json.dumps(facets)
                self.visit(f"{PATH}?search={quote(text)}", f"{ASKED}.length")
                domain = json.loads(self.js(f"{ASKED}.pop()"))
                today = self.js("luxon.DateTime.now().toISODate()")
                asked.append((text, domain, date.fromisoformat(today)))
        for text, domain, today in asked:
            with self.subTest(text):
                facets = Question.of({"search": text}).facets
                zone = ZoneInfo("Asia/Kolkata")
                found = search_of(model.env, facets, today, zone)
                records = model.search(domain)
                self.assertEqual(model.search(json.loads(found.domain)), records)
                self.assertTrue(records)
                self.assertLess(len(records), len(everything))

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
                    f"{PATH}?scope=own&search=%5B%22mine%22%5D",
                    "document.querySelector('.o_cqrs_tile')",
                )
                self.tab_to("document.activeElement.matches('.o_cqrs_subscribe')")
                self.page.press("Enter")
                self.until("document.querySelector('.modal .o_cqrs_confirm')")
                self.until(IN_DIALOG)
                self.assertEqual(
                    self.js("document.querySelectorAll('.o_cqrs_searched li').length"),
                    1,
                )
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
        self.assertEqual(subscription.address["search"], '["mine"]')
