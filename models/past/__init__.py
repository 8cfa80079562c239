from . import (
    certainty,
    changes,
    changed_deals,
    flow_levels,
    flow,
    attention,
    past,
    levels,
    level_comparison,
    figures,
    pages,
    dashboard,
)
