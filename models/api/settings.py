from datetime import datetime

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..support.company_parameters import company_parameter, set_company_parameter
from .origins import parse_origins

CORS_ORIGINS = "crm_cqrs.api_cors_origins"
REQUESTS_PER_MINUTE = "crm_cqrs.api_requests_per_minute"

#: Since when v1 is deprecated, and when it ends unless it is announced otherwise; UTC
V1_DEPRECATED_SINCE = datetime(2026, 11, 24)
V1_DEFAULT_SUNSET = datetime(2027, 11, 24)


#: The parameter of a company with the limit of its users
COMPANY_REQUESTS_PER_MINUTE = "api_requests_per_minute"


class ResCompany(models.Model):
    _inherit = "res.company"

    cqrs_api_requests_per_minute = fields.Integer(
        "API Requests per User and Minute",
        compute="_compute_cqrs_api_requests_per_minute",
        inverse="_inverse_cqrs_api_requests_per_minute",
    )

    def _compute_cqrs_api_requests_per_minute(self):
        for company in self:
            text = company_parameter(company, COMPANY_REQUESTS_PER_MINUTE)
            limit = int(text) if text.isdecimal() else 0
            company.cqrs_api_requests_per_minute = limit

    def _inverse_cqrs_api_requests_per_minute(self):
        for company in self:
            limit = company.cqrs_api_requests_per_minute
            if limit < 0:
                raise ValidationError(
                    self.env._(
                        "The number of requests per minute must be 0 (no "
                        "limit) or more."
                    )
                )
            set_company_parameter(
                company, COMPANY_REQUESTS_PER_MINUTE, str(limit) if limit else ""
            )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    cqrs_api_cors_origins = fields.Char(
        "Allowed API Origins", config_parameter=CORS_ORIGINS
    )
    cqrs_api_requests_per_minute = fields.Integer(
        "API Requests per User and Minute", config_parameter=REQUESTS_PER_MINUTE
    )
    cqrs_api_company_requests_per_minute = fields.Integer(
        "API Requests per User of This Company and Minute",
        related="company_id.cqrs_api_requests_per_minute",
        readonly=False,
    )

    @api.constrains("cqrs_api_cors_origins")
    def _check_cqrs_api_cors_origins(self):
        for settings in self:
            try:
                parse_origins(settings.cqrs_api_cors_origins)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "%(text)s is not a valid origin. Enter a scheme, a host "
                        "and optionally a port, without a path, such as "
                        "https://app.example.com or http://localhost:3000. "
                        "Separate several origins with commas.",
                        text=error.args[0],
                    )
                ) from error

    @api.constrains("cqrs_api_requests_per_minute")
    def _check_cqrs_api_requests_per_minute(self):
        for settings in self:
            if settings.cqrs_api_requests_per_minute < 0:
                raise ValidationError(
                    self.env._(
                        "The number of requests per minute must be 0 (no "
                        "limit) or more."
                    )
                )
