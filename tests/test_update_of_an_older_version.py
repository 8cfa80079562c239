from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from odoo.tests import tagged

from ..models.maintenance.oracle import ORACLES
from ..models.maintenance.replay import replay
from ..models.maintenance.verify import verify
from ..models.projections.failures import broken
from .common import SalesOrganisation

MIGRATIONS = Path(__file__).parents[1] / "migrations"


def migrate(cr, version, name):
    """Run a script of an update to a version, as Odoo does."""
    spec = spec_from_file_location("migration", MIGRATIONS / version / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.migrate(cr, "19.0.1.0.0")


@tagged("post_install", "-at_install")
class TestUpdateOfAnOlderVersion(SalesOrganisation):
    def test_words_are_made_anew_where_they_were_made_otherwise(self):
        deal = self.opportunity(self.seller, name="Straße")
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION cqrs_terms(
                given text, is_asked boolean DEFAULT false) RETURNS text[]
            LANGUAGE plpgsql IMMUTABLE STRICT AS
            'BEGIN RETURN ARRAY[given]; END';
            UPDATE cqrs_opportunity_view SET words = array_to_tsvector(cqrs_terms(name))
            """
        )
        self.registry.init_models(
            self.env.cr, ["cqrs.opportunity.view"], {}, install=False
        )
        self.assertEqual(broken(self.env), {})
        self.env.cr.execute(
            "SELECT words::text FROM cqrs_opportunity_view WHERE id = %s", [deal.id]
        )
        self.assertEqual(self.env.cr.fetchone(), ("'strasse'",))
        # Plans are made with statistics at once.
        self.env.cr.execute(
            "SELECT FROM pg_statistic"
            " WHERE starelid = 'cqrs_opportunity_view'::regclass"
        )
        self.assertGreater(self.env.cr.rowcount, 0)

    def test_retention_was_two_columns_of_the_company(self):
        company = self.env.company
        self.env.cr.execute(
            """
            ALTER TABLE res_company
                ADD cqrs_retention_months integer, ADD cqrs_retention_mode varchar;
            UPDATE res_company
            SET cqrs_retention_months = 7, cqrs_retention_mode = 'empty'
            WHERE id = %s
            """,
            [company.id],
        )
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.4.0", "post-retention")
        company.invalidate_recordset()
        self.assertEqual(company.cqrs_retention_months, 7)
        self.assertEqual(company.cqrs_retention_mode, "empty")

    def test_a_company_may_be_missing_and_a_look_may_fail(self):
        self.env.cr.execute(
            """
            ALTER TABLE cqrs_user_profile ALTER company_id SET NOT NULL;
            ALTER TABLE cqrs_employee ALTER company_id SET NOT NULL;
            ALTER TABLE cqrs_reconciliation DROP COLUMN failure
            """
        )
        # The second time, as after an update that was interrupted, nothing is left.
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.1.0", "pre-odd-values")
        self.env.cr.execute(
            "UPDATE cqrs_user_profile SET company_id = NULL;"
            "UPDATE cqrs_employee SET company_id = NULL;"
            "UPDATE cqrs_reconciliation SET failure = NULL"
        )

    def test_what_odoo_cannot_read_leaves_the_read_models(self):
        deal = self.opportunity(self.seller, 120, date_deadline="2026-01-31")
        self.seller.partner_id.email = ""
        self.env.cr.flush()
        self.env["cqrs.metrics"]._fold_batch()
        self.env.cr.execute("DELETE FROM cqrs_replaced")
        migrate(self.env.cr, "19.0.1.1.0", "post-unreadable-values")
        self.env.cr.execute("SELECT FROM cqrs_replaced")
        self.assertEqual(self.env.cr.rowcount, 0)
        self.env.cr.execute(
            """
            UPDATE cqrs_metrics SET pipeline_value = 'NaN' WHERE user_id = %(seller)s;
            UPDATE cqrs_metrics SET month = 'infinity' WHERE month = '2026-01-01'
                AND dimension = 'month' AND user_id = %(seller)s;
            UPDATE cqrs_opportunity_view
            SET value = 'NaN', closing_date = 'infinity', status = 'odd'
            WHERE id = %(deal)s;
            UPDATE cqrs_user_profile SET email = '' WHERE id = %(seller)s
            """,
            {"seller": self.seller.id, "deal": deal.id},
        )
        migrate(self.env.cr, "19.0.1.1.0", "post-unreadable-values")
        self.assertEqual(verify(self.env), [])

    def test_sums_of_all_owners_are_added_up(self):
        deals = [self.opportunity(self.seller, 120, date_deadline="2026-01-31")]
        deals.append(self.opportunity(self.manager, 0.07, probability=33.3))
        deals.append(self.opportunity(None, 5))
        deals[2].action_set_lost()
        self.env.cr.flush()
        self.env["cqrs.metrics"]._fold_batch()
        deals[0].action_set_won()
        deals[1].stage_id = self.stage_won
        self.env.cr.flush()
        self.env.cr.execute("DELETE FROM cqrs_metrics WHERE dimension = 'all'")
        # The second time, as after an update that was interrupted, they are there.
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.9.0", "post-sums-of-all")
            [replayed] = replay(self.env, ["cqrs.metrics"], repair=False)
            self.assertEqual(replayed.drift, 0)

    def test_messages_of_webhooks_had_no_cursor(self):
        self.env.cr.execute(
            """
            ALTER TABLE cqrs_webhook_checkpoint DROP COLUMN not_before;
            ALTER TABLE cqrs_webhook_message DROP COLUMN cursor_before
            """
        )
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.7.0", "pre-webhook-cursors")
        self.registry.init_models(self.env.cr, ["cqrs.webhook"], {}, install=False)
        self.env.cr.execute(
            """
            SELECT not_before, cursor_before
            FROM cqrs_webhook_checkpoint CROSS JOIN cqrs_webhook_message;
            SELECT to_regclass('cqrs_webhook_message_undelivered')
            """
        )
        self.assertEqual(self.env.cr.fetchone(), ("cqrs_webhook_message_undelivered",))

    def test_the_pace_did_not_know_what_an_open_opportunity_is_worth(self):
        pace = self.env["cqrs.opportunity.pace"]
        self.opportunity(self.seller, 120, date_deadline="2026-01-31")
        pace._follow()
        unseen = self.opportunity(self.seller, 100)
        self.env.cr.execute(
            """
            ALTER TABLE cqrs_opportunity_pace
                DROP team_id, DROP company_id, DROP currency_id, DROP stage_id,
                DROP closing_date, DROP value
            """
        )
        name = "pre-pace-of-open-opportunities"
        # A view with failures is no source.
        view = self.env["cqrs.opportunity.view"]
        view._insert_failures([("crm.lead", unseen.id, 0)], Exception("left out"))
        migrate(self.env.cr, "19.0.1.9.0", name)
        self.assertIsNotNone(pace._fault())
        view._forget_failures("crm.lead", unseen.ids)
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.9.0", name)
        self.registry.init_models(self.env.cr, [pace._name], {}, install=False)
        self.assertEqual(broken(self.env), {})
        [replayed] = replay(self.env, [pace._name], repair=False)
        self.assertEqual(replayed.drift, 0)

    def test_contacts_had_no_sums_over_all_owners(self):
        customer = self.env["res.partner"].create({"name": "Customer"})
        for user, revenue in ((self.seller, 3), (self.peer, 4.5)):
            self.opportunity(user, revenue, partner_id=customer.id)
        self.env.cr.flush()
        self.env["cqrs.metrics"]._fold_batch()
        self.opportunity(self.seller, 10, partner_id=customer.id)
        self.env.cr.execute("DROP TABLE cqrs_contact_totals")
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.9.0", "pre-contact-totals")
        self.registry.init_models(self.env.cr, ["cqrs.metrics"], {}, install=False)
        self.assertEqual(broken(self.env), {})
        self.env.cr.execute(
            "SELECT active, pipeline_value::text FROM cqrs_contact_totals"
            " WHERE partner_id = %s",
            [customer.id],
        )
        self.assertEqual(self.env.cr.fetchall(), [(2, "7.5")])
        self.assertEqual(list(ORACLES["cqrs_metrics"](self.env)), [])
        self.env["cqrs.metrics"]._fold_batch()
        self.assertEqual(list(ORACLES["cqrs_metrics"](self.env)), [])

    def test_names_that_nothing_has_any_more_are_gone(self):
        self.env.cr.execute(
            "CREATE TABLE cqrs_hierarchy (version bigint NOT NULL)",
        )
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.2.0", "post-drop-hierarchy-counter")
        self.env.cr.execute("SELECT to_regclass('cqrs_hierarchy')")
        self.assertEqual(self.env.cr.fetchone(), (None,))
        for name in ("cqrs.desk", "cqrs.hierarchy"):
            self.assertNotIn(name, self.env)
            self.assertFalse(self.env["ir.model"].search([("model", "=", name)]))
