from . import (
    projection,
    failures,
    quarantine,
    healing,
    rebuilt_tables,
    following,
    user_access,
    hierarchy_span,
    user_profile,
    opportunity_view,
    metrics,
    opportunity_span,
)
