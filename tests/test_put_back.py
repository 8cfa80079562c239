"""Putting back what a person changed, and what is left alone."""

from unittest.mock import patch

from odoo import SUPERUSER_ID, Command, api
from odoo.exceptions import AccessError
from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import RealCursors, SalesOrganisation


@tagged("post_install", "-at_install")
class TestPutBack(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.qualified = cls.env["crm.stage"].create(
            {"name": "Qualified", "sequence": -99}
        )

    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller, date_deadline="2026-01-31")

    def history(self, user=None):
        self.env.cr.flush()
        return self.env["cqrs.history"].with_user(user or self.seller)

    def entries(self, user=None):
        return self.history(user).read_page("crm.lead", self.lead.id)["entries"]

    def change(self, user=None, **values):
        """Have a person write values; return the version of the event."""
        # In a transaction of one's own, as a request has it.
        self.env.cr.flush()
        self.lead.with_user(user or self.seller).write(values)
        return self.entries(self.env.user)[0]["version"]

    def compare(self, version, user=None):
        answer = self.history(user).read_comparison("crm.lead", self.lead.id, version)
        self.assertEqual(answer["version"], version)
        return {field["path"]: field for field in answer["fields"]}

    def states(self, version, user=None):
        fields = self.compare(version, user)
        return {path: field["state"] for path, field in fields.items()}

    def put_back(self, version, *paths, user=None):
        answer = self.history(user).put_back(
            "crm.lead", self.lead.id, version, list(paths)
        )
        self.env.cr.flush()
        return answer

    def test_an_amount_is_put_back_as_a_change_like_any_other(self):
        version = self.change(expected_revenue=1234.56)
        [entry, creation] = self.entries()
        self.assertTrue(entry["can_put_back"])
        self.assertFalse(creation["can_put_back"])
        [field] = self.compare(version).values()
        self.assertEqual(field["state"], "same")
        for side, amount in {
            "before": "100,000.00",
            "after": "1,234.56",
            "now": "1,234.56",
        }.items():
            self.assertIn(amount, field[side])
        self.assertTrue(self.put_back(version, "expected_revenue")["is_done"])
        self.assertEqual(self.lead.expected_revenue, 100_000)
        [entry, *_others] = self.entries()
        self.assertEqual(entry["version"], version + 1)
        self.assertEqual(entry["user"]["id"], self.seller.id)
        self.assertIn("Value from", entry["sentences"][0])
        # Which can be put back itself.
        self.assertTrue(self.put_back(version + 1, "expected_revenue")["is_done"])
        self.assertEqual(self.lead.expected_revenue, 1234.56)

    def test_each_type_gets_its_former_value(self):
        tags = self.env["crm.tag"].create([{"name": "Fair"}, {"name": "Mail"}])
        customer = self.env["res.partner"].create({"name": "Acme"})
        before = {
            "date_deadline": "2026-01-31",
            "priority": "1",
            "tag_ids": [Command.set(tags[0].ids)],
            "referred": "A friend",
            "description": "<p>Old</p>",
            "color": 3,
            "campaign_id": False,
            "partner_id": False,
        }
        self.change(**before)
        after = {
            "date_deadline": False,
            "priority": "3",
            "tag_ids": [Command.set(tags.ids)],
            "referred": False,
            "description": "<p>New</p>",
            "color": 5,
            "campaign_id": self.env["utm.campaign"].create({"title": "Spring"}).id,
            "partner_id": customer.id,
        }
        version = self.change(**after)
        states = self.states(version)
        self.assertEqual({states.get(path) for path in after}, {"same"})
        self.assertTrue(self.put_back(version, *after)["is_done"])
        lead = self.lead
        self.assertEqual(str(lead.date_deadline), "2026-01-31")
        self.assertEqual(lead.priority, "1")
        self.assertEqual(lead.tag_ids, tags[0])
        self.assertEqual(lead.referred, "A friend")
        self.assertEqual(lead.description, "<p>Old</p>")
        self.assertEqual(lead.color, 3)
        self.assertFalse(lead.campaign_id)
        self.assertFalse(lead.partner_id)

    def test_what_has_been_changed_since_is_compared_not_overwritten(self):
        version = self.change(expected_revenue=1, date_deadline="2026-02-28")
        self.change(user=self.env.user, expected_revenue=2)
        fields = self.compare(version)
        self.assertEqual(fields["date_deadline"]["state"], "same")
        amount = fields["expected_revenue"]
        self.assertEqual(amount["state"], "changed")
        self.assertIn("100,000.00", amount["before"])
        self.assertIn("1.00", amount["after"])
        self.assertIn("2.00", amount["now"])
        # All that is asked for, or nothing.
        answer = self.put_back(version, "expected_revenue", "date_deadline")
        self.assertFalse(answer["is_done"])
        self.assertEqual(
            {field["path"]: field["state"] for field in answer["fields"]},
            {"expected_revenue": "changed", "date_deadline": "same"},
        )
        self.assertEqual(self.lead.expected_revenue, 2)
        self.assertEqual(str(self.lead.date_deadline), "2026-02-28")
        self.assertTrue(self.put_back(version, "date_deadline")["is_done"])
        self.assertEqual(str(self.lead.date_deadline), "2026-01-31")
        self.assertEqual(self.lead.expected_revenue, 2)
        self.assertFalse(self.put_back(version)["is_done"])

    def test_a_stage_is_put_back_and_what_follows_from_it_follows(self):
        version = self.change(stage_id=self.stage_won.id)
        self.assertEqual(self.lead.won_status, "won")
        # Neither the probability nor the times were written by the person.
        self.assertEqual(self.states(version), {"stage_id": "same"})
        self.assertTrue(self.put_back(version, "stage_id")["is_done"])
        self.assertEqual(self.lead.stage_id, self.stage_new)
        self.assertEqual(self.lead.won_status, "pending")
        self.assertFalse(self.lead.date_closed)
        self.assertEqual(self.entries()[0]["type"], "OpportunityReopened")

    def test_a_loss_is_put_back(self):
        self.change(probability=12.5)
        reason = self.env["crm.lost.reason"].create({"name": "Too expensive"})
        self.env.cr.flush()
        lead = self.lead.with_user(self.seller)
        lead.action_set_lost(lost_reason_id=reason.id)
        version = self.entries()[0]["version"]
        paths = ["active", "lost_reason_id", "probability"]
        self.assertEqual(self.states(version), dict.fromkeys(paths, "same"))
        self.assertTrue(self.put_back(version, *paths)["is_done"])
        self.assertEqual(self.lead.won_status, "pending")
        self.assertTrue(self.lead.active)
        self.assertEqual(self.lead.probability, 12.5)
        self.assertFalse(self.lead.lost_reason_id)

    def test_what_no_person_wrote_is_left_alone(self):
        def can_put_back():
            return self.entries()[0]["can_put_back"]

        self.change(expected_revenue=1)
        self.assertTrue(can_put_back())
        robot = api.Environment(self.env.cr, SUPERUSER_ID, {})
        self.lead.with_env(robot).expected_revenue = 2
        self.assertFalse(can_put_back())
        version = self.entries()[0]["version"]
        self.assertEqual(self.compare(version), {})
        self.assertFalse(self.put_back(version, "expected_revenue")["is_done"])
        self.assertEqual(self.lead.expected_revenue, 2)
        rows = [[self.lead.id, 3]]
        leads = self.env["crm.lead"].with_user(self.seller)
        self.assertTrue(leads.load([".id", "expected_revenue"], rows)["ids"])
        self.assertEqual(self.entries()[0]["reasons"], ["Import"])
        self.assertFalse(can_put_back())

    def test_a_merge_is_left_alone(self):
        other = self.opportunity(self.seller, 5, name="Swallowed", phone="+32 1")
        merged = (self.lead | other).with_user(self.seller).merge_opportunity()
        self.lead = merged.with_user(self.env.user)
        self.assertFalse(self.entries()[0]["can_put_back"])

    def test_a_former_value_that_is_gone_cannot_be_chosen(self):
        stage = self.env["crm.stage"].create({"name": "Gone", "sequence": -98})
        self.change(stage_id=stage.id)
        version = self.change(stage_id=self.qualified.id)
        stage.unlink()
        self.assertEqual(self.states(version), {"stage_id": "gone"})
        self.assertFalse(self.put_back(version, "stage_id")["is_done"])
        self.assertEqual(self.lead.stage_id, self.qualified)

    def test_rights_are_those_of_odoo(self):
        version = self.change(expected_revenue=1)
        with self.assertRaises(AccessError):
            self.compare(version, self.peer)
        with self.assertRaises(AccessError):
            self.put_back(version, "expected_revenue", user=self.peer)
        fields = self.env["crm.lead"]._fields
        with patch.object(fields["expected_revenue"], "groups", "base.group_system"):
            self.assertEqual(self.compare(version), {})
            self.assertFalse(self.put_back(version, "expected_revenue")["is_done"])
        self.assertEqual(self.lead.expected_revenue, 1)
        # Who may read it only
        unassigned = self.opportunity(None)
        self.assertTrue(unassigned.with_user(self.seller).has_access("write"))
        rules = self.env["ir.rule"].create(
            {
                "name": "Nobody writes the unassigned",
                "model_id": self.env.ref("crm.model_crm_lead").id,
                "domain_force": "[('user_id', '!=', False)]",
                "perm_read": False,
                "perm_create": False,
                "perm_unlink": False,
            }
        )
        self.lead = unassigned
        with self.env.cr.savepoint() as savepoint:
            rules.active = False
            version = self.change(expected_revenue=7)
            self.assertTrue(self.entries()[0]["can_put_back"])
            rules.active = True
            self.assertFalse(self.entries()[0]["can_put_back"])
            self.assertEqual(self.compare(version), {})
            savepoint.close(rollback=False)

    def test_only_leads_are_put_back(self):
        manager = self.env.ref("base.user_admin")
        self.qualified.with_user(manager).sequence = 7
        page = self.history(manager).read_page("crm.stage", self.qualified.id)
        self.assertEqual([e["can_put_back"] for e in page["entries"]], [False, False])

    def test_a_version_that_is_not_there(self):
        self.assertEqual(self.compare(99), {})
        self.assertFalse(self.put_back(99, "expected_revenue")["is_done"])

    def test_erased_values_are_not_put_back_as_empty(self):
        version = self.change(referred="A friend", expected_revenue=5)
        self.lead.flush_recordset()
        self.assertEqual(
            self.states(version), {"expected_revenue": "same", "referred": "same"}
        )
        # As after an erasure: the personal part of the event is gone.
        event = self.env["cqrs.event"].search(
            [("stream_model", "=", "crm.lead"), ("stream_id", "=", self.lead.id)],
            order="version desc",
            limit=1,
        )
        with self.env.cr.savepoint() as savepoint:
            self.env.cr.execute(
                "SET LOCAL session_replication_role = replica;"
                "UPDATE cqrs_event SET personal = NULL WHERE position = %s",
                (event.id,),
            )
            self.env.invalidate_all()
            self.assertEqual(self.states(version), {"expected_revenue": "same"})
            savepoint.rollback()

    def test_it_is_paged_by_a_limit(self):
        for number in range(3):
            self.change(expected_revenue=number)
        read = self.history().read_page
        page = read("crm.lead", self.lead.id, limit=2)
        self.assertEqual([e["version"] for e in page["entries"]], [4, 3])
        self.assertTrue(page["more"])
        page = read("crm.lead", self.lead.id, limit=10**9)
        self.assertEqual(len(page["entries"]), 4)
        self.assertFalse(page["more"])


