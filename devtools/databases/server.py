"""The PostgreSQL server that a command uses: the private one, or the one it is given.

``PGHOST`` or ``DATABASE_URL`` name a server to use instead of the private one.
"""

import os
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from ..console import Failure, say
from . import cluster
from .database import query

OLDEST = 13
URL_PARAMETERS = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


def ensure() -> dict[str, str]:
    """Return the variables that lead to a running server that will do."""
    if is_external():
        return check_external(external_variables())
    cluster.start()
    return cluster.variables()


def is_external() -> bool:
    return bool(os.environ.get("DATABASE_URL") or os.environ.get("PGHOST"))


def external_variables() -> dict[str, str]:
    """The variables that lead to the server named by the environment.

    DATABASE_URL is spelled out as variables, since Odoo and pytest-odoo read those
    only.
    """
    if url := os.environ.get("DATABASE_URL"):
        return parse_url(url)
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PG") and name != "PGDATABASE"
    }


def parse_url(url: str) -> dict[str, str]:
    """The libpq variables of ``postgresql://user:password@host:port/?sslmode=...``.

    The database in it is left out: ./dev makes databases of its own.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Failure(f"DATABASE_URL cannot be read: {error}.") from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise Failure("DATABASE_URL must start with postgresql://")
    values = {
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGHOST": unquote(parts.hostname or ""),
        "PGPORT": str(port or ""),
    }
    for name, value in parse_qsl(parts.query):
        if name not in URL_PARAMETERS:
            raise Failure(f"DATABASE_URL has a parameter that is not known: {name}")
        values[URL_PARAMETERS[name]] = value
    return {name: value for name, value in values.items() if value}


def with_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Our environment with these variables as the only ones for libpq."""
    others = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return {**others, **variables}


def check_external(variables: Mapping[str, str]) -> dict[str, str]:
    """Check that the given server will do; returns the variables with the role."""
    name = variables.get("PGHOST", "localhost")
    try:
        [(version, number, role, may_create)] = query(
            with_variables(variables),
            """SELECT current_setting('server_version'),
                      current_setting('server_version_num')::int / 10000,
                      rolname, rolcreatedb OR rolsuper
                 FROM pg_roles WHERE rolname = current_user""",
        )
    except Failure as failure:
        raise Failure(
            f"The PostgreSQL server that PGHOST or DATABASE_URL names ({name}) cannot "
            f"be used. Without them, ./dev runs one of its own.\n{failure}"
        ) from None
    if int(number) < OLDEST:
        raise Failure(
            f"The server {name} is PostgreSQL {version}; Odoo 19 needs {OLDEST} or "
            "newer. Without PGHOST and DATABASE_URL, ./dev runs one of its own."
        )
    if role == "postgres":
        raise Failure(
            "Odoo refuses to work as the role postgres. Give it one of its own: "
            f"createuser --createdb odoo, then PGUSER=odoo (server {name})."
        )
    if may_create != "t":
        raise Failure(
            f"The role {role} may not create databases on {name}. As an administrator "
            f"of the server: ALTER ROLE {role} CREATEDB"
        )
    say(f"Using PostgreSQL {version} on {name} as {role}, as the environment says.")
    return {**variables, "PGUSER": role}
