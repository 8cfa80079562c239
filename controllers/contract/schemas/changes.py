"""Schemas of the changes of the pipeline."""

from ....models.past.change_kinds import KINDS
from ....models.support.json_schema import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    ID,
    MONEY,
    TEXT,
    TIME,
    array,
    choice,
    component,
    nullable,
    obj,
)
from .opportunities import OPPORTUNITY
from .parts import (
    CERTAINTY,
    COUNTED_AMOUNT,
    EXACTLY,
    NAMED_OR_NONE,
    NEXT,
    USER,
)

_KIND = component("ChangeKind", choice(*KINDS))

#: ``{field: schema}`` of the window of an answer
_WINDOW = {
    "from": TIME,
    "to": TIME,
    "currency": CURRENCY,
    "settled": {
        **BOOLEAN,
        "description": "No transaction that began before the end is open. Until then"
        " the past may still change.",
    },
}

component(
    "PipelineChanges",
    obj(
        **_WINDOW,
        start=COUNTED_AMOUNT,
        changes={
            **array(
                component(
                    "Change", obj(kind=_KIND, amount=MONEY, exact=EXACTLY, count=COUNT)
                ),
                len(KINDS),
            ),
            "description": "Signed: what leaves is negative. `start` and all of these"
            " add up to `end`, as they are rounded and as they are exact. Kinds without"
            " opportunities are left out.",
        },
        end=COUNTED_AMOUNT,
        **CERTAINTY,
    ),
)

_STATE = component(
    "OpportunityState",
    {
        "type": "object",
        "required": ["status"],
        "properties": {
            "value": MONEY,
            "currency": CURRENCY,
            "stage": NAMED_OR_NONE,
            "closing_date": OPPORTUNITY["closing_date"],
            "salesperson": nullable(USER),
            "status": {
                **component(
                    "StateStatus",
                    choice(
                        *("pending", "won", "lost"),
                        *("elsewhere", "left", "deleted", "merged"),
                    ),
                ),
                "description": "Of one that was not seen there is nothing else: it was"
                " `elsewhere`, or has `left`; nor of one that is `deleted` or"
                " `merged`.",
            },
            "archived": BOOLEAN,
            "type": component("LeadType", choice("lead", "opportunity")),
        },
    },
)

component(
    "ChangedOpportunities",
    obj(
        kind=_KIND,
        **_WINDOW,
        total={**COUNT, "description": "Of all pages."},
        amount={**MONEY, "description": "Of all pages."},
        exact=EXACTLY,
        items=array(
            component(
                "ChangedOpportunity",
                obj(
                    odoo_id=ID,
                    name=nullable(TEXT),
                    before=nullable(_STATE),
                    after=_STATE,
                    change={**MONEY, "description": "What it adds to the amount."},
                    exact=EXACTLY,
                    changed_by=nullable(USER),
                    changed_at=nullable(TIME),
                ),
            ),
            200,
        ),
        next=NEXT,
        **CERTAINTY,
    ),
)
