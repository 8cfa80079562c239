"""The assistant that forgets a person, for administrators."""

import base64

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..support.exact_json import dumps
from . import erasures
from .export import export
from .finder import find
from .forgetting import MODES
from .preview import preview
from .removal import DELETE
from .subject import Subject

PARTNER = "partner"
EMAIL = "email"
LEAD = "lead"


class CqrsForgetAssistant(models.TransientModel):
    """Names a person, shows what would go, and requests the run that forgets.

    What it shows is computed and never stored, since this row would be one trace more.
    """

    _name = "cqrs.forget.assistant"
    _description = "Forget a Person"

    by = fields.Selection(
        [(PARTNER, "Contact"), (EMAIL, "Email Address"), (LEAD, "Lead")],
        "Find By",
        required=True,
        default=PARTNER,
    )
    partner_id = fields.Many2one("res.partner", "Contact")
    email = fields.Char("Email Address")
    lead_id = fields.Many2one("crm.lead", context={"active_test": False})
    traces = fields.Html(compute="_compute_traces", sanitize=False)
    is_found = fields.Boolean(compute="_compute_traces")
    reason = fields.Char(
        help="Stays on record with your name and the date. Do not name the person."
    )
    mode = fields.Selection(MODES, "Records in Odoo", required=True, default=DELETE)
    is_full = fields.Boolean(
        "Rewrite Tables",
        help="VACUUM FULL also removes what deleted rows leave in free space, and "
        "rebuilds the indexes. Nobody can use a table while it is rewritten, so choose "
        "a quiet hour.",
    )
    confirmation = fields.Char()
    has_list = fields.Boolean(compute="_compute_has_list")
    document = fields.Binary(compute="_compute_document", attachment=False)

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        model, id_ = (self.env.context.get(f"active_{n}") for n in ("model", "id"))
        if model == "res.partner":
            values |= {"by": PARTNER, "partner_id": id_}
        elif model == "crm.lead":
            values |= {"by": LEAD, "lead_id": id_}
        return values

    @api.depends("by", "partner_id", "email", "lead_id")
    def _compute_traces(self):
        for assistant in self:
            found = assistant._find()
            assistant.is_found = bool(
                found and (found.records or found.streams or found.mentions)
            )
            assistant.traces = found is not None and assistant._shown(found)

    def _compute_has_list(self):
        self.has_list = bool(erasures.path())

    def _compute_document(self):
        self.env["cqrs.run"]._check_administrator()
        for assistant in self:
            found = assistant._find()
            text = dumps(export(self.env, found)) if found else ""
            assistant.document = base64.b64encode(text.encode())

    def action_export(self):
        """Download what the person is entitled to see."""
        self._subject()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/document/person.json"
            "?download=true",
            "target": "self",
        }

    def action_forget(self):
        """Request the run that forgets the person; return the action that shows it."""
        if (self.confirmation or "").strip() != self._confirmation():
            raise UserError(
                self.env._(
                    "Type %s to confirm. This cannot be undone.", self._confirmation()
                )
            )
        return self.env["cqrs.run"]._request_to_forget(
            self._subject(), self.reason, self.mode, self.is_full
        )

    @api.model
    def _confirmation(self) -> str:
        return "FORGET"

    def _find(self):
        """Return the traces of the person, None while nobody is named."""
        self.env["cqrs.run"]._check_administrator()
        try:
            return find(self.env, self._subject())
        except UserError:
            return None

    def _subject(self) -> Subject:
        try:
            return Subject.of(
                partner=self.partner_id.id if self.by == PARTNER else 0,
                email=self.email if self.by == EMAIL else "",
                lead=self.lead_id.id if self.by == LEAD else 0,
            )
        except ValueError as error:
            raise UserError(
                self.env._("Choose a contact or a lead, or enter one email address.")
            ) from error

    def _shown(self, found) -> Markup:
        titles = {
            "records": self.env._("Records in Odoo that go"),
            "attached": self.env._("With them"),
            "log": self.env._("In the log and the read models"),
            "mentions": self.env._("Records of others that lose the address"),
            "kept": self.env._("Not touched"),
        }
        parts = []
        for key, traces in preview(self.env, found).items():
            if not traces:
                continue
            rows = Markup().join(
                Markup(
                    "<tr><th scope='row' class='fw-normal'>{}</th>"
                    "<td class='text-end'>{}</td><td class='text-break'>{}</td></tr>"
                ).format(each.name, each.number, ", ".join(each.examples))
                for each in traces
            )
            parts.append(
                Markup(
                    "<table class='table table-sm'><caption class='caption-top'>{}"
                    "</caption><tbody>{}</tbody></table>"
                ).format(titles[key], rows)
            )
        return Markup().join(parts) or self.env._("Nothing found.")
