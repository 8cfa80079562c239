from ..event_store.source import Source, declare

# Who announced the end of API v1, switched it off, or on again, and when.
declare(
    Source(
        model="cqrs.api.v1.step",
        noun="ApiV1",
        noun_field="step",
        nouns=(
            ("announced", "ApiV1Announcement"),
            ("off", "ApiV1SwitchOff"),
            ("on", "ApiV1SwitchOn"),
        ),
        fields=("step", "since", "sunset", "user_id", "callers", "is_compared"),
    )
)
