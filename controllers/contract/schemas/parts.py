"""Schemas that several domains have."""

from ....models.opportunities.as_json import NAMED
from ....models.past.certainty import MISSING
from ....models.support.json_schema import (
    BOOLEAN,
    COUNT,
    CURSOR,
    EXACT,
    ID,
    MONEY,
    TEXT,
    TIME,
    TIME_ZONE,
    UUID,
    array,
    choice,
    component,
    nullable,
    obj,
    string,
)

#: A record of Odoo that may be missing
NAMED_OR_NONE = nullable(NAMED)

#: A user, as answers name one beside a record
USER = component("User", obj(id=nullable(UUID), user_id=ID, name=nullable(TEXT)))

SALESPERSON = nullable(
    component(
        "Salesperson",
        obj(
            id=nullable(UUID),
            user_id=ID,
            name=nullable(TEXT),
            email=nullable(TEXT),
        ),
    )
)

MONTH = string(7, "^[0-9]{4}-[0-9]{2}$")

NEXT = {
    **nullable(CURSOR),
    "description": "The `cursor` of the next page; null on the last one.",
}

TZ = {**TIME_ZONE, "description": "The zone at whose midnight days begin."}

EXACTLY = {**EXACT, "description": "The amount, unrounded."}
AMOUNT = component("Amount", obj(amount=MONEY, exact=EXACTLY))
COUNTED_AMOUNT = component(
    "CountedAmount", obj(count=COUNT, amount=MONEY, exact=EXACTLY)
)

#: A share of something
SHARE = {"type": "number", "minimum": 0, "maximum": 1}

_MISSING = component("Missing", choice(*MISSING))

#: ``{field: schema}`` of what each answer of the past rests on (``past/certainty.py``)
CERTAINTY = {
    "recorded_since": {
        **nullable(TIME),
        "description": "The first event; earlier moments are reconstructed.",
    },
    "reconstructed": {
        **SHARE,
        "description": (
            "The share of the opportunities behind the figures that is reconstructed"
            " from what Odoo has tracked."
        ),
    },
    "missing": {
        **array(_MISSING, len(MISSING)),
        "description": (
            "What is not known before recording began: deleted opportunities, so that"
            " totals may be too low; probabilities and closing dates, so that figures"
            " which need them are null."
        ),
    },
}

#: The members by which an answer with `as_of` tells of its moment
PAST = {
    "as_of": {**TIME, "description": "With `as_of`: the moment."},
    "settled": {
        **BOOLEAN,
        "description": "With `as_of`: no transaction that began before the moment is"
        " open. Until then the past may still change.",
    },
    **CERTAINTY,
}
