"""./dev lint: the hooks of .pre-commit-config.yaml, by programs of the lock files."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from .bootstrap import node_modules, tools, venv
from .console import Failure, say
from .environment import PROVISIONING, in_use, provisioning_lock
from .locks import exclusive
from .paths import ROOT, STATE, WORK, remove_tree, write_atomically
from .process import output_of, run_in_front

CONFIG = ROOT / ".pre-commit-config.yaml"
HOOKS = ROOT / "devtools" / "packaging"


def run() -> int:
    """Run every hook over all files; 1 where one complains, or has mended something."""
    with in_use():
        with exclusive(provisioning_lock(), PROVISIONING):
            venv.ensure()
            node_modules.ensure()
            package = tools.ensure("package")
        programs = [package / "bin", venv.VENV / "bin", node_modules.PROGRAMS, HOOKS]
        config = STATE / "pre-commit.yaml"
        write_atomically(
            config,
            output_of(
                [package / "bin" / "python", HOOKS / "hooks.py", CONFIG, *programs]
            ),
        )
        with repository() as variables:
            code = run_in_front(
                [package / "bin" / "pre-commit", "run", "--all-files"]
                + ["--config", config],
                environ={
                    **os.environ,
                    **variables,
                    "PATH": os.pathsep.join(
                        [*map(os.fspath, programs), os.environ["PATH"]]
                    ),
                    "NODE_PATH": os.fspath(node_modules.MODULES),
                    "PRE_COMMIT_HOME": os.fspath(STATE / "pre-commit"),
                    "RUFF_CACHE_DIR": os.fspath(STATE / "ruff"),
                },
                cwd=ROOT,
            )
    if code:
        return 1
    say("No complaints.")
    return 0


@contextmanager
def repository() -> Iterator[dict[str, str]]:
    """Yield the variables with which git finds a repository here.

    An export has none, and pre-commit takes its files from one: it gets an empty one
    for the block.
    """
    if (ROOT / ".git").exists():
        yield {}
        return
    folder = WORK / "lint.git"
    remove_tree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    variables = {"GIT_DIR": os.fspath(folder), "GIT_WORK_TREE": os.fspath(ROOT)}
    try:
        for command in ["git", "init", "--quiet"], ["git", "add", "--all"]:
            subprocess.run(
                command, check=True, cwd=ROOT, env={**os.environ, **variables}
            )
    except FileNotFoundError:
        raise Failure("The hooks of pre-commit need git. Install it.") from None
    try:
        yield variables
    finally:
        remove_tree(folder)
