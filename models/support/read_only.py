from odoo import api, models
from odoo.exceptions import UserError


class CqrsReadOnly(models.AbstractModel):
    """Refuses every write through the ORM, also by administrators and with sudo.

    It is meant for tables that SQL of this addon fills. The database itself guards the
    log; this model answers users of Odoo in words.
    """

    # pylint: disable=method-required-super,no-raise-unlink

    _name = "cqrs.read.only"
    _description = "Read-Only Record"

    @api.model_create_multi
    def create(self, vals_list):
        raise self._refusal()

    def write(self, vals):
        raise self._refusal()

    def unlink(self):
        raise self._refusal()

    # create() and a flush call these; Python code may call them too.

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
