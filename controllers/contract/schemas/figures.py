"""Schemas of the metrics."""

from ....models.metrics.groupings import GROUPINGS, member
from ....models.metrics.series import UNITS
from ....models.support.json_schema import (
    COUNT,
    CURRENCY,
    DAY,
    EXACT,
    ID,
    MONEY,
    TEXT,
    TIME,
    array,
    choice,
    component,
    integer,
    nullable,
    obj,
    optional,
)
from .parts import (
    AMOUNT,
    COUNTED_AMOUNT,
    MONTH,
    NAMED_OR_NONE,
    NEXT,
    PAST,
    SALESPERSON,
    SHARE,
    TZ,
)

_EXACT = component(
    "ExactFigures",
    {
        **obj(
            pipeline_value=nullable(EXACT),
            weighted_pipeline=nullable(EXACT),
            won_revenue=EXACT,
        ),
        "description": "The amounts unrounded, with all their digits.",
    },
)
EXACT_REVENUE = component(
    "ExactRevenue",
    {
        **obj(won_revenue=EXACT),
        "description": "The amounts unrounded, with all their digits.",
    },
)

_UNKNOWN = (
    "Null as of a moment of which it is not known, since some of the opportunities are"
    " reconstructed."
)


def _known(schema: dict) -> dict:
    """Return the schema of a figure that may be unknown as of a moment."""
    description = " ".join(filter(None, (schema.get("description"), _UNKNOWN)))
    return {**nullable(schema), "description": description}


_FIGURES = {
    "pipeline_value": _known(MONEY),
    "weighted_pipeline": _known(MONEY),
    "won_revenue": MONEY,
    "average_value": nullable(MONEY),
    "active_opportunities": _known(COUNT),
    "won": COUNT,
    "lost": COUNT,
    "win_rate": nullable(SHARE),
    "exact": _EXACT,
}
_CLOSED = {
    **{name: _FIGURES[name] for name in ("won_revenue", "won", "lost", "win_rate")},
    "exact": EXACT_REVENUE,
}
FIGURES = component("Figures", obj(**_FIGURES))
#: Figures of all, and of the viewer's own and the others'
SCOPES = {**_FIGURES, "own": FIGURES, "team": FIGURES}

_DATED = {
    "due": _known(
        {
            **COUNTED_AMOUNT,
            "description": "Pending, and expected to close today or later.",
        }
    ),
    "overdue": _known(
        {
            **COUNTED_AMOUNT,
            "description": "Pending, and expected to close on a day before today.",
        }
    ),
}

_OF_DOCUMENTS = "Absent without such documents in Odoo, and if you may read none."
_ORDERS_AND_INVOICES = {
    name: {**schema, "description": f"{what} {_OF_DOCUMENTS}"}
    for name, schema, what in (
        ("ordered", COUNTED_AMOUNT, "Confirmed orders, untaxed."),
        ("invoiced", COUNTED_AMOUNT, "Posted invoices, untaxed, less credit notes."),
        ("credited", AMOUNT, "The credit notes among them: negative."),
        ("paid", AMOUNT, "Of the totals of posted invoices, with taxes."),
        ("open", AMOUNT, "What is still to be paid of them."),
        (
            "overdue_invoices",
            COUNTED_AMOUNT,
            "Due before today, of all invoices. (`overdue` are opportunities.)",
        ),
    )
}

_FISCAL = {
    "year": {**TEXT, "description": "The fiscal year, as 2026 or 2025–2026."},
    "quarter": integer(1, 4),
}

_CLOSED_FIGURES = component("ClosedFigures", obj(**_CLOSED))
_BEFORE = {
    **nullable(
        component(
            "PeriodBefore",
            obj(
                **{"from": TIME, "until": TIME},
                **_FISCAL,
                **_CLOSED,
                own=_CLOSED_FIGURES,
                team=_CLOSED_FIGURES,
            ),
        )
    ),
    "description": (
        "What was closed in the period before, in as much of it as has passed of this"
        " one."
    ),
}

