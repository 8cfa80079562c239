"""The days, weeks and years of a person: time zone, language, fiscal year."""

import calendar
import re

from odoo import fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, ormcache

from ..support.company_parameters import company_parameter, set_company_parameter
from ..support.periods import UTC, Calendar, zone_named

#: The parameter of a company that says where its fiscal year ends: day/month
YEAR_END = "fiscal_year_end"

_MONTHS = [
    ("1", "January"),
    ("2", "February"),
    ("3", "March"),
    ("4", "April"),
    ("5", "May"),
    ("6", "June"),
    ("7", "July"),
    ("8", "August"),
    ("9", "September"),
    ("10", "October"),
    ("11", "November"),
    ("12", "December"),
]


class ResCompany(models.Model):
    """Holds where the fiscal year ends, if no module for accounting says it."""

    _inherit = "res.company"

    cqrs_year_last_day = fields.Integer(
        "Last Day of the Year",
        compute="_compute_cqrs_year_end",
        inverse="_inverse_cqrs_year_end",
    )
    cqrs_year_last_month = fields.Selection(
        _MONTHS,
        "Last Month of the Year",
        compute="_compute_cqrs_year_end",
        inverse="_inverse_cqrs_year_end",
    )

    def _compute_cqrs_year_end(self):
        for company in self:
            day, month = company._cqrs_stored_year_end()
            company.cqrs_year_last_day = day
            company.cqrs_year_last_month = str(month)

    def _inverse_cqrs_year_end(self):
        for company in self:
            day, month = company.cqrs_year_last_day, company.cqrs_year_last_month
            __, last = calendar.monthrange(2000, int(month or 12))  # a leap year
            if not 1 <= day <= last:
                raise ValidationError(
                    self.env._("The fiscal year cannot end on a day that is not there.")
                )
            set_company_parameter(company, YEAR_END, f"{day}/{month or 12}")

    def _cqrs_stored_year_end(self) -> tuple[int, int]:
        """Return the last day and the last month of the fiscal year."""
        text = company_parameter(self, YEAR_END)
        found = re.fullmatch(r"([1-9]|[12]\d|3[01])/([1-9]|1[0-2])", text)
        return (int(found[1]), int(found[2])) if found else (31, 12)


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    cqrs_year_last_day = fields.Integer(
        related="company_id.cqrs_year_last_day", readonly=False
    )
    cqrs_year_last_month = fields.Selection(
        related="company_id.cqrs_year_last_month", readonly=False
    )
    cqrs_has_fiscal_year = fields.Boolean(compute="_compute_cqrs_has_fiscal_year")

    def _compute_cqrs_has_fiscal_year(self):
        self.cqrs_has_fiscal_year = "fiscalyear_last_day" in self.env["res.company"]


def stored_year_end(env, company_id: SQL) -> SQL:
    """Return the query of the last day and month of a company's fiscal year.

    It gives a JSON array, or NULL if no module for accounting keeps them.
    """
    if "fiscalyear_last_day" not in env["res.company"]:
        return SQL("NULL::json")
    return SQL(
        """
        SELECT json_build_array(fiscalyear_last_day, fiscalyear_last_month)
        FROM res_company WHERE id = %s
        """,
        company_id,
    )


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    # Odoo empties this cache whenever parameters or languages change.
    @ormcache("company_id", "zone", "code", "year_end", cache="stable")
    def _calendar_of(
        self, company_id: int, zone: str | None, code: str, year_end: tuple | None
    ) -> Calendar:
        """Return the calendar of somebody who works in a company.

        :param zone: name of the person's time zone
        :param code: of the language
        :param year_end: value of ``stored_year_end``
        """
        week = self.env["res.lang"]._get_data(code=code).week_start
        company = self.env["res.company"].browse(company_id)
        day, month = year_end or company._cqrs_stored_year_end()
        return Calendar(
            zone_named(zone) or UTC, int(week or 1), (day or 31, int(month or 12))
        )
