from odoo.http import Controller, Response, request, route

from ..models.json_encoding import dumps


class DashboardApi(Controller):
    @route(
        "/api/v2/dashboard/",
        type="cqrs_api",
        auth="cqrs_api",
        methods=["GET"],
        readonly=True,
    )
    def dashboard(self):
        """Return the caller's dashboard: ``{user, metrics, opportunities, …}``."""
        return json_response(request.env["cqrs.dashboard"]._read_dashboard())


def json_response(value) -> Response:
    return Response(
        dumps(value),
        content_type="application/json",
        headers={"Cache-Control": "private, no-cache"},
    )
