"""Companies that API keys are bound to: their callers see these and no others.

A bound key opens this addon's API alone: over Odoo's own RPC, each call says by itself
which companies are switched on.
"""

from typing import NamedTuple

from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import SQL

from odoo.addons.base.models.res_users import (
    INDEX_SIZE,
    KEY_CRYPT_CONTEXT,
    check_identity,
)

from ..support.binding import is_bound
from .key_binding import TABLE as DATABASES


class Bounds(NamedTuple):
    """Bindings of API keys to companies.

    :ivar is_of_here: whether it was made in this database
    :ivar company_ids: the companies, sorted; None if it is bound to none
    """

    is_of_here: bool
    company_ids: tuple[int, ...] | None


class CqrsApiKeyBinding(models.Model):
    """The companies that an API key is bound to; a key without a row is not bound."""

    _name = "cqrs.api.key.binding"
    _description = "API Key Companies"
    _rec_name = "key_id"
    _order = "id desc"

    # Odoo makes no foreign key to a table of this kind. Ids of keys are not given anew.
    key_id = fields.Many2one(
        "res.users.apikeys", "API Key", required=True, index=True, readonly=True
    )
    user_id = fields.Many2one(
        "res.users", required=True, index=True, readonly=True, ondelete="cascade"
    )
    company_ids = fields.Many2many(
        "res.company",
        "cqrs_api_key_company_rel",
        "binding_id",
        "company_id",
        string="Companies",
        required=True,
        readonly=True,
        help="The API shows the key's caller nothing of other companies.",
    )

    _one_per_key = models.Constraint(
        "UNIQUE (key_id)", "A key is bound once: change its companies."
    )

    @api.model
    def _bind(self, key, companies):
        """Bind a key to some companies; to none, take its bound away.

        :raise ValidationError: the key's user may not work in one of them
        """
        allowed = key.user_id.sudo()._get_company_ids()
        others = companies.sudo().filtered(lambda each: each.id not in allowed)
        if others:
            raise ValidationError(
                self.env._(
                    "%(user)s may not work in %(companies)s. Choose among the "
                    "companies that the key's user may work in.",
                    user=key.user_id.sudo().name,
                    companies=", ".join(others.mapped("name")),
                )
            )
        bindings = self.sudo()
        binding = bindings.search([("key_id", "=", key.id)])
        if not companies:
            binding.unlink()
        elif binding:
            binding.company_ids = [Command.set(companies.ids)]
        else:
            bindings.create(
                {
                    "key_id": key.id,
                    "user_id": key.user_id.id,
                    "company_ids": [Command.set(companies.ids)],
                }
            )

    @api.autovacuum
    def _remove_of_former_keys(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM cqrs_api_key_binding WHERE NOT EXISTS ("
                " SELECT FROM res_users_apikeys WHERE id = key_id)"
            )
        )
        self.browse([id_ for (id_,) in rows]).unlink()


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    cqrs_company_ids = fields.Many2many(
        "res.company", string="Companies", compute="_compute_cqrs_company_ids"
    )

    @api.depends_context("uid")
    def _compute_cqrs_company_ids(self):
        for key in self:
            key.cqrs_company_ids = key._cqrs_binding().company_ids

    def _cqrs_binding(self):
        """Return what binds these keys to companies."""
        bindings = self.env["cqrs.api.key.binding"].sudo()
        # Other models, as that of trusted devices, are made of this one, and have ids
        # of their own.
        if self._name != "res.users.apikeys":
            return bindings
        return bindings.search([("key_id", "in", self.ids)])

    def unlink(self):
        self._cqrs_binding().unlink()
        return super().unlink()

    def action_cqrs_companies(self):
        """Open the dialog that binds the key to companies."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "cqrs.api.key.companies",
            "name": self.env._("Companies of the API Key"),
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_key_id": self.id,
                "default_company_ids": self.cqrs_company_ids.ids,
            },
        }

    def _check_credentials(self, *, scope, key):
        uid = super()._check_credentials(scope=scope, key=key)
        is_ours = (scope or "").partition(".")[0] == "crm_cqrs"
        if not uid or is_ours or self._name != "res.users.apikeys":
            return uid
        return uid if self._cqrs_bounds(key, uid).company_ids is None else None

    @api.model
    def _cqrs_bounds(self, key: str, user_id: int) -> Bounds:
        """Return what a key is bound to.

        It is read at each request: what was kept could be older than a commit.

        :param key: a valid one of the user
        """
        query = SQL(
            f"""
            SELECT apikey.key,
                   EXISTS (SELECT FROM {DATABASES} made
                           WHERE made.key_id = apikey.id
                             AND {is_bound("made.bound_to")}),
                   (SELECT array_remove(array_agg(company_id), NULL)
                    FROM cqrs_api_key_binding binding
                    LEFT JOIN cqrs_api_key_company_rel ON binding_id = binding.id
                    WHERE binding.key_id = apikey.id)
            FROM res_users_apikeys apikey
            WHERE apikey.user_id = %s AND apikey.index = %s
            """,
            user_id,
            key[:INDEX_SIZE],
        )
        rows = self.env.execute_query(query)
        for stored, is_of_here, company_ids in rows:
            # The key is valid: it is the only one that begins so.
            if len(rows) == 1 or KEY_CRYPT_CONTEXT.verify(key, stored):
                ids = None if company_ids is None else tuple(sorted(company_ids))
                return Bounds(is_of_here, ids)
        return Bounds(False, ())


class ResUsersApikeysDescription(models.TransientModel):
    _inherit = "res.users.apikeys.description"

    # Not stored: Odoo's uninstall would leave rows about the table between.
    cqrs_company_ids = fields.Many2many(
        "res.company",
        string="Companies",
        compute="_compute_cqrs_company_ids",
        inverse="_inverse_cqrs_company_ids",
        readonly=False,
        domain="[('user_ids', 'in', uid)]",
        help="The API shows the key's caller nothing of other companies, and Odoo's "
        "RPC does not take the key. Empty: all of your companies.",
    )

    def _compute_cqrs_company_ids(self):
        for description in self:
            description.cqrs_company_ids = description._cqrs_chosen().company_ids

    def _inverse_cqrs_company_ids(self):
        for description in self:
            chosen = description._cqrs_chosen()
            companies = [Command.set(description.cqrs_company_ids.ids)]
            if chosen:
                chosen.company_ids = companies
            else:
                chosen.create(
                    {"description_id": description.id, "company_ids": companies}
                )

    def _cqrs_chosen(self):
        """Return the row that keeps the companies until the key is made."""
        chosen = self.env["cqrs.api.key.companies"].sudo()
        # A form that is not saved yet has no id; a row of somebody else is not meant.
        if not self._origin.id:
            return chosen
        mine = [
            ("description_id", "=", self._origin.id),
            ("create_uid", "=", self.env.uid),
        ]
        return chosen.search(mine, limit=1)

    @check_identity
    def make_key(self):
        companies = self.sudo().cqrs_company_ids
        shown = super().make_key()
        key = shown.get("context", {}).get("default_key")
        if key and companies:
            [(key_id,)] = self.env.execute_query(
                SQL(
                    "SELECT max(id) FROM res_users_apikeys"
                    " WHERE user_id = %s AND index = %s",
                    self.env.uid,
                    key[:INDEX_SIZE],
                )
            )
            keys = self.env["res.users.apikeys"].browse(key_id)
            self.env["cqrs.api.key.binding"]._bind(keys, companies)
        return shown


class CqrsApiKeyCompanies(models.TransientModel):
    """The dialog that binds a key to companies.

    It also keeps the companies that the dialog of a new key is about.
    """

    _name = "cqrs.api.key.companies"
    _description = "Companies of an API Key"

    key_id = fields.Many2one("res.users.apikeys", "API Key")
    description_id = fields.Integer()
    company_ids = fields.Many2many(
        "res.company",
        "cqrs_api_key_companies_rel",
        "dialog_id",
        "company_id",
        string="Companies",
        domain="[('user_ids', 'in', key_user_id)]",
        help="Empty: all companies of the key's user.",
    )
    key_user_id = fields.Many2one("res.users", related="key_id.user_id")

    @check_identity
    def action_bind(self):
        """Bind the key, for its user or an administrator."""
        self.ensure_one()
        key = self.key_id
        is_allowed = key.user_id == self.env.user or self.env.is_system()
        if not key or not is_allowed:
            raise AccessError(
                self.env._("Only its user or an administrator can bind an API key.")
            )
        self.env["cqrs.api.key.binding"]._bind(key, self.company_ids)
        return {"type": "ir.actions.act_window_close"}
