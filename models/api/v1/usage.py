import logging

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ...support.primary import execute_on_primary

_logger = logging.getLogger(__name__)

#: Days after which the use of a route is deleted
KEPT_DAYS = 400

#: Days back to which a use is a recent one
RECENT_DAYS = 30

#: Characters of an API key by which Odoo looks it up; they are no secret
KEY_INDEX = 8


class CqrsApiUsage(models.Model):
    """The use of the deprecated routes: requests per day, route, user and API key.

    The day is UTC's. Requests of a session have no key. Requests that are refused
    because the routes are switched off count too.
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
    key_id = fields.Many2one("res.users.apikeys", "API Key", readonly=True)
    requests = fields.Integer(readonly=True)

    # No foreign keys: with one, each request would lock the user's row.
    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_api_usage (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            day date NOT NULL,
            route text NOT NULL,
            user_id integer NOT NULL,
            requests integer NOT NULL,
            key_id integer
        );
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_api_usage_of_a_day
            ON cqrs_api_usage (day, route, user_id, (COALESCE(key_id, 0)))
        """
    )

    def init(self):
        self.env.cr.execute(self._TABLE)

    @api.model
    def _count(self, route: str, key: str | None = None):
        """Count a request of the user, in a transaction of its own.

        :param key: the API key that the request has proven to hold, if any
        """
        # Of one user, two keys begin alike once in four thousand million.
        statement = SQL(
            """
            INSERT INTO cqrs_api_usage AS usage (day, route, user_id, requests, key_id)
            SELECT (now() AT TIME ZONE 'UTC')::date, %(route)s, %(user_id)s, 1,
                   (SELECT min(id) FROM res_users_apikeys
                    WHERE user_id = %(user_id)s AND index = %(index)s)
            ON CONFLICT (day, route, user_id, (COALESCE(key_id, 0)))
            DO UPDATE SET requests = usage.requests + 1
            RETURNING requests
            """,
            route=route,
            user_id=self.env.uid,
            index=key and key[:KEY_INDEX],
        )
        try:
            execute_on_primary(self.env, statement)
        except psycopg2.Error:
            # A figure for administrators is not worth refusing an answer.
            _logger.warning("Could not count a use of API v1.", exc_info=True)

    @api.model
    def _recent_callers(self) -> list[dict]:
        """Return who has called v1 in the last ``RECENT_DAYS``, the last one first.

        :return: ``{user_id, key_id, routes, requests, last_day}`` of each user and key
        """
        return self.env.execute_query_dict(
            SQL(
                """
                SELECT user_id, key_id, array_agg(DISTINCT route) AS routes,
                       sum(requests)::bigint AS requests, max(day) AS last_day
                FROM cqrs_api_usage
                WHERE day > (now() AT TIME ZONE 'UTC')::date - %s
                GROUP BY user_id, key_id
                ORDER BY last_day DESC, requests DESC, user_id, key_id
                """,
                RECENT_DAYS,
            )
        )

    @api.autovacuum
    def _remove_the_old(self):
        self.env.cr.execute(
            SQL(
                "DELETE FROM cqrs_api_usage"
                " WHERE day < (now() AT TIME ZONE 'UTC')::date - %s",
                KEPT_DAYS,
            )
        )
