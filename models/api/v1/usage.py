import logging

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ...support.primary import execute_on_primary

_logger = logging.getLogger(__name__)

#: Days after which the use of a route is deleted
KEPT_DAYS = 400


class CqrsApiUsage(models.Model):
    """The use of the deprecated routes: requests per day, route and user.

    The day is UTC's. Requests that are refused because the routes are switched off
    count too.
    """

    _name = "cqrs.api.usage"
    _inherit = ("cqrs.read.only", "cqrs.deleted.names")
    _description = "API v1 Usage"
    _auto = False
    _order = "day desc, requests desc, id desc"
    _rec_name = "route"

    day = fields.Date(readonly=True)
    route = fields.Char(readonly=True)
    user_id = fields.Many2one("res.users", readonly=True)
    requests = fields.Integer(readonly=True)

    # No foreign key: with one, each request would lock the user's row.
    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_api_usage (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            day date NOT NULL,
            route text NOT NULL,
            user_id integer NOT NULL,
            requests integer NOT NULL,
            UNIQUE (day, route, user_id)
        )
        """
    )

    def init(self):
        self.env.cr.execute(self._TABLE)

    @api.model
    def _count(self, route: str):
        """Count a request of the user, in a transaction of its own."""
        statement = SQL(
            """
            INSERT INTO cqrs_api_usage AS usage (day, route, user_id, requests)
            VALUES ((now() AT TIME ZONE 'UTC')::date, %s, %s, 1)
            ON CONFLICT (day, route, user_id)
            DO UPDATE SET requests = usage.requests + 1
            RETURNING requests
            """,
            route,
            self.env.uid,
        )
        try:
            execute_on_primary(self.env, statement)
        except psycopg2.Error:
            # A figure for administrators is not worth refusing an answer.
            _logger.warning("Could not count a use of API v1.", exc_info=True)

    @api.autovacuum
    def _remove_the_old(self):
        self.env.cr.execute(
            SQL(
                "DELETE FROM cqrs_api_usage"
                " WHERE day < (now() AT TIME ZONE 'UTC')::date - %s",
                KEPT_DAYS,
            )
        )
