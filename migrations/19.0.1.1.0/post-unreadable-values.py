"""Read models no longer take over what Odoo cannot read, or what is no status.

A sum that was NaN would stay so. Where none of this is found, nothing is replayed.
"""

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL

from odoo.addons.crm_cqrs.models.maintenance.replay import replay

_READABLE = {
    "number": SQL("BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"),
    "day": SQL("BETWEEN '0001-01-01' AND '9999-12-31'"),
    "time": SQL("BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999'"),
}

_OPPORTUNITIES = SQL(
    """
    SELECT FROM cqrs_opportunity_view
    WHERE NOT (value %(number)s AND probability %(number)s AND closing_date %(day)s
               AND closed_at %(time)s AND created_at %(time)s
               AND status IN ('pending', 'won', 'lost'))
    """,
    **_READABLE,
)
_PROFILES = SQL("SELECT FROM cqrs_user_profile WHERE name = '' OR email = ''")
_SUMS = SQL(
    """
    SELECT FROM cqrs_metrics
    WHERE NOT (pipeline_value %(number)s AND weighted_pipeline %(number)s
               AND won_revenue %(number)s AND month %(day)s)
    """,
    **_READABLE,
)


def migrate(cr, version):
    def is_found(rows: SQL) -> bool:
        cr.execute(SQL("SELECT EXISTS (%s)", rows))
        return cr.fetchone()[0]

    concerned = []
    if is_found(_OPPORTUNITIES):
        # A lead that was NaN once has left its trace in the sums.
        concerned += ["cqrs.opportunity.view", "cqrs.metrics"]
    elif is_found(_SUMS):
        concerned.append("cqrs.metrics")
    if is_found(_PROFILES):
        concerned.append("cqrs.user.profile")
    if concerned:
        replay(api.Environment(cr, SUPERUSER_ID, {}), concerned)
