from . import reports, dashboard, profile
