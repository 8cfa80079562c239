from ..event_store.source import Rule, Source, declare

declare(
    Source(
        model="crm.stage",
        noun="Stage",
        fields=("name", "sequence", "is_won", "fold", "requirements", "team_ids"),
        rules=(Rule("Renamed", "name"), Rule("WonChanged", "is_won")),
    )
)
