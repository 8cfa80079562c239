"""The database that an endpoint belongs to: by its uuid and its name.

A copy, a restore elsewhere or a rename has another one of them.
"""

DATABASE_UUID = "database.uuid"


def this_database(env) -> str:
    """Return the uuid and the name of the database, separated by a space."""
    uuid = env["ir.config_parameter"].sudo().get_param(DATABASE_UUID)
    return f"{uuid} {env.cr.dbname}"
