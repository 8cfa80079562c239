from . import reports, dashboard
