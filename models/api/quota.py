"""The limit of a user's requests in a minute, over all worker processes."""

from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL, ormcache

from ..support.bound_companies import bound_company_ids
from ..support.company_parameters import parameters_by_company
from ..support.primary import execute_on_primary
from .settings import COMPANY_REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE

WINDOW_SECONDS = 60


class Quota(NamedTuple):
    """The requests that are left to a user.

    :ivar limit: requests in a window, which begins with the first of them
    :ivar remaining: requests that are left in it
    :ivar seconds: until the next window, 1 at least
    :ivar is_exceeded: this request is one too many
    """

    limit: int
    remaining: int
    seconds: int
    is_exceeded: bool


class CqrsApiQuota(models.AbstractModel):
    """Counts the requests of each user in ``cqrs_api_quota``.

    The table has a row for each user and is UNLOGGED: it costs no WAL, does not reach a
    replica, and is empty after a crash, which gives everybody a new window. The limit
    is off by default; then nothing is counted.
    """

    _name = "cqrs.api.quota"
    _description = "API Requests per User and Minute"

    # Room in the page for the row's next versions, which then touch no index.
    _TABLE = SQL(
        """
        CREATE UNLOGGED TABLE IF NOT EXISTS cqrs_api_quota (
            user_id integer PRIMARY KEY,
            started_at timestamptz NOT NULL,
            used integer NOT NULL
        ) WITH (fillfactor = 50)
        """
    )

    def init(self):
        self.env.cr.execute(self._TABLE)

    @api.model
    def _take(self) -> Quota | None:
        """Count a request of the user and return the rest; None without a limit.

        :raise psycopg2.Error: the request cannot be counted
        """
        limit = self._limit()
        if not limit:
            return None
        [(used, seconds)] = execute_on_primary(self.env, self._count(self.env.uid))
        return Quota(limit, max(limit - used, 0), max(seconds, 1), used > limit)

    def _limit(self) -> int:
        """Return the limit of the user's company, or that of all; 0 for none."""
        by_company = parameters_by_company(self.env, COMPANY_REQUESTS_PER_MINUTE)
        text = by_company.get(self._company_id()) if by_company else None
        if not text:
            parameters = self.env["ir.config_parameter"].sudo()
            text = parameters.get_param(REQUESTS_PER_MINUTE) or ""
        return int(text) if text.isdecimal() else 0

    def _company_id(self) -> int:
        """Return the user's own company; of a bound API key, one of the key's."""
        own, bound = self._own_company_id(self.env.uid), bound_company_ids(self.env)
        return own if bound is None or own in bound else bound[0]

    # Odoo empties this cache when a user's company changes.
    @ormcache("user_id")
    def _own_company_id(self, user_id: int) -> int:
        return self.env["res.users"].sudo().browse(user_id).company_id.id

    def _count(self, user_id: int) -> SQL:
        # A window that begins in the future comes from a clock that was set back. The
        # time is read once the row is locked: now() may be before the beginning of a
        # window that another transaction has just begun.
        return SQL(
            """
            INSERT INTO cqrs_api_quota AS quota (user_id, started_at, used)
            VALUES (%(user_id)s, clock_timestamp(), 1)
            ON CONFLICT (user_id) DO UPDATE SET (started_at, used) = (
                SELECT CASE WHEN is_open THEN quota.started_at ELSE clock END,
                       CASE WHEN is_open THEN quota.used + 1 ELSE 1 END
                FROM (SELECT clock_timestamp()) clock (clock)
                CROSS JOIN LATERAL (
                    SELECT quota.started_at > clock - %(window)s
                       AND quota.started_at <= clock
                ) quota_window (is_open))
            RETURNING used, ceil(extract(
                epoch FROM started_at + %(window)s - clock_timestamp()))::integer
            """,
            user_id=user_id,
            window=SQL("make_interval(secs => %s)", WINDOW_SECONDS),
        )
