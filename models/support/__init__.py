from . import read_only, deleted_names, company_parameters
