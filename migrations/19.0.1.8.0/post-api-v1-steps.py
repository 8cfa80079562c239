"""Switching off API v1 and its end date were two settings; now they are steps."""

from datetime import datetime

from odoo import SUPERUSER_ID, api
from odoo.tools import str2bool

IS_OFF = "crm_cqrs.api_v1_is_off"
SUNSET = "crm_cqrs.api_v1_sunset"
SINCE = datetime(2026, 11, 24)
DEFAULT = datetime(2027, 11, 24)


def migrate(cr, version):
    env = api.Environment(cr, SUPERUSER_ID, {})
    parameters, steps = env["ir.config_parameter"], env["cqrs.api.v1.step"]
    try:
        sunset = datetime.fromisoformat(parameters.get_param(SUNSET) or "")
    except ValueError:
        sunset = DEFAULT
    if sunset.replace(tzinfo=None) != DEFAULT:
        steps.create({"step": "announced", "since": SINCE, "sunset": sunset})
    if str2bool(parameters.get_param(IS_OFF) or "", default=False):
        steps.create({"step": "off"})
    parameters.search([("key", "in", (IS_OFF, SUNSET))]).unlink()
