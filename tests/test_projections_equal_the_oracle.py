"""Random operations on random organisations: the projections equal the oracle."""

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal

from hypothesis.stateful import invariant

from odoo.tests import TransactionCase, tagged

from ..models.maintenance.oracle import drifts
from ..models.maintenance.replay import replay
from ..models.opportunities.filters import Filters
from ..models.projections.metrics_tables import AMOUNTS
from ..models.projections.opportunity_view import ORDERS
from .common import as_json, visible_opportunities
from .histories import HISTORIES, STEPS, run_histories
from .histories_of_deals import Deals
from .plain_rules import OWN, PlainRules


class History(Deals):
    """Every reader says what the rules say, after each step."""

    def teardown(self):
        try:
            self.log_replays_to_the_same()
        finally:
            self.undo()

    # What holds after each of these

    @invariant()
    def projections_equal_the_oracle(self):
        assert list(drifts(self.env)) == []

    @invariant()
    def everybody_sees_what_the_rules_say(self):
        self.env.cr.flush()
        rules = PlainRules(self.env)
        for user in rules.users:
            seen = rules.seen(user)
            self.list_and_check(user, rules.opportunities, {lead.id for lead in seen})
            if user.active:
                self.sums(user, *rules.sums(user, seen))
        for user in self.users - rules.users:
            self.list_and_check(user, rules.opportunities, set())
        # The slower ones show it to one after another.
        self.pages(rules, self.pick(rules.users, self.number))
        self.odoos_screens(rules, self.pick(rules.users, self.number))

    def list_and_check(self, user, opportunities, seen):
        access = self.env["cqrs.access"]
        found = visible_opportunities(self.env, user)
        assert {row["id"] for row in found} == seen, user.login
        lead = self.pick(opportunities, self.number + user.id)
        assert access._may_see(user, lead.id) is (lead.id in seen), user.login

    def sums(self, user, counts, amounts):
        figures = self.env["cqrs.metrics"]._read(user)
        found = {
            f"{whose}{name}": each[figure]
            for whose, each in (("", figures), ("own ", figures["own"]))
            for name, figure in [
                ("active", "active_opportunities"),
                ("won", "won"),
                ("lost", "lost"),
            ]
        }
        found["total"] = figures["opportunities"]["total"]
        found["own total"] = figures["opportunities"]["own"]
        assert {k: n for k, n in found.items() if n} == counts, user.login
        cent = Decimal("0.01")
        assert {
            each["currency"]: {name: each[name] for name in AMOUNTS if each[name]}
            for each in figures["amounts"]
            if any(each[name] for name in AMOUNTS)
        } == {
            currency: {
                name: amount.quantize(cent, ROUND_HALF_UP)
                for name, amount in each.items()
                if amount.quantize(cent, ROUND_HALF_UP)
            }
            for currency, each in amounts.items()
            if any(amount.quantize(cent, ROUND_HALF_UP) for amount in each.values())
        }, user.login

    def pages(self, rules, user):
        sort = sorted(ORDERS)[self.number % len(ORDERS)]
        page, found = None, []
        while page is None or page.next:
            page = self.env["cqrs.opportunities"]._read_page(
                user,
                sort,
                filters=Filters(archived=None),
                after=page and page.next,
                limit=20,
            )
            found += page.ids
        leads = {lead.id: lead for lead in rules.seen(user)}
        assert sorted(found) == sorted(leads), (user.login, sort)
        items = self.env["cqrs.dashboard"]._opportunities(found[:5], user)
        for id_, item in zip(found[:5], as_json(items), strict=True):
            assert item["odoo_id"] == id_
            assert item["visible_to_user_ids"] == sorted(rules.visible_to(leads[id_]))

    def odoos_screens(self, rules, user):
        if not (user.active and user.has_group(OWN)):
            return
        env = self.env(
            user=user.id,
            su=False,
            context={
                "active_test": False,
                "allowed_company_ids": user.company_ids.ids,
            },
        )
        found = env["crm.lead"].search([])
        expected = [lead.id for lead in rules.leads if rules.sees_in_odoo(user, lead)]
        assert sorted(found.ids) == expected, user.login
        found = env["cqrs.opportunity.view"].search([])
        assert sorted(found.ids) == [lead.id for lead in rules.seen(user)], user.login

    def log_replays_to_the_same(self):
        assert {each.drift for each in replay(self.env, repair=False)} == {0}


@tagged("post_install", "-at_install")
class TestProjectionsEqualTheOracle(TransactionCase):
    def test_any_history(self):
        #: ``{whether it was done: how many steps that may be refused}``
        self.steps = Counter()

        class HistoryOfThisTest(History):
            case = self

        least = HISTORIES * STEPS // 2
        run_histories(HistoryOfThisTest, are_enough=lambda: self.steps[True] > least)
        # Or the histories are of next to nothing, and prove it.
        self.assertGreater(self.steps[True], least)
        self.assertGreater(self.steps[True], 3 * self.steps[False])
