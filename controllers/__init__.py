from . import (
    dispatcher,
    problem_pages,
    position,
    dashboard,
    opportunities,
    flow,
    changes,
    events,
    v1,
    webhooks,
    contract,
)
