"""Parameters of a company, kept among Odoo's system parameters.

They are no columns of ``res_company``: while the addon is installed, to add one would
block whoever reads a company, and deadlock with whoever writes a lead.
"""

_PREFIX = "crm_cqrs.company"


def company_parameter(company, name: str) -> str:
    """Return the value of a company's parameter, "" if it has none."""
    parameters = company.env["ir.config_parameter"].sudo()
    return parameters.get_param(f"{_PREFIX}.{company.id}.{name}") or ""


def set_company_parameter(company, name: str, value: str):
    """Set a company's parameter; "" removes it."""
    parameters = company.env["ir.config_parameter"].sudo()
    parameters.set_param(f"{_PREFIX}.{company.id}.{name}", value)
