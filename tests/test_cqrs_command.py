import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from odoo.tests import tagged

from ..models.seals.key import SealKey
from .common import INSTALLED, OwnDatabase

LEAD = "(SELECT min(id) FROM crm_lead WHERE type = 'opportunity')"
TAMPER = f"""
SET session_replication_role = replica;
UPDATE cqrs_event SET after = after || '{{"name": "Forged"}}'
WHERE stream_model = 'crm.lead' AND stream_id = {LEAD};
"""


@tagged("post_install", "-at_install")
class TestCqrsCommandWithoutTheAddon(OwnDatabase):
    def test_it_says_so(self):
        done = self.odoo("cqrs", "verify", status=2)
        self.assertIn("crm_cqrs is not installed in", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_its_code_is_not_loaded(self):
        """A command of the tests begins as a command does, though it is forked."""
        script = """
import sys
print([name for name in ("crm", "crm_cqrs") if f"odoo.addons.{name}" in sys.modules])
"""
        self.assertIn("['crm']\n", self.odoo("shell", script=script).stdout)


@tagged("post_install", "-at_install")
class TestCqrsCommand(OwnDatabase):
    template = INSTALLED

    def cqrs(self, *arguments, status=0):
        done = self.odoo("cqrs", *arguments, status=status)
        return json.loads(done.stdout) if "--json" in arguments else done

    def execute(self, statement):
        self.query(f"{statement}; SELECT 1")

    def test_verify_reconcile_replay_and_status(self):
        with self.subTest("nothing to find"):
            # The installation was verified whole, so that a part comes next.
            verified = self.cqrs("verify", "--all", "--json")
            self.assertEqual(verified["findings"], [])
            self.assertTrue(verified["coverage"]["is_whole"])
            self.assertEqual(self.cqrs("reconcile", "--json"), {"events": 0})
            replayed = self.cqrs("replay", "--json")["projections"]
            self.assertEqual(
                {
                    (each["missing"], each["stale"], each["repaired"])
                    for each in replayed
                },
                {(0, 0, 0)},
            )

        with self.subTest("status"):
            status = self.cqrs("status", "--json")
            [(events, position, leads)] = self.query(
                "SELECT count(*), max(position), count(*) FILTER ("
                "WHERE stream_model = 'crm.lead') FROM cqrs_event"
            )
            self.assertEqual(
                (status["events"], status["last_position"]), (events, position)
            )
            self.assertEqual(
                status["streams"]["crm.lead"], {"streams": leads, "deleted": 0}
            )
            self.assertEqual((status["epoch"], status["missing_triggers"]), (1, []))
            self.assertEqual(status["last_verified"]["findings"], 0)
            self.assertGreater(status["event_bytes"], 0)

        with self.subTest("a change that no hook saw"):
            self.execute(f"UPDATE crm_lead SET name = 'Unseen' WHERE id = {LEAD}")
            [finding] = self.cqrs("verify", "--json", status=1)["findings"]
            self.assertEqual(
                (finding["kind"], finding["stream_model"], finding["version"]),
                ("unrecorded_change", "crm.lead", 1),
            )
            self.assertEqual(self.cqrs("reconcile", "--json"), {"events": 1})
            self.assertIn("findings: -\n", self.cqrs("verify").stdout)
            coverage = self.cqrs("verify", "--json")["coverage"]
            self.assertEqual((coverage["is_whole"], coverage["part"]), (False, 0))

        with self.subTest("a projection that drifted"):
            self.execute("DELETE FROM cqrs_opportunity_view")
            self.execute("DELETE FROM cqrs_user_profile")
            [(profiles,)] = self.query("SELECT count(*) FROM res_users WHERE NOT share")
            [replayed] = self.cqrs(
                "replay", "--projection", "cqrs.user.profile", "--json", status=1
            )["projections"]
            self.assertEqual(
                (replayed["projection"], replayed["missing"], replayed["repaired"]),
                ("cqrs.user.profile", profiles, profiles),
            )
            done = self.cqrs("replay", status=1)
            self.assertRegex(done.stdout, r"projection=cqrs\.opportunity\.view")
            self.cqrs("verify")

        with self.subTest("the past"):
            for upto in ("1", "2001-01-01", "2001-01-01T00:00:00Z"):
                past = self.cqrs("replay", "--upto", upto, "--json")["projections"]
                rows = {each["projection"]: each["rows"] for each in past}
                self.assertEqual(rows["cqrs.opportunity.view"], 0)
            self.cqrs("verify")

        with self.subTest("tampering"):
            self.execute(TAMPER)
            findings = self.cqrs("verify", "--all", "--json", status=1)["findings"]
            self.assertIn("broken_chain", {each["kind"] for each in findings})
            self.execute(
                "ALTER TABLE cqrs_event DISABLE TRIGGER cqrs_event_append_only"
            )
            self.assertEqual(
                self.cqrs("status", "--json", status=1)["missing_triggers"],
                ["cqrs_event_append_only"],
            )

        with self.subTest("wrong usage"):
            for arguments in (
                ("replay", "--upto", "yesterday"),
                ("replay", "--projection", "cqrs.nothing"),
                ("verify", "--upto", "3"),
                ("replay", "--all"),
                ("refold",),
                ("archive",),
                ("archive", "--before", "yesterday"),
                ("verify", "--tablespace", "pg_default"),
                ("verify", "--no-such-option"),
            ):
                done = self.cqrs(*arguments, status=2)
                self.assertEqual(done.stdout, "")

    def test_keys_seals_and_proofs(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        first = SealKey.generate()
        first.save(folder / "key")
        config, seals = folder / "odoo.conf", folder / "seals"

        def configure(key):
            config.write_text(
                f"{Path(os.environ['ODOO_RC']).read_text()}\n"
                f"cqrs_seal_key = {folder / key}\ncqrs_seal_file = {seals}\n"
            )

        def cqrs(*arguments, status=0):
            arguments += ("-c", config, "--json")
            return self.cqrs(*map(str, arguments), status=status)

        configure("key")
        key = cqrs("seal-key", folder / "new key")
        self.assertEqual(key["follows"], first.id)
        self.assertEqual((folder / "new key").stat().st_mode & 0o777, 0o600)

        configure("new key")
        self.odoo("shell", "-c", str(config), script="env['cqrs.seal']._seal()")
        [line] = seals.read_text().splitlines()
        held = folder / "held"
        held.write_text(f"{line}\n")
        [(event,)] = self.query("SELECT max(position) FROM cqrs_event")
        proof = folder / "proof"
        proof.write_text(json.dumps(cqrs("prove", event)))
        script = Path(__file__).parents[1] / "examples" / "check_proof.py"
        done = subprocess.run(
            [sys.executable, script, proof, key["public_key"]],
            check=False,
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for wrong in (("prove",), ("verify", event), ("status", "--seal", held)):
            self.cqrs(*map(str, wrong), status=2)

        self.execute(
            "SET session_replication_role = replica;"
            "DELETE FROM cqrs_seal; DELETE FROM cqrs_event WHERE position ="
            " (SELECT max(position) FROM cqrs_event)"
        )
        seals.unlink()
        document = cqrs("verify", "--seal", held, status=1)
        self.assertIn("rolled_back", {each["kind"] for each in document["findings"]})
        self.assertIsNone(document["seals"]["number"])
