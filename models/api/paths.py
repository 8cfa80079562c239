"""The paths of the API, and the successors of those of v1."""

from datetime import timezone

PREFIX = "/api/v2"

#: The routes of v1, and the route of v2 that takes the place of each
SUCCESSORS = {
    "/api/sales/dashboard/real": "/api/v2/dashboard/",
    "/api/opportunities": "/api/v2/dashboard/opportunities",
}


def is_of_the_api(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/") or is_of_v1(path)


def is_of_v1(path: str) -> bool:
    return v1_route(path) in SUCCESSORS


def v1_route(path: str) -> str:
    return path.rstrip("/")


def parameter(env, name: str) -> str | bool:
    return env["ir.config_parameter"].sudo().get_param(name)


def utc(moment):
    return moment.replace(tzinfo=timezone.utc)
