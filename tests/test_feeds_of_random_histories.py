"""Random histories: whoever loses sight of an opportunity is told nothing of it.

In each history a few things happen, most of them to rights; then each subscriber is
told, and keeps a copy as ``docs/webhooks.md`` asks. By the plain rules, all that is
told is in view at that moment, and the copy is what is in view.

``CRM_CQRS_HISTORIES=10000 ./dev test -k feeds_of_random`` is the long form;
``-s --odoo-log-level=info`` shows what it counts. A failure prints the seed:
``CRM_CQRS_SEED``.
"""

import logging
import os
import random
from collections import Counter
from datetime import date, timedelta

import psycopg2

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.access.options import OPTIONS
from ..models.event_store.part import REMOVED as LEFT_COMPANY
from ..models.event_store.reader import Filters
from ..models.feed.feed import here, look_again, read_feed
from .common import SalesOrganisation, other_company, seed_of_chance
from .plain_rules import ALL_DOCUMENTS, OWN, TEAM, PlainRules

_logger = logging.getLogger(__name__)

HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES", "40"))
SEED = seed_of_chance()
#: Histories that go on from one another, before all is undone
TOGETHER = 40


@tagged("post_install", "-at_install")
class TestFeedsOfRandomHistories(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company, cls.elsewhere = cls.env.company, other_company(cls.env)
        cls.people = cls.head | cls.manager | cls.seller | cls.other_manager | cls.peer
        both = [Command.set((cls.company | cls.elsewhere).ids)]
        (cls.head | cls.manager | cls.seller).company_ids = both
        cls.employees = cls.people.employee_ids
        cls.team = cls.env["crm.team"].create({"name": "T", "user_id": cls.peer.id})
        for user in cls.people:
            for __ in range(2):
                cls.opportunity(user)
        cls.env.cr.flush()

    def test_nothing_leaks(self):
        self.chance = random.Random(SEED)
        self.counts = Counter()
        done = 0
        while done < HISTORIES:
            savepoint = self.env.cr.savepoint(flush=False)
            self.begin()
            for __ in range(min(TOGETHER, HISTORIES - done)):
                done += 1
                with self.subTest(seed=SEED, history=done):
                    self.live()
            self.env.cr.clear()
            savepoint.close(rollback=True)
            self.env.registry.clear_all_caches()
        _logger.info("seed %s: %s histories, %s", SEED, done, dict(self.counts))
        for kind in ("event", "removed", "resync"):
            self.assertTrue(self.counts[kind], self.counts)

    def begin(self):
        """Have everybody know what they see."""
        self.leads = self.env["crm.lead"].search([("name", "=", "Deal")], order="id")
        self.end_epoch()
        self.copies = {user: self.in_view(user) for user in self.people}
        self.checkpoints = {user: here(self.feed_of(user)) for user in self.people}
        self.positions = []

    def feed_of(self, user):
        return self.env(user=user, su=False)

    def in_view(self, user):
        rules = PlainRules(self.env)
        return {lead.id for lead in rules.seen(user)}

    def live(self):
        """Do a few things, then tell everybody, under the rights of then."""
        steps = [name for name in dir(self) if name.startswith("step_")]
        done = []
        for name in self.chance.choices(steps, k=self.chance.randrange(1, 5)):
            done.append(name.removeprefix("step_"))
            try:
                with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                    getattr(self, name)()
            except (UserError, psycopg2.IntegrityError):
                # Odoo refuses it.
                done.pop()
                self.env.invalidate_all(flush=False)
            self.leads = self.leads.exists()
        self.end_epoch()
        rules = PlainRules(self.env)
        for user in self.people:
            if self.chance.random() < 0.8:
                self.tell(user, {lead.id for lead in rules.seen(user)}, done)

    def tell(self, user, in_view, done):
        about = (user.login, done)
        self.ask_in_part(user, about)
        limit = self.chance.choice([1, 2, 100])
        is_last = False
        while not is_last:
            page = read_feed(self.feed_of(user), self.checkpoints[user], limit)
            self.checkpoints[user], is_last = page.checkpoint, page.is_last
            for message in page.messages:
                self.counts[message.kind] += 1
                self.take(user, message, in_view, about)
        # What is in view, and nothing that is not: neither too little nor too much.
        self.assertEqual(self.copies[user], in_view, about)
        # A retry of anything, whoever was told of it before.
        some = self.chance.sample(self.positions, min(5, len(self.positions)))
        for message in look_again(self.feed_of(user), some).values():
            if message and message.kind == "event":
                self.counts["again"] += 1
                self.assertIn(message.event.stream_id, in_view, about)

    def ask_in_part(self, user, about):
        """Check that a filter leaves out events, and nothing of what has left."""
        env, after = self.feed_of(user), self.checkpoints[user]
        everything = read_feed(env, after, 1000).messages
        types = [message.event.type for message in everything if message.event]
        asked = Filters(
            types=(self.chance.choice([*types, "NoSuch"]),),
            user_id=self.chance.choice([None, self.env.uid, user.id]),
        )
        wanted = [
            message.id
            for message in everything
            if message.kind != "event" or asked.ask_for(message.event)
        ]
        found = [message.id for message in read_feed(env, after, 1000, asked).messages]
        self.assertEqual(found, wanted, (about, asked))

    def take(self, user, message, in_view, about):
        """Check a message, and keep the copy as a receiver does."""
        copy, event = self.copies[user], message.event
        if message.kind == "resync":
            self.copies[user] = {*in_view}
            return
        self.positions.append(event.position)
        self.assertEqual(event.stream_model, "crm.lead", about)
        if message.kind == "removed":
            # One that left for another company may have come back: told is that it
            # left, and the event with which it came follows.
            if event.type != LEFT_COMPANY:
                self.assertNotIn(event.stream_id, in_view, about)
            copy.discard(event.stream_id)
            return
        self.assertIn(event.stream_id, in_view, about)
        copy.add(event.stream_id)

    # What happens; most of it changes who sees what

    def lead(self):
        return self.chance.choice(self.leads)

    def user(self):
        return self.chance.choice(self.people)

    def step_write(self):
        self.lead().expected_revenue = self.chance.randrange(10**6)

    def step_reassign(self):
        self.lead().user_id = self.chance.choice([*self.people, False])

    def step_reassign_twice(self):
        lead = self.lead()
        for __ in range(2):
            lead.user_id = self.user()
            self.env.cr.flush()

    def step_move_to_a_company(self):
        companies = [self.company.id, self.elsewhere.id, False]
        self.lead().company_id = self.chance.choice(companies)

    def step_give_to_a_team(self):
        self.lead().team_id = self.chance.choice([self.team.id, False])

    def step_make_a_lead(self):
        lead = self.lead()
        lead.type = "lead" if lead.type == "opportunity" else "opportunity"

    def step_archive(self):
        lead = self.lead()
        lead.active = not lead.active

    def step_create(self):
        self.leads |= self.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "user_id": self.user().id}
        )

    def step_delete(self):
        if len(self.leads) > 4:
            self.lead().unlink()

    def step_merge(self):
        two = self.lead() | self.lead()
        if len(two) == 2 and len(self.leads) > 4:
            self.leads |= two.merge_opportunity(auto_unlink=True)

    def step_reorganise(self):
        employee = self.chance.choice(self.employees)
        employee.parent_id = self.chance.choice([*self.employees.ids, False])

    def step_grant(self):
        groups = [(OWN,), (TEAM,), (ALL_DOCUMENTS,), (OWN,), ()]
        names = ("base.group_user", *self.chance.choice(groups))
        self.user().group_ids = [Command.set([self.env.ref(name).id for name in names])]

    def step_work_elsewhere(self):
        both = self.company | self.elsewhere
        companies = self.chance.choice([both, self.company])
        self.user().company_ids = [Command.set(companies.ids)]

    def step_lend(self):
        today = date.today()
        self.env["cqrs.delegation"].create(
            {
                "lender_id": self.user().id,
                "delegate_id": self.user().id,
                "date_from": today,
                "date_to": today + timedelta(days=1),
            }
        )

    def step_end_a_loan(self):
        loans = self.env["cqrs.delegation"].search([])
        if loans:
            self.chance.choice(loans).active = False

    def step_switch_an_option(self):
        option = self.chance.choice(sorted(OPTIONS.values()))
        is_on = self.chance.choice(["True", False])
        self.env["ir.config_parameter"].set_param(option, is_on)

    def step_archive_somebody(self):
        user = self.user()
        user.active = not user.active

    def step_change_the_leader_of_the_team(self):
        self.team.user_id = self.user()
