from odoo import models

from ..event_store.source import Rule, Source


class ResGroups(models.Model):
    _inherit = "res.groups"

    # A user's rights follow from the user's groups and from the groups these imply.
    _cqrs_source = Source(
        model="res.groups",
        noun="Group",
        fields=("name", "implied_ids"),
        rules=(Rule("ImpliedGroupsChanged", "implied_ids"), Rule("Renamed", "name")),
    )
