"""A view of the dashboard that is mailed each week: when, to whom, and what it says."""

from datetime import datetime, timedelta
from unittest.mock import patch

from lxml import html

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.modules.neutralize import neutralize_database
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..models.past import changes, figures
from ..models.subscriptions import subscription
from ..models.subscriptions.sending import PAUSES
from .common import other_company
from .test_flow_of_stages import DAY
from .test_pace_of_deals import Paces

NBSP = "\u00a0"
MINUS = "\u2212"


class Subscriptions(Paces):
    """People with addresses of e-mail, and mails that are read as text."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for user in cls.head | cls.manager | cls.seller | cls.peer:
            user.write({"email": f"{user.login}@example.com", "tz": "UTC"})
        cls.currency = cls.env.company.currency_id
        cls.env.cr.flush()

    def setUp(self):
        super().setUp()
        # Kept sums know nothing of what these tests date back.
        self.env.cr.execute("DELETE FROM cqrs_past_level_state")
        for kept in (changes.SUMS, figures.SUMS):
            kept.store(self.env).clear()

    def subscribe(self, user, users=None, weekday=0, hour=8, **address):
        """Return the subscriptions that a user makes, by default for oneself."""
        users = users or user
        model = self.env["cqrs.subscription"]
        before = model.search([])
        model.with_user(user).action_subscribe(address, weekday, hour, users.ids)
        return model.search([]) - before

    def due(self, subscription, mailed=None):
        """Let a subscription be due, and the last mail have been sent at a time."""
        values = {"handled_at": datetime(2020, 1, 1), "retry_at": False}
        if mailed:
            values["mailed_at"] = mailed.replace(tzinfo=None)
        subscription.write(values)

    def send(self, subscription, mailed=None):
        """Return the mail of a subscription that is due now; none if none is made."""
        self.due(subscription, mailed)
        self.env.cr.flush()
        self.assertTrue(self.env["cqrs.subscription"]._send_next())
        return subscription.mail_id

    def text(self, mail):
        """Return what a mail says, in one line."""
        return " ".join(html.fromstring(mail.body_html).text_content().split())

    def rows(self, mail):
        """Return the cells of each row of the mail's tables of figures."""
        tables = html.fromstring(mail.body_html).xpath("//table[tr/th]")
        return [
            [
                [" ".join(cell.text_content().split()) for cell in row]
                for row in table.xpath("tr[not(th)]")
            ]
            for table in tables
        ]

    def money(self, text):
        """Return an amount as a mail in English has it."""
        symbol = self.currency.symbol
        parts = (text, symbol) if self.currency.position == "after" else (symbol, text)
        return " ".join(parts)


