"""The rules of forgetting: whose records go, whose stay, and what is on record."""

import base64
import json
import tempfile
import uuid
from pathlib import Path
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, HttpCase, new_test_user, tagged
from odoo.tools import config

from ..models.maintenance.status import status
from ..models.privacy import again, erasures
from ..models.privacy.export import export
from ..models.privacy.finder import find
from ..models.privacy.forget import forget
from ..models.privacy.removal import DELETE, EMPTY
from ..models.privacy.retention import due_leads
from ..models.privacy.subject import Subject
from .common import SalesOrganisation, administrator

ADDRESS = "ada.privacy@example.com"


@tagged("post_install", "-at_install")
class TestDownload(HttpCase):
    def test_an_administrator_downloads_what_a_person_is_entitled_to_see(self):
        partner = self.env["res.partner"].create({"name": "Cy Privacy"})
        admin = administrator(self.env)
        assistants = self.env["cqrs.forget.assistant"].with_user(admin)
        assistant = assistants.create({"partner_id": partner.id})
        self.authenticate(admin.login, admin.login)
        answer = self.url_open(assistant.action_export()["url"])
        [record] = answer.json()["records"]
        self.assertEqual((record["model"], record["id"]), ("res.partner", partner.id))
        self.assertIn("Cy Privacy", record["values"].values())
        new_test_user(self.env, "cqrs_curious", "sales_team.group_sale_manager")
        self.authenticate("cqrs_curious", "cqrs_curious")
        answer = self.url_open(assistant.action_export()["url"])
        self.assertNotIn("Cy Privacy", answer.text)


