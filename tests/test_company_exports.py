"""Exports of a company: what is in them, and what the script finds in them.

An export takes the memory of a page and of a seal, however long the log is:
``CRM_CQRS_EXPORTS=all ./dev test -k test_company_exports -s --odoo-log-level=info``
measures it at 200,000 events.
"""

import gzip
import json
import logging
import os
import runpy
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from cryptography.exceptions import InvalidSignature

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..models.event_store.part import id_of_part
from ..models.maintenance.company_export import FORMAT, export_lines
from .common import INSTALLED, OwnDatabase, other_company
from .sealed import Sealed

_logger = logging.getLogger(__name__)

#: Events of the export of which the memory is measured
MANY = 200_000 if os.environ.get("CRM_CQRS_EXPORTS") == "all" else 6_000

SCRIPT = Path(__file__).parents[1] / "examples" / "check_company_export.py"
FAULTS = (ValueError, KeyError, InvalidSignature)
GROUP = "crm_cqrs.group_company_event_store"


@tagged("post_install", "-at_install")
class TestCompanyExports(Sealed):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.check = staticmethod(runpy.run_path(SCRIPT)["check"])

    def setUp(self):
        super().setUp()
        # Pages are read by cursors of their own.
        self.registry_enter_test_mode()
        self.a, self.b = self.env.company, other_company(self.env)
        # A deal that begins in A, goes to B, and comes back.
        self.moved = self.deal(self.a, "cqrs of A, 1")
        self.rewrite(self.moved, "cqrs of A, 2", self.a)
        self.rewrite(self.moved, "cqrs of B, 1", self.b)
        self.rewrite(self.moved, "cqrs of B, 2", self.b)
        self.own, self.others = (
            self.deal(self.a, "cqrs own"),
            self.deal(self.b, "cqrs no"),
        )
        self.seal()
        self.rewrite(self.moved, "cqrs of A, 3", self.a)
        self.nowhere = self.deal(self.env["res.company"], "cqrs nowhere")
        self.end_epoch()

    def deal(self, company, name):
        return self.opportunity(
            None, 1234.5, name=name, company_id=company.id, team_id=False
        )

    def rewrite(self, deal, name, company):
        deal.write({"name": name, "company_id": company.id})
        self.env.cr.flush()

    def lines(self, company, user=None):
        env = self.env(user=user, su=False) if user else self.env
        return [
            json.loads(line, parse_float=Decimal) for line in export_lines(env, company)
        ]

    def of(self, lines, deal):
        stream = f"crm.lead/{deal.id}"
        return [line for line in lines if line.get("stream") == stream]

    def test_a_company_gets_its_own_and_hashes_of_others(self):
        lines = self.lines(self.a)
        self.assertEqual(lines[0]["format"], FORMAT)
        self.assertEqual(lines[0]["company"], {"id": self.a.id, "name": self.a.name})
        kinds = [
            "whole" if "covered" in line else "side" if "event" in line else "hash"
            for line in self.of(lines, self.moved)
        ]
        self.assertEqual(kinds, ["whole", "whole", "side", "hash", "side"])
        for line in self.of(lines, self.moved):
            self.env.cr.execute(
                "SELECT encode(hash, 'hex') FROM cqrs_event WHERE stream_id = %s"
                " AND stream_model = 'crm.lead' AND version = %s",
                [self.moved.id, line["version"]],
            )
            self.assertEqual(line["hash"], self.env.cr.fetchone()[0])
        text = json.dumps(lines, default=str)
        for name in ("of A, 1", "of A, 2", "of A, 3", "cqrs own"):
            self.assertIn(name, text)
        for name in ("of B, 1", "of B, 2", "cqrs no", "cqrs nowhere"):
            self.assertNotIn(name, text)
        self.assertEqual(self.of(lines, self.others), [])
        left, came = (self.of(lines, self.moved)[n]["event"] for n in (2, 4))
        self.assertEqual(left["type"], "crm_cqrs.removed")
        self.assertEqual(left["data"]["before"], {"company_id": self.a.id})
        self.assertIsNone(left["data"]["after"])
        self.assertIsNone(came["data"]["before"])
        self.assertEqual(came["data"]["after"]["name"], "cqrs of A, 3")
        self.env.cr.execute(
            "SELECT event_id::text FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s AND version = 3",
            [self.moved.id],
        )
        [(event_id,)] = self.env.cr.fetchall()
        self.assertEqual(left["id"], id_of_part(event_id))
        self.assertNotIn(event_id, text)

    def test_the_script_finds_it_sound(self):
        for company in (self.a, self.b):
            lines = self.lines(company)
            counts = self.check(lines, self.key.id)
            self.assertEqual(
                counts["events"], sum("event" in line for line in lines), counts
            )
            self.assertGreater(counts["sealed"], 0)
            self.assertGreater(counts["hashes"], 0)
        done = self.run_script(self.lines(self.a), self.key.id)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^\d+ events, \d+ sealed; 1 hashes of others$")

    def run_script(self, lines, *arguments):
        path = self.folder / "export.ndjson.gz"
        with gzip.open(path, "wt", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, default=float) + "\n")
        return subprocess.run(
            [sys.executable, SCRIPT, path, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_the_script_finds_what_was_altered(self):
        def altered(change):
            text = json.dumps(self.lines(self.a), default=float)
            lines = json.loads(text, parse_float=Decimal)
            change(lines)
            return lines

        def first(lines):
            return self.of(lines, self.own)[0]

        def told(lines):
            first(lines)["event"]["data"]["after"]["name"] = "another"

        def covered(lines):
            line = first(lines)
            line["covered"] = line["covered"].replace("1234.5", "1234.6")

        def personal(lines):
            line = first(lines)
            line["personal"] = line["personal"].replace("cqrs own", "cqrs own!")

        def leaf(lines):
            line = first(lines)
            line["leaf"] = line["leaf"].replace("1234.5", "1234.6")

        def path(lines):
            line = next(line for line in lines if line.get("path"))
            line["path"] = line["path"][1:]

        def seal(lines):
            line = next(line for line in lines if "seal" in line)
            line["seal"] = line["seal"].replace('"number":', '"number": ')

        def missing(lines):
            lines.remove(self.of(lines, self.moved)[1])

        def without_a_stream(lines):
            lines.remove(first(lines))

        def without_the_end(lines):
            lines.pop()

        for change in (
            *(told, covered, personal, leaf, path, seal),
            *(missing, without_a_stream, without_the_end),
        ):
            lines = altered(change)
            with self.subTest(change.__name__):
                try:
                    self.check(lines, self.key.id)
                except FAULTS:
                    continue
                self.fail("The script finds it sound.")
        with self.subTest("hash of others"):
            # What comes after it in the stream does not fit any more.
            self.rewrite(self.moved, "cqrs of A, 4", self.a)
            self.end_epoch()
            self.check(altered(lambda lines: None), self.key.id)
            lines = altered(lambda lines: None)
            self.of(lines, self.moved)[4]["hash"] = "00" * 32
            with self.assertRaisesRegex(ValueError, "altered"):
                self.check(lines, self.key.id)

    def test_whoever_administers_it_exports_in_the_background(self):
        keeper = new_test_user(self.env, "cqrs_keeper", groups=GROUP)
        health = self.env["cqrs.company.health"].with_user(keeper)
        [row] = health.search([])
        self.assertEqual(row.company_id, self.a)
        row.action_export()
        run = self.env["cqrs.run"].search([("kind", "=", "export")])
        self.assertEqual((run.user_id, run.company_id), (keeper, self.a))
        self.assertEqual(run.with_user(keeper).state, "pending")
        run.with_user(keeper).action_cancel()
        self.assertEqual(run.state, "cancelled")
        self.assertFalse(run.file_url)
        with self.assertRaises(AccessError):
            health.browse(self.b.id).action_export()
        self.env.user.company_ids = [Command.link(self.b.id)]
        other = new_test_user(self.env, "cqrs_keeper_too", groups=GROUP)
        self.assertFalse(self.env["cqrs.run"].with_user(other).search([]))


COMPANY = """
company = env["res.company"].search([], order="id", limit=1)
"""

RUN = """
run = env["cqrs.run"].create(
    {
        "kind": "export",
        "user_id": env.ref("base.user_admin").id,
        "company_id": company.id,
    }
)
env.cr.commit()
run._perform()
assert run.state == "done", run.error
assert run.outcome.startswith("Events exported: "), run.outcome
file = env["ir.attachment"].search(run._files())
assert run.file_url == f"/web/content/{file.id}?download=true"
assert (file.file_size, file.name[-10:]) == (len(file.raw), ".ndjson.gz")
open(PATH, "wb").write(file.raw)
env.cr.execute("UPDATE cqrs_run SET create_date = '2001-01-01'")
env.invalidate_all()
env["cqrs.run"]._remove_old_exports()
assert not file.exists()
"""

# Written by SQL, as many at a time as an import does, and found by the reconciler.
MEMORY = """
import json, time
from odoo.addons.crm_cqrs.models.maintenance.company_export import export_lines

def memory():
    with open("/proc/self/status") as file:
        [line] = [line for line in file if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024

env.cr.execute(
    "INSERT INTO crm_lead (name, type, active, company_id, priority, create_date)"
    " SELECT 'Deal ' || number, 'opportunity', true, %s, '0', now()"
    " FROM generate_series(1, %s) number", [company.id, MANY // 2])
env.cr.commit()
env["cqrs.event"]._reconcile(["crm.lead"])
env.cr.execute("UPDATE crm_lead SET priority = '2' WHERE name LIKE 'Deal %'")
env.cr.commit()
env["cqrs.event"]._reconcile(["crm.lead"])
env["cqrs.seal"]._seal()
env.cr.commit()
env.invalidate_all()
counts, lines, size, found, began = {"events": 0, "hashes": 0}, 0, 0, [], time.time()
for line in export_lines(env, company, counts=counts):
    lines, size = lines + 1, size + len(line)
    if lines % (MANY // 20) == 0:
        found.append(memory())
told = {"events": counts["events"], "memory": found, "bytes": size,
        "seconds": round(time.time() - began)}
open(PATH, "w").write(json.dumps(told))
"""


@tagged("post_install", "-at_install")
class TestExportOfADatabase(OwnDatabase):
    template = INSTALLED

    def test_by_the_command_and_in_the_background(self):
        """The demo organisation's events, as the script finds them."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        path = folder / "export.ndjson"
        [(company_id,)] = self.query("SELECT min(id) FROM res_company")
        arguments = "cqrs", "export", "--company", str(company_id)
        told = json.loads(self.odoo(*arguments, "--output", str(path), "--json").stdout)
        done = subprocess.run(
            [sys.executable, SCRIPT, path], capture_output=True, text=True, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(
            done.stdout,
            f"^{told['events']} events, \\d+ sealed; {told['hashes']} hashes of oth",
        )
        [(events,)] = self.query(
            "SELECT count(*) FROM cqrs_event WHERE stream_model <> ALL("
            " '{res.users,hr.employee,hr.department}')"
            f" AND company_id = {company_id}"
        )
        self.assertEqual(told["events"], events)
        self.assertGreater(events, 20)
        printed = self.odoo(*arguments).stdout
        # But for the time at which each was made.
        self.assertEqual(printed.splitlines()[1:], path.read_text().splitlines()[1:])
        self.assertIn(
            "there is no company 0",
            self.odoo("cqrs", "export", "--company", "0", status=2).stderr,
        )
        self.odoo("cqrs", "export", status=2)
        file = folder / "export.ndjson.gz"
        self.odoo("shell", script=f"PATH = {str(file)!r}\n{COMPANY}{RUN}")
        # What Odoo hides from the person is not in it, but each event is.
        with gzip.open(file, "rt") as lines:
            rows = [json.loads(line) for line in lines]
        self.assertEqual(
            [row.get("hash") for row in rows[1:]],
            [json.loads(row).get("hash") for row in path.read_text().splitlines()[1:]],
        )
        memory = folder / "memory.json"
        self.odoo(
            "shell",
            script=f"PATH, MANY = {str(memory)!r}, {MANY}\n{COMPANY}{MEMORY}",
        )
        told = json.loads(memory.read_text())
        _logger.info("An export of a company: %s", told)
        self.assertGreaterEqual(told["events"], MANY)
        first, rest = told["memory"][:4], told["memory"][4:]
        # MB of a process, of which the allocator gives back some, and takes it again.
        self.assertLess(max(rest), max(first) + 8)
