"""Legal holds: records that may not be forgotten for now."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL


class CqrsLegalHold(models.Model):
    """A contact or a lead that is kept from being forgotten, with the reason.

    A hold on a contact covers the leads of the contact. It ends when an administrator
    releases it; who held a record, and who released it, stays in the list.
    """

    _name = "cqrs.legal.hold"
    _description = "Legal Hold"
    _order = "id desc"
    _rec_name = "reason"

    lead_id = fields.Many2one("crm.lead", ondelete="set null", index="btree_not_null")
    partner_id = fields.Many2one(
        "res.partner",
        "Contact",
        ondelete="set null",
        index="btree_not_null",
        help="The leads of the contact are held as well.",
    )
    reason = fields.Char(
        required=True, help="For example the number of a case. Do not name the person."
    )
    active = fields.Boolean("In Force", default=True, readonly=True)
    create_uid = fields.Many2one("res.users", "Held By", readonly=True)
    create_date = fields.Datetime("Held Since", readonly=True)
    released_by_id = fields.Many2one("res.users", readonly=True)
    released_at = fields.Datetime(readonly=True)

    @api.constrains("lead_id", "partner_id", "active")
    def _check_record(self):
        for hold in self:
            if hold.active and bool(hold.lead_id) == bool(hold.partner_id):
                raise ValidationError(self.env._("Choose a lead or a contact to hold."))

    def action_release(self):
        self.check_access("write")
        self.write(
            {
                "active": False,
                "released_by_id": self.env.uid,
                "released_at": fields.Datetime.now(),
            }
        )
        return True

    @api.model
    def _held(self, model: str, ids) -> dict[int, str]:
        """Return ``{id: reason}`` of the records of a model that are held.

        :param model: any model; only contacts and leads can be held
        """
        if model not in _HELD or not ids:
            return {}
        self.flush_model()
        return dict(self.env.execute_query(SQL(_HELD[model], list(ids))))


_HELD = {
    "res.partner": """
        SELECT partner_id, min(reason) FROM cqrs_legal_hold
        WHERE active AND partner_id = ANY(%s) GROUP BY partner_id
    """,
    "crm.lead": """
        SELECT lead.id, min(reason)
        FROM crm_lead lead
        JOIN cqrs_legal_hold hold
          ON hold.lead_id = lead.id OR hold.partner_id = lead.partner_id
        WHERE hold.active AND lead.id = ANY(%s) GROUP BY lead.id
    """,
}
