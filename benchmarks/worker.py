"""A process that writes to one database: ``python -m benchmarks.worker NAME ROWS``.

It has the addon's version that its addons path leads to, so that two versions are
measured side by side, each in a process of its own.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from .processor import Cost


class Worker:
    """The process, from outside.

    :param name: of the database
    :param import_rows: that an import has
    """

    def __init__(self, name: str, addons_path: str, import_rows: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, str(import_rows)],
            env={**os.environ, "CRM_CQRS_ADDONS_PATH": addons_path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def perform(self, operation: str) -> Cost:
        """Have it do one kind of write, in a transaction of its own."""
        return Cost(**self._ask("perform", operation))

    def write_together(self, seconds: float) -> dict[str, float]:
        """Have several writers write for so long; see ``writes.write_together``."""
        return self._ask("write_together", seconds)

    def _ask(self, method: str, argument: str | float) -> Any:
        self._process.stdin.write(json.dumps([method, argument]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"A writer has ended at: {method} {argument}.")
        return json.loads(answer)

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def main(name: str, import_rows: str) -> None:
    from .odoo_databases import configure

    configure()
    # What follows imports Odoo's models, which needs the configuration.
    from .writes import Writer, write_together

    writer = Writer(name, int(import_rows))
    # Nobody else is to write among the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        method, argument = json.loads(line)
        if method == "perform":
            answer = asdict(writer.perform(argument))
        else:
            answer = write_together(writer, argument)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
