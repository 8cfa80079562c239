from . import (
    crm_lead,
    crm_lost_reason,
    crm_stage,
    crm_team,
    hr_department,
    hr_employee,
    res_company,
    res_groups,
    res_users,
    bypasses,
    choice,
    settings,
)
