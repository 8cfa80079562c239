from . import (
    projection,
    failures,
    quarantine,
    healing,
    rebuilt_tables,
    user_access,
    user_profile,
    opportunity_view,
    metrics,
)
