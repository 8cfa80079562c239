import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from odoo.tests import tagged

from .own_server import OwnServer

HERE = Path(__file__).parent / "schemathesis"
#: More by hand: CRM_CQRS_CASES=50000 ./dev test -k schemathesis
CASES = int(os.environ.get("CRM_CQRS_CASES", "5000"))
#: What schemathesis makes of the contract: cases anyway, and cases for each example
ANYWAY, EACH = 150, 16


@tagged("post_install", "-at_install")
class TestApiSchemathesis(OwnServer):
    """The served contract holds for whatever is asked, right and wrong."""

    def run_all_checks(self, url, cases, *options):
        """Have about so many cases tried; return how many there were."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", HERE / "schemathesis.toml"),
                *("run", f"{url}/api/v2/openapi.json", "--checks=all", "--no-color"),
                f"--max-examples={max((cases - ANYWAY) // EACH, 1)}",
                *("--workers=2", "--seed=1", *options),
            ],
            env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": HERE},
            cwd=self.enterContext(tempfile.TemporaryDirectory()),
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-5000:] + done.stderr[-2000:])
        [count] = re.findall(r"(\d+) generated, \1 passed", done.stdout)
        return int(count)

    def test_every_check_passes_with_a_key_and_without(self):
        url = self.serve()
        key = f"Authorization: Bearer {self.keys['admin']}"
        count = self.run_all_checks(url, CASES * 8 // 10, f"--header={key}")
        answered = self.log.read_text().count(' HTTP/1.1" 200 ')
        self.assertGreater(answered, count // 5)
        count += self.run_all_checks(url, CASES // 2)
        self.assertGreaterEqual(count, CASES)
