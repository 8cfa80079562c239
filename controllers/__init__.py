from . import (
    dispatcher,
    problem_pages,
    position,
    dashboard,
    opportunities,
    invoices,
    flow,
    changes,
    events,
    v1,
    webhooks,
    contract,
)
