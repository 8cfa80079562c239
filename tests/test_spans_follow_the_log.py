"""The past of opportunities: followed, exact at every moment, and what the log says."""

from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from ..models.maintenance.replay import replay
from .common import RealCursors, SalesOrganisation
from .plain_spans import FOREVER, found_spans, plain_spans


@tagged("post_install", "-at_install")
class TestSpans(SalesOrganisation, TransactionCase):
    def setUp(self):
        super().setUp()
        self.spans = self.env["cqrs.opportunity.span"]

    def check(self):
        """Check that readers, the follower and a replay give what plain loops do."""
        self.env.cr.flush()
        expected = plain_spans(self.env)
        self.assertEqual(found_spans(self.env, self.spans._relation()), expected)
        self.spans._follow()
        relation = self.spans._relation()
        self.assertEqual(relation, SQL.identifier("cqrs_opportunity_span"))
        self.assertEqual(found_spans(self.env, relation), expected)
        [found] = replay(self.env, ["cqrs.opportunity.span"], repair=False)
        self.assertEqual((found.rows, found.drift), (len(expected), 0))

    def at(self, lead, *changes):
        """Record changes of a lead, each an hour after the one before."""
        for change in changes:
            lead.write(change)
            self.env.cr.flush()

    def test_a_lead_has_a_span_for_each_state(self):
        lead = self.opportunity(self.seller, expected_revenue=100)
        self.check()
        self.at(lead, {"expected_revenue": 200}, {"user_id": self.peer.id})
        self.check()
        lead.unlink()
        self.check()


@tagged("post_install", "-at_install")
class TestSpansOfTransactions(RealCursors):
    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.ids = (
                env["crm.lead"]
                .create(
                    [{"name": f"Span {n}", "type": "opportunity"} for n in range(3)]
                )
                .ids
            )
        self.addCleanup(self.remove)

    def remove(self):
        with self.transaction() as env:
            env["crm.lead"].browse(self.ids).exists().unlink()

    def check(self, env):
        expected = plain_spans(env, self.ids)
        relation = env["cqrs.opportunity.span"]._relation()
        self.assertEqual(found_spans(env, relation, self.ids), expected)
        return expected

    def test_each_state(self):
        lead_id = self.ids[0]
        for value in (1, 2, 3):
            with self.transaction() as env:
                env["crm.lead"].browse(lead_id).expected_revenue = value
            with self.transaction() as env:
                self.check(env)
                if value == 2:
                    env["cqrs.projection"]._follow_all()
                    self.check(env)
        with self.transaction() as env:
            expected = self.check(env)
            self.assertEqual(
                [v for (id_, v) in sorted(expected) if id_ == lead_id], [1, 2, 3, 4]
            )
            self.assertEqual(expected[lead_id, 4]["until"], FOREVER)
