import itertools
import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from odoo.tests import tagged

from .own_server import OwnServer

_logger = logging.getLogger(__name__)

HERE = Path(__file__).parent / "schemathesis"
#: More by hand: CRM_CQRS_CASES=50000 ./dev test -k schemathesis
CASES = int(os.environ.get("CRM_CQRS_CASES", "5000"))
#: Examples of a round, some 5,000 cases; each round asks others than the one before
EXAMPLES = 230


@tagged("post_install", "-at_install")
class TestApiSchemathesis(OwnServer):
    """The served contract holds for whatever is asked, right and wrong."""

    def run_all_checks(self, url, seed, *options):
        """Have a round of cases tried; return how many there were."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", HERE / "schemathesis.toml"),
                *("run", f"{url}/api/v2/openapi.json", "--checks=all", "--no-color"),
                *(f"--max-examples={EXAMPLES}", f"--seed={seed}", "--workers=2"),
                # What follows from the contract alone is the same for each seed
                *(["--phases=fuzzing,stateful"] if seed > 1 else []),
                *options,
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
        key = f"--header=Authorization: Bearer {self.keys['admin']}"
        count = answered = 0
        for seed in itertools.count(1):
            with_key = self.run_all_checks(url, seed, key)
            before, answered = answered, self.log.read_text().count(' HTTP/1.1" 200 ')
            self.assertGreater(answered - before, with_key // 5)
            count += with_key + self.run_all_checks(url, seed)
            _logger.info("schemathesis: %s cases of %s passed", count, CASES)
            if count >= CASES:
                break
