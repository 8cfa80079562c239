from . import (
    certainty,
    changes,
    changed_deals,
    flow_levels,
    flow,
    attention,
    past,
    levels,
    figures,
    pages,
    dashboard,
)
