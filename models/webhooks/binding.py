"""Endpoints belong to the database in which they were made, or confirmed.

A copy, a restore under another name or a rename has another uuid or another name. From
there nothing is sent until a person confirms it: ``IS_BOUND`` stands in each statement
that looks for what to send, however late the endpoints are paused.
"""

from odoo.tools import SQL

DATABASE_UUID = "database.uuid"

_THIS_DATABASE = f"""
    (SELECT value || ' ' || current_database()
     FROM ir_config_parameter WHERE key = '{DATABASE_UUID}')
"""

#: The condition that an endpoint, a row of ``cqrs_webhook webhook``, is bound here
IS_BOUND = f"(webhook.bound_to = {_THIS_DATABASE}) IS TRUE"


def this_database(env) -> str | None:
    """Return the uuid and the name of the database, separated by a space."""
    # Not what the process remembers of Odoo's parameters, which may be of before.
    [(text,)] = env.execute_query(SQL(f"SELECT {_THIS_DATABASE}"))
    return text
