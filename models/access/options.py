"""The options of the settings that let users see more, all off by default."""

from odoo import api, fields, models
from odoo.tools import str2bool

from .answer_context import AnswerContext
from .policy import Options

#: ``{option: system parameter}``
OPTIONS = {
    "team_leaders": "crm_cqrs.team_leaders_see_their_team",
    "unassigned": "crm_cqrs.salespeople_see_unassigned",
    "department_managers": "crm_cqrs.department_managers_see_their_department",
    "past_teams": "crm_cqrs.past_teams_show_who_left",
}


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _options(self) -> Options:
        """Return which options are on."""
        return AnswerContext.of(self.env).options

    def _read_options(self) -> Options:
        parameters = self.env["ir.config_parameter"].sudo()
        return Options(
            **{
                option: str2bool(parameters.get_param(name) or "", default=False)
                for option, name in OPTIONS.items()
            }
        )


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
    cqrs_past_teams = fields.Boolean(
        "Past teams show who has left them",
        config_parameter=OPTIONS["past_teams"],
    )
