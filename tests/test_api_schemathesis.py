import itertools
import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from odoo.tests import tagged

from ..models.api.ir_http import WEBHOOKS_SCOPE
from ..models.webhooks.settings import ALLOWED_OPTION
from .own_server import OwnServer

_logger = logging.getLogger(__name__)

HERE = Path(__file__).parent / "schemathesis"
#: How many are tried at least. Before a release, or after a change of the contract:
#: CRM_CQRS_CASES=5000 ./dev test -k schemathesis
CASES = int(os.environ.get("CRM_CQRS_CASES", "0"))
#: Draws for an operation in a round, beside what the contract alone gives, some 3,000
#: cases; each round asks others than the one before
EXAMPLES = 120 if CASES else 20
#: Answers that need no key: the contract's text, which is read before it is tried
CONTRACTS = 3

#: Webhooks take keys of another scope, and what they do is a run of its own
WEBHOOKS = "^/api/v2/webhooks"
#: Operations whose boundaries are those of the whole answers' parameters
SPARSE = "^/api/v2/dashboard/sparse/"
#: Nobody listens there, so that a test message fails at once
NOBODY = "http://127.0.0.1:9/"
WEBHOOK = f"""
from datetime import datetime, timedelta
admin = env.ref("base.user_admin")
key = env["res.users.apikeys"].with_user(admin).sudo()._generate(
    {WEBHOOKS_SCOPE!r}, "test", datetime.now() + timedelta(days=1))
webhook = env["cqrs.webhook"].with_user(admin).create(
    {{"name": "Asked", "url": {NOBODY!r}}})
env.cr.commit()
print("made", key, webhook.id)
"""


@tagged("post_install", "-at_install")
class TestApiSchemathesis(OwnServer):
    """The served contract holds for whatever is asked, right and wrong."""

    def run_all_checks(
        self, url, seed, *options, examples=EXAMPLES, environ=None, paths=None
    ):
        """Have a round of cases tried; return how many there were.

        :param paths: of the operations; all but webhooks and sparse ones by default
        """
        paths = paths or f"--exclude-path-regex={WEBHOOKS}|{SPARSE}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", HERE / "schemathesis.toml"),
                *("run", f"{url}/api/v2/openapi.json", "--checks=all", "--no-color"),
                paths,
                *(f"--max-examples={examples}", f"--seed={seed}", "--workers=2"),
                *options,
            ],
            env={
                **os.environ,
                **(environ or {}),
                "SCHEMATHESIS_HOOKS": "hooks",
                "PYTHONPATH": HERE,
            },
            cwd=self.enterContext(tempfile.TemporaryDirectory()),
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-5000:] + done.stderr[-2000:])
        [count] = re.findall(r"(\d+) generated, \1 passed", done.stdout)
        return int(count)

    def answered(self):
        """Return how many requests the server has answered with what was asked for."""
        return self.log.read_text().count(' HTTP/1.1" 200 ')

    def test_every_check_passes_with_a_key_and_without(self):
        url = self.serve()
        key = f"--header=Authorization: Bearer {self.keys['admin']}"
        count = 0
        for seed in itertools.count(1):
            before = self.answered()
            # What follows from the contract alone is the same for each seed
            phases = ["--phases=fuzzing,stateful"] if seed > 1 else []
            with_key = self.run_all_checks(url, seed, key, *phases)
            with_key += self.run_all_checks(
                *(url, seed, key, "--phases=examples,fuzzing"),
                examples=EXAMPLES // 4,
                paths=f"--include-path-regex={SPARSE}",
            )
            between = self.answered()
            # Every bound makes cases that are wrong.
            self.assertGreater(between - before, with_key // 20)
            # Refused before anything is read; the same cases would tell nothing new
            without = self.run_all_checks(
                url, seed, "--phases=examples,fuzzing", examples=max(10, EXAMPLES // 4)
            )
            self.assertLessEqual(self.answered() - between, CONTRACTS)
            count += with_key + without
            _logger.info("schemathesis: %s cases of %s passed", count, CASES)
            if count >= CASES:
                break
        self.assertGreater(count, 2000)

    def test_webhooks_with_a_key_of_their_scope(self):
        conf = self.configuration(**{ALLOWED_OPTION: "127.0.0.1"})
        made = self.odoo("shell", "-c", conf, script=WEBHOOK).stdout.split()
        __, key, webhook_id = made[made.index("made") :]
        url = self.serve("-c", conf)
        before = self.answered()
        count = self.run_all_checks(
            *(url, 1, f"--header=Authorization: Bearer {key}"),
            # The contract has no links for one after another; and what covers each
            # boundary takes half a minute.
            "--phases=examples,fuzzing",
            examples=max(12, CASES // 400),
            environ={"WEBHOOK_ID": webhook_id, "WEBHOOK_URL": NOBODY},
            paths=f"--include-path-regex={WEBHOOKS}",
        )
        _logger.info("schemathesis: %s cases of webhooks passed", count)
        self.assertGreater(self.answered() - before, count // 10)
        self.assertGreater(count, 100)
