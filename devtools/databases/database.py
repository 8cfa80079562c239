"""Databases with their filestores: made from templates, copied, renamed, dropped."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..paths import DATA_DIR, remove_tree
from ..process import output_of
from . import cluster

Environ = Mapping[str, str]
SEPARATOR = "\x1f"
MAINTENANCE = "postgres"


def query(environ: Environ, sql: str, **variables: str) -> list[list[str]]:
    """Run SQL in the maintenance database; ``:'name'`` quotes a variable."""
    assignments = [f"--set={name}={value}" for name, value in variables.items()]
    output = output_of(
        [
            cluster.programs() / "psql",
            *("--no-psqlrc", "--no-password", "--quiet", "--tuples-only"),
            *("--no-align", f"--field-separator={SEPARATOR}"),
            *("--set=ON_ERROR_STOP=1", *assignments, f"--dbname={MAINTENANCE}"),
        ],
        input=sql,
        env={**environ, "PGCONNECT_TIMEOUT": "10", "PGCLIENTENCODING": "UTF8"},
    )
    return [line.split(SEPARATOR) for line in output.splitlines()]


def query_in(environ: Environ, name: str, sql: str) -> list[list[str]]:
    """Run SQL in the database ``name``."""
    return query(environ, f'\\connect :"name"\n{sql}', name=name)


def filestore(name: str) -> Path:
    return DATA_DIR / "filestore" / name


def filestores_starting_with(prefix: str) -> list[Path]:
    """The filestores of databases of all servers, also of those that are gone."""
    return sorted(filestore("").glob(f"{prefix}*"))


def names_starting_with(environ: Environ, prefix: str) -> list[str]:
    rows = query(
        environ,
        "SELECT datname FROM pg_database WHERE starts_with(datname, :'prefix')",
        prefix=prefix,
    )
    return [name for (name,) in rows]


def exists(environ: Environ, name: str) -> bool:
    sql = "SELECT 1 FROM pg_database WHERE datname = :'name'"
    return bool(query(environ, sql, name=name))


def comment(environ: Environ, name: str) -> str:
    """What the database says of itself; empty where there is none of the name.

    The inputs it was made of are kept there, so that they go where it goes.
    """
    rows = query(
        environ,
        """SELECT shobj_description(oid, 'pg_database')
             FROM pg_database WHERE datname = :'name'""",
        name=name,
    )
    return rows[0][0] if rows else ""


def set_comment(environ: Environ, name: str, text: str) -> None:
    sql = "COMMENT ON DATABASE :\"name\" IS :'text'"
    query(environ, sql, name=name, text=text)


def create_from(environ: Environ, template: str, name: str) -> None:
    """Copy a database and its filestore, without which its assets are not found."""
    drop(environ, name)
    if filestore(template).exists():
        # Files are named after their content and never changed: links will do.
        shutil.copytree(filestore(template), filestore(name), copy_function=os.link)
    sql = 'CREATE DATABASE :"name" TEMPLATE :"template"'
    query(environ, sql, name=name, template=template)


def bring(environ: Environ, name: str, to: Environ) -> None:
    """Make a database of one server anew, under its name, in another."""
    query(to, 'CREATE DATABASE :"name"', name=name)
    programs = cluster.programs()
    dump = output_of(
        [programs / "pg_dump", "--no-owner", f"--dbname={name}"], env=environ
    )
    output_of(
        [programs / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        + ["--single-transaction", f"--dbname={name}"],
        input=dump,
        env=to,
    )


def rename(environ: Environ, name: str, new: str) -> None:
    """Give a finished database its name; the database itself goes last."""
    remove_tree(filestore(new))
    if filestore(name).exists():
        filestore(name).replace(filestore(new))
    query(environ, 'ALTER DATABASE :"name" RENAME TO :"new"', name=name, new=new)


def drop(environ: Environ, name: str) -> None:
    """Drop a database that may not exist, whoever is connected, and its filestore."""
    query(environ, 'DROP DATABASE IF EXISTS :"name" WITH (FORCE)', name=name)
    remove_tree(filestore(name))
