"""API keys open the API in the database in which they were made, and in no copy of it.

Odoo's own RPC takes the key in a copy, too, as it does without this addon.
"""

from odoo import models
from odoo.tools import SQL
from odoo.tools.sql import table_exists

from odoo.addons.base.models.res_users import INDEX_SIZE

from ..support.binding import THIS_DATABASE

TABLE = "cqrs_api_key_database"

# Keys that are there already were made here, as far as anybody can tell.
_DEFINITION = f"""
    CREATE TABLE {TABLE} (
        key_id integer PRIMARY KEY
            REFERENCES res_users_apikeys (id) ON DELETE CASCADE,
        bound_to text NOT NULL
    );
    INSERT INTO {TABLE}
    SELECT id, {THIS_DATABASE} FROM res_users_apikeys WHERE {THIS_DATABASE} IS NOT NULL
"""


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    def init(self):
        result = super().init()
        # Other models, as that of trusted devices, are made of this one.
        if self._name == "res.users.apikeys" and not table_exists(self.env.cr, TABLE):
            self.env.cr.execute(SQL(_DEFINITION))
        return result

    def _generate(self, scope, name, expiration_date):
        key = super()._generate(scope, name, expiration_date)
        if self._name == "res.users.apikeys":
            self.env.cr.execute(
                SQL(
                    f"""
                    INSERT INTO {TABLE}
                    SELECT id, {THIS_DATABASE} FROM res_users_apikeys
                    WHERE user_id = %s AND index = %s AND {THIS_DATABASE} IS NOT NULL
                    ON CONFLICT DO NOTHING
                    """,
                    self.env.uid,
                    key[:INDEX_SIZE],
                )
            )
        return key
