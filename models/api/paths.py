"""The paths of the API, and until when those of v1 are answered."""

from datetime import datetime, timezone

from odoo import fields
from odoo.tools import str2bool

from .settings import (
    V1_DEFAULT_SUNSET,
    V1_IS_OFF,
    V1_SUNSET,
)

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


def v1_is_off(env) -> bool:
    return str2bool(parameter(env, V1_IS_OFF) or "", default=False)


def v1_sunset(env) -> datetime:
    """Return the moment at which v1 is announced to end, in UTC without a zone."""
    try:
        sunset = fields.Datetime.to_datetime(parameter(env, V1_SUNSET))
    except ValueError:
        # A parameter can be written without the settings' check.
        sunset = None
    return sunset or V1_DEFAULT_SUNSET


def parameter(env, name: str) -> str | bool:
    return env["ir.config_parameter"].sudo().get_param(name)


def utc(moment):
    return moment.replace(tzinfo=timezone.utc)
