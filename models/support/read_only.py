from odoo import api, models
from odoo.exceptions import UserError


class CqrsReadOnly(models.AbstractModel):
    """Refuses every write through the ORM, by an administrator and with sudo too.

    For tables that SQL of this addon fills. The database itself guards the log
    against SQL; this gives who comes through Odoo an answer in words.
    """

    # pylint: disable=method-required-super

    _name = "cqrs.read.only"
    _description = "Read-Only Record"

    @api.model_create_multi
    def create(self, vals_list):
        raise self._refusal()

    def write(self, vals):
        raise self._refusal()

    def unlink(self):
        raise self._refusal()

    # What create() and a flush call; Python code may call them too.

    @api.model
    def _create(self, data_list):
        raise self._refusal()

    def _write_multi(self, vals_list):
        raise self._refusal()

    def _refusal(self) -> UserError:
        return UserError(
            self.env._(
                "%(records)s are written by the event store alone. You cannot "
                "create, change or delete them.",
                records=self.env["ir.model"]._get(self._name).name,
            )
        )
