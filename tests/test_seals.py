import json
import os
import stat

import psycopg2

from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..models.maintenance.checks.seals import held_seals_missing
from ..models.maintenance.status import status
from ..models.seals import sealing
from ..models.seals.handing_out import EMAIL, FILE_OPTION, read_seals
from ..models.seals.key import SealKey, UnusableKey
from ..models.seals.sealing import KEY_OPTION, TRUSTED_OPTION
from .common import RealCursors, administrator
from .sealed import Sealed


@tagged("post_install", "-at_install")
class TestSeals(Sealed):
    def test_a_seal_covers_the_events_since_the_one_before(self):
        first = self.seal()
        self.env.cr.execute("SELECT count(*) FROM cqrs_event")
        [[count]] = self.env.cr.fetchall()
        self.assertEqual(first.content["total"], count)
        deal = self.opportunity(self.seller)
        deal.expected_revenue = 5
        second = self.seal()
        self.assertEqual(
            (
                second.content["number"],
                second.content["events"],
                second.content["total"],
                second.content["previous"],
                second.content["start"],
                second.content["key"],
            ),
            (
                first.content["number"] + 1,
                2,
                count + 2,
                first.hash,
                first.content["end"],
                self.key.id,
            ),
        )
        self.assertEqual(list(second.digests()), [("crm.lead", deal.id)])
        self.assertTrue(second.is_genuine)
        # Nothing new, no seal.
        self.assertEqual(self.seal(), second)
        self.assertEqual(self.found(), [])

    def test_many_events_are_several_seals(self):
        last = self.seal()
        deals = [self.opportunity(self.seller) for __ in range(5)]
        self.patch(sealing, "BATCH_SIZE", 2)
        self.seal()
        made = self.seals()[last.content["number"] :]
        self.assertEqual([seal.content["events"] for seal in made], [2, 2, 1])
        self.assertEqual(
            [stream for seal in made for stream in seal.digests()],
            [("crm.lead", deal.id) for deal in deals],
        )
        self.assertEqual(self.found(), [])

    def test_open_transactions_are_not_sealed(self):
        self.seal()
        self.opportunity(self.seller)
        # Without a new epoch this transaction is one that has not ended.
        self.assertEqual(self.env["cqrs.seal"]._seal_batch(None), 0)

    def test_the_database_refuses_to_change_a_seal(self):
        self.seal()
        for statement in (
            "UPDATE cqrs_seal SET signature = NULL",
            "DELETE FROM cqrs_seal",
            "TRUNCATE cqrs_seal",
        ):
            with (
                self.subTest(statement),
                mute_logger("odoo.sql_db"),
                self.assertRaisesRegex(psycopg2.Error, "append-only"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(statement)
        with self.assertRaises(UserError):
            self.env["cqrs.seal"].search([], limit=1).number = 3
        self.env.cr.execute(
            "ALTER TABLE cqrs_seal DISABLE TRIGGER cqrs_seal_append_only"
        )
        self.assertEqual(self.found(), [("missing_trigger", None, None)])
        self.assertEqual(
            status(self.env)["missing_triggers"], ["cqrs_seal_append_only"]
        )
        self.env["cqrs.seal"].init()
        self.assertEqual(self.found(), [])

    def test_seals_are_listed(self):
        self.seal()
        self.configure(KEY_OPTION, None)
        self.opportunity(self.seller)
        last = self.seal()
        seals = self.env["cqrs.seal"].with_user(administrator(self.env))
        unsigned, signed = seals.search([])
        self.assertEqual((unsigned.is_signed, signed.is_signed), (False, True))
        self.assertEqual(
            (unsigned.number, unsigned.text, unsigned.previous),
            (2, last.text, last.content["previous"]),
        )
        self.assertEqual((signed.key, signed.events), (self.key.id, signed.total))
        self.assertEqual(seals.search([("is_signed", "=", False)]), unsigned)
        self.assertEqual(
            seals._read_group([], ["made_at:day"], ["events:sum"])[0][1], unsigned.total
        )
        for view in ("list", "form"):
            arch = seals.get_view(view_type=view)["arch"]
            self.assertIn('edit="false"', arch)
        self.assertTrue(Form(unsigned)._get_modifier("made_at", "readonly"))

    def test_without_a_key_seals_are_unsigned_and_say_so(self):
        self.configure(KEY_OPTION, None)
        seal = self.seal()
        self.assertEqual((seal.content["key"], seal.signature), (None, None))
        self.assertEqual(self.found(), [])
        reached = status(self.env)["seals"]
        self.assertEqual((reached["key"], reached["signed_at"]), (None, None))
        self.assertFalse(self.env["cqrs.seal"].search([], limit=1).is_signed)

    def test_with_a_key_that_is_unusable_there_is_no_seal(self):
        seals = self.env["cqrs.seal"]
        (self.folder / "no key").write_text("-----BEGIN PRIVATE KEY-----")
        for name in ("nowhere", "no key"):
            self.configure(KEY_OPTION, self.folder / name)
            with self.subTest(name), self.assertLogs(sealing.__name__, "ERROR") as log:
                seals._seal()
            self.assertIn(name, log.output[0])
        self.assertEqual(self.seals(), [])

    def test_a_key_file_is_for_its_owner_and_never_overwritten(self):
        path = self.folder / "key"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        with self.assertRaises(UnusableKey):
            SealKey.generate().save(path)
        self.assertEqual(SealKey.load(path).id, self.key.id)
        path.chmod(0o640)
        with self.assertLogs("odoo.addons.crm_cqrs.models.seals.key", "WARNING"):
            SealKey.load(path)

    def test_a_new_key_is_signed_by_the_old_one(self):
        self.seal()
        new = self.configure_key("new key")
        self.opportunity(self.seller)
        seal = self.seal()
        self.assertEqual(seal.content["key"], new.id)
        self.assertEqual(seal.content["follows"]["key"], self.key.id)
        self.assertEqual(self.found(), [])
        # One that the old one has not signed, as a forger would make.
        self.configure(KEY_OPTION, None)
        other = self.configure_key("other key")
        self.opportunity(self.seller)
        with self.assertLogs(sealing.__name__, "WARNING"):
            self.seal()
        self.assertEqual(self.found(), [("wrong_seal", None, None)])
        # Or as an administrator would, who has lost the old one and says so.
        self.configure(TRUSTED_OPTION, f"{new.id}, {other.id}")
        self.assertEqual(self.found(), [])

    def test_seals_are_appended_to_a_file(self):
        path = self.folder / "seals.jsonl"
        self.configure(FILE_OPTION, path)
        seals = self.env["cqrs.seal"]
        self.seal()
        self.assertEqual(status(self.env)["seals"]["not_handed_out"], len(self.seals()))
        seals._append_to_file(os.fspath(path))
        self.assertEqual(read_seals(path), self.seals())
        # A server was killed while it wrote.
        with path.open("a") as file:
            file.write('{"seal": "{')
        self.opportunity(self.seller)
        last = self.seal()
        seals._append_to_file(os.fspath(path))
        seals._append_to_file(os.fspath(path))
        lines = path.read_text().splitlines()
        self.assertEqual(lines[-2:], ['{"seal": "{', last.line()])
        self.assertEqual(status(self.env)["seals"]["not_handed_out"], 0)
        with self.assertLogs("odoo.addons.crm_cqrs.models.seals.handing_out"):
            self.assertEqual(self.found(), [])

    def test_seals_are_sent_to_the_auditor(self):
        self.seal()
        self.opportunity(self.seller)
        last = self.seal()
        self.env["ir.config_parameter"].set_param(EMAIL, "auditor@example.com")
        seals = self.env["cqrs.seal"]
        for __ in range(2):  # not twice within an hour
            seals._send("mailto:auditor@example.com")
        [mail] = self.env["mail.mail"].search(
            [("email_to", "=", "auditor@example.com")]
        )
        [attachment] = mail.attachment_ids
        self.assertEqual(attachment.raw.decode(), last.line() + "\n")

    def test_it_is_said_since_when_nothing_is_covered(self):
        self.seal()
        signed = status(self.env)["seals"]
        self.configure(KEY_OPTION, None)
        self.opportunity(self.seller)
        self.assertEqual(signed["unsealed"], 0)
        self.seal()
        self.opportunity(self.seller)
        reached = status(self.env)["seals"]
        self.assertEqual(reached["signed_at"], signed["made_at"])
        self.assertEqual((reached["key"], reached["unsealed"]), (None, 1))
        self.assertEqual(reached["unsealed_since"], reached["made_at"])

    def test_an_altered_line_is_no_seal_that_somebody_holds(self):
        line = self.seal().line().replace('\\"number\\":', '\\"number\\": ')
        path = self.folder / "held"
        path.write_text(line)
        [misfit] = held_seals_missing(self.env, read_seals(path))
        self.assertEqual(misfit.kind, "wrong_seal")
        for text in ("{}", "seal", json.dumps({"seal": "{}", "signature": None})):
            path.write_text(text)
            with self.assertRaises(ValueError):
                read_seals(path)


@tagged("post_install", "-at_install")
class TestSealsMadeAtOnce(RealCursors):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.remove_seals)

    def remove_seals(self):
        with self.transaction() as env:
            env.cr.execute("SET LOCAL session_replication_role = replica")
            env.cr.execute("DELETE FROM cqrs_seal")

    def test_two_jobs_make_no_seal_of_the_same_events(self):
        with self.transaction() as env, self.transaction() as late:
            # This one has looked at the log before the other one seals it.
            late.cr.execute("SELECT count(*) FROM cqrs_seal")
            self.assertGreater(env["cqrs.seal"]._seal_batch(None), 0)
            with self.transaction() as other:
                self.assertEqual(other["cqrs.seal"]._seal_batch(None), 0)
            env.cr.commit()
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.SerializationFailure),
            ):
                late["cqrs.seal"]._seal_batch(None)
            late.cr.rollback()
            # The retry, as the job makes it.
            late["cqrs.seal"]._seal()
        with self.transaction() as env:
            [seal] = env["cqrs.seal"].search([])
            self.assertEqual(seal.number, 1)
