"""Whose past one may see: today's rights, with the hierarchy of today or of then.

Rows are opportunities as they were. Each random history is held against plain loops
over the rule, which share no code with ``cqrs.access``.
"""

import os
import random
from datetime import datetime, timedelta, timezone

from odoo.tests import tagged
from odoo.tools import SQL

from ..models.access.options import OPTIONS
from ..models.maintenance.replay import replay
from .common import SalesOrganisation, without_triggers

START = datetime(2024, 1, 1, tzinfo=timezone.utc)

#: Histories that are drawn; by hand: CRM_CQRS_HISTORIES=1000 ./dev test -k whose_past
HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES", "4"))
#: What a failure shows, to have the same histories again
SEED = int(os.environ.get("CRM_CQRS_SEED", "0")) or random.randrange(1, 2**32)


class Past(SalesOrganisation):
    """An organisation whose events happened on the days on which a test says so."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.access = cls.env["cqrs.access"]

    def on(self, day):
        """Date what has been recorded just now with midnight of a day, from 0."""
        self.env.cr.flush()
        moment = START + timedelta(days=day)
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                "UPDATE cqrs_event SET occurred_at = %s WHERE occurred_at = now()",
                [moment],
            )
        replay(self.env, ["cqrs.hierarchy.span"])
        return moment

    def option(self, name, on=True):
        self.env["ir.config_parameter"].set_param(OPTIONS[name], on)

    def seen(self, user, rows, at=None, caller=None):
        """Return the numbers of the rows that a user sees.

        A row is an owner, a team and a company, of which any may be None.
        """
        access = self.access.with_user(caller or user)
        viewers = access._viewers(user.with_env(access.env))
        ids = [[record.id if record else None for record in row] for row in rows]
        relation = SQL(
            "(SELECT * FROM unnest(%s::integer[], %s::integer[], %s::integer[])"
            " WITH ORDINALITY AS it (user_id, team_id, company_id, number)) span",
            *map(list, zip(*ids, strict=True)),
        )
        found = self.env.execute_query(
            SQL(
                "SELECT number - 1 FROM %s WHERE %s",
                relation,
                access._visible(viewers, SQL("span"), at),
            )
        )
        numbers = {number for (number,) in found}
        owners = access._visible_owners(viewers, at)
        if owners is not None:
            listed = {id_ for (id_,) in self.env.execute_query(owners)}
            self.assertLessEqual({ids[number][0] for number in numbers}, listed)
        return numbers

    def sees(self, user, owner, at=None, caller=None):
        return bool(self.seen(user, [(owner, None, self.env.company)], at, caller))


@tagged("post_install", "-at_install")
class TestWhosePastOneMaySee(Past):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.everyone = cls.head | cls.manager | cls.seller | cls.other_manager

    def setUp(self):
        super().setUp()
        self.then = self.on(0)

    def test_then_and_now_are_one_where_nobody_moved(self):
        for at in (self.then, datetime.now(timezone.utc), None):
            with self.subTest(at=at):
                self.assertTrue(self.sees(self.manager, self.seller, at))
                self.assertTrue(self.sees(self.head, self.seller, at))
                self.assertTrue(self.sees(self.seller, self.seller, at))
                self.assertFalse(self.sees(self.other_manager, self.seller, at))
                self.assertFalse(self.sees(self.seller, self.manager, at))

    def test_who_has_left_the_team_is_seen_by_a_setting_alone(self):
        self.seller_employee.parent_id = self.other_manager_employee
        moved = self.on(10)
        before = moved - timedelta(microseconds=1)
        # By default, only owners who are visible on both days.
        self.assertFalse(self.sees(self.manager, self.seller))
        self.assertFalse(self.sees(self.manager, self.seller, before))
        self.assertTrue(self.sees(self.other_manager, self.seller))
        self.assertFalse(self.sees(self.other_manager, self.seller, before))
        self.assertTrue(self.sees(self.other_manager, self.seller, moved))
        self.option("past_teams")
        self.assertFalse(self.sees(self.manager, self.seller))
        self.assertTrue(self.sees(self.manager, self.seller, before))
        self.assertFalse(self.sees(self.manager, self.seller, moved))
        self.assertFalse(self.sees(self.other_manager, self.seller, before))
        # Whoever has been above on both days.
        self.assertFalse(self.sees(self.head, self.seller))
        self.assertTrue(self.sees(self.head, self.seller, before))
