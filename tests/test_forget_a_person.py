"""Forget a person: nothing of fifty planted values is left, nobody else loses any."""

import json
import tempfile
import uuid
from pathlib import Path

from odoo.tests import tagged
from odoo.tools import config

from ..models.privacy import kept_values
from ..models.privacy.subject import Subject
from .common import INSTALLED, OwnDatabase, RealCursors

#: Plants values on a person's records and prints them; ``other`` is somebody else
PLANT = """
import base64, json, secrets
planted = []
def value():
    planted.append("v" + secrets.token_hex(8))
    return planted[-1]
env = env(context=dict(env.context, tracking_disable=False))
env["ir.model.fields"].create({
    "name": "x_nick", "ttype": "char", "field_description": "Nick",
    "model_id": env["ir.model"]._get_id("crm.lead"), "state": "manual"})
address = value() + "@" + value() + ".example.com"
person = env["res.partner"].create({
    "name": value(), "email": address, "phone": value(), "street": value(),
    "comment": "<p>%s</p>" % value()})
other = env["res.partner"].create({
    "name": "Somebody Else", "email": "else@example.com"})
def lead(**values):
    made = env["crm.lead"].create({
        "name": value(), "type": "opportunity", "contact_name": value(),
        "function": value(),
        "street": value(), "description": "<p>%s</p>" % value(), "x_nick": value(),
        **values})
    leads.append(made.id)
    return made
leads = []
own = lead(partner_id=person.id)
loose = lead(email_from='"%s" <%s>' % (value(), address.upper()))
merged = lead(partner_id=person.id) | lead(partner_id=person.id)
deleted = lead(email_from=address)
env.cr.commit()
for each in own | loose:
    each.write({"name": value(), "phone": value(), "referred": value()})
    each.message_post(body=value(), subject=value())
    each.activity_schedule("mail.mail_activity_data_todo", summary=value())
    env["ir.attachment"].create({"name": value(), "res_model": each._name,
        "res_id": each.id, "raw": (value() + " in a file").encode()})
env.cr.commit()
merged.merge_opportunity()
deleted.unlink()
theirs = env["crm.lead"].create({"name": "Theirs", "type": "opportunity",
    "partner_id": other.id, "email_cc": address + ", boss@example.com",
    "description": "<p>Nothing of theirs is lost</p>"})
env.cr.commit()
env["crm.lead"].flush_model()
env.cr.execute("INSERT INTO cqrs_replaced (table_name, row)"
    " SELECT 'cqrs_opportunity_view', to_jsonb(v) FROM cqrs_opportunity_view v"
    " WHERE id = %s", [own.id])
env.cr.execute("ANALYZE")
env.cr.commit()
mention = theirs.message_post(body="Ask " + address)
env.cr.commit()
print("PLANTED", json.dumps({
    "values": planted, "person": person.id, "theirs": theirs.id, "leads": leads,
    "mention": mention.id}))
"""

#: Makes the query of the tables, the catalog's included, that match an expression
TABLES = """
    SELECT string_agg(format(
        'SELECT %%L, count(*) FROM %%I.%%I t WHERE t::text ~* %%L HAVING count(*) > 0',
        relname, nspname, relname, '%s'), ' UNION ALL ')
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'm')
"""


