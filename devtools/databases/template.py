"""The database that others start as: Odoo with crm and hr and their demo data."""

from .. import paths
from ..bootstrap import odoo
from ..environment import PROVISIONING, Environment, provisioning_lock
from ..locks import exclusive
from ..process import run_logged
from . import database

MODULES = "crm,hr"


def prefix(kind: str = "") -> str:
    """Start of the names of this checkout's databases, all of them or of a kind.

    The server may be shared with other checkouts and with other people.
    """
    return f"cqrs_{paths.identity()}_" + (f"{kind}_" if kind else "")


def ensure(env: Environment) -> str:
    """Return the name of the template of this Odoo, built where there is none."""
    inputs = (
        str(env.odoo),
        (env.odoo / "release.py").read_text(),
        paths.LOCK_FILE.read_text(),
        MODULES,
    )
    name = prefix("template") + paths.digest(*inputs)
    with exclusive(provisioning_lock(), PROVISIONING):
        if not database.exists(env.environ, name):
            for old in database.names_starting_with(env.environ, prefix("template")):
                database.drop(env.environ, old)
            partial = f"{name}_new"
            install(env, partial)
            database.rename(env.environ, partial, name)
    return name


def install(env: Environment, name: str) -> None:
    """Make a database with Odoo's modules and their demo data."""
    run_odoo(
        env,
        f"Building the template database ({MODULES} with demo data)",
        *("-d", name, "-i", MODULES, "--with-demo"),
    )


def run_odoo(env: Environment, title: str, *arguments: str) -> None:
    """Have Odoo install or update modules and end."""
    run_logged(
        title,
        [odoo.COMMAND, "--no-http", "--stop-after-init", *arguments],
        log="odoo",
        advice="The first error in there is the one to look at.",
        progress=odoo.loading_percent,
        environ=env.environ,
    )
