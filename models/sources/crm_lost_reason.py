from ..event_store.source import Rule, Source, declare

declare(
    Source(
        model="crm.lost.reason",
        noun="LostReason",
        fields=("name", "active"),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("Renamed", "name"),
        ),
    )
)
