from psycopg2.errors import RestrictViolation

from odoo import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import SalesOrganisation


@tagged("post_install", "-at_install")
class TestOneEventPerChange(SalesOrganisation):
    def test_creation_holds_the_whole_state_without_nulls(self):
        lead = self.opportunity(self.seller, 1234.5, referred=False)
        [(version, type_, before, after)] = self.events(lead)
        self.assertEqual((version, type_, before), (1, "OpportunityCreated", None))
        self.assertEqual(after["expected_revenue"], 1234.5)
        self.assertEqual(after["user_id"], self.seller.id)
        self.assertEqual(after["stage_id"], self.stage_new.id)
        self.assertEqual(after["won_status"], "pending")
        self.assertNotIn("referred", after)

    def test_several_writes_make_one_event_with_the_net_change(self):
        lead = self.opportunity(self.seller)
        lead.referred = "a friend"
        lead.expected_revenue = 5
        lead.referred = False
        lead.expected_revenue = 7
        self.assertEqual(
            self.events(lead)[1:],
            [
                (
                    2,
                    "OpportunityUpdated",
                    {"expected_revenue": 100_000},
                    {"expected_revenue": 7},
                )
            ],
        )

    def test_the_same_value_again_makes_no_event(self):
        lead = self.opportunity(self.seller)
        lead.write({"expected_revenue": 100_000, "name": "Deal"})
        self.env.cr.execute(
            "UPDATE crm_lead SET write_date = now() WHERE id = %s", [lead.id]
        )
        self.assertEqual(len(self.events(lead)), 1)

    def test_a_batch_write_makes_one_event_for_each_lead_that_differs(self):
        leads = self.opportunity(self.seller) | self.opportunity(self.seller, 5)
        leads.write({"expected_revenue": 5})
        self.assertEqual([len(self.events(lead)) for lead in leads], [2, 1])

    def test_the_event_names_what_happened(self):
        lead = self.opportunity(self.seller)
        stage = self.stage_new.copy({"name": "Qualified"})
        steps = [
            (lambda: lead.write({"stage_id": stage.id}), "OpportunityStageChanged"),
            (lambda: lead.write({"user_id": self.peer.id}), "OpportunityReassigned"),
            (lambda: lead.action_set_lost(), "OpportunityLost"),
            (lambda: lead.action_unarchive(), "OpportunityReopened"),
            (lambda: lead.action_set_won(), "OpportunityWon"),
            (lambda: lead.action_archive(), "OpportunityArchived"),
            (lambda: lead.action_unarchive(), "OpportunityRestored"),
            (lambda: lead.write({"name": "Renamed"}), "OpportunityUpdated"),
        ]
        for version, (step, type_) in enumerate(steps, 2):
            step()
            self.assertEqual(self.events(lead)[-1][:2], (version, type_))

    def test_a_lead_has_lead_events_until_it_is_converted(self):
        lead = self.opportunity(self.seller, type="lead")
        lead.convert_opportunity(self.env["res.partner"])
        self.env.cr.flush()
        lead.name = "Converted"
        self.assertEqual(
            [event[1] for event in self.events(lead)],
            ["LeadCreated", "LeadConverted", "OpportunityUpdated"],
        )

    def test_tags_are_seen_although_they_have_no_column(self):
        tags = self.env["crm.tag"].create([{"name": "cqrs a"}, {"name": "cqrs b"}])
        lead = self.opportunity(self.seller)
        lead.tag_ids = [Command.set(tags.ids)]
        self.env.cr.flush()
        lead.tag_ids = [Command.unlink(tags[0].id)]
        self.assertEqual(
            [
                (event[2]["tag_ids"], event[3]["tag_ids"])
                for event in self.events(lead)[1:]
            ],
            [(None, tags.ids), (tags.ids, tags[1:].ids)],
        )

    def test_a_deleted_tag_is_seen_on_its_leads_at_once(self):
        tag = self.env["crm.tag"].create({"name": "cqrs gone"})
        lead = self.opportunity(self.seller, tag_ids=[Command.set(tag.ids)])
        tag_id = tag.id
        tag.unlink()
        self.assertEqual(
            self.events(lead)[1:],
            [(2, "OpportunityUpdated", {"tag_ids": [tag_id]}, {"tag_ids": None})],
        )

    def test_a_deleted_team_is_seen_on_its_leads_at_once(self):
        team = self.env["crm.team"].create({"name": "cqrs gone"})
        lead = self.opportunity(self.seller, team_id=team.id)
        team_id = team.id
        team.unlink()
        self.assertEqual(
            self.events(lead)[-1][1:],
            ("OpportunityUpdated", {"team_id": team_id}, {"team_id": None}),
        )

    def test_a_renamed_customer_is_seen_on_its_leads(self):
        partner = self.env["res.partner"].create({"name": "Before"})
        lead = self.opportunity(self.seller, partner_id=partner.id)
        partner.name = "After"
        last = self.events(lead)[-1]
        self.assertEqual(last[2]["partner_id.complete_name"], "Before")
        self.assertEqual(last[3]["partner_id.complete_name"], "After")

    def test_recomputed_fields_are_seen_without_a_write(self):
        partner = self.env["res.partner"].create(
            {"name": "Customer", "email": "before@example.com"}
        )
        lead = self.opportunity(self.seller, partner_id=partner.id)
        partner.email = "after@example.com"
        last = self.events(lead)[-1]
        self.assertEqual(last[2], {"email_from": "before@example.com"})
        self.assertEqual(last[3], {"email_from": "after@example.com"})

    def test_deletion_keeps_the_last_state(self):
        lead = self.opportunity(self.seller)
        lead_id = lead.id
        created = self.events(lead)[0][3]
        lead.unlink()
        self.env.cr.flush()
        self.assertEqual(
            self.events(self.env["crm.lead"].browse(lead_id))[-1],
            (2, "OpportunityDeleted", created, None),
        )
        self.assertFalse(self.env["cqrs.opportunity.view"].browse(lead_id).exists())

    def test_a_merge_is_one_event_that_names_survivor_and_sources(self):
        leads = self.opportunity(self.seller) | self.opportunity(self.seller, 5)
        self.env.cr.flush()
        head = leads.merge_opportunity()
        [tail_id] = (leads - head).ids
        self.env.cr.flush()
        merged = self.env["cqrs.event"].search([("type", "=", "OpportunityMerged")])
        self.assertEqual(len(merged), 1)
        self.assertEqual(merged.stream_id, head.id)
        self.assertEqual(merged.details, {"merged_from": [tail_id]})
        tail = self.env["crm.lead"].browse(tail_id)
        self.assertEqual(self.events(tail)[-1][1], "OpportunityDeleted")

    def test_a_merge_that_is_undone_leaves_no_event(self):
        leads = self.opportunity(self.seller) | self.opportunity(self.seller, 5)
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint(flush=False):
            leads.merge_opportunity()
            self.env.flush_all()
            raise ZeroDivisionError
        self.env.invalidate_all(flush=False)
        self.assertEqual([len(self.events(lead)) for lead in leads], [1, 1])

    def test_the_event_says_who_when_where_and_how(self):
        lead = self.opportunity(self.seller)
        lead.with_user(self.seller).name = "By seller"
        self.env.cr.flush()
        event = self.env["cqrs.event"].search(
            [("stream_model", "=", "crm.lead"), ("stream_id", "=", lead.id)], limit=1
        )
        self.assertEqual(event.user_id, self.seller)
        self.assertEqual(event.company_id, self.env.company)
        self.assertEqual(event.origin, "orm")
        self.assertEqual(event.occurred_at, self.env.cr.now())
        self.env.cr.execute("SELECT pg_current_xact_id()::text")
        self.assertEqual(event.txid, self.env.cr.fetchone()[0])

    def test_the_log_refuses_change(self):
        self.opportunity(self.seller)
        for statement in (
            "UPDATE cqrs_event SET type = 'Forged'",
            "DELETE FROM cqrs_event",
            "TRUNCATE cqrs_event",
        ):
            with (
                self.subTest(statement),
                mute_logger("odoo.sql_db"),
                self.assertRaisesRegex(RestrictViolation, "append-only"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(statement)
