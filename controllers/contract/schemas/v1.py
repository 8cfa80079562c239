"""Schemas of API v1."""

from ....models.support.json_schema import (
    COUNT,
    CURRENCY,
    EXACT,
    ID,
    TEXT,
    TIME,
    array,
    component,
    nullable,
    obj,
    ref,
)

_OPPORTUNITIES = array(
    component(
        "LegacyOpportunity",
        obj(
            odoo_id=ID,
            name=TEXT,
            value=EXACT,
            currency=CURRENCY,
            stage=component("LegacyStage", obj(id=nullable(ID), name=nullable(TEXT))),
            status=ref("OpportunityStatus"),
            salesperson=nullable(
                component(
                    "LegacyUser", obj(user_id=ID, name=TEXT, email=nullable(TEXT))
                )
            ),
            partner=nullable(ref("NamedRecord")),
        ),
    )
)
component(
    "LegacyDashboard",
    obj(
        user=ref("LegacyUser"),
        metrics=component(
            "LegacyMetrics",
            obj(
                user_id=ID,
                currency=CURRENCY,
                pipeline_value=EXACT,
                won_revenue=EXACT,
                active_opportunities=COUNT,
                computed_at=TIME,
            ),
        ),
        opportunities=component(
            "LegacyDashboardOpportunities",
            obj(total=COUNT, own=COUNT, subordinates=COUNT, items=_OPPORTUNITIES),
        ),
    ),
)
component("LegacyOpportunities", obj(total=COUNT, items=_OPPORTUNITIES))
