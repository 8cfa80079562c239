"""The databases that others start as: Odoo with some modules and their demo data."""

from collections.abc import Callable

from .. import paths
from ..bootstrap import odoo
from ..environment import PROVISIONING, Environment, provisioning_lock
from ..locks import exclusive
from ..process import run_logged
from . import database

MODULES = "crm,hr"
SALES_MODULES = "account,sale_management,sale_crm"
"""What else is there to sell with; ``account`` brings the generic chart of accounts."""


def prefix(kind: str = "") -> str:
    """Start of the names of this checkout's databases, all of them or of a kind.

    The server may be shared with other checkouts and with other people.
    """
    return f"cqrs_{paths.identity()}_" + (f"{kind}_" if kind else "")


def ensure(env: Environment) -> str:
    """Return the name of the template of this Odoo, built where there is none."""
    return _ensure(env, "template", MODULES, install)


def ensure_with_sales(env: Environment) -> str:
    """Return the name of the template that has orders and invoices, too."""
    base = ensure(env)

    def install_beside(env: Environment, name: str) -> None:
        database.create_from(env.environ, base, name)
        run_odoo(
            env,
            f"Building the template database with {SALES_MODULES}",
            *("-d", name, "-i", SALES_MODULES),
        )

    return _ensure(env, "sales", f"{MODULES},{SALES_MODULES}", install_beside)


def _ensure(
    env: Environment,
    kind: str,
    modules: str,
    build: Callable[[Environment, str], None],
) -> str:
    """Return the name of the template of a kind, built where its inputs are new."""
    inputs = (
        str(env.odoo),
        (env.odoo / "release.py").read_text(),
        paths.LOCK_FILE.read_text(),
        modules,
    )
    name = prefix(kind) + paths.digest(*inputs)
    with exclusive(provisioning_lock(), PROVISIONING):
        if not database.exists(env.environ, name):
            for old in database.names_starting_with(env.environ, prefix(kind)):
                database.drop(env.environ, old)
            partial = f"{name}_new"
            build(env, partial)
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
