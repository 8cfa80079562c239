from . import (
    projection,
    failures,
    reading,
    user_access,
    user_profile,
    opportunity_view,
    metrics,
)
