"""Databases that live as long as one command, and are gone even after a kill."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from .. import locks
from ..environment import PROVISIONING, Environment, provisioning_lock
from ..paths import STATE, remove_tree
from . import database, template

KIND = "run"
RUNS = STATE / "runs"
"""A locked file for each database in use; the lock of a killed run is free."""


@contextmanager
def database_from(env: Environment, base: str) -> Iterator[str]:
    """Copy ``base`` for the block; removes it, and xdist's copies of it, after."""
    name = template.prefix(KIND) + secrets.token_hex(3)
    RUNS.mkdir(exist_ok=True)
    file = RUNS / name
    # Under the lock, so that nobody takes our file for that of a killed run.
    with locks.exclusive(provisioning_lock(), PROVISIONING):
        remove_leftovers(env)
        lock = locks.open_lock(file)
        locks.try_exclusive(lock)
    try:
        database.create_from(env.environ, base, name)
        yield name
    finally:
        for copy in database.names_starting_with(env.environ, name):
            database.drop(env.environ, copy)
        for path in database.filestores_starting_with(name):
            remove_tree(path)
        file.unlink()
        os.close(lock)


def remove_leftovers(env: Environment) -> None:
    """Drop the databases of runs that were killed."""
    for file in RUNS.iterdir():
        lock = locks.open_lock(file)
        if locks.try_exclusive(lock):
            file.unlink()
        os.close(lock)
    alive = tuple(file.name for file in RUNS.iterdir())
    for name in database.names_starting_with(env.environ, template.prefix(KIND)):
        if not name.startswith(alive):
            database.drop(env.environ, name)
    for path in database.filestores_starting_with(template.prefix(KIND)):
        if not path.name.startswith(alive):
            remove_tree(path)
