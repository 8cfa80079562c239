"""One call that provisions what is missing and takes it down after the last user."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import locks, paths
from .bootstrap import node_modules, odoo, tools, venv
from .databases import cluster, other_servers, server


@dataclass(frozen=True)
class Environment:
    """What a command runs in.

    odoo: the folder of Odoo's package
    environ: the variables under which Odoo, pytest and psql find all the rest
    """

    odoo: Path
    environ: Mapping[str, str]


PROVISIONING = "provisioning"


def provisioning_lock() -> Path:
    return paths.STATE / "provisioning.lock"


def users_lock() -> Path:
    """Shared by all that use .dev at the moment."""
    return paths.STATE / "users.lock"


@contextmanager
def environment(wanted_tools: Iterable[str] = ()) -> Iterator[Environment]:
    """Provision what is missing, start the server, and stop it after its last user.

    :param wanted_tools: names of environments of tools that are provisioned, too
    """
    with in_use():
        with locks.exclusive(provisioning_lock(), PROVISIONING):
            package = odoo.ensure()
            venv.ensure()
            node_modules.ensure()
            for name in wanted_tools:
                tools.ensure(name)
            odoo.write_configuration(package)
            variables = server.ensure()
        programs = (venv.VENV / "bin", node_modules.PROGRAMS, cluster.programs())
        search = [*map(os.fspath, programs), os.environ["PATH"]]
        yield Environment(
            odoo=package,
            environ={
                **server.with_variables(variables),
                "ODOO_RC": os.fspath(odoo.CONFIG),
                "PYTHONPATH": os.fspath(odoo.IMPORTS),
                "PATH": os.pathsep.join(search),
                **bytecode(),
            },
        )


def bytecode() -> dict[str, str]:
    """Variables that have Python keep what it compiles, in .dev, not in the checkout.

    Each start of Odoo compiles a thousand files where nothing is kept, which takes
    longer than all else that it does; images of Python for containers keep nothing.
    """
    return {
        "PYTHONPYCACHEPREFIX": os.fspath(paths.STATE / "bytecode"),
        # As if it were not set: any text but the empty one is a yes.
        "PYTHONDONTWRITEBYTECODE": "",
    }


@contextmanager
def in_use() -> Iterator[None]:
    """Count as a user of .dev for the block; the last one to leave tidies up."""
    with locks.exclusive(provisioning_lock(), PROVISIONING):
        users = locks.open_lock(users_lock())
        locks.share(users)
    try:
        yield
    finally:
        with locks.exclusive(provisioning_lock(), PROVISIONING):
            if locks.try_exclusive(users):
                tidy_up()
            os.close(users)


def tidy_up() -> None:
    """Stop the server and remove what former inputs made: nobody uses either."""
    cluster.stop()
    other_servers.prune()
    venv.prune()
    tools.prune()
    node_modules.prune()
    paths.remove_tree(paths.WORK)
