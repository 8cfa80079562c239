from . import (
    dispatcher,
    problem_pages,
    position,
    dashboard,
    opportunities,
    flow,
    events,
    v1,
    contract,
)
