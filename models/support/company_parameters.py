"""Parameters of a company, kept among Odoo's system parameters.

They are no columns of ``res_company``: while the addon is installed, to add one would
block whoever reads a company, and deadlock with whoever writes a lead.
"""

from odoo import api, models
from odoo.tools import SQL, ormcache

_PREFIX = "crm_cqrs.company"


def company_parameter(company, name: str) -> str:
    """Return the value of a company's parameter, "" if it has none."""
    parameters = company.env["ir.config_parameter"].sudo()
    return parameters.get_param(f"{_PREFIX}.{company.id}.{name}") or ""


def set_company_parameter(company, name: str, value: str):
    """Set a company's parameter; "" removes it."""
    parameters = company.env["ir.config_parameter"].sudo()
    parameters.set_param(f"{_PREFIX}.{company.id}.{name}", value)


def parameters_by_company(env, name: str) -> dict[int, str]:
    """Return the values of a parameter by company, of those companies that have one.

    The process keeps them, as Odoo keeps its parameters.
    """
    return env["ir.config_parameter"].sudo()._cqrs_by_company(name)


class IrConfigParameter(models.Model):
    _inherit = "ir.config_parameter"

    @api.model
    @ormcache("name", cache="stable")
    def _cqrs_by_company(self, name: str) -> dict[int, str]:
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                "SELECT split_part(key, '.', 3), value FROM ir_config_parameter"
                " WHERE key LIKE %s AND split_part(key, '.', 4) = %s"
                " ORDER BY id",
                # In LIKE, an underscore stands for any character.
                _PREFIX.replace("_", r"\_") + ".%",
                name,
            )
        )
        return {int(id_): value for id_, value in rows if id_.isdecimal() and value}
