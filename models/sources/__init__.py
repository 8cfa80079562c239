from . import crm_lead, crm_stage, hr_employee, res_users
