"""Read models no longer take over what Odoo cannot read, or what is no status.

A sum that was NaN would stay so. Where none of this is found, nothing is replayed.
"""

from odoo import SUPERUSER_ID, api

from odoo.addons.crm_cqrs.models.maintenance.replay import replay

_NUMBER = "BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
_DAY = "BETWEEN '0001-01-01' AND '9999-12-31'"
_TIME = "BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999'"

_CONCERNED = {
    "cqrs.opportunity.view": f"""
        SELECT FROM cqrs_opportunity_view
        WHERE NOT (value {_NUMBER} AND probability {_NUMBER} AND closing_date {_DAY}
                   AND closed_at {_TIME} AND created_at {_TIME}
                   AND status IN ('pending', 'won', 'lost'))
    """,
    "cqrs.user.profile": """
        SELECT FROM cqrs_user_profile WHERE name = '' OR email = ''
    """,
}


def migrate(cr, version):
    concerned = []
    for projection, query in _CONCERNED.items():
        cr.execute(f"SELECT EXISTS ({query})")
        if cr.fetchone()[0]:
            concerned.append(projection)
    # A lead that was NaN once has left its trace in the sums alone.
    cr.execute(
        f"SELECT EXISTS (SELECT FROM cqrs_metrics WHERE NOT (pipeline_value {_NUMBER}"
        f" AND weighted_pipeline {_NUMBER} AND won_revenue {_NUMBER} AND month {_DAY}))"
    )
    if cr.fetchone()[0] or "cqrs.opportunity.view" in concerned:
        concerned.append("cqrs.metrics")
    if concerned:
        replay(api.Environment(cr, SUPERUSER_ID, {}), concerned)
