"""Random reorganisations: whose past one may see equals plain loops over the rule.

Rows are opportunities as they were. The loops share no code with ``cqrs.access``.
"""

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import NamedTuple

from hypothesis.stateful import invariant

from odoo.tests import TransactionCase, tagged

from ..models.access.options import OPTIONS
from ..models.maintenance.oracle import ORACLES
from .histories import HISTORIES, run_histories
from .plain_rules import PlainRules
from .plain_spans import plain_spans
from .test_projections_equal_the_oracle import History
from .test_whose_past_one_may_see import Row, date_events, day, seen

NOTHING = {}


def tree(env, user, parent, **asked):
    """Return the level below a person, and the level of the former people there."""
    access = env["cqrs.access"]
    has_metrics = bool(access._viewers(user))
    return [
        env["cqrs.reports"]._read_level(
            user, parent, has_metrics=has_metrics, is_former=is_former, **asked
        )
        for is_former in (False, True)
    ]


class Place(NamedTuple):
    user: object
    parent: object
    company: object
    department: object
    active: bool


class Snapshot:
    """Where everybody stands now, by Odoo's own records."""

    def __init__(self, env):
        env = env(su=True, context={"active_test": False})
        self.employees = {
            each: Place(
                each.user_id,
                each.parent_id,
                each.company_id,
                each.department_id,
                each.active,
            )
            for each in env["hr.employee"].search([])
        }
        self.departments = {
            each: (each.parent_id, each.manager_id)
            for each in env["hr.department"].search([])
        }


class RulesOfThen(PlainRules):
    """The rules of today, with the hierarchy of a snapshot."""

    def __init__(self, env, snapshot):
        super().__init__(env)
        self.snapshot = snapshot

    @cached_property
    def _bosses(self):
        found = defaultdict(set)
        places = self.snapshot.employees if self.snapshot else NOTHING
        for employee, place in places.items():
            passed, above = {employee}, place.parent
            while above and above not in passed:
                passed.add(above)
                self._add(found, place, places[above])
                above = places[above].parent
        return found

    @cached_property
    def _managers(self):
        found = defaultdict(set)
        places = self.snapshot.employees if self.snapshot else NOTHING
        for place in places.values():
            passed, department = set(), place.department
            while department and department not in passed:
                passed.add(department)
                department, manager = self.snapshot.departments[department]
                if manager:
                    self._add(found, place, places[manager])
        return found

    def _add(self, found, place, boss):
        if place.user and boss.user and boss.active:
            for company in (place.company, self.env["res.company"]):
                found[place.user, company].add(boss.user)


class Reorganisations(History):
    """Random histories over several days, of which each is asked at the end."""

    #: Steps to each midnight
    DAY = 3

    # Dated events do not have the hash that they had. The others do not move anybody.
    erase = fold = undone = revalue = revalue_and_read = expect = None
    change_what_is_won = change_stage = close_or_reopen = None
    # What these hold is another test's.
    projections_equal_the_oracle = everybody_sees_what_the_rules_say = None

    def __init__(self):
        super().__init__()
        self.days = []
        self.step = 0

    @invariant()
    def pass_time(self):
        self.step += 1
        if self.step % self.DAY == 0:
            self.midnight()

    def midnight(self):
        self.env.cr.flush()
        snapshot = Snapshot(self.env)
        date_events(self.env, day(len(self.days)))
        self.days.append(snapshot)

    def teardown(self):
        try:
            self.midnight()
            self.everybody_sees_the_past_that_the_rule_says()
            for table in ("cqrs_employee_span", "cqrs_department_span"):
                assert list(ORACLES[table](self.env)) == []
            self.the_tree_of_now_is_that_of_today()
        finally:
            self.undo()

    def everybody_sees_the_past_that_the_rule_says(self):
        draw = random.Random(self.number)
        now = PlainRules(self.env)
        is_alone = OPTIONS["past_teams"]
        is_alone = self.env["ir.config_parameter"].get_param(is_alone) == "True"
        spans = plain_spans(self.env, set(self.all_leads()))
        for number in {-1, 0, len(self.days) - 1, draw.randrange(len(self.days))}:
            moment = day(number) + draw.choice([timedelta(0), timedelta(hours=9)])
            then = RulesOfThen(self.env, self.days[number] if number >= 0 else None)
            rows = [
                self.row(span)
                for span in spans.values()
                if span["since"] <= moment < span["until"]
            ]
            rows += self.some_rows(draw)
            people = [(user, None) for user in self.users]
            people += [draw.choices(self.users, k=2) for __ in people]
            for user, caller in people:
                both = {user, caller or user}
                today = {
                    n
                    for n, row in enumerate(rows)
                    if all(each in now.users and now.sees(each, row) for each in both)
                }
                at_that_time = {
                    n
                    for n, row in enumerate(rows)
                    if all(each in now.users and then.sees(each, row) for each in both)
                }
                who = user.login, caller and caller.login, number
                assert seen(self.env, user, rows, None, caller) == today, who
                if not is_alone:
                    at_that_time &= today
                assert seen(self.env, user, rows, moment, caller) == at_that_time, who
                self.case.told[at_that_time == today] += 1

    def the_tree_of_now_is_that_of_today(self):
        employees = self.env["hr.employee"].search([("user_id.active", "=", False)])
        if employees:
            return  # Today they are former people; nothing says whether they were then.
        now = datetime.now(timezone.utc)
        people = self.users.filtered(lambda user: user.active and not user.share)
        for user in people[:3]:
            for parent in people:
                assert tree(self.env, user, parent) == tree(
                    self.env, user, parent, at=now
                ), (user.login, parent.login)

    def all_leads(self):
        self.env.cr.execute(
            "SELECT DISTINCT stream_id FROM cqrs_event"
            " WHERE stream_model = 'crm.lead' AND version = 1"
            " AND occurred_at >= %s AND occurred_at <= %s",
            [day(0), day(len(self.days))],
        )
        return [id_ for (id_,) in self.env.cr.fetchall()]

    def row(self, span):
        return Row(
            self.env["res.users"].browse(span["user_id"] or ()),
            self.env["crm.team"].browse(span["team_id"] or ()).exists(),
            self.env["res.company"].browse(span["company_id"] or ()),
        )

    def some_rows(self, draw):
        """Return rows of any owner, team and company, also such as Odoo refuses."""
        return [
            Row(
                draw.choice([*self.users, self.users.browse()]),
                draw.choice([*self.teams, self.teams.browse()]),
                draw.choice([*self.companies, self.companies.browse()]),
            )
            for __ in range(40)
        ]


@tagged("post_install", "-at_install")
class TestTheRule(TransactionCase):
    def test_any_history(self):
        #: ``{whether then is as now: how often}``
        self.told, self.steps = Counter(), Counter()

        class HistoryOfThisTest(Reorganisations):
            case = self

        # In few short histories then may be as now for everybody.
        run_histories(
            HistoryOfThisTest,
            max(1, HISTORIES // 2),
            are_enough=lambda: self.told[False],
        )
        # Or the histories are of next to nothing, and prove it.
        self.assertGreater(self.told[True], 0)
        self.assertGreater(self.told[False], 0)
