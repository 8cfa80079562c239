from ..event_store.source import Rule, Source, declare

# A user's rights follow from the user's groups and from the groups these imply.
declare(
    Source(
        model="res.groups",
        noun="Group",
        fields=("name", "implied_ids"),
        rules=(Rule("ImpliedGroupsChanged", "implied_ids"), Rule("Renamed", "name")),
    )
)
