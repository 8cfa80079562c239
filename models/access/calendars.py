"""The days, weeks and years of a person: time zone, language, fiscal year."""

import calendar

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..support.periods import UTC, Calendar, zone_named

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

    cqrs_year_last_day = fields.Integer("Last Day of the Year", default=31)
    cqrs_year_last_month = fields.Selection(
        _MONTHS, "Last Month of the Year", default="12"
    )

    @api.constrains("cqrs_year_last_day", "cqrs_year_last_month")
    def _check_cqrs_year_end(self):
        for company in self:
            month = int(company.cqrs_year_last_month or 12)
            __, last = calendar.monthrange(2000, month)  # a leap year
            if not 1 <= company.cqrs_year_last_day <= last:
                raise ValidationError(
                    self.env._("The fiscal year cannot end on a day that is not there.")
                )

    def _cqrs_year_end(self) -> tuple[int, int]:
        """Return the last day and the last month of the fiscal year."""
        self.ensure_one()
        prefix = (
            "fiscalyear_last" if "fiscalyear_last_day" in self else "cqrs_year_last"
        )
        return self[f"{prefix}_day"] or 31, int(self[f"{prefix}_month"] or 12)


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


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _calendar(self, user=None) -> Calendar:
        """Return the calendar of a user, that of ``env`` by default."""
        user = (user or self.env.user).sudo()
        language = self.env["res.lang"]._get_data(code=self.env.lang or user.lang)
        return Calendar(
            zone_named(user.tz) or UTC,
            int(language.week_start or 1),
            user.company_id._cqrs_year_end(),
        )
