from datetime import date, datetime, timezone

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .answer_context import AnswerContext


class CqrsDelegation(models.Model):
    """A person lends another their view of the opportunities, from a day to a day.

    Both days are included, and are days of the lender's time zone (UTC if the lender
    has none). What is lent can be read, not written, and not lent on. It ends early
    with an earlier last day, or when the delegation is archived; the record stays.
    """

    _name = "cqrs.delegation"
    _description = "View Delegation"
    _inherit = "mail.thread"
    _order = "date_from desc, id desc"

    lender_id = fields.Many2one(
        "res.users",
        required=True,
        index=True,
        default=lambda self: self.env.user,
        domain=lambda self: self._people(),
        ondelete="cascade",
        help="User whose view of the opportunities is lent.",
    )
    delegate_id = fields.Many2one(
        "res.users",
        required=True,
        index=True,
        domain=lambda self: self._people(),
        ondelete="cascade",
        help="User who can see the lender's view of the opportunities.",
    )
    date_from = fields.Date(
        "First Day",
        required=True,
        compute="_compute_date_from",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
    )
    date_to = fields.Date("Last Day", required=True, tracking=True)
    reason = fields.Char(tracking=True)
    active = fields.Boolean(default=True, tracking=True)

    _days_in_order = models.Constraint(
        "CHECK (date_from <= date_to)",
        "The last day of a delegation cannot be before its first day.",
    )
    _to_somebody_else = models.Constraint(
        "CHECK (lender_id <> delegate_id)",
        "The lender and the delegate must be two different users.",
    )

    @api.model
    def _people(self):
        """Return the domain of the users who may lend and borrow a view."""
        group_ids = self.env["cqrs.access"]._reading_group_ids()
        return [("share", "=", False), ("all_group_ids", "in", group_ids)]

    @api.constrains("lender_id", "delegate_id")
    def _check_people(self):
        access = self.env["cqrs.access"]
        for person in self.lender_id | self.delegate_id:
            if not person.active:
                raise ValidationError(
                    self.env._(
                        "%(name)s is archived. Archived users cannot lend or "
                        "borrow a view.",
                        name=person.name,
                    )
                )
            if person.share or not access._may_read_leads(person.id):
                raise ValidationError(
                    self.env._(
                        "%(name)s does not have access to CRM, and a delegation "
                        "does not give it. Ask an administrator for access first.",
                        name=person.name,
                    )
                )

    @api.depends("lender_id")
    def _compute_date_from(self):
        """Begin on the day which it is for the lender, unless told otherwise."""
        for delegation in self:
            # In a form, that of another lender may be there already.
            is_default = delegation.date_from == _today(self.env.user)
            if not delegation.date_from or (is_default and not delegation._origin):
                delegation.date_from = _today(delegation.lender_id)

    @api.depends("lender_id.name", "delegate_id.name")
    def _compute_display_name(self):
        for delegation in self:
            delegation.display_name = self.env._(
                "%(lender)s to %(delegate)s",
                lender=delegation.lender_id.name or "",
                delegate=delegation.delegate_id.name or "",
            )

    def write(self, vals):
        for name in ("lender_id", "delegate_id"):
            if name in vals and any(each[name].id != vals[name] for each in self):
                raise UserError(
                    self.env._(
                        "You cannot change the lender or the delegate. End this "
                        "delegation and create another one."
                    )
                )
        return super().write(vals)


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    def _lending(self, user):
        delegations = AnswerContext.of(self.env, user).delegations
        if not delegations:
            return []
        users = self.env["res.users"].sudo()
        return sorted(
            {
                lender_id
                for lender_id, date_from, date_to in delegations
                if date_from <= _today(users.browse(lender_id)).isoformat() <= date_to
            }
        )


def _today(user) -> date:
    try:
        zone = pytz.timezone(user.sudo().tz or "UTC")
    except pytz.UnknownTimeZoneError:
        zone = pytz.utc
    return datetime.now(timezone.utc).astimezone(zone).date()
