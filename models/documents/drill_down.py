"""The records behind the figures of orders and invoices, in lists of Odoo's."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..access.viewers import INVOICES, ORDERS
from ..projections.invoice_view import is_overdue


class CqrsOrderView(models.Model):
    _name = "cqrs.order.view"
    _inherit = ("cqrs.order.view", "cqrs.seen.row")
    _cqrs_shown = ORDERS

    def action_open_document(self):
        """Return the action that shows the order in Odoo's own form."""
        return _opened(self)


class CqrsInvoiceView(models.Model):
    _name = "cqrs.invoice.view"
    _inherit = ("cqrs.invoice.view", "cqrs.seen.row")
    _cqrs_shown = INVOICES
    _cqrs_conditions = ("is_visible", "is_overdue")

    is_overdue = fields.Boolean(
        "Overdue",
        compute="_compute_is_overdue",
        search="_search_is_overdue",
        help="A part of it is unpaid, and was due before today.",
    )

    def action_open_document(self):
        """Return the action that shows the invoice in Odoo's own form."""
        return _opened(self)

    @api.depends_context("tz")
    def _compute_is_overdue(self):
        self._cqrs_compute("is_overdue", self._cqrs_overdue)

    def _search_is_overdue(self, operator, value):
        return self._cqrs_search(operator, value, self._cqrs_overdue)

    def _cqrs_overdue(self, row: SQL) -> SQL:
        return is_overdue(row, fields.Date.context_today(self))


def _opened(row) -> dict:
    """Return the action that shows the document of a row.

    :raise UserError: Odoo's rules let the user see less than the dashboard does
    """
    row.ensure_one()
    row.check_access("read")
    documents = row.env[row._cqrs_shown].with_context(
        allowed_company_ids=row.env.user.company_ids.ids
    )
    if not documents.search_count([("id", "=", row.id)], limit=1):
        raise UserError(
            row.env._(
                "You can see this document on the dashboard but not open it. Ask "
                "an administrator for the access right “User: Own and Team's "
                "Documents”."
            )
        )
    return {
        "type": "ir.actions.act_window",
        "name": row.name,
        "res_model": row._cqrs_shown,
        "res_id": row.id,
        "views": [(False, "form")],
    }
