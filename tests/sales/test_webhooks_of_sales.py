"""What feeds and webhooks tell of orders, invoices and contacts, and to whom.

``CRM_CQRS_HISTORIES=1000 ./dev test --sales -k webhooks_of_sales`` is the long form.
"""

import json
import logging
import os
import random
from collections import Counter

import jsonschema_rs
import psycopg2

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ...controllers.contract.document import specification
from ...models.access.options import OPTIONS
from ...models.event_store.part import REMOVED as LEFT_COMPANY
from ...models.event_store.reader import Filters, read_page
from ...models.feed.feed import EVENT, Message, here, look_again, read_feed
from ...models.webhooks.body import body
from ..common import other_company, seed_of_chance
from ..plain_rules import ALL_DOCUMENTS, OWN, TEAM
from .common import Sales
from .plain_sales import INVOICES, ORDERS, PlainSales

_logger = logging.getLogger(__name__)

HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES", "20"))
SEED = seed_of_chance()
ACCOUNTING = "account.group_account_invoice"


class FeedsOfSales(Sales):
    def feed_of(self, user):
        return self.env(user=user, su=False)

    def begin(self, *users):
        """Have users know what there is by now."""
        self.end_epoch()
        self.checkpoints = {user: here(self.feed_of(user)) for user in users}

    def told(self, user, limit=100):
        """Return ``(kind, type, model)`` of what is new to a user."""
        self.end_epoch()
        page = read_feed(self.feed_of(user), self.checkpoints[user], limit)
        self.checkpoints[user] = page.checkpoint
        self.last = page
        return [
            (m.kind, m.event and m.event.type, m.event and m.event.stream_model)
            for m in page.messages
        ]


@tagged("post_install", "-at_install")
class TestWebhooksOfSales(FeedsOfSales):
    def test_orders_and_invoices_are_told_to_those_who_see_them(self):
        self.begin(self.manager, self.seller, self.peer, self.accountant)
        order = self.order(self.customer, 100, user=self.seller, confirm=False)
        order.action_confirm()
        self.env.cr.flush()
        self.invoice(order, user=self.seller, post=False).action_post()
        self.env.cr.flush()
        for user in (self.manager, self.seller):
            told = self.told(user)
            self.assertEqual({kind for kind, *__ in told}, {"event"})
            types = {type_ for __, type_, __ in told}
            self.assertLessEqual({"OrderCreated", "OrderConfirmed"}, types)
            self.assertLessEqual({"InvoiceCreated", "InvoicePosted"}, types)
        told = self.told(self.peer)
        self.assertEqual([t for t in told if t[2] in (ORDERS, INVOICES)], [])
        # Odoo shows this one all invoices; orders only of those below, of whom none is.
        models = {model for __, __, model in self.told(self.accountant)}
        self.assertEqual(models, {INVOICES})

    def test_what_is_reassigned_or_deleted_is_removed(self):
        order = self.order(self.customer, 100, user=self.seller, confirm=False)
        invoice = self.invoice(self.customer, 7, user=self.seller, post=False)
        self.begin(self.seller, self.peer)
        order.user_id = self.peer
        self.env.cr.flush()
        invoice.invoice_user_id = self.peer
        self.env.cr.flush()
        self.assertEqual(
            self.told(self.seller),
            [
                ("removed", "OrderReassigned", ORDERS),
                ("removed", "InvoiceReassigned", INVOICES),
            ],
        )
        self.assertEqual({kind for kind, *__ in self.told(self.peer)}, {"event"})
        order.unlink()
        invoice.unlink()
        self.env.cr.flush()
        self.assertEqual(self.told(self.seller), [])
        removed = {model for kind, __, model in self.told(self.peer) if kind != "event"}
        self.assertEqual(removed, {ORDERS, INVOICES})

    def test_a_right_to_invoices_that_ends_takes_them(self):
        self.invoice(self.customer, 7, user=self.peer)
        self.begin(self.accountant)
        self.invoice(self.customer, 8, user=self.peer)
        self.accountant.group_ids -= self.env.ref(ACCOUNTING)
        self.env.cr.flush()
        self.assertEqual(self.told(self.accountant), [("resync", None, None)])
        self.invoice(self.customer, 9, user=self.peer)
        self.assertEqual(self.told(self.accountant), [])

    def test_real_bodies_are_as_the_contract_says(self):
        order = self.order(self.customer, 100, user=self.seller, confirm=False)
        order.action_confirm()
        self.env.cr.flush()
        invoice = self.invoice(order, terms=self.instalments, post=False)
        invoice.action_post()
        self.env.cr.flush()
        self.pay(invoice, amount=30)
        self.pay(invoice)
        self.credit(self.invoice(self.customer, 5, currency=self.euro))
        self.reset(self.invoice(self.customer, 6))
        for move_type in ("out_refund", "out_receipt"):
            self.invoice(self.customer, 5, move_type=move_type)
        self.order(self.customer, 1, confirm=False).unlink()
        self.end_epoch()
        document = json.loads(json.dumps(specification(), default=float))
        seen = Counter()
        for model in (ORDERS, INVOICES):
            for event in read_page(
                self.env, None, 1000, Filters(stream_model=model)
            ).events:
                seen[event.type] += 1
                described = document["webhooks"][event.type]["post"]["requestBody"]
                [media_type] = described["content"].values()
                schema = {
                    **media_type["schema"],
                    "components": document["components"],
                }
                validator = jsonschema_rs.Draft202012Validator(schema)
                for payload in ("thin", "full"):
                    with self.subTest(event.type, payload=payload):
                        message = Message(EVENT, event, event.event_id)
                        told = json.loads(body(message, payload, "urn:uuid:1", "c"))
                        validator.validate(told)
        for name in (
            *("OrderCreated", "OrderConfirmed", "OrderDeleted"),
            *("InvoicePosted", "InvoicePartlyPaid", "InvoicePaid"),
            *("InvoiceResetToDraft", "CreditNoteCreated", "ReceiptCreated"),
        ):
            self.assertTrue(seen[name], name)


