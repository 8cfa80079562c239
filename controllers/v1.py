"""API v1, kept for the changeover: computed live, deprecated."""

from odoo.http import Controller, request

from .operations import always, operation
from .query import Parameter, whole_number

_MONEY = {"type": "number"}
_OPPORTUNITY = {
    "type": "object",
    "required": [
        *("odoo_id", "name", "value", "currency", "stage", "status"),
        *("salesperson", "partner"),
    ],
    "properties": {
        "odoo_id": {"type": "integer"},
        "name": {"type": "string"},
        "value": _MONEY,
        "currency": {"type": "string"},
        "stage": {
            "type": "object",
            "required": ["id", "name"],
            "properties": {
                "id": {"type": ["integer", "null"]},
                "name": {"type": ["string", "null"]},
            },
        },
        "status": {"enum": ["pending", "won", "lost"]},
        "salesperson": {
            "type": ["object", "null"],
            "required": ["user_id", "name", "email"],
            "properties": {
                "user_id": {"type": "integer"},
                "name": {"type": "string"},
                "email": {"type": ["string", "null"]},
            },
        },
        "partner": {
            "type": ["object", "null"],
            "required": ["id", "name"],
            "properties": {
                "id": {"type": "integer"},
                "name": {"type": ["string", "null"]},
            },
        },
    },
}
_OPPORTUNITIES = {"type": "array", "items": _OPPORTUNITY}
_COUNT = {"type": "integer", "minimum": 0}


def _object(**properties) -> dict:
    return {"type": "object", "required": [*properties], "properties": properties}


_DASHBOARD = _object(
    user=_object(
        user_id={"type": "integer"},
        name={"type": "string"},
        email={"type": ["string", "null"]},
    ),
    metrics=_object(
        user_id={"type": "integer"},
        currency={"type": "string"},
        pipeline_value=_MONEY,
        won_revenue=_MONEY,
        active_opportunities=_COUNT,
        computed_at={"type": "string", "format": "date-time"},
    ),
    opportunities=_object(
        total=_COUNT, own=_COUNT, subordinates=_COUNT, items=_OPPORTUNITIES
    ),
)


class LegacyApi(Controller):
    @operation(
        "/api/sales/dashboard/real",
        summary="The dashboard of API v1",
        description="Computed from the leads at each request. Use /api/v2/dashboard/.",
        response=_DASHBOARD,
        tag="Deprecated",
        is_deprecated=True,
        shows_opportunities=always,
    )
    def dashboard_real(self):
        return request.env["cqrs.api.v1"]._read_dashboard()

    @operation(
        "/api/opportunities",
        summary="The opportunities of API v1",
        description="The most valuable first, read from the leads at each request. Use"
        " /api/v2/dashboard/opportunities.",
        parameters=[
            Parameter("limit", **whole_number(200), description="80 by default."),
            Parameter(
                "offset",
                **whole_number(10**9, minimum=0),
                description="How many to skip; 0 by default.",
            ),
        ],
        response=_object(total=_COUNT, items=_OPPORTUNITIES),
        tag="Deprecated",
        is_deprecated=True,
        shows_opportunities=always,
    )
    def opportunities_v1(self, limit=80, offset=0):
        return request.env["cqrs.api.v1"]._read_opportunities(limit, offset)
