"""Schemas of the dashboard."""

from ....models.dashboard.dashboard import DASHBOARD_FIELDS
from ....models.support.json_schema import (
    COUNT,
    TIME,
    array,
    component,
    obj,
    optional,
)
from .figures import COUNTS, METRICS
from .opportunities import OPPORTUNITY
from .parts import PAST
from .people import HIERARCHY, PROFILE

component(
    "Dashboard",
    optional(
        obj(
            user=PROFILE,
            metrics=METRICS,
            opportunities=component(
                "DashboardOpportunities",
                obj(
                    **COUNTS,
                    items=array(
                        component(
                            "DashboardOpportunity",
                            obj(
                                **{name: OPPORTUNITY[name] for name in DASHBOARD_FIELDS}
                            ),
                        ),
                        200,
                    ),
                ),
            ),
            hierarchy=HIERARCHY,
            meta=component(
                "DashboardMeta",
                obj(
                    position=COUNT,
                    left_out={
                        **COUNT,
                        "description": "Records that could not be applied to the"
                        " read models, and are neither listed nor counted until they"
                        " can be.",
                    },
                    generated_at=TIME,
                ),
            ),
        ),
        **PAST,
    ),
)
