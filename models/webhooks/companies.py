"""Endpoints of somebody's companies: bound to some of them, and to no other.

Who administers companies sees these endpoints, and of their messages those about
records of the companies. Requests and answers, with the values and the receiver's
words, are the administrators'.
"""

from odoo import api, fields, models
from odoo.tools import SQL

from ..access.record_rules import Condition
from ..event_store.part import Part, in_part
from ..support.bound_companies import BOUND, within_bounds
from .log import event_of


class CqrsWebhook(models.Model):
    _name = "cqrs.webhook"
    _inherit = ("cqrs.webhook", "cqrs.rule")
    _cqrs_conditions = ("is_of_my_companies",)

    is_of_my_companies = fields.Boolean(
        "Of My Companies",
        compute="_compute_is_of_my_companies",
        search="_search_is_of_my_companies",
    )

    @api.depends_context("uid", "allowed_company_ids", BOUND)
    def _compute_is_of_my_companies(self):
        self._cqrs_compute("is_of_my_companies", self._cqrs_of_my_companies())

    def _search_is_of_my_companies(self, operator, value):
        condition = self._cqrs_of_my_companies()
        return self._cqrs_search(operator, value, condition)

    def _cqrs_of_my_companies(self) -> Condition:
        # With sudo, too: Odoo itself evaluates the domains of rules with it.
        env = self.env(su=False)
        company_ids = list(within_bounds(env, env.companies._ids))
        return lambda row: _is_of(SQL("%s.id", row), company_ids)


class CqrsWebhookMessage(models.Model):
    _name = "cqrs.webhook.message"
    _inherit = ("cqrs.webhook.message", "cqrs.rule")
    _cqrs_conditions = ("is_of_my_companies",)

    is_of_my_companies = fields.Boolean(
        "Of My Companies",
        compute="_compute_is_of_my_companies",
        search="_search_is_of_my_companies",
    )

    @api.depends_context("uid", "allowed_company_ids", BOUND)
    def _compute_is_of_my_companies(self):
        self._cqrs_compute("is_of_my_companies", self._cqrs_of_my_companies())

    def _search_is_of_my_companies(self, operator, value):
        condition = self._cqrs_of_my_companies()
        return self._cqrs_search(operator, value, condition)

    def _cqrs_of_my_companies(self) -> Condition:
        env = self.env(su=False)
        company_ids = list(within_bounds(env, env.companies._ids))
        part = env["cqrs.event"]._part_of(company_ids)
        return lambda row: SQL(
            "(%s AND %s)",
            _is_of(SQL("%s.webhook_id", row), company_ids),
            is_known(row, part),
        )

    def _known(self, row: SQL) -> SQL:
        """Return the condition that the reader may know of a message."""
        part = self.env["cqrs.event"]._part()
        return is_known(row, part) if part else SQL("true")


def is_known(row: SQL, part: Part) -> SQL:
    """Return the condition that a message is of no event, or of one of some companies.

    A message may be older than the companies to which its endpoint is bound.
    """
    return SQL(
        "(%s.position IS NULL OR EXISTS (SELECT FROM %s event WHERE event.is_seen))",
        row,
        in_part(event_of(row), part),
    )


def _is_of(webhook_id: SQL, company_ids: list[int]) -> SQL:
    """Return the condition that an endpoint is bound to some companies alone."""
    return SQL(
        """
        (EXISTS (SELECT FROM cqrs_webhook_company_rel bound
                 WHERE bound.webhook_id = %(webhook)s)
         AND NOT EXISTS (SELECT FROM cqrs_webhook_company_rel bound
                         WHERE bound.webhook_id = %(webhook)s
                           AND bound.company_id <> ALL(%(companies)s::integer[])))
        """,
        webhook=webhook_id,
        companies=company_ids,
    )
