from ..event_store.source import Rule, Source, declare

declare(
    Source(
        model="crm.team",
        noun="Team",
        fields=(
            "name",
            "active",
            "company_id",
            "user_id",
            "use_leads",
            "use_opportunities",
        ),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("LeaderChanged", "user_id"),
            Rule("Renamed", "name"),
        ),
    )
)


declare(
    Source(
        model="crm.team.member",
        noun="TeamMember",
        fields=("crm_team_id", "user_id", "active"),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
        ),
    )
)
