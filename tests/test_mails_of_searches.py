"""A mailed view that is searched: for whom, on which day, what has changed in it."""

import json
import re
from datetime import date
from unittest.mock import patch
from zoneinfo import ZoneInfo

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.subscriptions import mail as mails
from ..models.subscriptions.searches import search_of
from .test_flow_of_stages import DAY
from .test_subscriptions import MINUS, Subscriptions

FOUND_TODAY = "Changes are those of the opportunities that the search finds today."


@tagged("post_install", "-at_install")
class TestMailsOfSearches(Subscriptions):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tag = cls.env["crm.tag"].create({"name": "cqrs fair"})

    def mailed(self, user, *facets, users=None, **address):
        """Return the mail of a search, whose last one was a week ago."""
        search = json.dumps(facets)
        subscription = self.subscribe(user, users, search=search, **address)
        return self.send(subscription, mailed=self.now - 7 * DAY)

    def waterfall(self, mail):
        """Return of each row of the waterfall its name, and its amount in digits."""
        sign = f"[{self.currency.symbol}\\s]"
        return [
            (label, re.sub(sign, "", amount).replace(MINUS, "-"))
            for label, __, amount in self.rows(mail)[0]
        ]

    def test_owners_teams_and_stages_are_those_of_then(self):
        now = self.now
        team = self.env["crm.team"].create({"name": "cqrs team", "company_id": False})
        self.created(now - 20 * DAY, self.seller, 1000, team_id=team.id)
        gone = self.created(now - 20 * DAY, self.seller, 500, team_id=team.id)
        self.created(now - 20 * DAY, self.manager, 20)
        self.change(gone, now - 2 * DAY, user_id=self.manager.id, team_id=False)
        for facet, text in (
            (["user_id", "=", self.seller.id], "Search: Salesperson: Seller"),
            (["team_id", "=", team.id], "Search: Sales Team: cqrs team"),
        ):
            with self.subTest(text):
                mail = self.mailed(self.manager, facet)
                self.assertEqual(
                    self.waterfall(mail),
                    [
                        ("At the Beginning", "1,500.00"),
                        ("Reassigned Out", "-500.00"),
                        ("At the End", "1,000.00"),
                    ],
                )
                told = self.text(mail)
                self.assertIn(text, told)
                self.assertIn(
                    f"Pipeline {self.money('1,000.00')} ▼"
                    f" {MINUS}{self.money('500.00')} (33.3%)",
                    told,
                )
                self.assertIn("Active Opportunities 1", told)
                self.assertNotIn(FOUND_TODAY, told)
                self.assertIn(text.removeprefix("Search: "), mail.subject)
        self.change(gone, now - DAY, stage_id=self.stage_won.id)
        mail = self.mailed(self.manager, ["stage_id", "=", self.stage_new.id])
        self.assertEqual(self.waterfall(mail)[0], ("At the Beginning", "1,520.00"))
        self.assertEqual(self.waterfall(mail)[-1], ("At the End", "1,020.00"))

    def test_what_the_past_does_not_know_is_found_today(self):
        now, tags = self.now, [Command.set(self.tag.ids)]
        kept = self.created(now - 20 * DAY, self.seller, 1000, tag_ids=tags)
        won = self.created(now - 20 * DAY, self.seller, 300, tag_ids=tags)
        self.created(now - 20 * DAY, self.seller, 7, name="Not at the fair")
        hidden = self.created(now - 20 * DAY, self.seller, 90, tag_ids=tags)
        self.change(kept, now - 2 * DAY, expected_revenue=1200)
        self.change(won, now - DAY, stage_id=self.stage_won.id)
        # Nobody learns of what is another's now whether a search finds it.
        self.change(hidden, now - DAY, user_id=self.peer.id)
        mail = self.mailed(
            self.manager, ["tag_ids", "=", self.tag.id], period="this_year"
        )
        self.assertEqual(
            self.waterfall(mail),
            [
                ("At the Beginning", "1,300.00"),
                ("Value Increased", "+200.00"),
                ("Won", "-300.00"),
                ("At the End", "1,200.00"),
            ],
        )
        told = self.text(mail)
        self.assertIn(FOUND_TODAY, told)
        self.assertIn(f"Won, {self.today.year} {self.money('300.00')} ▲ +", told)
        self.assertNotIn("Not at the fair", told)
        self.assertEqual(self.rows(mail)[1][-1][1:], ["1", self.money("1,200.00")])

    def test_mine_are_the_recipients(self):
        self.created(self.now - DAY, self.seller, 1000)
        self.created(self.now - DAY, self.manager, 20)
        made = self.subscribe(
            self.manager, self.manager | self.seller, search='["mine"]'
        )
        ends = {each.user_id: self.waterfall(self.send(each))[-1][1] for each in made}
        self.assertEqual(ends, {self.manager: "20.00", self.seller: "1,000.00"})
        self.assertEqual(
            made.mapped("title"),
            ["Dashboard of Manager · Mine", "Dashboard of Seller · Mine"],
        )
        # The link of the mail opens the same search.
        self.assertIn("search=%5B%22mine%22%5D", made[0].mail_id.body_html)

    def test_periods_are_counted_from_the_day_of_the_mail(self):
        env = self.env(user=self.seller.id, su=False)
        facets, zone = ("closing/month", "closing/year"), ZoneInfo("Asia/Kolkata")
        for day, bounds, text in (
            (date(2026, 11, 30), ("2026-11-01", "2026-12-01"), "November 2026"),
            (date(2027, 1, 1), ("2027-01-01", "2027-02-01"), "January 2027"),
        ):
            search = search_of(env, facets, day, zone)
            start, end = bounds
            self.assertEqual(
                json.loads(search.domain),
                ["&", ["closing_date", ">=", start], ["closing_date", "<", end]],
            )
            self.assertEqual(search.texts, [f"Expected Closing: {text}"])
        facets = ("created/fourth_quarter", "created/year-1", "mine", "unassigned")
        search = search_of(env, facets, date(2026, 11, 30), zone)
        # A time is of the midnights of the zone.
        self.assertIn("2025-09-30 18:30:00", search.domain)
        self.assertIn("2025-12-31 18:30:00", search.domain)
        self.assertEqual(search.texts, ["Created On: Q4 2025", "Mine or Unassigned"])

    def test_a_search_that_cannot_be_mailed(self):
        for search, words in (
            ('["no such filter"]', "There is no filter “no such filter” any more"),
            ('[["nofield", "=", 1]]', "There is no filter “nofield” any more"),
            ('["closing/decade"]', "There is no filter “decade” any more"),
            ('[["value", ">=", "much"]]', "cannot be read"),
            ('[{"domain": [5]}]', "cannot be read"),
            ('[{"domain": [["value"]]}]', "cannot be read"),
            (f'[{{"domain": {"[" * 900}{"]" * 900}}}]', "cannot be read"),
            ('[{"domain": [["user_id.password", "=", "x"]]}]', "cannot be read"),
            ('[{"domain": [["name", "=", "\\u0000"]]}]', "cannot be read"),
            (f'[{{"domain": [["name", "=", "{5000 * "x"}"]]}}]', "too long"),
        ):
            with self.subTest(search), self.assertRaisesRegex(UserError, words):
                self.subscribe(self.manager, search=search)

    @mute_logger("odoo.addons.crm_cqrs.models.subscriptions.sending")
    def test_a_search_that_fails_later_says_what_to_do(self):
        """Nobody gets the whole pipeline in the place of a part of it."""
        subscription = self.subscribe(self.manager, search='["mine"]')
        view = self.env.ref("crm_cqrs.dashboard_records_view_search")
        arch = view.arch
        view.arch = arch.replace('name="mine"', 'name="not_mine"')
        self.assertFalse(self.send(subscription))
        self.assertEqual(subscription.outcome, "failed")
        self.assertIn("There is no filter “mine” any more", subscription.error)
        view.arch = arch
        with patch.object(mails, "SEARCH_SECONDS", 0.001):
            self.assertFalse(self.send(subscription))
        self.assertIn("Narrow it", subscription.error)
        self.assertTrue(self.send(subscription))
        self.assertFalse(subscription.error)
        self.env.cr.execute("SHOW statement_timeout")
        self.assertEqual(self.env.cr.fetchone(), ("0",))
