import json
import os
import resource
import subprocess
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

from odoo.tests import BaseCase, tagged

ROOT = Path(__file__).parent.parent
#: All parts, and two versions: CRM_CQRS_BENCHMARKS=all ./dev test -k test_benchmarks
IS_WHOLE = os.environ.get("CRM_CQRS_BENCHMARKS") == "all"
PARTS = ("reads", "freshness", "writes", "reorganisation", "rebuild")
RATIOS = {
    "read_dashboard_head_vs_floor",
    "read_dashboard_leaf_vs_floor",
    "read_page_head_vs_floor",
    "read_page_adversarial_vs_floor",
    "read_304_vs_floor",
    "read_page_three_currencies_vs_one",
    "read_dashboard_head_vs_v1_speedup",
    "read_dashboard_head_vs_odoo_speedup",
    "read_growth_10k_to_1m",
    "write_create_vs_auditlog",
    *(
        f"{kind}write_{operation}_vs_bare"
        for kind in ("", "processor_", "fsync_")
        for operation in ("create", "create100", "field", "field100", "unlink")
    ),
    "write_concurrent_tps_vs_bare_speedup",
}
PARALLEL = {
    f"parallel_{scenario}_vs_bare"
    for scenario in (
        *("create_people", "create_reports_of_one_manager", "move_people"),
        *("move_salespeople", "archive_people"),
        *("create_users", "change_groups_of_users"),
        *("create_leads", "write_leads", "reassign_leads"),
        *("create_departments", "manage_departments"),
        *("create_teams", "lead_teams", "join_teams"),
    )
}
FIGURES = {
    "first_build_s",
    "fold_events_per_s",
    "rebuild_s",
    "freshness_p95_ms",
    "write_concurrent_failures",
}


def _without_limit():
    # Odoo limits the memory of its own processes to less than a browser wants.
    __, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


@tagged("post_install", "-at_install")
@unittest.skipUnless(
    os.environ.get("CRM_CQRS_PRIVATE_SERVER"),
    "needs ./dev test with its own PostgreSQL, where the data are kept",
)
class TestBenchmarks(BaseCase):
    def test_each_thing_is_measured_once_and_written_down(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        document = folder / "document.md"
        document.write_text(
            "Before\n<!-- measured -->\nFormer ones\n"
            "<!-- end of what was measured -->\nAfter\n"
        )
        environ = {
            name: value
            for name, value in os.environ.items()
            # As from a shell, where no other ./dev has said where all things are.
            if not name.startswith(("PG", "PYTHON", "ODOO_RC"))
        }
        done = subprocess.run(
            [ROOT / "dev", "bench", "--once", f"--json={folder / 'json'}"]
            + [f"--markdown={document}", f"--charts={folder / 'charts'}"]
            + ([f"--against={ROOT}"] if IS_WHOLE else ["--only", *PARTS]),
            capture_output=True,
            text=True,
            check=False,
            env=environ,
            preexec_fn=_without_limit,
        )
        # Also the answer to: what fails with the addon fails in bare Odoo too.
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads((folder / "json").read_text())
        # 259 people are more than there are in an organisation of this size.
        ratios = RATIOS | (PARALLEL if IS_WHOLE else set())
        self.assertEqual(set(found["ratios"]), ratios)
        self.assertEqual(set(found["spread"]), ratios)
        self.assertLessEqual(FIGURES, set(found["figures"]))
        self.assertEqual(found["size"], "10k")
        self.assertEqual(found["figures"]["write_concurrent_failures"], 0)
        if IS_WHOLE:
            self.assertEqual(found["figures"]["parallel_failures"], 0)
            # This version and itself: what is read, and written.
            for title in (
                "dashboard",
                "page -value",
                "all reads",
                "write of one field",
            ):
                by_the_clock, of_the_processor = found["against"][title]
                self.assertGreater(by_the_clock, 0)
                self.assertGreater(of_the_processor, 0)
        for name, value in found["ratios"].items():
            self.assertGreater(value, 0, name)
            self.assertIn(name, done.stdout)
        text = document.read_text()
        self.assertTrue(text.startswith("Before\n<!-- measured -->\n"))
        self.assertTrue(text.endswith("<!-- end of what was measured -->\nAfter\n"))
        self.assertNotIn("Former ones", text)
        self.assertIn("| read_304_vs_floor |", text)
        charts = {
            path.name: ElementTree.parse(path).getroot().tag
            for path in (folder / "charts").iterdir()
        }
        names = ("reads", "writes", "reorganisation", "rebuild")
        tag = "{http://www.w3.org/2000/svg}svg"
        self.assertEqual(charts, {f"{name}.svg": tag for name in names})
