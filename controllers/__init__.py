from . import (
    dispatcher,
    problem_pages,
    position,
    dashboard,
    opportunities,
    events,
    v1,
    contract,
)
