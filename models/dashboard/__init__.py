from . import reports, dashboard, profile, session_info
