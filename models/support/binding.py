"""The database that something belongs to, by its uuid and its name.

A copy, a restore under another name and a rename have another uuid or another name.
There nothing is accepted, or sent, that was made before: API keys, cursors and entity
tags are refused, webhooks send nothing. Of two databases of one server this tells each
from the other, also where ``CREATE DATABASE … TEMPLATE`` has copied the secrets and the
uuid; a replica, and the server that takes its primary's place, have both.

After a rename an administrator confirms that the database is still the same one
(``odoo-bin cqrs renamed``). Then what it gave out under its former names is accepted,
too: ``KNOWN_AS`` lists them. The list says so only of the database that is its last
line, so that a copy of that one gains nothing by it.
"""

import hashlib

from odoo.tools import SQL

DATABASE_UUID = "database.uuid"

#: Parameter with the identities that are one database, a line each, the present last
KNOWN_AS = "crm_cqrs.known_as"

#: The expression of the uuid and the name, separated by a space; NULL without a uuid
THIS_DATABASE = f"""
    (SELECT value || ' ' || current_database()
     FROM ir_config_parameter WHERE key = '{DATABASE_UUID}')
"""

#: The query of the identities under which it is known, as an array; no row without one
_ACCEPTED = f"""
    SELECT CASE WHEN right(known.value, length(this)) = this
                THEN string_to_array(known.value, chr(10)) ELSE ARRAY[this] END
    FROM (SELECT {THIS_DATABASE}) present (this)
    LEFT JOIN ir_config_parameter known ON known.key = '{KNOWN_AS}'
    WHERE this IS NOT NULL
"""


def is_bound(column: str) -> str:
    """Return the condition that a column names this database."""
    return f"({column} = ANY(({_ACCEPTED})::text[])) IS TRUE"


def this_database(env) -> str | None:
    """Return the uuid and the name of the database, separated by a space."""
    # Not what the process remembers of Odoo's parameters, which may be of before.
    [(text,)] = env.execute_query(SQL(f"SELECT {THIS_DATABASE}"))
    return text


def remembered_database(env) -> str | None:
    """Return the same, by what the process remembers: for answers, at no cost.

    Where another database has come under this name, the process may take its uuid for
    the former one's until Odoo notices, as with all that Odoo remembers.
    """
    uuid = env["ir.config_parameter"].sudo().get_param(DATABASE_UUID)
    return f"{uuid} {env.cr.dbname}" if uuid else None


def identities(env) -> list[str]:
    """Return what this database is known as, the present one first."""
    rows = env.execute_query(SQL(_ACCEPTED))
    return [each for [accepted] in rows for each in reversed(accepted)]


def marks(env) -> list[str]:
    """Return the marks of what this database has given out, the present one first."""
    return [mark_of(each) for each in identities(env)]


def mark_of(identity: str | None) -> str:
    """Return the beginning of a hash, which tells nobody the database's name."""
    return hashlib.sha256((identity or "").encode()).hexdigest()[:12]


def name_of(identity: str) -> str:
    """Return the name in an identity.

    >>> name_of("5c6a9b1e-0000-4000-8000-000000000000 sales 2026")
    'sales 2026'
    """
    return identity.partition(" ")[2]


def confirm_renamed(env, former: list[str]):
    """Accept what the database gave out under former identities, from now on."""
    this = this_database(env)
    known = env["ir.config_parameter"].sudo().get_param(KNOWN_AS) or ""
    # In the order in which they came, each once.
    lines = dict.fromkeys([*known.splitlines(), *former])
    lines.pop(this, None)
    env["ir.config_parameter"].sudo().set_param(KNOWN_AS, "\n".join([*lines, this]))


def bound_elsewhere(env, table: str, column: str) -> dict[str, int]:
    """Return how many rows of a table belong to other databases.

    :return: ``{identity: rows}``
    """
    rows = env.execute_query(
        SQL(
            f"""
            SELECT {column}, count(*) FROM %(table)s bound
            WHERE {column} IS NOT NULL AND NOT {is_bound(f"bound.{column}")}
            GROUP BY 1 ORDER BY 1
            """,
            table=SQL.identifier(table),
        )
    )
    return dict(rows)
