"""The choice of an administrator: any further model, and its fields."""

import re

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..event_store.attached_sources import Wanted
from ..event_store.never_recorded import recordable_models
from ..event_store.source_on_record import ENDED, RECORDED

HISTORY = "crm_cqrs.history"


class CqrsSource(models.Model):
    _inherit = "cqrs.source"

    model_name = fields.Char("Model", compute="_compute_model_name")
    field_count = fields.Integer("Fields", compute="_compute_field_count")
    joining_count = fields.Integer("Fields Joining", compute="_compute_field_count")
    start = fields.Char(compute="_compute_start")

    @api.depends("model")
    @api.depends_context("lang")
    def _compute_model_name(self):
        models_ = self.env["ir.model"]
        ids = [models_._get_id(source.model) for source in self]
        names = {each.model: each.name for each in models_.browse(filter(None, ids))}
        for source in self:
            source.model_name = names.get(source.model, source.model)

    @api.depends("field_ids.state")
    def _compute_field_count(self):
        for source in self:
            states = source.field_ids.mapped("state")
            source.joining_count = states.count("joining")
            source.field_count = states.count("recorded") + source.joining_count

    @api.depends("state", "unbuilt_until", "is_from_now_on", "joins_until")
    @api.depends_context("lang")
    def _compute_start(self):
        for source in self:
            if source.state != RECORDED:
                source.start = False
            elif source.is_from_now_on:
                source.start = self.env._("Records that were changed or created since")
            elif source.unbuilt_until or source.joins_until:
                source.start = self.env._("First build in progress")
            else:
                source.start = self.env._("All records")

    def action_choose_fields(self):
        """Open the choice of the fields of this model."""
        self._check_administrator()
        return self._open_choice({"default_source_id": self.id})

    def action_choose_model(self):
        """Open the choice of a further model."""
        self._check_administrator()
        return self._open_choice({})

    def action_end(self):
        """Take the models off record: each of their records' streams ends."""
        self._check_administrator()
        for source in self.sudo().filtered(lambda each: each.state == RECORDED):
            if source.addon:
                raise UserError(
                    self.env._(
                        "%(model)s is declared by %(addon)s, which needs it on record.",
                        model=source.model_name,
                        addon=source.addon,
                    )
                )
            source._end()
        return self.env["cqrs.run"].action_build()

    @api.model
    def _put_on_record(self, name: str, is_from_now_on: bool = False):
        """Put a model on record with all the fields that may be chosen.

        :raise UserError: the model may not be recorded, or is on record already
        """
        source = self.search([("model", "=", name)])
        if name not in recordable_models(self.env):
            raise UserError(
                self.env._("%s cannot be put on record.", name or self.env._("Nothing"))
            )
        if source and source.state != ENDED:
            raise UserError(self.env._("%s is on record already.", source.model_name))
        noun = "".join(part.capitalize() for part in re.split(r"[._]", name))
        paths = frozenset(self.env["cqrs.event"]._choosable(name))
        self._begin(Wanted(name, noun, None, paths), False, is_from_now_on)
        source = self.search([("model", "=", name)])
        source._offer_history()
        return source

    def _check_administrator(self):
        self.env["cqrs.run"]._check_administrator()

    def _open_choice(self, context: dict) -> dict:
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Models on Record"),
            "res_model": "cqrs.source.choice",
            "views": [(False, "form")],
            "target": "new",
            "context": context,
        }

    def _end(self):
        result = super()._end()
        self._history_action().unlink()
        return result

    def _history_action(self):
        """Return the action that shows the history of a record of this model."""
        actions = self.env["ir.actions.client"].sudo()
        bound = [("tag", "=", HISTORY), ("binding_model_id.model", "=", self.model)]
        return actions.search(bound)

    def _offer_history(self):
        """Offer the history in the action menu of the model's records."""
        if not self._history_action():
            self.env["ir.actions.client"].sudo().create(
                {
                    "name": self.env._("History"),
                    "tag": HISTORY,
                    "params": {"model": self.model},
                    "binding_model_id": self.env["ir.model"]._get(self.model).id,
                    "binding_view_types": "form",
                }
            )


class CqrsSourceChoice(models.TransientModel):
    """The form in which an administrator puts a model on record, or its fields."""

    _name = "cqrs.source.choice"
    _description = "Choice of a Model on Record"

    source_id = fields.Many2one("cqrs.source", readonly=True)
    model_id = fields.Many2one(
        "ir.model",
        compute="_compute_model_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('id', 'in', allowed_model_ids)]",
    )
    allowed_model_ids = fields.Many2many("ir.model", compute="_compute_allowed_models")
    field_ids = fields.Many2many(
        "ir.model.fields",
        string="Fields on Record",
        compute="_compute_field_ids",
        store=True,
        readonly=False,
        domain="[('id', 'in', allowed_field_ids)]",
    )
    allowed_field_ids = fields.Many2many(
        "ir.model.fields", compute="_compute_allowed_fields"
    )
    start = fields.Selection(
        [
            ("build", "The records that exist, as they are now"),
            ("now", "From now on: a record when it is first changed"),
        ],
        required=True,
        default="build",
    )

    @api.depends("source_id")
    def _compute_model_id(self):
        for choice in self:
            if choice.source_id:
                choice.model_id = self.env["ir.model"]._get(choice.source_id.model)

    def _compute_allowed_models(self):
        sources = self.env["cqrs.source"].search([("state", "!=", ENDED)])
        free = recordable_models(self.env) - set(sources.mapped("model"))
        allowed = self.env["ir.model"].sudo().search([("model", "in", list(free))])
        for choice in self:
            choice.allowed_model_ids = allowed

    @api.depends("model_id")
    def _compute_allowed_fields(self):
        for choice in self:
            names = self.env["cqrs.event"]._choosable(choice.model_id.model)
            choice.allowed_field_ids = self.env["ir.model.fields"].search(
                [("model", "=", choice.model_id.model), ("name", "in", list(names))]
            )

    @api.depends("model_id", "source_id")
    def _compute_field_ids(self):
        for choice in self:
            left_out = choice.source_id.field_ids.filtered("is_left_out").mapped("path")
            choice.field_ids = choice.allowed_field_ids.filtered(
                lambda field, left_out=left_out: field.name not in left_out
            )

    def action_confirm(self):
        """Put the model, or the fields, on record."""
        sources = self.env["cqrs.source"].sudo()
        sources._check_administrator()
        source = self.source_id.sudo()
        if not source:
            source = sources._put_on_record(
                self.model_id.model, is_from_now_on=self.start == "now"
            )
        source._leave_out((self.allowed_field_ids - self.field_ids).mapped("name"))
        return self.env["cqrs.run"].action_build()
