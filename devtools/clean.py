"""./dev clean: stop the server and remove all that was provisioned."""

import os
import sys

from . import demo, locks
from .console import Failure, say, step
from .databases import cluster, database, server, template
from .environment import PROVISIONING, provisioning_lock, users_lock
from .paths import STATE, remove_tree


def run(*, confirmed: bool) -> int:
    """Remove .dev, and this checkout's databases on a server that is not ours."""
    if not STATE.exists():
        say("There is nothing to remove.")
        return 0
    if not confirmed and sys.stdin.isatty():
        sys.stderr.write(f"Remove {STATE} with all its databases? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            say("Nothing was removed.")
            return 1
    with locks.exclusive(provisioning_lock(), PROVISIONING):
        users = locks.open_lock(users_lock())
        if not locks.try_exclusive(users):
            raise Failure("Another ./dev in this checkout is running. Stop it first.")
        if server.is_external():
            drop_external()
        cluster.remove()
        with step(f"Removing {STATE}"):
            remove_tree(STATE)
        os.close(users)
    return 0


def drop_external() -> None:
    environ = server.with_variables(server.external_variables())
    names = database.names_starting_with(environ, template.prefix())
    if demo.description_of(environ, demo.NAME):
        names.append(demo.NAME)
    for name in names:
        database.drop(environ, name)
    say(f"Dropped {len(names)} databases on the server that the environment names.")