@tagged("post_install", "-at_install")
class TestForgetAPerson(OwnDatabase):
    template = INSTALLED

    def setUp(self):
        super().setUp()
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.list = Path(folder) / "erasures.jsonl"
        self.conf = self.configuration(cqrs_erasures=self.list)

    def shell(self, script):
        done = self.odoo("shell", script=script)
        [line] = [each for each in done.stdout.splitlines() if "PLANTED" in each]
        return json.loads(line.partition("PLANTED")[2])

    def cqrs(self, *arguments, status=0):
        arguments = ("cqrs", *arguments, "--json", "-c", str(self.conf))
        return json.loads(self.odoo(*arguments, status=status).stdout)

    def tables_with(self, values):
        """Return the tables, the catalog's included, in which a value is found."""
        [(query,)] = self.query(TABLES % "|".join(values))
        return dict(self.query(query))

    def files_with(self, values):
        """Return the files of the database's relations in which a value is found."""
        self.query("CHECKPOINT; SELECT 1")
        [(folder,)] = self.query(
            "SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()"
        )
        found = []
        for name, content in self.query(
            f"SELECT name, pg_read_binary_file('{folder}/' || name, true)"
            f" FROM pg_ls_dir('{folder}') name"
        ):
            content = bytes(content or b"").lower()
            if any(each.encode() in content for each in values):
                found.append(name)
        return found

    def stored_files_with(self, values):
        folder = Path(config["data_dir"]) / "filestore" / self.db
        return [
            str(each)
            for each in folder.rglob("*")
            if each.is_file()
            and any(value.encode() in each.read_bytes() for value in values)
        ]

    def of_others(self, planted):
        """Return what everybody else has: leads, contacts, events, chatter."""
        return self.query(
            f"""
            SELECT 'lead', to_jsonb(t) - 'email_cc' - 'write_date' - 'write_uid'
            FROM crm_lead t WHERE id <> ALL(ARRAY{planted["leads"]})
            UNION ALL
            SELECT 'contact', to_jsonb(t) FROM res_partner t
            WHERE id <> {planted["person"]}
            UNION ALL
            SELECT 'message', to_jsonb(t) FROM mail_message t
            WHERE NOT (model = 'crm.lead' AND res_id = ANY(ARRAY{planted["leads"]}))
              AND model <> 'res.partner' AND id <> {planted["mention"]}
            UNION ALL
            SELECT 'event', to_jsonb(t) FROM cqrs_event t
            WHERE stream_model <> 'cqrs.forgetting'
              AND NOT (stream_model = 'crm.lead' AND stream_id
                       = ANY(ARRAY{[*planted["leads"], planted["theirs"]]}))
              AND NOT (stream_model = 'res.partner'
                       AND stream_id = {planted["person"]})
            ORDER BY 1, 2
            """
        )

    def test_nothing_is_left(self):
        planted = self.shell(PLANT)
        values = planted["values"]
        self.assertGreaterEqual(len(values), 50)
        self.assertLess({"cqrs_event", "pg_statistic"}, {*self.tables_with(values)})
        self.assertTrue(self.files_with(values))
        self.assertTrue(self.stored_files_with(values))
        others = self.of_others(planted)
        contact = ("--contact", str(planted["person"]))

        with self.subTest("erased"):
            done = self.cqrs(
                "forget", *contact, "--reason", "Article 17", "--yes", "--full"
            )
            self.assertEqual((done["left"], done["searched"]), ([], True))
            self.assertEqual(self.tables_with(values), {})
            self.assertEqual(self.stored_files_with(values), [])
            self.assertEqual(self.files_with(values), [])
            folder = Path(config["data_dir"]) / "crm_cqrs" / self.db
            self.assertEqual([*folder.iterdir()], [])

        with self.subTest("nobody else lost anything"):
            self.assertEqual(self.of_others(planted), others)
            [(copied,)] = self.query(
                f"SELECT email_cc FROM crm_lead WHERE id = {planted['theirs']}"
            )
            self.assertEqual(copied, ", boss@example.com")

        with self.subTest("everything holds"):
            self.assertEqual(self.cqrs("verify", "--all")["findings"], [])

        with self.subTest("the list has ids alone"):
            text = self.list.read_text()
            self.assertEqual(len(text.splitlines()), 1)
            self.assertFalse([each for each in values if each in text])