@tagged("post_install", "-at_install")
class TestSheet(SalesOrganisation):
    def sheet(self, lead, user):
        self.env.cr.flush()
        return self.env["cqrs.opportunity.view"].with_user(user).browse(lead.id)

    def test_it_has_the_customer_and_the_last_events(self):
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        clerk = self.env["res.partner"].create(
            {"name": "Clerk", "parent_id": company.id}
        )
        lead = self.opportunity(self.seller, partner_id=clerk.id)
        for number in range(8):
            lead.write({"expected_revenue": number})
            self.env.cr.flush()
        answer = self.sheet(lead, self.seller).read_sheet()
        self.assertEqual(answer["name"], "Deal")
        self.assertEqual(answer["account"], {"id": company.id, "name": "Acme"})
        self.assertEqual([e["version"] for e in answer["entries"]], [9, 8, 7, 6, 5, 4])
        self.assertTrue(answer["more"])
        lead.partner_id = False
        answer = self.sheet(lead, self.seller).read_sheet()
        self.assertIs(answer["account"], False)

    def test_it_says_what_cannot_be_opened(self):
        lead = self.opportunity(self.seller)
        # On the dashboard of the manager, whom Odoo shows own documents alone.
        with self.assertRaisesRegex(Exception, "Own and Team's Documents"):
            self.sheet(lead, self.manager).read_sheet()
        row = self.sheet(lead, self.seller)
        lead.unlink()
        self.env.cr.flush()
        with self.assertRaisesRegex(Exception, "has been deleted"):
            row.read_sheet()

    def test_the_form_has_what_others_add_to_the_full_one(self):
        self.env["ir.ui.view"].create(
            {
                "name": "crm.lead.form.of.another.module",
                "model": "crm.lead",
                "inherit_id": self.env.ref("crm.crm_lead_view_form").id,
                "arch": "<field name='tag_ids' position='after'>"
                "<field name='referred' string='Word of Mouth'/></field>",
            }
        )
        views = self.env["crm.lead"].with_user(self.seller)
        form = views.with_context(form_view_ref="crm_cqrs.deal_sheet_view_form")
        arch = form.get_views([(False, "form")])["views"]["form"]["arch"]
        self.assertIn('js_class="cqrs_deal_form"', arch)
        self.assertIn("Word of Mouth", arch)
        self.assertIn("activity_ids", arch)
        for left_out in ("<chatter", "<notebook", 'name="description"'):
            self.assertNotIn(left_out, arch)

    def test_another_module_may_take_anything_out_of_the_full_form(self):
        form = self.env.ref("crm.crm_lead_view_form")
        for number, path in enumerate(
            ("//chatter", "//notebook", "//group[@name='opportunity_partner']")
        ):
            self.env["ir.ui.view"].create(
                {
                    "name": f"crm.lead.form.without.{number}",
                    "model": "crm.lead",
                    "inherit_id": form.id,
                    "arch": f'<xpath expr="{path}" position="replace"/>',
                }
            )
        views = self.env["crm.lead"].with_user(self.seller)
        form = views.with_context(form_view_ref="crm_cqrs.deal_sheet_view_form")
        arch = form.get_views([(False, "form")])["views"]["form"]["arch"]
        self.assertIn("activity_ids", arch)
        self.assertNotIn('name="opportunity_partner"', arch)

    def test_pages_of_other_modules_stay(self):
        self.env["ir.ui.view"].create(
            {
                "name": "crm.lead.form.page",
                "model": "crm.lead",
                "inherit_id": self.env.ref("crm.crm_lead_view_form").id,
                "arch": "<xpath expr='//notebook' position='inside'>"
                "<page name='mine' string='Mine'><field name='referred'/></page>"
                "</xpath>",
            }
        )
        views = self.env["crm.lead"].with_user(self.seller)
        form = views.with_context(form_view_ref="crm_cqrs.deal_sheet_view_form")
        arch = form.get_views([(False, "form")])["views"]["form"]["arch"]
        self.assertIn('name="mine"', arch)
        self.assertNotIn('name="internal_notes"', arch)


