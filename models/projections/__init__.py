from . import (
    projection,
    failures,
    quarantine,
    healing,
    rebuilt_tables,
    reading,
    user_access,
    user_profile,
    opportunity_view,
    metrics,
)