@tagged("post_install", "-at_install")
class TestForgetInTheBackground(RealCursors):
    """Real cursors: the scheduler's transaction is open while its job runs."""

    def setUp(self):
        super().setUp()
        self.value = uuid.uuid4().hex
        with self.transaction() as env:
            self.partner = env["res.partner"].create({"name": self.value}).id
            subject = Subject.of(partner=self.partner)
            values = env["cqrs.run"]._forget_values(subject, "Article 17")
            self.run_id = env["cqrs.run"].create({"kind": "forget", **values}).id
            self.key = values["request"]["key"]
        self.addCleanup(self.remove)

    def remove(self):
        with self.transaction() as env:
            env["cqrs.run"].browse(self.run_id).unlink()
            env["res.partner"].browse(self.partner).exists().unlink()
            env["cqrs.forgetting"].search([("uuid", "=", self.key)]).unlink()
            cron = env.ref("crm_cqrs.ir_cron_run")
            env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]).unlink()
        kept_values.drop(self.env.cr.dbname, self.key)

    def perform_pending(self):
        with self.transaction() as env:
            env["cqrs.run"]._perform_pending()
        with self.transaction() as env:
            return env["cqrs.run"].browse(self.run_id).read()[0]

    def test_the_clean_up_waits_for_older_transactions(self):
        with self.registry.cursor() as scheduler:
            scheduler.execute("SELECT 1")  # REPEATABLE READ: it sees the person
            run = self.perform_pending()
            self.assertEqual((run["state"], run["result"]), ("pending", False))
            self.assertTrue(run["postponed_until"])
            with self.registry.cursor() as cr:
                cr.execute("SELECT FROM res_partner WHERE id = %s", [self.partner])
                self.assertFalse(cr.rowcount)
            self.assertNotIn(self.value, str(run))
        with self.transaction() as env:
            env["cqrs.run"].browse(self.run_id).postponed_until = False
        run = self.perform_pending()
        self.assertEqual(
            (run["state"], run["outcome"]),
            ("done", "Forgotten. A search found nothing left."),
        )
        self.assertEqual(kept_values.kept(self.env.cr.dbname, self.key), {})

    def test_excel_files_of_lists_are_removed(self):
        with self.transaction() as env:
            runs = env["cqrs.run"].create(
                [
                    {
                        "kind": "excel",
                        "state": state,
                        "user_id": env.uid,
                        "question": {"domain": [], "text": self.value},
                    }
                    for state in ("done", "pending")
                ]
            )
            file = env["ir.attachment"].create(
                {"name": "list.xlsx", "res_model": "cqrs.run", "res_id": runs[0].id}
            )
            ids, file_id = runs.ids, file.id
        try:
            run = self.perform_pending()
            self.assertEqual(run["outcome"], "Forgotten. A search found nothing left.")
            with self.transaction() as env:
                runs = env["cqrs.run"].browse(ids)
                self.assertEqual(runs.mapped("state"), ["done", "cancelled"])
                self.assertFalse(any(runs.mapped("question")))
                self.assertFalse(env["ir.attachment"].browse(file_id).exists())
        finally:
            with self.transaction() as env:
                env["cqrs.run"].browse(ids).unlink()
                env["ir.attachment"].browse(file_id).exists().unlink()

    def test_a_run_that_was_cancelled_changes_nothing(self):
        with self.transaction() as env:
            env["cqrs.run"].browse(self.run_id).action_cancel()
        self.assertEqual(self.perform_pending()["state"], "cancelled")
        with self.transaction() as env:
            self.assertTrue(env["res.partner"].browse(self.partner).exists())

    def test_the_night_forgets_what_the_rule_names(self):
        with self.transaction() as env:
            company = env["res.company"].create({"name": f"Retention {self.value}"})
            company.cqrs_retention_months = 12
            leads = env["crm.lead"].create(
                [
                    {"name": self.value, "active": False, "company_id": company.id}
                    for __ in range(3)
                ]
            )
            # Archived before recording began, and lost long before that.
            env.cr.execute(
                "UPDATE crm_lead SET date_closed = now() - interval '2 years'"
                " WHERE id = ANY(%s)",
                [leads[:2].ids],
            )
            env["cqrs.run"].browse(self.run_id).action_cancel()
        with self.transaction() as env:
            env["cqrs.run"]._retain()
        with self.transaction() as env:
            run = env["cqrs.run"].search([("kind", "=", "retention")])
            self.addCleanup(self.remove_of, company.id, leads.ids, run.ids)
            self.assertEqual((run.state, run.outcome), ("done", "Leads forgotten: 2."))
            self.assertEqual(
                env["crm.lead"].browse(leads.ids).exists().ids, leads[2].ids
            )
            env.cr.execute(
                "SELECT count(*) FROM cqrs_event event WHERE stream_id = ANY(%s)"
                " AND stream_model = 'crm.lead' AND to_jsonb(event)::text LIKE %s",
                [leads[:2].ids, f"%{self.value}%"],
            )
            self.assertEqual(env.cr.fetchone(), (0,))
        with self.transaction() as env:
            env["cqrs.run"]._retain()
            self.assertEqual(
                env["cqrs.run"].search_count([("kind", "=", "retention")]), 1
            )

    def remove_of(self, company, leads, runs):
        with self.transaction() as env:
            env["cqrs.run"].browse(runs).unlink()
            env["crm.lead"].browse(leads).exists().unlink()
            env["res.company"].browse(company).unlink()
            env["cqrs.forgetting"].search([("reason", "=", "Retention")]).unlink()