@tagged("post_install", "-at_install")
class TestPutBackBesideWriters(RealCursors):
    """Real cursors: what somebody else writes meanwhile is never overwritten."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            self.admin_id = env.ref("base.user_admin").id
            self.tag_ids = (
                env["crm.tag"].create([{"name": f"cqrs {n}"} for n in "ab"]).ids
            )
            self.lead_id = (
                env["crm.lead"].create({"name": "cqrs", "type": "opportunity"}).id
            )
        self.addCleanup(self.remove)
        with self.registry.cursor() as cr:
            self.lead(cr).write(
                {"expected_revenue": 2, "tag_ids": [Command.set(self.tag_ids[:1])]}
            )

    def remove(self):
        with self.registry.cursor() as cr:
            lead = self.lead(cr)
            lead.unlink()
            lead.env["crm.tag"].browse(self.tag_ids).unlink()

    def lead(self, cr):
        env = self.environment(cr)(user=self.admin_id)
        return env["crm.lead"].browse(self.lead_id)

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def check(self, path, values):
        """Put back a field, which another transaction writes after the snapshot."""
        attempts = []
        with self.registry.cursor() as cr:
            lead = self.lead(cr)

            def put_back():
                self.assertTrue(lead.exists())  # the snapshot
                if not attempts:
                    with self.registry.cursor() as other:
                        self.lead(other).write(values)
                attempts.append(1)
                history = lead.env["cqrs.history"]
                return history.put_back("crm.lead", lead.id, 2, [path])

            answer = retrying(put_back, lead.env)
        self.assertEqual(len(attempts), 2)
        self.assertFalse(answer["is_done"])
        states = {field["path"]: field["state"] for field in answer["fields"]}
        self.assertEqual(states[path], "changed")
        with self.registry.cursor() as cr:
            return self.lead(cr)[path]

    def test_an_amount(self):
        self.assertEqual(self.check("expected_revenue", {"expected_revenue": 3}), 3)

    def test_tags_which_are_in_a_table_of_their_own(self):
        added = {"tag_ids": [Command.link(self.tag_ids[1])]}
        self.assertEqual(self.check("tag_ids", added).ids, self.tag_ids)
