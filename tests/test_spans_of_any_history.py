"""Random histories: the past of opportunities is what plain loops over the log give.

A failure prints its seed: ``CRM_CQRS_SEED=… ./dev test -k spans_of_any``;
``CRM_CQRS_HISTORIES=1000`` and ``CRM_CQRS_STREAMS=100000`` try more.
"""

import json
import os
import random
from contextlib import suppress

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL

from .common import other_company
from .plain_spans import found_spans, life
from .test_spans_follow_the_log import SEED, SpansOfHistories, hours

#: Random streams for the fold alone, and random histories of Odoo's records
STREAMS = int(os.environ.get("CRM_CQRS_STREAMS", "2000"))
HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES", "4"))
STEPS = 30


@tagged("post_install", "-at_install")
class TestAnyHistory(SpansOfHistories):
    def test_any_log_folds_to_what_plain_loops_give(self):
        draw = random.Random(SEED)
        events, lives = [], {}
        for stream_id in range(1, STREAMS + 1):
            lives[stream_id] = self.random_life(draw)
            for version, moment, before, after in lives[stream_id]:
                events.append(
                    {
                        "stream_id": stream_id,
                        "version": version,
                        "occurred_at": moment.isoformat(),
                        "before": before,
                        "after": after,
                    }
                )
        log = SQL(
            "(SELECT stream_id, version, occurred_at, NULLIF(before, 'null') AS before,"
            " NULLIF(after, 'null') AS after FROM jsonb_to_recordset(%s) AS event ("
            " stream_id integer, version integer, occurred_at timestamptz,"
            " before jsonb, after jsonb))",
            json.dumps(events),
        )
        found = found_spans(self.env, SQL("(%s)", self.spans._spans(log)))
        expected = {
            (stream_id, span["version"]): span
            for stream_id, each in lives.items()
            for span in life(
                (version, moment, before is None, after)
                for version, moment, before, after in each
            )
        }
        self.assertEqual(found, expected, f"CRM_CQRS_SEED={SEED}")

    def random_life(self, draw):
        """Return ``(version, occurred_at, before, after)`` of some events."""
        events, state = [], None
        for version in range(1, draw.randint(1, 9) + 1):
            # Few moments, so that many are equal and some go back.
            moment = hours(draw.randint(0, 4))
            if state is None:
                state = {"type": "opportunity", "active": True}
                state |= self.random_change(draw)
                state = {k: v for k, v in state.items() if v is not None}
                events.append((version, moment, None, dict(state)))
            elif draw.random() < 0.1:
                events.append((version, moment, state, None))
                state = None
            else:
                change = self.random_change(draw)
                before = {name: state.get(name) for name in change}
                state |= change
                events.append((version, moment, before, change))
        return events

    def random_change(self, draw):
        values = {
            "user_id": [1, 2, None],
            "team_id": [1, None],
            "company_id": [1, None],
            "company_id.currency_id": [1, 2],
            "stage_id": [1, 2, 3],
            "won_status": ["pending", "won", "lost", None],
            # Not readable, as SQL can write it
            "expected_revenue": [0, 1, 2, None, "NaN", "Infinity", "1e400"],
            "probability": [0, 50, "NaN", None],
            "date_deadline": ["2026-01-01", "infinity", "12026-01-01", None],
            "date_closed": ["2026-01-01T10:00:00Z", "infinity", None],
            "type": ["opportunity", "lead"],
            "active": [True, False],
            "priority": ["1", "2"],
        }
        names = draw.sample(list(values), draw.randint(1, 3))
        return {name: draw.choice(values[name]) for name in names}

    def test_any_history_of_records_gives_what_plain_loops_give(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.other_company = other_company(self.env, euro)
        for number in range(HISTORIES):
            seed = SEED + number
            with self.env.cr.savepoint() as savepoint:
                done = self.live(random.Random(seed))
                self.check(f"CRM_CQRS_SEED={seed}: {done}")
                savepoint.rollback()
            self.env.invalidate_all()

    def live(self, draw):
        names = [name for name in dir(self) if name.startswith("step_")]
        leads = self.env["crm.lead"]
        for __ in range(4):
            leads |= self.opportunity(self.seller, draw.randint(1, 9))
        self.date_events(hours(0))
        done = []
        for number in range(STEPS):
            name = draw.choice(names)
            leads = leads.exists()
            if not leads:
                leads = self.opportunity(self.seller)
            lead = draw.choice(leads)
            # What Odoo refuses leaves no trace.
            with suppress(UserError), self.env.cr.savepoint():
                getattr(self, name)(draw, lead, leads)
            done.append((name.removeprefix("step_"), lead.id))
            # Now and then an event comes late, as that of a long transaction does.
            self.date_events(hours(number - draw.choice([0, 0, 0, 5])))
            if draw.random() < 0.2:
                self.spans._follow()
        return done

    def step_owner(self, draw, lead, leads):
        lead.user_id = draw.choice([self.seller, self.peer, self.env["res.users"]])

    def step_team(self, draw, lead, leads):
        team = self.env["crm.team"].create({"name": "Span", "company_id": False})
        lead.team_id = draw.choice([team, self.env["crm.team"]])

    def step_company(self, draw, lead, leads):
        lead.write({"user_id": False, "team_id": False})
        lead.company_id = draw.choice(
            [self.env.company, self.other_company, self.env["res.company"]]
        )

    def step_currency(self, draw, lead, leads):
        other = self.other_company
        other.currency_id = draw.choice(
            [self.env.ref("base.EUR"), self.env.company.currency_id]
        )

    def step_stage(self, draw, lead, leads):
        lead.stage_id = draw.choice([self.stage_new, self.stage_won])

    def step_amount(self, draw, lead, leads):
        lead.expected_revenue = draw.randint(0, 3)

    def step_closing_date(self, draw, lead, leads):
        lead.date_deadline = draw.choice(["2026-05-01", "2026-06-01", False])

    def step_probability(self, draw, lead, leads):
        lead.probability = draw.choice([10, 20])

    def step_archive(self, draw, lead, leads):
        lead.active = not lead.active

    def step_lose(self, draw, lead, leads):
        if lead.active and not lead.stage_id.is_won:
            lead.action_set_lost()

    def step_delete(self, draw, lead, leads):
        lead.unlink()

    def step_convert(self, draw, lead, leads):
        lead.type = draw.choice(["lead", "opportunity"])

    def step_merge(self, draw, lead, leads):
        other = draw.choice(leads)
        if other != lead and lead.active and other.active:
            (lead | other).merge_opportunity(auto_unlink=True)

    def step_behind_the_orm(self, draw, lead, leads):
        self.env.cr.flush()
        self.env.cr.execute(
            "UPDATE crm_lead SET expected_revenue = %s, user_id = NULL WHERE id = %s",
            [draw.choice([1, 2]), lead.id],
        )
        self.env.invalidate_all()
        self.env["cqrs.event"]._record({"crm.lead": [lead.id]}, origin="reconcile")

    def step_two_in_one_transaction(self, draw, lead, leads):
        lead.expected_revenue = 1
        self.env.cr.flush()
        lead.expected_revenue = 2
