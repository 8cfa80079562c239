"""API v1: deprecated routes, computed live until clients have moved to v2."""

from odoo.http import Controller, request

from ..models.support.json_schema import (
    COUNT,
    INTEGER,
    TEXT,
    TIME,
    array,
    nullable,
    obj,
)
from .operations import always, operation
from .query import Parameter, whole_number

_MONEY = {"type": "number"}
_OPPORTUNITIES = array(
    obj(
        odoo_id=INTEGER,
        name=TEXT,
        value=_MONEY,
        currency=TEXT,
        stage=obj(id=nullable(INTEGER), name=nullable(TEXT)),
        status={"enum": ["pending", "won", "lost"]},
        salesperson=nullable(obj(user_id=INTEGER, name=TEXT, email=nullable(TEXT))),
        partner=nullable(obj(id=INTEGER, name=nullable(TEXT))),
    )
)
_DASHBOARD = obj(
    user=obj(user_id=INTEGER, name=TEXT, email=nullable(TEXT)),
    metrics=obj(
        user_id=INTEGER,
        currency=TEXT,
        pipeline_value=_MONEY,
        won_revenue=_MONEY,
        active_opportunities=COUNT,
        computed_at=TIME,
    ),
    opportunities=obj(total=COUNT, own=COUNT, subordinates=COUNT, items=_OPPORTUNITIES),
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
                description="The number of opportunities to skip; 0 by default.",
            ),
        ],
        response=obj(total=COUNT, items=_OPPORTUNITIES),
        tag="Deprecated",
        is_deprecated=True,
        shows_opportunities=always,
    )
    def opportunities_v1(self, limit=80, offset=0):
        return request.env["cqrs.api.v1"]._read_opportunities(limit, offset)
