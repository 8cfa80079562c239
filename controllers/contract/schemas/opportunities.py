"""Schemas of opportunities."""

from ....models.opportunities.as_json import API_FIELDS, FIELDS, SALES_FIELDS
from ....models.opportunities.pace import KINDS
from ....models.support.json_schema import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    ID,
    TEXTS,
    TIME,
    array,
    component,
    obj,
    optional,
    ref,
)
from .parts import COUNTED_AMOUNT, EXACTLY, MONEY, NEXT, PAST

#: ``{field: schema}`` of an opportunity
OPPORTUNITY = {field.name: field.schema for field in API_FIELDS.values()}

component(
    "Opportunity",
    {
        **optional(
            obj(**{name: OPPORTUNITY[name] for name in FIELDS}),
            **{name: OPPORTUNITY[name] for name in OPPORTUNITY if name in SALES_FIELDS},
        ),
        "description": "Orders and invoices are given of a single one, not in lists.",
    },
)
component(
    "SparseOpportunity",
    {
        "type": "object",
        "properties": OPPORTUNITY,
        "description": "The `fields` asked for.",
    },
)
for _name, _item in (
    ("Opportunities", "Opportunity"),
    ("SparseOpportunities", "SparseOpportunity"),
):
    component(
        _name,
        optional(
            obj(
                total={**COUNT, "description": "Of all pages."},
                items=array(ref(_item), 200),
                next=NEXT,
            ),
            has_more_than_total={
                **BOOLEAN,
                "description": "True if there are more than `total`: what a `domain`"
                " finds without an index is counted up to a limit. Else absent.",
            },
            reads_all={
                **BOOLEAN,
                "description": "True if no index finds what a `domain` asks for, so"
                " that all opportunities are read. Else absent.",
            },
            **PAST,
        ),
    )

component(
    "Access",
    obj(
        user_id=ID,
        accessible_opportunities={**COUNT, "description": "Not archived."},
        is_manager=BOOLEAN,
        subordinate_count={**COUNT, "description": "Of all levels below."},
        opportunity_id=ID,
        visible=BOOLEAN,
        reasons={**TEXTS, "description": "In words, for a person to read."},
    ),
)

component(
    "Attention",
    obj(
        user_id=ID,
        currency=CURRENCY,
        kinds={
            **array(
                component(
                    "AttentionCount",
                    obj(
                        kind=ref("AttentionKind"),
                        count=COUNT,
                        amount=MONEY,
                        exact=EXACTLY,
                    ),
                ),
                len(KINDS),
            ),
            "description": "Each kind once. An opportunity may be of several.",
        },
        any={**COUNTED_AMOUNT, "description": "Of one kind or several."},
        computed_at=TIME,
    ),
)
