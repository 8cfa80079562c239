"""The options of the settings that let users see more, all off by default."""

from odoo import api, fields, models
from odoo.tools import ormcache, str2bool

from ..support.company_parameters import (
    company_parameter,
    parameters_by_company,
    set_company_parameter,
)
from .answer_context import AnswerContext
from .policy import ByCompany, Options

#: ``{option: system parameter}``
OPTIONS = {
    "team_leaders": "crm_cqrs.team_leaders_see_their_team",
    "unassigned": "crm_cqrs.salespeople_see_unassigned",
    "department_managers": "crm_cqrs.department_managers_see_their_department",
    "past_teams": "crm_cqrs.past_teams_show_who_left",
}


#: Settings of an option by a company; without one, it is as for all
SETTINGS = [("on", "On"), ("off", "Off")]


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _options(self) -> Options:
        """Return which options are on."""
        return AnswerContext.of(self.env).options

    def _read_options(self) -> Options:
        return self.env["ir.config_parameter"].sudo()._cqrs_options()


class IrConfigParameter(models.Model):
    _inherit = "ir.config_parameter"

    # Each answer asks for them: eight parameters take a fortieth of a dashboard's time.
    @api.model
    @ormcache(cache="stable")
    def _cqrs_options(self) -> Options:
        return Options(**{option: self._cqrs_option(option) for option in OPTIONS})

    def _cqrs_option(self, option: str) -> bool | ByCompany:
        is_on = str2bool(self.get_param(OPTIONS[option]) or "", default=False)
        other = "off" if is_on else "on"
        by_company = parameters_by_company(self.env, option)
        others = [id_ for id_, value in by_company.items() if value == other]
        return ByCompany(is_on, tuple(sorted(others))) if others else is_on


class ResCompany(models.Model):
    _inherit = "res.company"

    cqrs_team_leaders = fields.Selection(
        SETTINGS,
        "Team Leaders",
        compute="_compute_cqrs_options",
        inverse="_inverse_cqrs_options",
    )
    cqrs_unassigned = fields.Selection(
        SETTINGS,
        "Unassigned",
        compute="_compute_cqrs_options",
        inverse="_inverse_cqrs_options",
    )
    cqrs_department_managers = fields.Selection(
        SETTINGS,
        "Department Managers",
        compute="_compute_cqrs_options",
        inverse="_inverse_cqrs_options",
    )
    cqrs_past_teams = fields.Selection(
        SETTINGS,
        "Past Teams",
        compute="_compute_cqrs_options",
        inverse="_inverse_cqrs_options",
    )

    def _compute_cqrs_options(self):
        for company in self:
            for option in OPTIONS:
                value = company_parameter(company, option)
                company[f"cqrs_{option}"] = value in dict(SETTINGS) and value

    def _inverse_cqrs_options(self):
        for company in self:
            values = {option: company[f"cqrs_{option}"] or "" for option in OPTIONS}
            for option, value in values.items():
                set_company_parameter(company, option, value)


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
    cqrs_company_team_leaders = fields.Selection(
        related="company_id.cqrs_team_leaders", readonly=False
    )
    cqrs_company_unassigned = fields.Selection(
        related="company_id.cqrs_unassigned", readonly=False
    )
    cqrs_company_department_managers = fields.Selection(
        related="company_id.cqrs_department_managers", readonly=False
    )
    cqrs_company_past_teams = fields.Selection(
        related="company_id.cqrs_past_teams", readonly=False
    )
