from ..event_store.source import Rule, Source, declare

declare(
    Source(
        model="res.users",
        noun="User",
        has_company=False,
        fields=(
            "login",
            "active",
            "share",
            "partner_id",
            "partner_id.name",
            "partner_id.email",
            "company_id",
            "company_ids",
            "group_ids",
        ),
        personal=("login", "partner_id.name", "partner_id.email"),
        left_out=("odoobot_failed", "odoobot_state"),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("Renamed", "partner_id.name"),
            Rule("LoginChanged", "login"),
            Rule("CompaniesChanged", "company_ids"),
            Rule("GroupsChanged", "group_ids"),
        ),
    )
)
