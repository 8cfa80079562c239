from . import (
    certainty,
    changes,
    changed_deals,
    flow,
    attention,
    past,
    levels,
    figures,
    pages,
    dashboard,
)
