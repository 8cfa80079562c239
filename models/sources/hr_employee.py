from ..event_store.source import Rule, Source, declare

declare(
    Source(
        model="hr.employee",
        noun="Employee",
        has_company=False,
        fields=(
            "name",
            "active",
            "user_id",
            "parent_id",
            "company_id",
            "work_email",
            "current_version_id.department_id",
            "current_version_id.job_id",
        ),
        personal=("name", "work_email"),
        left_out=("today_location_name",),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("ManagerChanged", "parent_id"),
            Rule("UserChanged", "user_id"),
            Rule("CompanyChanged", "company_id"),
            Rule("DepartmentChanged", "current_version_id.department_id"),
            Rule("JobChanged", "current_version_id.job_id"),
        ),
    )
)
