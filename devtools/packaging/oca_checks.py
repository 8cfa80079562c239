#!/usr/bin/env python3
"""Run oca-checks-odoo-module on the addon, which is its repository's root.

The check looks for the manifest in folders above a file, but not in the repository's
own, so it would find no addon here. It gets a copy in a folder of a repository.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ADDON = "crm_cqrs"
OTHERS = ("tests/fixtures", "devtools", "benchmarks", "docs", "examples")


def main(arguments: list[str]) -> int:
    names = subprocess.run(
        ["git", "ls-files", "-z"], check=True, capture_output=True, text=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        # What the check takes for a repository; git itself is not asked.
        Path(folder, ".git").mkdir()
        for name in filter(None, names.split("\0")):
            if not name.startswith(OTHERS) and Path(name).exists():
                copy = Path(folder, ADDON, name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(name, copy)
        manifest = f"{ADDON}/__manifest__.py"
        command = [sys.executable, "-m", "oca_pre_commit_hooks.cli", *arguments]
        done = subprocess.run([*command, manifest], cwd=folder, check=False)
        return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
