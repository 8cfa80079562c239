from ..event_store.source import Rule, Source, declare

declare(
    Source(
        model="hr.department",
        noun="Department",
        has_company=False,
        fields=("name", "active", "company_id", "manager_id", "parent_id"),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("ManagerChanged", "manager_id"),
            Rule("Moved", "parent_id"),
            Rule("Renamed", "name"),
        ),
    )
)
