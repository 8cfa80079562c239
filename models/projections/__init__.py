from . import (
    projection,
    reading,
    user_access,
    user_profile,
    opportunity_view,
    dashboard_metrics,
)
