"""Schemas of the flow through the stages."""

from ....models.support.json_schema import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    ID,
    MONEY,
    TIME,
    array,
    component,
    nullable,
    obj,
    optional,
)
from .figures import EXACT_REVENUE
from .parts import CERTAINTY, MONTH, NAMED_OR_NONE, SALESPERSON, SHARE, TZ

_DAYS = nullable({"type": "number", "minimum": 0})

_STAGE = component(
    "StageFlow",
    obj(
        stage=NAMED_OR_NONE,
        entered={**COUNT, "description": "Moves into it, of any kind."},
        moved_on={**COUNT, "description": "To a later stage."},
        moved_back={**COUNT, "description": "To an earlier stage."},
        won={**COUNT, "description": "Won from there."},
        lost={**COUNT, "description": "Lost from there."},
        median_days={
            **_DAYS,
            "description": "Of the stays that ended in the period by moving, being"
            " won or lost: the shortest that half of them are no longer than.",
        },
        p90_days={**_DAYS, "description": "The same of nine in ten."},
    ),
)

_FLOW = {
    "stages": array(_STAGE),
    "deals": {**COUNT, "description": "Won or lost in the period."},
    "won": COUNT,
    "lost": COUNT,
    "win_rate": nullable(SHARE),
    "won_revenue": MONEY,
    "average_value": nullable({**MONEY, "description": "Of the won deals."}),
    "cycle_days": {
        **_DAYS,
        "description": "The mean time for which the won deals had been open.",
    },
    "velocity": {
        **nullable(MONEY),
        "description": "Deals × average value × win rate ÷ cycle days: an amount a"
        " day.",
    },
    "exact": EXACT_REVENUE,
}

component(
    "Flow",
    optional(
        obj(
            user_id=ID,
            **{"from": TIME},
            until={**TIME, "description": "The moment after the last one."},
            currency=CURRENCY,
            tz=TZ,
            settled={
                **BOOLEAN,
                "description": "No transaction that began in the period is open.",
            },
            **_FLOW,
            **CERTAINTY,
            computed_at=TIME,
        ),
        groups={
            **array(
                component(
                    "FlowGroup",
                    optional(
                        obj(**_FLOW),
                        sales_team=NAMED_OR_NONE,
                        salesperson=SALESPERSON,
                        month=nullable(MONTH),
                    ),
                )
            ),
            "description": "With `by`: the flow of each, which stands beside its"
            " figures under its name (a team as `sales_team`), null for those without"
            " one.",
        },
    ),
)
