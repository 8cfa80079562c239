"""Odoo's commands for the tests, each in a fork of a process that has Odoo loaded.

Two thirds of what a short command takes is the loading of Odoo's code. What a fork has
loaded is what the command would load itself, the addon left out: that comes where it
would come. Run as a script, this is the process that forks: each line of JSON that it
reads is a command, each that it writes is an exit status.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

FILES = (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY))


class Forks:
    """The side that asks. One command runs at a time."""

    def __init__(self, addons: Sequence[str]) -> None:
        """Start the process; it ends with this one, and is a child of no one.

        :param addons: whose code is loaded, in this order
        """
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__, *addons],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # Odoo's tests end each child that a class leaves; this one has left it itself.
        self._process.wait()

    def run(
        self, arguments: Sequence[str | os.PathLike[str]], script: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run Odoo with these arguments; return what it wrote, and its exit status.

        :param script: its standard input
        """
        command = [os.fspath(each) for each in arguments]
        with TemporaryDirectory() as folder:
            paths = {name: Path(folder, name) for name, _flags in FILES}
            for path in paths.values():
                path.write_text("")
            paths["stdin"].write_text(script or "")
            status = self._ask(
                {
                    "arguments": command,
                    "environ": dict(os.environ),
                    "files": {name: os.fspath(path) for name, path in paths.items()},
                    "cwd": os.getcwd(),
                }
            )
            said = (paths[name].read_text() for name in ("stdout", "stderr"))
            return subprocess.CompletedProcess(command, status, *said)

    def _ask(self, command: dict[str, Any]) -> int:
        asked, answered = self._process.stdin, self._process.stdout
        assert asked and answered
        with self._lock:
            asked.write(f"{json.dumps(command)}\n")
            asked.flush()
            return int(answered.readline())


def load(addons: Sequence[str]) -> None:
    """Load the code of Odoo, and of addons, as a command does."""
    from odoo.modules.module import load_openerp_module
    from odoo.tools import config

    for name in ("server", "shell"):
        import_module(f"odoo.cli.{name}")
    # No logging: each command has that of its own arguments.
    config.parse_config([], setup_logging=False)
    for name in addons:
        load_openerp_module(name)


def run_odoo(command: dict[str, Any]) -> None:
    """Run a command, in a process of its own."""
    import odoo.cli

    os.environ.clear()
    os.environ.update(command["environ"])
    os.chdir(command["cwd"])
    for number, (name, flags) in enumerate(FILES):
        opened = os.open(command["files"][name], flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["odoo", *command["arguments"]]
    odoo.cli.main()


def main() -> None:
    if os.fork():
        os._exit(0)
    addons, sys.argv[:] = sys.argv[1:], ["odoo"]
    load(addons)
    for line in sys.stdin:
        if not (process := os.fork()):
            return run_odoo(json.loads(line))
        __, status = os.waitpid(process, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
