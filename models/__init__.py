from . import (
    event_store,
    projections,
    sources,
    access,
    metrics,
    history,
    opportunities,
    dashboard,
    ir_http,
)
