"""The sums of opportunities by account: those of a company and of its contacts."""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal

from psycopg2.errors import SerializationFailure

from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from ..models.access.viewers import LEADS
from ..models.maintenance.oracle import ORACLES
from ..models.maintenance.replay import replay
from ..models.metrics.accounts import MEASURES
from ..models.projections.metrics_tables import CONTACT_METRICS
from .common import RealCursors, SalesOrganisation, visible_opportunities

TODAY = date(2026, 7, 1)


class AccountSums(SalesOrganisation):
    """Two companies, a contact of each, and a customer who is no company's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        partners = cls.env["res.partner"]
        cls.azure, cls.basel = partners.create(
            [{"name": name, "is_company": True} for name in ("Azure", "Basel")]
        )
        cls.anna, cls.bruno = partners.create(
            [
                {"name": "Anna", "parent_id": cls.azure.id},
                {"name": "Bruno", "parent_id": cls.basel.id},
            ]
        )
        cls.carla = partners.create({"name": "Carla"})
        cls.env.cr.flush()

    def sums(self, user, measures=MEASURES[LEADS], **asked):
        """Return ``{account: {measure: amount}}`` that a user sees, without zeros."""
        self.env.cr.flush()
        query = self.env["cqrs.sales.figures"]._account_sums(
            user, TODAY, measures=measures, **asked
        )
        names = SQL(", ").join(
            SQL("sum(%s)::text", SQL.identifier(name)) for name in MEASURES[LEADS]
        )
        rows = self.env.execute_query(
            SQL("SELECT account_id, %s FROM (%s) sums GROUP BY 1", names, query)
        )
        found = {
            account_id: {
                name: Decimal(amount)
                for name, amount in zip(MEASURES[LEADS], amounts, strict=True)
                if amount and Decimal(amount)
            }
            for account_id, *amounts in rows
        }
        return {account_id: sums for account_id, sums in found.items() if sums}

    def expected(self, user):
        """Return the same by a plain loop over the opportunities that a user sees."""
        sums = defaultdict(Counter)
        for row in visible_opportunities(self.env, user):
            partner = self.env["res.partner"].browse(row["partner_id"])
            if not partner:
                continue
            value = Decimal(str(row["value"]))
            account = sums[partner.commercial_partner_id.id]
            if row["status"] == "won":
                account.update(won=1, won_revenue=value)
            elif row["status"] == "lost":
                account.update(lost=1)
            elif row["active"]:
                weighted = value * Decimal(str(row["probability"])) / 100
                account.update(
                    active=1, pipeline_value=value, weighted_pipeline=weighted
                )
        return {
            id_: {name: Decimal(amount) for name, amount in each.items() if amount}
            for id_, each in sums.items()
        }


@tagged("post_install", "-at_install")
class TestAccountSums(AccountSums, TransactionCase):
    def setUp(self):
        super().setUp()
        for user, partner, revenue in (
            (self.seller, self.azure, 100),
            (self.seller, self.anna, 20.5),
            (self.peer, self.anna, 3),
            (self.peer, self.basel, 4),
            (self.manager, self.bruno, 50),
            (self.manager, self.carla, 7),
        ):
            self.opportunity(user, revenue, partner_id=partner.id, probability=30)
        self.opportunity(self.seller, 9, partner_id=self.azure.id).action_set_won()
        self.opportunity(self.peer, 8, partner_id=self.anna.id).action_set_lost()
        self.opportunity(self.seller, 1000)

    def people(self):
        return (self.seller, self.peer, self.manager, self.env.ref("base.user_admin"))

    def assert_exact(self):
        for user in self.people():
            with self.subTest(user.name):
                self.assertEqual(self.sums(user), self.expected(user))

    def test_each_sees_the_sums_of_what_each_sees(self):
        self.assertEqual(
            self.sums(self.seller)[self.azure.id],
            {
                "active": 2,
                "pipeline_value": Decimal("120.5"),
                "weighted_pipeline": Decimal("36.15"),
                "won": 1,
                "won_revenue": 9,
            },
        )
        self.assertNotIn(self.basel.id, self.sums(self.seller))
        self.assert_exact()

    def test_folded_and_not_they_are_the_same(self):
        self.assert_exact()
        self.env["cqrs.metrics"]._fold_batch()
        self.assert_exact()
        self.opportunity(self.seller, 11, partner_id=self.anna.id)
        self.assert_exact()

    def test_a_contact_takes_its_opportunities_to_another_account(self):
        self.env["cqrs.metrics"]._fold_batch()
        self.anna.parent_id = self.basel
        self.env.cr.flush()
        self.assertEqual(self.sums(self.peer)[self.basel.id]["active"], 2)
        self.assertNotIn(self.anna.id, self.sums(self.manager))
        self.assert_exact()

    def test_an_opportunity_that_changes_hands_or_customer(self):
        deal = self.opportunity(self.seller, 11, partner_id=self.anna.id)
        self.env["cqrs.metrics"]._fold_batch()
        deal.user_id = self.peer
        self.assert_exact()
        deal.partner_id = self.basel
        self.assert_exact()
        self.env["cqrs.metrics"]._fold_batch()
        deal.unlink()
        self.assert_exact()

    def test_some_accounts_and_some_measures(self):
        whole = self.sums(self.manager)
        some = [self.azure.id, self.carla.id]
        self.env["cqrs.metrics"]._fold_batch()
        self.assertEqual(
            self.sums(self.manager, account_ids=some), {i: whole[i] for i in some}
        )
        self.assertEqual(self.sums(self.manager, ("won",)), {self.azure.id: {"won": 1}})

    def test_verify_finds_what_was_spoiled(self):
        self.env["cqrs.metrics"]._fold_batch()
        self.assertEqual(list(ORACLES["cqrs_metrics"](self.env)), [])
        self.assertEqual(list(ORACLES["cqrs_contact"](self.env)), [])
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_contact_metrics SET won_revenue = won_revenue + 1"
                " WHERE partner_id = %s AND won = 1",
                self.azure.id,
            )
        )
        self.env.cr.execute(
            SQL("UPDATE cqrs_contact SET account_id = id WHERE id = %s", self.anna.id)
        )
        self.env.cr.execute("UPDATE cqrs_contact_totals SET won = won + 1")
        [sums, *totals] = ORACLES["cqrs_metrics"](self.env)
        self.assertEqual(sums.table, "cqrs_contact_metrics")
        self.assertEqual(sums.found["won_revenue"], sums.expected["won_revenue"] + 1)
        self.assertEqual({drift.table for drift in totals}, {"cqrs_contact_totals"})
        [contact] = ORACLES["cqrs_contact"](self.env)
        self.assertEqual(contact.expected["account_id"], self.azure.id)
        replay(self.env, ["cqrs.metrics", "cqrs.contact"])
        self.assert_exact()


@tagged("post_install", "-at_install")
class TestTwoSalespeopleOfOneCustomer(RealCursors):
    """Real cursors: whoever sells to the same customer does not meet the other."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            customer = self.environment(cr)["res.partner"].create(
                {"name": "cqrs customer", "is_company": True}
            )
            self.customer_id = customer.id
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            env["crm.lead"].search([("partner_id", "=", self.customer_id)]).unlink()
            env["res.partner"].browse(self.customer_id).unlink()
        with self.registry.cursor() as cr:
            self.environment(cr)["cqrs.metrics"]._fold()

    def sell(self, cr, revenue):
        self.environment(cr)["crm.lead"].create(
            {
                "name": "cqrs",
                "type": "opportunity",
                "partner_id": self.customer_id,
                "expected_revenue": revenue,
            }
        )
        cr.flush()

    def test_they_write_at_the_same_time(self):
        with self.registry.cursor() as first, self.registry.cursor() as second:
            for cr in (first, second):
                cr.execute("SET LOCAL lock_timeout = '1s'")
                cr.execute("SELECT 1")  # takes the snapshot
            self.sell(first, 10)
            self.sell(second, 5)
            try:
                first.commit()
                second.commit()
            except SerializationFailure:
                self.fail("the one who sold last has to do it again")
        with self.registry.cursor() as cr:
            cr.execute(
                SQL(
                    "SELECT sum(pipeline_value)::text FROM (%s) sums"
                    " WHERE partner_id = %s",
                    self.environment(cr)["cqrs.metrics"]._sums_of(CONTACT_METRICS),
                    self.customer_id,
                )
            )
            self.assertEqual(Decimal(cr.fetchone()[0]), 15)
