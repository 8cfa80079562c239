"""The generated organisation's eighteen months of history."""

import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

from odoo.tests import tagged

from ..demo.clock import ClockFile, seconds
from ..demo.deals import CLOSING, Kind
from .test_demo_organisation import TODAY, OrganisationCase


@tagged("post_install", "-at_install")
class TestPastOfTheDemoOrganisation(OrganisationCase):
    """The plan of a demo whose clock can be turned, as ``./dev demo`` has it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.plan(seed=19, users=60, opportunities=2000, months=18)
        cls.changes = [
            (deal, change) for deal in cls.whole.deals for change in deal.changes
        ]

    def test_every_change_has_its_time_and_a_person_who_works_then(self):
        people = self.whole.people
        for deal in self.whole.deals:
            self.assertGreater(deal.created, self.whole.begins)
            self.assertTrue(people[deal.by].works_on(deal.created.date()))
            moments = [deal.created, *(change.at for change in deal.changes)]
            # In order, and no two at once, which would be one event.
            self.assertEqual(moments, sorted(set(moments)))
            self.assertLess(moments[-1].date(), TODAY)
            for change in deal.changes:
                self.assertTrue(people[change.by].works_on(change.at.date()))
                if change.kind is Kind.OWNER:
                    self.assertTrue(people[change.value].works_on(change.at.date()))

    def test_it_is_spread_over_eighteen_months(self):
        months = Counter(f"{change.at:%Y-%m}" for __, change in self.changes)
        created = Counter(f"{deal.created:%Y-%m}" for deal in self.whole.deals)
        self.assertGreaterEqual(len(months), 18)
        self.assertGreaterEqual(min(list(created.values())[1:-1]), 40)

    def test_an_eighth_of_the_open_deals_is_overdue(self):
        open_deals = [deal for deal in self.whole.deals if deal.is_open]
        overdue = [deal for deal in open_deals if deal.last_deadline < TODAY]
        self.assertGreater(len(open_deals), 400)
        self.assertTrue(0.10 <= len(overdue) / len(open_deals) <= 0.15)

    def test_closing_dates_move_both_ways_and_stages_too(self):
        moved = Counter()
        for deal in self.whole.deals:
            deadline, stage = deal.deadline, 0
            for change in deal.changes:
                if change.kind is Kind.DEADLINE:
                    moved["later" if change.value > deadline else "sooner"] += 1
                    self.assertNotEqual(change.value, deadline)
                    deadline = change.value
                elif change.kind is Kind.STAGE:
                    moved["on" if change.value > stage else "back"] += 1
                    stage = change.value
        for way, least in {"later": 1000, "sooner": 50, "on": 1500, "back": 50}.items():
            self.assertGreater(moved[way], least, way)

    def test_who_leaves_hands_over_and_has_no_new_deals(self):
        leavers = {
            index: person.leaves
            for index, person in enumerate(self.whole.people)
            if person.leaves
        }
        self.assertTrue(leavers)
        handed_over = 0
        for deal in self.whole.deals:
            if left := leavers.get(deal.owner):
                self.assertLess(deal.created.date(), left)
                handed_over += any(
                    change.kind is Kind.OWNER and left - change.at.date() < timedelta(9)
                    for change in deal.changes
                )
        self.assertGreater(handed_over, 2)

    def test_a_duplicate_is_merged_into_a_deal_that_is_open(self):
        by_name = {deal.name: deal for deal in self.whole.deals}
        mergers = [change for __, change in self.changes if change.kind is Kind.MERGED]
        self.assertEqual(len(mergers), 30)
        for merger in mergers:
            survivor = by_name[merger.value]
            self.assertLess(survivor.created, merger.at)
            before = [c.kind for c in survivor.changes if c.at <= merger.at]
            self.assertFalse(CLOSING & set(before))

    def test_the_clock_file_has_the_seconds_to_the_moment(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "clock")
            path.write_bytes(seconds(0))
            clock = ClockFile(path)
            moment = datetime(2025, 6, 2, 8, 30)
            clock.turn_to(moment)
            past = int(path.read_bytes())
            expected = moment.replace(tzinfo=timezone.utc).timestamp() - time.time()
            self.assertAlmostEqual(past, expected, delta=2)
            # PostgreSQL must never read half of it.
            self.assertEqual(len(path.read_bytes()), len(seconds(0)))