@tagged("post_install", "-at_install")
class TestPrivacy(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.env["res.partner"].create(
            {"name": "Ada Privacy", "email": f"Ada <{ADDRESS.upper()}>"}
        )
        cls.deal = cls.opportunity(cls.seller, name="For Ada", partner_id=cls.ada.id)

    def find(self, **subject):
        return find(self.env, Subject.of(**subject))

    def forget(self, found, mode=DELETE):
        return forget(self.env, found, "Article 17", mode)

    # Whose records

    def test_a_contact_is_found_with_users_and_leads(self):
        loose = self.opportunity(self.seller, email_from=ADDRESS)
        other = self.env["res.partner"].create({"name": "Bo", "email": ADDRESS})
        of_other = self.opportunity(self.seller, partner_id=other.id)
        portal = new_test_user(
            self.env, "ada_portal", "base.group_portal", partner_id=self.ada.id
        )
        self.ada.email = ADDRESS  # that of the user until here
        found = self.find(partner=self.ada.id)
        self.assertEqual(
            found.records,
            {
                "crm.lead": sorted((self.deal | loose).ids),
                "res.partner": self.ada.ids,
                "res.users": portal.ids,
            },
        )
        self.assertEqual(found.kept, {})
        with self.subTest("an address finds everybody who has it"):
            found = self.find(email=f"Ada <{ADDRESS}>")
            self.assertEqual(
                found.records["res.partner"], sorted((self.ada | other).ids)
            )
            self.assertIn(of_other.id, found.records["crm.lead"])
        with self.subTest("a lead finds its address"):
            self.assertEqual(
                self.find(lead=loose.id).records["res.partner"],
                sorted((self.ada | other).ids),
            )

    def test_leads_that_are_gone_are_found_in_the_log(self):
        gone = self.opportunity(self.seller, email_from=ADDRESS)
        survivor = self.opportunity(self.seller, name="A", partner_id=self.ada.id)
        tail = self.opportunity(self.seller, name="B")
        ids = (gone | survivor | tail | self.deal).ids
        gone.unlink()
        (survivor | tail).merge_opportunity(auto_unlink=True)
        self.env.cr.flush()
        self.assertEqual(
            self.find(partner=self.ada.id).streams["crm.lead"], sorted(ids)
        )

    def test_a_longer_address_is_another_one(self):
        self.opportunity(self.seller, email_from=f"x{ADDRESS}")
        self.opportunity(self.seller, email_cc=f"{ADDRESS}.au")
        found = self.find(email=ADDRESS)
        self.assertEqual(found.records["crm.lead"], self.deal.ids)
        self.assertEqual(found.mentions, {})

    def test_internal_users_and_employees_are_shown_and_not_touched(self):
        partner = self.seller.partner_id
        partner.email = "seller.privacy@example.com"
        self.seller_employee.work_email = "seller.privacy@example.com"
        lead = self.opportunity(self.seller, partner_id=partner.id)
        found = self.find(email="seller.privacy@example.com")
        self.assertEqual(found.records, {"crm.lead": lead.ids})
        self.assertEqual(
            {model: list(ids) for model, ids in found.kept.items()},
            {
                "res.users": self.seller.ids,
                "res.partner": partner.ids,
                "hr.employee": self.seller_employee.ids,
            },
        )
        self.forget(found)
        self.assertTrue(partner.exists())
        self.assertEqual(partner.email, "seller.privacy@example.com")

    def test_the_company_keeps_its_contact(self):
        found = self.find(partner=self.env.company.partner_id.id)
        self.assertNotIn("res.partner", found.records)
        self.assertIn(self.env.company.partner_id.id, found.kept["res.partner"])

    # What happens to them

    def test_others_lose_the_address_and_nothing_else(self):
        theirs = self.opportunity(
            self.peer,
            name="Theirs",
            phone="+1 555 0100",
            email_cc=f"{ADDRESS}, boss@example.com",
        )
        done = self.forget(self.find(email=ADDRESS))
        self.assertEqual(done.counts["mentions"], {"crm.lead": 1})
        self.assertEqual(theirs.email_cc, ", boss@example.com")
        self.assertEqual((theirs.name, theirs.phone), ("Theirs", "+1 555 0100"))

    def test_where_odoo_refuses_the_record_is_emptied(self):
        self.env.cr.execute(
            "CREATE TABLE cqrs_test_bill (partner integer REFERENCES res_partner);"
            "INSERT INTO cqrs_test_bill VALUES (%s)",
            [self.ada.id],
        )
        self.ada.write({"phone": "555", "comment": "<p>Met Ada</p>", "street": "1 Way"})
        self.ada.message_post(body="Ada called")
        self.env["ir.attachment"].create(
            {"name": "Ada", "res_model": "res.partner", "res_id": self.ada.id}
        )
        done = self.forget(self.find(partner=self.ada.id))
        self.assertEqual(done.counts["emptied"], {"res.partner": 1})
        self.assertEqual(done.counts["deleted"], {"crm.lead": 1})
        self.assertEqual(self.ada.name, f"Forgotten #{self.ada.id}")
        self.assertEqual(
            [self.ada[name] for name in ("email", "phone", "comment", "street")],
            [False] * 4,
        )
        self.assertFalse(self.ada.active)
        self.assertFalse(self.ada.message_ids)
        domain = [("res_model", "=", "res.partner"), ("res_id", "=", self.ada.id)]
        self.assertFalse(self.env["ir.attachment"].search(domain))

    def test_records_can_be_kept_without_personal_values(self):
        figures = self.deal.expected_revenue, self.deal.stage_id, self.deal.user_id
        self.forget(self.find(partner=self.ada.id), EMPTY)
        self.assertEqual(self.deal.name, f"Forgotten #{self.deal.id}")
        self.assertFalse(self.deal.partner_id)
        self.assertEqual(
            (self.deal.expected_revenue, self.deal.stage_id, self.deal.user_id), figures
        )
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT state::text FROM cqrs_stream"
            " WHERE stream_model = 'crm.lead' AND stream_id = %s",
            [self.deal.id],
        )
        self.assertNotIn("Ada", self.env.cr.fetchone()[0])

    # On record

    def test_it_is_on_record_without_what_was_erased(self):
        self.forget(self.find(partner=self.ada.id))
        record = self.env["cqrs.forgetting"].search([], limit=1)
        self.assertEqual((record.reason, record.user_id), ("Article 17", self.env.user))
        self.assertEqual(record.counts["deleted"], {"crm.lead": 1, "res.partner": 1})
        self.assertNotIn("ada", json.dumps(record.read()[0], default=str).lower())
        [(__, type_, __, after)] = self.events(record)
        self.assertEqual((type_, after["reason"]), ("ErasureCreated", "Article 17"))
        self.assertEqual(after["counts"]["deleted"], record.counts["deleted"])

    def test_a_reason_that_has_the_address_is_refused(self):
        run = self.env["cqrs.run"]
        with self.assertRaisesRegex(UserError, "reason"):
            run._forget_values(Subject.of(email=ADDRESS), " ")
        with self.assertRaisesRegex(UserError, "address"):
            run.new({"reason": f"asked by {ADDRESS}"})._check_reason((ADDRESS,))

    def test_the_person_gets_everything_and_nobody_elses_name(self):
        self.deal.message_post(body="Call Ada")
        document = export(self.env, self.find(partner=self.ada.id))
        models = [each["model"] for each in document["records"]]
        self.assertEqual(models, ["crm.lead", "res.partner"])
        self.assertIn("Call Ada", [each["text"] for each in document["messages"]])
        self.assertIn(
            "For Ada",
            [(each["after"] or {}).get("name") for each in document["events"]],
        )
        self.assertNotIn(self.seller.name, json.dumps(document["records"], default=str))

    # Who may, and the assistant

    def test_only_administrators(self):
        user = new_test_user(self.env, "cqrs_dpo", "sales_team.group_sale_manager")
        run = self.env["cqrs.run"].with_user(user)
        with self.assertRaises(AccessError):
            run._request_to_forget(Subject.of(email=ADDRESS), "Article 17")
        with self.assertRaises(AccessError):
            self.env["cqrs.forget.assistant"].with_user(user).create({})
        with self.assertRaises(AccessError):
            self.env["cqrs.legal.hold"].with_user(user).search([])

    def test_the_assistant_shows_what_would_go_and_asks_twice(self):
        assistants = self.env["cqrs.forget.assistant"].with_user(
            administrator(self.env)
        )
        form = Form(
            assistants.with_context(active_model="res.partner", active_id=self.ada.id)
        )
        self.assertEqual(form.partner_id, self.ada)
        self.assertIn("Ada Privacy", form.traces)
        form.reason = "Article 17"
        assistant = form.save()
        with self.assertRaisesRegex(UserError, "FORGET"):
            assistant.action_forget()
        self.assertIn(b"For Ada", base64.b64decode(assistant.document))
        assistant.confirmation = "FORGET"
        run = self.env["cqrs.run"].browse(assistant.action_forget()["res_id"])
        self.assertEqual((run.kind, run.state), ("forget", "pending"))
        self.assertEqual(run.request["subject"]["partner_ids"], self.ada.ids)
        self.env.cr.execute("SELECT * FROM cqrs_forget_assistant")
        self.assertNotIn("Ada", str(self.env.cr.fetchall()))

    # Legal holds

    def test_a_held_record_is_skipped(self):
        hold = self.env["cqrs.legal.hold"].create(
            {"lead_id": self.deal.id, "reason": "Case 7"}
        )
        free = self.opportunity(self.seller, partner_id=self.ada.id)
        found = self.find(partner=self.ada.id)
        self.assertEqual(found.records, {"crm.lead": free.ids})
        self.assertEqual(found.kept["crm.lead"], {self.deal.id: "Legal hold: Case 7"})
        self.assertIn(self.ada.id, found.kept["res.partner"])
        self.assertNotIn(self.deal.id, found.streams["crm.lead"])
        hold.action_release()
        self.assertEqual(hold.released_by_id, self.env.user)
        self.assertIn("res.partner", self.find(partner=self.ada.id).records)

    def test_a_held_contact_holds_the_leads(self):
        self.env["cqrs.legal.hold"].create(
            {"partner_id": self.ada.id, "reason": "Case 8"}
        )
        found = self.find(partner=self.ada.id)
        self.assertEqual((found.records, found.streams), ({}, {}))
        self.assertEqual(found.kept["crm.lead"], {self.deal.id: "Legal hold: Case 8"})

    # Retention

    def lost(self, **values):
        lead = self.opportunity(self.seller, **values)
        lead.action_set_lost()
        self.env.cr.flush()
        return lead

    def due(self, leads, months):
        """Return those of some leads that are due once that many months have passed."""
        self.env.company.flush_recordset()
        self.env.cr.execute("SELECT now() + make_interval(months => %s)", [months])
        [now] = self.env.cr.fetchone()
        return {id_ for id_, __ in due_leads(self.env, at=now)} & set(leads.ids)

    def test_leads_lost_for_some_months_are_due(self):
        lost = self.lost()
        archived = self.opportunity(self.seller)
        archived.active = False
        back = self.lost()
        back.action_unarchive()
        held = self.lost()
        self.env["cqrs.legal.hold"].create({"lead_id": held.id, "reason": "Case"})
        self.env.cr.flush()
        leads = lost | archived | back | held | self.deal
        self.assertEqual(self.due(leads, 1200), set())  # off by default
        self.env.company.cqrs_retention_months = 6
        self.assertEqual(self.due(leads, 5), set())
        self.assertEqual(self.due(leads, 7), set((lost | archived).ids))

    def test_a_forgotten_lead_is_not_due_again(self):
        lost = self.lost(name="Ada's")
        self.env.company.cqrs_retention_months = 1
        forget(self.env, self.find(lead=lost.id), "Retention", EMPTY, is_searched=False)
        self.assertEqual(self.due(lost, 3), set())

    def test_a_negative_number_of_months_is_refused(self):
        with self.assertRaisesRegex(UserError, "months"):
            self.env.company.cqrs_retention_months = -1

    # Odoo's own ways

    def test_odoos_lookup_finds_and_deletes_the_log(self):
        if "privacy.lookup.wizard" not in self.env:
            self.skipTest("needs the module privacy_lookup")
        gone = self.opportunity(self.seller, email_from=ADDRESS)
        gone_id = gone.id
        gone.unlink()
        self.env.cr.flush()
        wizard = self.env["privacy.lookup.wizard"].create(
            {"name": "Ada Privacy", "email": ADDRESS}
        )
        wizard.action_lookup()
        streams = wizard.line_ids.filtered(lambda line: line.res_model == "cqrs.stream")
        recorded = self.env["cqrs.stream"].browse(streams.mapped("res_id"))
        self.assertEqual(
            {(each.stream_model, each.stream_id) for each in recorded},
            {
                ("crm.lead", gone_id),
                ("crm.lead", self.deal.id),
                ("res.partner", self.ada.id),
            },
        )
        wizard.line_ids.filtered(
            lambda line: line.res_model in ("cqrs.stream", "crm.lead")
        ).action_unlink_all()
        self.env.cr.flush()
        self.assertFalse(self.deal.exists())
        self.assertNotIn(ADDRESS, str(self.log(gone_id, self.deal.id)).lower())
        self.assertNotIn("For Ada", str(self.log(gone_id, self.deal.id)))

    def test_odoos_lookup_respects_a_hold(self):
        if "privacy.lookup.wizard" not in self.env:
            self.skipTest("needs the module privacy_lookup")
        self.env["cqrs.legal.hold"].create(
            {"lead_id": self.deal.id, "reason": "Case 9"}
        )
        wizard = self.env["privacy.lookup.wizard"].create(
            {"name": "Ada Privacy", "email": ADDRESS}
        )
        wizard.action_lookup()
        line = wizard.line_ids.filtered(lambda line: line.res_model == "crm.lead")
        with self.assertRaisesRegex(UserError, "Case 9"):
            line.action_unlink()

    def log(self, *ids):
        self.env.cr.execute(
            "SELECT before, after, personal FROM cqrs_event"
            " WHERE stream_model = 'crm.lead' AND stream_id = ANY(%s)",
            [list(ids)],
        )
        return self.env.cr.fetchall()

    def test_a_deleted_portal_account_leaves_the_log(self):
        portal = new_test_user(
            self.env, "ada_portal", "base.group_portal", partner_id=self.ada.id
        )
        self.env.cr.flush()
        user_id = portal.id
        requests = self.env["res.users.deletion"]
        request = requests.create({"user_id": user_id})
        self.env.flush_all()
        portal.unlink()
        self.ada.unlink()
        request.state = "done"
        self.env.flush_all()
        self.env.cr.flush()
        requests._forget_deleted_users()
        self.env.cr.execute(
            "SELECT before, after, personal FROM cqrs_event"
            " WHERE stream_model = 'res.users' AND stream_id = %s",
            [user_id],
        )
        self.assertNotIn("ada_portal", str(self.env.cr.fetchall()))
        self.assertTrue(self.deal.exists())

    # The list outside of the database

    def use_list(self):
        """Name a list of erasures in the configuration; return its path."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "erasures.jsonl"
        named = patch.dict(config._runtime_options, {erasures.OPTION: str(path)})
        named.start()
        self.addCleanup(named.stop)
        return path

    def test_a_restored_backup_is_erased_again(self):
        path = self.use_list()
        ids = self.deal.ids, self.ada.ids
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            self.forget(self.find(partner=self.ada.id))
            self.assertEqual(again.due(self.env), [])
            raise ZeroDivisionError  # the backup is of the time before
        self.env.invalidate_all()
        self.assertTrue(self.deal.exists())
        self.assertNotIn("Ada", path.read_text())
        [line] = again.due(self.env)
        self.assertEqual(status(self.env)["erasures_due"], 1)
        again.forget_again(self.env, line, "Restored")
        self.assertFalse(self.deal.browse(ids[0]).exists())
        self.assertFalse(self.ada.browse(ids[1]).exists())
        self.assertNotIn("For Ada", str(self.log(*ids[0])))
        self.assertEqual(again.due(self.env), [])

    def test_an_id_that_was_given_to_somebody_else_is_left_alone(self):
        path = self.use_list()
        line = {
            "forgetting": "x",
            "mode": DELETE,
            "records": {"crm.lead": [[self.deal.id, "2001-02-03 04:05:06"]]},
            "mentions": {},
            "streams": {"crm.lead": [[self.deal.id, str(uuid.uuid4())]]},
        }
        path.write_text(json.dumps(line))
        self.assertEqual(again.due(self.env), [])

    def test_a_line_that_was_cut_off_spoils_no_other(self):
        path = self.use_list()
        erasures.append({"forgetting": "a"})
        with path.open("a") as file:
            file.write('{"forgetting": "b')
        erasures.append({"forgetting": "c"})
        self.assertEqual([each["forgetting"] for each in erasures.lines()], ["a", "c"])

    def test_without_a_list_nothing_is_written(self):
        self.assertFalse(erasures.append({"forgetting": "a"}))
        self.assertEqual(erasures.lines(), [])

    def test_a_list_that_cannot_be_written_stops_the_erasure(self):
        self.use_list().mkdir()
        with self.assertRaises(OSError), self.env.cr.savepoint():
            self.forget(self.find(partner=self.ada.id))
        self.assertTrue(self.deal.exists())
