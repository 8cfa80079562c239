from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged

from ..models.history import history
from .common import SalesOrganisation, administrator


class LeadHistoryCase(SalesOrganisation):
    def history(self, lead, user=None, **options):
        self.env.cr.flush()
        reader = self.env["cqrs.history"].with_user(user or self.seller)
        return reader.read_page("crm.lead", lead.id, **options)

    def entries(self, lead, user=None):
        return self.history(lead, user)["entries"]

    def newest(self, lead, user=None):
        """Return the newest entry, its changes by path as ``(before, after)``."""
        entry = self.entries(lead, user)[0]
        changes = {c["path"]: (c["before"], c["after"]) for c in entry["changes"]}
        return entry, changes

    def change(self, lead, **values):
        lead.write(values)
        self.env.cr.flush()


@tagged("post_install", "-at_install")
class TestLeadHistory(LeadHistoryCase):
    def test_it_says_what_happened_in_the_words_of_sales(self):
        lead = self.opportunity(self.seller)
        stage = self.env["crm.stage"].create({"name": "Qualified", "sequence": 1})
        reason = self.env["crm.lost.reason"].create({"name": "Too expensive"})

        def said(**values):
            self.change(lead, **values)
            return self.newest(lead, self.env.user)[0]["sentences"]

        self.assertEqual(
            self.newest(lead)[0]["sentences"], ["Created as an opportunity"]
        )
        self.assertEqual(said(stage_id=stage.id), ["Moved from New to Qualified"])
        self.assertEqual(said(user_id=self.peer.id), ["Reassigned from Seller to Peer"])
        self.assertEqual(said(user_id=False), ["Unassigned from Peer"])
        self.assertEqual(said(user_id=self.seller.id), ["Assigned to Seller"])
        self.assertEqual(said(name="Bigger deal"), ["Name from Deal to Bigger deal"])
        self.assertEqual(
            said(stage_id=self.stage_won.id, user_id=self.peer.id),
            ["Won", "Reassigned from Seller to Peer", "Moved from Qualified to Won"],
        )
        self.assertEqual(
            said(stage_id=stage.id), ["Reopened", "Moved from Won to Qualified"]
        )
        lead.action_set_lost(lost_reason_id=reason.id)
        entry, __ = self.newest(lead, self.env.user)
        self.assertEqual(entry["sentences"], ["Lost"])
        self.assertEqual(entry["reasons"], ["Lost reason: Too expensive"])
        self.assertEqual(said(type="lead")[0], "Turned back into a lead")
        self.assertEqual(said(type="opportunity"), ["Converted to an opportunity"])

    def test_values_are_shown_as_odoo_shows_them(self):
        lead = self.opportunity(self.seller, date_deadline="2026-01-31")
        tag = self.env["crm.tag"].create({"name": "Fair"})
        self.change(
            lead,
            expected_revenue=1234567.891,
            date_deadline="2026-02-28",
            tag_ids=[Command.set(tag.ids)],
            description="<p>Call <b>back</b></p>",
            priority="2",
            date_conversion="2026-02-28 22:30:00",
            probability=12.5,
        )
        __, changes = self.newest(lead)
        currency = self.env.company.currency_id
        before, after = changes["expected_revenue"]
        self.assertIn(currency.symbol, after)
        self.assertIn("1,234,567.89", after)
        self.assertIn("100,000.00", before)
        self.assertEqual(changes["date_deadline"], ("01/31/2026", "02/28/2026"))
        self.assertEqual(changes["date_conversion"], ("", "2026-02-28 22:30:00"))
        self.assertEqual(changes["tag_ids"], ("", "Fair"))
        self.assertEqual(changes["description"], ("", "Call *back*"))
        self.assertEqual(changes["priority"], ("Low", "High"))
        self.assertEqual(changes["probability"][1], "12.50")

    def test_it_says_what_a_field_was_and_is(self):
        self.env.company.currency_id = self.env.ref("base.USD")
        lead = self.opportunity(self.seller, 3_337_726.72, date_deadline="2026-01-31")
        customer = self.env["res.partner"].create({"name": "Acme"})

        def said(**values):
            self.change(lead, **values)
            return self.newest(lead)[0]["sentences"]

        self.assertEqual(
            said(expected_revenue=2_000_000),
            ["Value from $\xa03,337,726.72 to $\xa02,000,000.00"],
        )
        self.assertEqual(
            said(date_deadline=False), ["Closing date removed, was 01/31/2026"]
        )
        self.assertEqual(
            said(date_deadline="2026-02-28", expected_revenue=1, priority="2", color=3),
            [
                "Value from $\xa02,000,000.00 to $\xa01.00",
                "Closing date set to 02/28/2026, and 2 more fields",
            ],
        )
        self.assertEqual(said(probability=12.5), ["Probability set to 12.5%"])
        self.assertEqual(said(priority="3"), ["Priority from High to Very High"])
        self.assertEqual(
            said(partner_id=customer.id), ["Customer set to Acme, and 2 more fields"]
        )
        self.assertEqual(said(description="<p>One</p>"), ["Notes changed"])
        stage = self.env["crm.stage"].create({"name": "Qualified", "sequence": 1})
        self.assertEqual(
            said(stage_id=stage.id, expected_revenue=5, probability=20),
            ["Moved from New to Qualified", "Value from $\xa01.00 to $\xa05.00"],
        )
        # As the reader's language writes them.
        lead.write({"expected_revenue": 1_234_567.5, "partner_id": False})
        for code, expected in (
            ("fr_FR", r"5,00\s\$?.*1\s234\s567,50"),
            # Names stand by themselves in a sentence that runs the other way.
            ("ar_001", "\u2068Acme\u2069"),
        ):
            self.env["res.lang"]._activate_lang(code)
            reader = self.env["cqrs.history"].with_context(lang=code)
            self.env.cr.flush()
            [entry, *_former] = reader.read_page("crm.lead", lead.id)["entries"]
            self.assertRegex(" ".join(entry["sentences"]), expected)

    def test_a_deleted_name_leaves_its_id(self):
        lead = self.opportunity(self.seller)
        gone = self.env["crm.stage"].create({"name": "Gone"})
        self.change(lead, stage_id=gone.id)
        self.change(lead, stage_id=self.stage_new.id)
        gone.unlink()
        __, changes = self.newest(lead)
        self.assertEqual(changes["stage_id"], (f"#{gone.id} (deleted)", "New"))

    def test_it_says_who(self):
        lead = self.opportunity(self.seller)
        lead.with_user(self.seller).name = "By the seller"
        self.env.cr.flush()
        entry, __ = self.newest(lead)
        self.assertEqual(entry["user"], {"id": self.seller.id, "name": "Seller"})

    def test_it_is_for_whoever_may_read_the_lead(self):
        lead = self.opportunity(self.seller)
        self.assertEqual(len(self.entries(lead, self.seller)), 1)
        with self.assertRaises(AccessError):
            self.history(lead, self.peer)
        outsider = new_test_user(self.env, "cqrs_outsider", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.history(lead, outsider)
        unassigned = self.opportunity(None)
        self.assertEqual(len(self.entries(unassigned, self.peer)), 1)

    def test_it_is_for_no_portal_user(self):
        customer = new_test_user(self.env, "cqrs_portal", groups="base.group_portal")
        company = self.env["res.partner"].create(
            {"name": "Cqrs Customer", "is_company": True}
        )
        customer.partner_id.parent_id = company
        self.env.cr.flush()
        self.assertTrue(company.with_user(customer).has_access("read"))
        read_page = self.env["cqrs.history"].read_page
        self.assertTrue(read_page("res.partner", company.id)["entries"])
        with self.assertRaises(AccessError):
            read_page.__func__(
                self.env["cqrs.history"].with_user(customer), "res.partner", company.id
            )

    def test_that_of_a_deleted_lead_is_for_administrators(self):
        admin = administrator(self.env)
        lead = self.opportunity(self.seller)
        lead.unlink()
        entries = self.entries(lead, admin)
        self.assertEqual(entries[0]["sentences"], ["Deleted"])
        for user in (self.seller, self.head):
            with self.assertRaises(AccessError):
                self.history(lead, user)
            with self.assertRaises(AccessError):
                self.history(self.env["crm.lead"].browse(2**31 - 1), user)

    def test_a_field_that_the_reader_may_not_read_is_left_out(self):
        lead = self.opportunity(self.seller, email_from="secret@example.com")
        self.change(lead, stage_id=self.stage_won.id)
        fields = self.env["crm.lead"]._fields
        with (
            patch.object(fields["email_from"], "groups", "base.group_system"),
            patch.object(fields["stage_id"], "groups", "base.group_system"),
        ):
            history = self.history(lead)
        self.assertNotIn("secret@example.com", str(history))
        self.assertNotIn("Won to", str(history))
        self.assertEqual(history["entries"][0]["sentences"], ["Won"])
        paths = {c["path"] for e in history["entries"] for c in e["changes"]}
        self.assertFalse(paths & {"email_from", "stage_id"})
        self.assertIn("secret@example.com", str(self.history(lead)))

    def test_it_is_paged_from_the_newest_to_the_oldest(self):
        lead = self.opportunity(self.seller)
        for number in range(4):
            self.change(lead, name=f"Deal {number}")
        with patch.object(history, "PAGE_SIZE", 2):
            pages, before, more = [], None, True
            while more:
                page = self.history(lead, before=before)
                pages.append([entry["version"] for entry in page["entries"]])
                before, more = pages[-1][-1], page["more"]
        self.assertEqual(pages, [[5, 4], [3, 2], [1]])

    def test_a_merge_names_no_other_lead(self):
        lead = self.opportunity(self.seller, name="Survivor")
        other = self.opportunity(self.seller, name="Swallowed", revenue=1)
        survivor = (lead | other).merge_opportunity()
        self.env.cr.flush()
        entry, __ = self.newest(survivor)
        self.assertEqual(entry["sentences"][0], "Merged another one into this one")


@tagged("post_install", "-at_install")
class TestLeadHistoryTour(LeadHistoryCase, HttpCase):
    def test_tour(self):
        lead = self.opportunity(self.seller, name="<b>Deal</b>")
        stage = self.env["crm.stage"].create({"name": "Proposition", "sequence": 5})
        reason = self.env["crm.lost.reason"].create({"name": "Budget gone"})
        lead = lead.with_user(self.seller)
        self.authenticate(self.seller.login, self.seller.login)
        self.write_lead(lead, {"stage_id": stage.id})
        self.call(lead, "action_set_lost", {"lost_reason_id": reason.id})
        self.start_tour(
            f"/odoo/crm.lead/{lead.id}",
            "crm_cqrs_lead_history",
            login=self.seller.login,
        )

    def write_lead(self, lead, values):
        self.call(lead, "write", {"vals": values})

    def call(self, lead, method, kwargs):
        answer = self.url_open(
            f"/web/dataset/call_kw/crm.lead/{method}",
            json={
                "params": {
                    "model": "crm.lead",
                    "method": method,
                    "args": [lead.ids],
                    "kwargs": kwargs,
                }
            },
        )
        self.assertNotIn("error", answer.json())
