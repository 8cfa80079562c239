"""API v1: deprecated routes, computed live until clients have moved to v2."""

from odoo.http import Controller, request

from .contract.schemas import ref
from .operations import always, operation
from .query import Parameter, whole_number


class LegacyApi(Controller):
    @operation(
        "/api/sales/dashboard/real",
        summary="The dashboard of API v1",
        description="Computed from the leads at each request. Use /api/v2/dashboard/.",
        response=ref("LegacyDashboard"),
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
        response=ref("LegacyOpportunities"),
        tag="Deprecated",
        is_deprecated=True,
        shows_opportunities=always,
    )
    def opportunities_v1(self, limit=80, offset=0):
        return request.env["cqrs.api.v1"]._read_opportunities(limit, offset)
