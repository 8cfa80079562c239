from odoo import fields, models

from .access import OPTIONS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    cqrs_team_leaders = fields.Boolean(
        "Team leaders see their team's opportunities",
        config_parameter=OPTIONS["team_leaders"],
    )
    cqrs_unassigned = fields.Boolean(
        "Salespeople see unassigned opportunities",
        config_parameter=OPTIONS["unassigned"],
    )
    cqrs_department_managers = fields.Boolean(
        "Department managers see their department's opportunities",
        config_parameter=OPTIONS["department_managers"],
    )
