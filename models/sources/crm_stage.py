from odoo import models

from ..event_store.source import Rule, Source


class CrmStage(models.Model):
    _inherit = "crm.stage"

    _cqrs_source = Source(
        model="crm.stage",
        noun="Stage",
        fields=("name", "sequence", "is_won", "fold", "requirements", "team_ids"),
        rules=(Rule("Renamed", "name"), Rule("WonChanged", "is_won")),
    )