@tagged("post_install", "-at_install")
class TestMail(Subscriptions):
    def test_figures_changes_and_what_needs_attention(self):
        now = self.now
        kept = self.created(now - 20 * DAY, self.seller, 1000, name="Kept <b>deal</b>")
        lost = self.created(now - 20 * DAY, self.seller, 400, name="Lost deal")
        self.created(now - 2 * DAY, self.manager, 1_000_000.5, name="New deal")
        self.change(kept, now - 2 * DAY, expected_revenue=1200)
        self.change(lost, now - DAY, active=False, probability=0)
        self.created(now - 2 * DAY, self.peer, 77)
        subscription = self.subscribe(self.manager)
        mail = self.send(subscription, mailed=now - 7 * DAY)
        self.assertEqual(subscription.outcome, "mailed")
        self.assertEqual(mail.state, "outgoing")
        self.assertEqual(mail.email_to, self.manager.email_formatted)
        changes, attention = self.rows(mail)
        self.assertEqual(
            changes,
            [
                ["At the Beginning", "2", self.money("1,400.00")],
                ["Created", "1", f"+{self.money('1,000,000.50')}"],
                ["Value Increased", "1", f"+{self.money('200.00')}"],
                ["Lost", "1", f"{MINUS}{self.money('400.00')}"],
                ["At the End", "2", self.money("1,001,200.50")],
            ],
        )
        self.assertEqual(
            attention,
            [
                ["No Activity", "2", self.money("1,001,200.50")],
                ["In all, each once", "2", self.money("1,001,200.50")],
            ],
        )
        text = self.text(mail)
        # So many times as much are no percentage.
        self.assertIn(
            f"Pipeline {self.money('1,001,200.50')} ▲ +{self.money('999,800.50')}"
            " Weighted Pipeline",
            text,
        )
        self.assertIn("Active Opportunities 2 ±0", text)
        self.assertIn("Kept <b>deal</b>", text)
        self.assertIn(self.money("1,001,200.50").replace(" ", NBSP), mail.subject)

    def test_each_recipient_gets_what_that_one_may_see(self):
        self.created(self.now - DAY, self.seller, 1000)
        self.created(self.now - DAY, self.manager, 20)
        of = dict.fromkeys((self.manager, self.seller))
        subscriptions = self.subscribe(self.manager, self.manager | self.seller)
        self.assertEqual(subscriptions.user_id, self.manager | self.seller)
        for each in subscriptions:
            of[each.user_id] = self.rows(self.send(each))[0][-1][-1]
        self.assertEqual(of[self.manager], self.money("1,020.00"))
        self.assertEqual(of[self.seller], self.money("1,000.00"))
        self.assertEqual(subscriptions.owner_id, self.manager)

    def test_the_dashboard_of_somebody_else_and_own_ones_alone(self):
        self.created(self.now - DAY, self.seller, 1000)
        self.created(self.now - DAY, self.manager, 20)
        seller = self.uuid(self.seller)
        mail = self.send(self.subscribe(self.manager, view_as=seller))
        end = ["At the End", "1", self.money("1,000.00")]
        self.assertEqual(self.rows(mail)[0][-1], end)
        self.assertIn("Dashboard of Seller", mail.subject)
        self.assertIn(f"view_as={seller}", mail.body_html)
        mail = self.send(self.subscribe(self.manager, scope="own"))
        self.assertEqual(self.rows(mail)[0][-1][-1], self.money("20.00"))

    def test_won_and_win_rate_are_those_of_the_period(self):
        won = self.created(self.now - DAY, self.seller, 300)
        won.action_set_won()
        lost = self.created(self.now - DAY, self.seller, 50)
        lost.action_set_lost()
        self.happened(self.now - timedelta(hours=1), won, lost)
        mail = self.send(self.subscribe(self.seller, period="this_year"))
        year = str(self.today.year)
        text = self.text(mail)
        self.assertIn(
            f"Won, {year} {self.money('300.00')} ▲ +{self.money('300.00')}", text
        )
        self.assertIn(f"Win Rate, {year} 50.0%", text)

    def test_language_currency_and_zone_are_the_recipients(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.seller.write({"lang": "fr_FR", "tz": "Pacific/Kiritimati"})
        self.created(self.now - DAY, self.seller, 1234.5)
        subscription = self.subscribe(self.manager, self.seller, currency="EUR")
        self.env["res.currency.rate"].search([]).unlink()
        mail = self.send(subscription)
        self.assertIn(f"1{NBSP}234,50{NBSP}€", mail.body_html)
        self.assertIn('lang="fr-FR"', mail.body_html)
        # It is 14 hours later there.
        local = self.now + timedelta(hours=14)
        self.assertIn(local.strftime("%d/%m/%Y"), mail.subject)
        self.assertIn(local.strftime("%H:%M"), self.text(mail))

    def test_companies_are_those_that_the_recipient_may_work_in(self):
        other = other_company(self.env)
        self.created(self.now - DAY, self.seller, 1000, company_id=self.env.company.id)
        both = f"{self.env.company.id},{other.id}"
        [[*__, end], __] = self.rows(
            self.send(self.subscribe(self.seller, company=both))
        )
        self.assertEqual(end[-1], self.money("1,000.00"))
        subscription = self.subscribe(self.seller, company=str(other.id))
        self.assertFalse(self.send(subscription))
        self.assertEqual(subscription.outcome, "no_right")

    def test_without_history_there_are_no_changes(self):
        self.created(self.now, self.seller, 1000)
        self.env.cr.execute("SET LOCAL session_replication_role = replica")
        self.env.cr.execute("UPDATE cqrs_event SET occurred_at = now()")
        self.env.cr.execute("DELETE FROM cqrs_prehistory")
        self.env.cr.execute("DELETE FROM cqrs_opportunity_span")
        self.env.cr.execute("SET LOCAL session_replication_role = origin")
        mail = self.send(self.subscribe(self.seller))
        self.assertIn("changes are told from the next mail on", self.text(mail))

    def test_headers_of_one_click(self):
        subscription = self.subscribe(self.seller)
        mail = self.send(subscription)
        [prepared] = mail._prepare_outgoing_list()
        headers = prepared["headers"]
        url = headers["List-Unsubscribe"].strip("<>")
        self.assertTrue(url.startswith("http"))
        self.assertEqual(headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        [link] = html.fromstring(mail.body_html).xpath(
            "//a[text()='Unsubscribe']/@href"
        )
        self.assertEqual(link, url)


@tagged("post_install", "-at_install")
class TestWhoIsMailed(Subscriptions):
    def assert_nothing(self, subscription, outcome):
        self.assertFalse(self.send(subscription))
        self.assertEqual(subscription.outcome, outcome)
        self.assertFalse(subscription.stopped)
        # It is next week's turn.
        self.assertGreater(subscription.next_at, self.now.replace(tzinfo=None))
        shown = subscription.with_user(subscription.owner_id).read(["state"])
        self.assertIn("Not mailed", shown[0]["state"])

    def test_nobody_who_may_not_read_leads_any_more(self):
        subscription = self.subscribe(self.manager, self.seller)
        self.seller.group_ids = [Command.set([self.env.ref("base.group_user").id])]
        self.assert_nothing(subscription, "no_right")

    def test_nobody_who_is_no_internal_user_any_more(self):
        subscription = self.subscribe(self.manager, self.seller)
        portal = self.env.ref("base.group_portal")
        self.seller.group_ids = [Command.set(portal.ids)]
        # As modules of a portal for leads give it.
        self.env["ir.model.access"].create(
            {
                "name": "cqrs portal",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "group_id": portal.id,
                "perm_read": True,
            }
        )
        self.assert_nothing(subscription, "no_right")

    def test_nobody_who_may_not_look_as_that_person_any_more(self):
        subscription = self.subscribe(self.manager, view_as=self.uuid(self.seller))
        self.assertTrue(self.send(subscription))
        self.seller_employee.parent_id = self.other_manager_employee
        self.env.cr.flush()
        self.assert_nothing(subscription, "no_right")
        # With the right the mails come back.
        self.seller_employee.parent_id = self.manager_employee
        self.assertTrue(self.send(subscription))

    def test_nobody_who_is_archived_or_has_no_address(self):
        subscription = self.subscribe(self.manager, self.seller)
        self.seller.email = False
        self.assert_nothing(subscription, "no_address")
        self.seller.active = False
        self.assert_nothing(subscription, "archived")

    def test_recipients_who_cannot_be(self):
        portal = new_test_user(self.env, "cqrs_portal", groups="base.group_portal")
        clerk = new_test_user(self.env, "cqrs_clerk", groups="base.group_user")
        gone = new_test_user(self.env, "cqrs_gone", "sales_team.group_sale_salesman")
        gone.active = False
        for user, words in (
            (portal, "is not an active internal user"),
            (clerk, "does not have access to CRM"),
            (gone, "is not an active internal user"),
        ):
            with self.subTest(user.login), self.assertRaisesRegex(UserError, words):
                self.subscribe(self.manager, user)
        with self.assertRaisesRegex(UserError, "does not have access to CRM"):
            self.subscribe(clerk, self.manager)
        with self.assertRaisesRegex(UserError, "Peer may not see the dashboard of"):
            self.subscribe(self.manager, self.peer, view_as=self.uuid(self.seller))
        with self.assertRaisesRegex(UserError, "recipients"):
            self.env["cqrs.subscription"].with_user(self.manager).action_subscribe(
                {}, 0, 8, []
            )
        with self.assertRaisesRegex(UserError, "too long for a mail"):
            self.subscribe(self.manager, company=",".join(map(str, range(1, 2000))))
        with self.assertRaisesRegex(UserError, "a day and an hour"):
            self.subscribe(self.manager, hour=24)

    def test_nobody_floods_colleagues(self):
        made = self.subscribe(self.manager, self.seller)
        with patch.object(subscription, "MAX_MADE", 1):
            with self.assertRaisesRegex(UserError, "Stop some of them"):
                self.subscribe(self.manager, self.seller, hour=9)
            self.assertTrue(self.subscribe(self.seller, hour=9))
            made.with_user(self.manager).action_unsubscribe()
            self.assertTrue(self.subscribe(self.manager, self.seller, hour=10))

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_whose_one_reads_and_stops(self):
        own = self.subscribe(self.seller)
        made = self.subscribe(self.manager, self.seller, hour=9)
        others = self.subscribe(self.peer)
        mine = self.env["cqrs.subscription"].with_user(self.seller)
        self.assertEqual(mine.search([]), own | made)
        self.assertEqual(
            self.env["cqrs.subscription"].with_user(self.manager).search([]), made
        )
        with self.assertRaises(AccessError):
            others.with_user(self.seller).action_unsubscribe()
        for values in ({"user_id": self.manager.id}, {"stopped": False}):
            with self.assertRaises(AccessError):
                own.with_user(self.seller).write(values)
        made.with_user(self.manager).action_unsubscribe()
        self.assertEqual(made.stopped, "owner")
        with self.assertRaises(AccessError):
            made.with_user(self.manager).action_resume()

    def test_who_has_unsubscribed_stays_so(self):
        subscription = self.subscribe(self.manager, self.seller)
        mail = self.send(subscription)
        subscription.with_user(self.seller).action_unsubscribe()
        self.assertEqual(subscription.stopped, "recipient")
        self.assertFalse(mail.exists(), "what waits to be sent is not sent")
        self.due(subscription)
        self.assertFalse(self.env["cqrs.subscription"]._send_next())
        with self.assertRaisesRegex(UserError, "Seller has unsubscribed"):
            self.subscribe(self.manager, self.seller, weekday=3)
        # Oneself may; what was to be tried again is over.
        subscription.retry_at = "2020-01-01"
        subscription.with_user(self.seller).action_resume()
        self.assertFalse(subscription.stopped)
        self.assertGreater(subscription.next_at, self.now.replace(tzinfo=None))

    def test_what_a_dialog_shows(self):
        model = self.env["cqrs.subscription"].with_user(self.manager)
        address = {
            "scope": "all",
            "sort": "-value",
            "view_as": None,
            "day": "2020-01-01",
        }
        shown = model.action_subscribe(address, 0, 8, (self.seller | self.manager).ids)
        self.assertEqual(
            [(each["user"], each["is_mine"], each["schedule"]) for each in shown],
            [
                ("Manager", True, "Monday, 8:00\u202fAM"),
                ("Seller", False, "Monday, 8:00\u202fAM"),
            ],
        )
        # The order of the list is no other view.
        address = {"scope": "all", "sort": "name", "group": "stage_id"}
        self.assertEqual(model.read_subscriptions(address), shown)
        self.assertEqual(model.action_subscribe(address, 0, 8, self.manager.ids), shown)
        for other in ({"scope": "own"}, {"search": '["mine"]'}, {"search": "x" * 9000}):
            self.assertEqual(model.read_subscriptions(other), [])


@tagged("post_install", "-at_install")
class TestWhenItIsSent(Subscriptions):
    def test_at_an_hour_of_a_day_where_the_recipient_is(self):
        subscription = self.subscribe(self.seller, weekday=0, hour=8)
        subscription.handled_at = datetime(2026, 3, 25)
        for zone, due in (
            ("UTC", datetime(2026, 3, 30, 8)),
            # Clocks went forward on Sunday.
            ("Europe/Brussels", datetime(2026, 3, 30, 6)),
            ("Pacific/Kiritimati", datetime(2026, 3, 29, 18)),
        ):
            with self.subTest(zone):
                self.seller.tz = zone
                self.env.cr.flush()
                self.assertEqual(subscription.next_at, due)

    def test_once_for_each_time(self):
        subscription = self.subscribe(self.seller)
        send = self.env["cqrs.subscription"]._send_next
        self.assertFalse(send(), "nothing is due before its time")
        # Three Mondays went by without a server: there is one mail.
        self.due(subscription)
        self.assertTrue(send())
        mail = subscription.mail_id
        self.assertFalse(send())
        self.assertEqual(subscription.mail_id, mail)
        now = self.now.replace(tzinfo=None)
        self.assertEqual(subscription.mailed_at, now)
        self.assertLessEqual(subscription.next_at - now, timedelta(days=7))
        triggers = self.env["ir.cron.trigger"].search(
            [("cron_id", "=", self.env.ref("crm_cqrs.ir_cron_subscriptions").id)]
        )
        self.assertIn(subscription.next_at, triggers.mapped("call_at"))

    def test_what_waits_is_made_anew_once_somebody_is_forgotten(self):
        deal = self.opportunity(
            self.seller, 10, name="Secret name", date_deadline="2020-01-01"
        )
        subscription = self.subscribe(self.seller)
        mail = self.send(subscription)
        self.assertIn("Secret name", self.text(mail))
        deal.unlink()
        words = self.subscribe(self.seller, search="Sécret name")
        other = self.subscribe(self.seller, search="Another")
        self.env["cqrs.subscription"]._forget_mails(["sécret name"])
        self.assertEqual((words | other).exists(), other)
        self.assertFalse(mail.exists())
        self.assertFalse(subscription.mailed_at)
        self.env.cr.flush()
        self.assertTrue(self.env["cqrs.subscription"]._send_next())
        self.assertNotIn("Secret name", self.text(subscription.mail_id))
        self.assertTrue(subscription.mailed_at)

    def test_what_odoo_could_not_send_is_made_anew(self):
        subscription = self.subscribe(self.seller)
        former = self.now.replace(tzinfo=None) - 7 * DAY
        mail = self.send(subscription, mailed=self.now - 7 * DAY)
        model = self.env["cqrs.subscription"]
        self.assertFalse(model._take_back())
        self.assertEqual(subscription.state, "Waiting to be sent")
        now = self.now.replace(tzinfo=None)
        for number, pause in enumerate(PAUSES, 1):
            mail.write({"state": "exception", "failure_reason": "no such server"})
            self.assertTrue(model._take_back())
            self.assertFalse(mail.exists())
            self.assertEqual(
                (subscription.tries, subscription.outcome), (number, "failed")
            )
            self.assertEqual(subscription.next_at, now + pause)
            # What it tells is what changed since the last one that went out.
            self.assertEqual(subscription.mailed_at, former)
            self.assertEqual(subscription.state, "Could not be sent: no such server")
            subscription.retry_at = now
            self.assertTrue(model._send_next())
            mail = subscription.mail_id
            self.assertTrue(mail)
        mail.write({"state": "exception", "failure_reason": "no such server"})
        model._take_back()
        # Next week then.
        self.assertFalse(subscription.retry_at)
        self.assertGreater(subscription.next_at, now)

    def test_an_error_is_noted_and_stops_nobody_else(self):
        broken, fine = self.subscribe(self.seller), self.subscribe(self.manager)
        self.due(broken)
        self.due(fine)
        self.env.cr.execute(
            "INSERT INTO cqrs_projection_failure"
            " (projection, rebuilds, sqlstate, error)"
            # As many rebuilds as there were, whatever tests came before.
            " SELECT name, (SELECT count(*) FROM cqrs_projection_rebuild"
            "               WHERE projection = name), '23514', 'x'"
            " FROM (VALUES ('cqrs.opportunity.view')) broken (name)"
        )
        send = self.env["cqrs.subscription"]._send_next
        with mute_logger("odoo.addons.crm_cqrs.models.subscriptions.sending"):
            self.assertTrue(send())
            self.assertTrue(send())
            self.assertFalse(send())
        for each in (broken, fine):
            self.assertEqual((each.outcome, each.tries), ("failed", 1))
            self.assertIn("cqrs.opportunity.view", each.error)
        self.env.cr.execute("DELETE FROM cqrs_projection_failure")
        for each in (broken, fine):
            each.retry_at = self.now.replace(tzinfo=None)
            self.assertTrue(send())
            self.assertEqual((each.outcome, each.error), ("mailed", False))
            # Odoo may be unable to send it. Next week it has as many tries again.
            self.assertEqual(each.tries, 1)
            self.send(each)
            self.assertEqual(each.tries, 0)


@tagged("post_install", "-at_install")
class TestNeutralized(Subscriptions):
    def test_a_neutralized_database_mails_nobody(self):
        subscription = self.subscribe(self.seller)
        mail = self.send(subscription)
        own = self.subscribe(self.seller, hour=9)
        own.with_user(self.seller).action_unsubscribe()
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.assertEqual(subscription.stopped, "copied")
        self.assertEqual(own.stopped, "recipient")
        self.assertEqual(mail.state, "cancel")
        self.due(subscription)
        self.assertFalse(self.env["cqrs.subscription"]._send_next())
        # Whoever wants it there resumes it.
        subscription.with_user(self.seller).action_resume()
        self.assertFalse(subscription.stopped)