@tagged("post_install", "-at_install")
class TestFeedsOfRandomSales(FeedsOfSales):
    """Random histories: each copy is what its owner sees, and nothing else is told."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company, cls.elsewhere = cls.env.company, other_company(cls.env)
        cls.people = (
            cls.head | cls.manager | cls.seller | cls.other_manager | cls.peer
        ) | cls.accountant
        both = [Command.set((cls.company | cls.elsewhere).ids)]
        (cls.head | cls.manager | cls.seller).company_ids = both
        cls.employees = cls.people.employee_ids
        cls.env.cr.flush()

    def test_nothing_leaks(self):
        self.chance = random.Random(SEED)
        self.counts = Counter()
        self.contacts = self.customer | self.contact
        for user in (self.seller, self.peer, self.manager):
            for __ in range(2):
                self.order(self.customer, 10, user=user, confirm=False)
                self.invoice(self.customer, 10, user=user, post=False)
        rules = PlainSales(self.env)
        self.begin(*self.people)
        self.copies = {user: self.in_view(rules, user) for user in self.people}
        self.positions = []
        for number in range(HISTORIES):
            with self.subTest(seed=SEED, history=number):
                self.live()
        _logger.info("seed %s: %s histories, %s", SEED, HISTORIES, dict(self.counts))
        for kind in ("event", "removed", "resync"):
            self.assertTrue(self.counts[kind], self.counts)

    def in_view(self, rules, user):
        """Return ``(model, id)`` of what a user sees, by plain rules and by Odoo."""
        found = {
            (model, each.id)
            for model in (ORDERS, INVOICES)
            for each in rules.seen_of(user, model)
        }
        if user.active and rules.reads_leads(user):
            readable = (
                self.env["res.partner"]
                .with_user(user)
                .with_context(
                    active_test=False, allowed_company_ids=user.company_ids.ids
                )
                .search([("id", "in", self.contacts.exists().ids)])
            )
            found |= {("res.partner", id_) for id_ in readable.ids}
        return found

    def live(self):
        """Do a few things, then tell everybody, under the rights of then."""
        steps = [name for name in dir(self) if name.startswith("step_")]
        done = []
        for name in self.chance.choices(steps, k=self.chance.randrange(1, 5)):
            done.append(name)
            try:
                with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                    getattr(self, name)()
            except (UserError, psycopg2.IntegrityError):
                done.pop()
                self.env.invalidate_all(flush=False)
        self.end_epoch()
        rules = PlainSales(self.env)
        for user in self.people:
            if self.chance.random() < 0.8:
                self.tell(user, self.in_view(rules, user), (user.login, done))

    def tell(self, user, in_view, about):
        limit, is_last = self.chance.choice([1, 3, 100]), False
        while not is_last:
            page = read_feed(self.feed_of(user), self.checkpoints[user], limit)
            self.checkpoints[user], is_last = page.checkpoint, page.is_last
            for message in page.messages:
                self.take(user, message, in_view, about)
        told_of = {(model, id_) for model, id_ in in_view if self.is_known(model, id_)}
        copy = {each for each in self.copies[user] if self.is_known(*each)}
        self.assertEqual(copy, told_of, about)
        some = self.chance.sample(self.positions, min(5, len(self.positions)))
        for message in look_again(self.feed_of(user), some).values():
            if message and message.kind == "event":
                self.counts["again"] += 1
                self.assert_seen(message.event.record, in_view, about)

    def is_known(self, model, id_):
        """Return whether a record is one that is looked at: contacts are many."""
        return model != "res.partner" or id_ in self.contacts.ids

    def assert_seen(self, record, in_view, about):
        if self.is_known(*record) and record[0] != "crm.lead":
            self.assertIn(record, in_view, about)

    def take(self, user, message, in_view, about):
        copy, event = self.copies[user], message.event
        self.counts[message.kind] += 1
        if message.kind == "resync":
            self.copies[user] = {*in_view}
            return
        self.counts[event.stream_model] += 1
        self.positions.append(event.position)
        if message.kind == "removed":
            # One that left for another company may have come back: told is that it
            # left, and the event with which it came follows.
            if event.type != LEFT_COMPANY:
                self.assertNotIn(event.record, in_view, about)
            copy.discard(event.record)
            return
        self.assert_seen(event.record, in_view, about)
        if event.stream_model != "crm.lead":
            copy.add(event.record)

    # What happens

    def some(self, model):
        domain = [("move_type", "=", "out_invoice")] if model == INVOICES else []
        return self.chance.choice(self.env[model].search(domain, order="id"))

    def user(self):
        return self.chance.choice(self.people)

    def step_order(self):
        self.order(self.customer, 5, user=self.user(), confirm=False)

    def step_invoice(self):
        self.invoice(self.customer, 5, user=self.user(), post=False)

    def step_reassign_an_order(self):
        self.some(ORDERS).user_id = self.chance.choice([*self.people, False])

    def step_reassign_an_invoice(self):
        invoice = self.some(INVOICES)
        invoice.invoice_user_id = self.chance.choice([*self.people, False])

    def step_write(self):
        self.some(ORDERS).client_order_ref = str(self.chance.random())
        self.some(INVOICES).ref = str(self.chance.random())

    def step_delete(self):
        self.some(self.chance.choice([ORDERS, INVOICES])).unlink()

    def step_contact(self):
        self.contacts |= self.account("New", user_id=self.user().id)

    def step_move_a_contact(self):
        companies = [self.company.id, self.elsewhere.id, False]
        contact = self.chance.choice(self.contacts.exists())
        contact.company_id = self.chance.choice(companies)

    def step_delete_a_contact(self):
        others = self.contacts.exists() - self.customer - self.contact
        self.chance.choice(others or self.contacts).unlink()

    def step_write_a_contact(self):
        contact = self.chance.choice(self.contacts.exists())
        contact.city = str(self.chance.random())

    def step_reorganise(self):
        employee = self.chance.choice(self.employees)
        employee.parent_id = self.chance.choice([*self.employees.ids, False])

    def step_grant(self):
        groups = [(OWN,), (TEAM,), (ALL_DOCUMENTS,), (ACCOUNTING,), (OWN, ACCOUNTING)]
        names = ("base.group_user", *self.chance.choice([*groups, ()]))
        self.user().group_ids = [Command.set([self.env.ref(name).id for name in names])]

    def step_work_elsewhere(self):
        both = self.company | self.elsewhere
        companies = self.chance.choice([both, self.company])
        self.user().company_ids = [Command.set(companies.ids)]

    def step_switch_an_option(self):
        option = self.chance.choice(sorted(OPTIONS.values()))
        self.env["ir.config_parameter"].set_param(
            option, self.chance.choice(["True", "False"])
        )
