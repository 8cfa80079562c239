from ..event_store.source import Source, declare

# An erasure is itself an event: who, why and how many, never what.
declare(
    Source(
        model="cqrs.forgetting",
        noun="Erasure",
        fields=("uuid", "reason", "mode", "user_id", "counts"),
    )
)