_PERIOD = {
    **nullable(
        component(
            "Period",
            obj(
                name=nullable(TEXT),
                **{"from": nullable(TIME), "until": nullable(TIME)},
                **_FISCAL,
            ),
        )
    ),
    "description": "The period asked for; null for any time.",
}

_DATED_FIGURES = component(
    "DatedFigures", optional(obj(**_FIGURES, **_DATED), **_ORDERS_AND_INVOICES)
)

_METRICS = {
    "user_id": ID,
    "currency": CURRENCY,
    **_FIGURES,
    **_DATED,
    "own": _DATED_FIGURES,
    "team": _DATED_FIGURES,
    "tz": TZ,
    "period": _PERIOD,
    "before": _BEFORE,
    "amounts": {
        **array(
            component(
                "CurrencyAmounts",
                obj(
                    currency=CURRENCY,
                    rate={**EXACT, "description": "Of today, into `currency`."},
                    pipeline_value=_known(MONEY),
                    weighted_pipeline=_known(MONEY),
                    won_revenue=MONEY,
                    exact=_EXACT,
                ),
            )
        ),
        "description": "What was converted, in each currency.",
    },
    "computed_at": TIME,
}

METRICS = component("Metrics", optional(obj(**_METRICS), **_ORDERS_AND_INVOICES))

COUNTS = {"total": COUNT, "own": COUNT, "subordinates": COUNT}

_DOCUMENT_GROUP = component(
    "DocumentGroup",
    {
        "type": "object",
        "properties": {
            "salesperson": SALESPERSON,
            "sales_team": NAMED_OR_NONE,
            "month": nullable(MONTH),
            **_ORDERS_AND_INVOICES,
        },
    },
)
_GROUP = component(
    "MetricsGroup",
    optional(
        obj(**SCOPES),
        **{
            member(name): NAMED_OR_NONE
            for name in GROUPINGS
            if name not in ("salesperson", "month")
        },
        salesperson=SALESPERSON,
        month=nullable(MONTH),
    ),
)

# Not MetricsBy: so generators call the parameter `by` of the operation `metrics`.
component(
    "GroupedMetrics",
    optional(
        obj(**_METRICS, opportunities=component("OpportunityCounts", obj(**COUNTS))),
        **_ORDERS_AND_INVOICES,
        document_groups={
            **array(_DOCUMENT_GROUP),
            "description": (
                "With `by` as `salesperson`, `team` or `month`: the orders and"
                " invoices of each, which add up to those of all. The month is that"
                " of ordering, or of the invoice."
            ),
        },
        groups={
            **array(_GROUP),
            "description": (
                "With `by`: the figures of each stage, salesperson and so on, which"
                " stands beside them under its name (a team as `sales_team`), null"
                " for those without one."
                " Without `sort` all of them in order of their labels, null last."
                " Groups of tags overlap: they add up to more than the whole."
            ),
        },
        group_count={**COUNT, "description": "With pages: of all pages."},
        next=NEXT,
        **PAST,
    ),
)

_UNTIL = {
    **TIME,
    "description": "Its end, at the zone's midnight, or now: the moment of the levels.",
}
component(
    "MetricsSeries",
    optional(
        obj(
            user_id=ID,
            currency=CURRENCY,
            tz=TZ,
            before=_BEFORE,
            recorded_since={
                **nullable(TIME),
                "description": "The time of the first event.",
            },
            computed_at=TIME,
        ),
        months={
            **array(
                component("MonthFigures", obj(month=MONTH, until=_UNTIL, **SCOPES))
            ),
            "description": "Without `every`.",
        },
        every={
            **component("SeriesUnit", choice(*UNITS)),
            "description": "With `every`: the same.",
        },
        periods={
            **array(
                component("PeriodFigures", obj(**{"from": DAY}, until=_UNTIL, **SCOPES))
            ),
            "description": "With `every`: the periods, each from its first day on.",
        },
    ),
)
