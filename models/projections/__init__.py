from . import (
    projection,
    failures,
    quarantine,
    healing,
    rebuilt_tables,
    following,
    user_access,
    user_profile,
    opportunity_view,
    metrics,
    opportunity_span,
)
