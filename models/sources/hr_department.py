from odoo import models

from ..event_store.source import Rule, Source


class HrDepartment(models.Model):
    _inherit = "hr.department"

    _cqrs_source = Source(
        model="hr.department",
        noun="Department",
        fields=("name", "active", "company_id", "manager_id", "parent_id"),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("ManagerChanged", "manager_id"),
            Rule("Moved", "parent_id"),
            Rule("Renamed", "name"),
        ),
    )
