from . import projection, user_access, user_profile, opportunity_view
