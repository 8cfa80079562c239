import json
import runpy
import subprocess
import sys
from pathlib import Path

from odoo.tests import tagged

from ..models.seals import sealing
from ..models.seals.key import SealKey
from ..models.seals.proof import prove
from ..models.seals.sealing import KEY_OPTION
from .sealed import Sealed

SCRIPT = Path(__file__).parents[1] / "examples" / "check_proof.py"


@tagged("post_install", "-at_install")
class TestProofsOfInclusion(Sealed):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.check = staticmethod(runpy.run_path(SCRIPT)["check"])

    def setUp(self):
        super().setUp()
        self.seal()
        self.lead = self.opportunity(self.seller)
        for revenue in (1, 2, 3, 4):
            self.lead.expected_revenue = revenue
            self.env.cr.flush()
        self.env.cr.execute(
            "SELECT position, event_id::text FROM cqrs_event"
            " WHERE stream_model = 'crm.lead' AND stream_id = %s ORDER BY version",
            [self.lead.id],
        )
        self.events = self.env.cr.fetchall()

    def run_script(self, proof, *arguments):
        path = self.folder / "proof.json"
        path.write_text(json.dumps(proof))
        return subprocess.run(
            [sys.executable, SCRIPT, path, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_each_event_under_a_seal_is_proved(self):
        self.seal()
        for index, (position, event_id) in enumerate(self.events):
            proof = prove(self.env, str(position))
            self.assertEqual(proof["index"], index)
            self.assertEqual(proof, prove(self.env, event_id))
            self.assertIsNone(self.check(proof, self.key.id))
        done = self.run_script(proof, self.key.id)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in (
            'type: "OpportunityUpdated"',
            f"stream_id: {self.lead.id}",
            "is under seal 2 of ",
        ):
            self.assertIn(line, done.stdout)

    def test_an_altered_proof_is_refused(self):
        self.seal()
        position, __ = self.events[2]
        proof = prove(self.env, str(position))
        seal = json.loads(proof["seal"])
        other = SealKey.generate()
        forged = json.dumps({**seal, "key": other.id})
        for said, altered in (
            ("not the one", {"event": proof["event"].replace("crm.lead", "crm.team")}),
            ("not the one", {"index": 1}),
            ("not the one", {"index": 7}),
            ("not the one", {"path": proof["path"][::-1]}),
            ("not the one", {"path": [*proof["path"], "00" * 32]}),
            ("signature", {"seal": proof["seal"].replace('"total":', '"total": ')}),
            ("signature", {"signature": "00" * 64}),
            ("not signed", {"signature": None}),
            (
                "another key",
                {"seal": forged, "signature": other.sign(forged.encode()).hex()},
            ),
        ):
            with self.subTest(altered):
                self.assertIn(said, self.check({**proof, **altered}, self.key.id))
        done = self.run_script({**proof, "index": 1}, self.key.id)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        for broken in ({**proof, "path": []}, {}, [], {**proof, "seal": "{"}):
            done = self.run_script(broken, self.key.id)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertNotIn("Traceback", done.stderr)

    def test_events_without_a_proof(self):
        position, __ = self.events[0]
        for event, said in (
            (str(position), "not sealed yet"),
            (str(position + 10**6), "no event"),
            ("7" * 30, "no event"),
            ("00000000-0000-4000-8000-000000000000", "no event"),
            ("yesterday", "neither a position nor an event ID"),
        ):
            with self.subTest(event), self.assertRaisesRegex(ValueError, said):
                prove(self.env, event)
        self.seal()
        self.spoil(
            "UPDATE cqrs_event SET user_id = user_id + 1 WHERE position = %s",
            self.events[1][0],
        )
        with self.assertRaisesRegex(ValueError, "not those sealed"):
            prove(self.env, str(position))

    def test_an_unsigned_seal_proves_nothing(self):
        self.configure(KEY_OPTION, None)
        self.patch(sealing, "BATCH_SIZE", 2)
        self.seal()
        proof = prove(self.env, str(self.events[0][0]))
        self.assertIsNone(proof["signature"])
        self.assertEqual(self.check(proof, self.key.id), "The seal is not signed.")
