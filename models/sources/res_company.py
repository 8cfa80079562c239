from ..event_store.source import Rule, Source, declare

declare(
    Source(
        model="res.company",
        noun="Company",
        fields=("name", "active", "parent_id", "currency_id"),
        left_out=("iap_enrich_auto_done",),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("CurrencyChanged", "currency_id"),
            Rule("Renamed", "name"),
        ),
    )
)
