from odoo import models

from ..event_store.source import Rule, Source


class CrmLostReason(models.Model):
    _inherit = "crm.lost.reason"

    _cqrs_source = Source(
        model="crm.lost.reason",
        noun="LostReason",
        fields=("name", "active"),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("Renamed", "name"),
        ),
    )
