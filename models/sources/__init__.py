from . import (
    crm_lead,
    crm_lost_reason,
    crm_stage,
    crm_team,
    hr_employee,
    res_company,
    res_users,
    bypasses,
)
