"""Schemas of people, and of the hierarchy in which they stand."""

from ....models.support.json_schema import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    ID,
    TEXT,
    UUID,
    array,
    component,
    nullable,
    obj,
    optional,
)
from .figures import SCOPES
from .parts import NEXT, PAST

_PERSON = component("Person", obj(id=UUID, name=TEXT, email=nullable(TEXT)))

HIERARCHY = component(
    "Hierarchy",
    obj(
        manager=nullable(_PERSON),
        subordinates=array(_PERSON),
        is_manager=BOOLEAN,
        reports_count=COUNT,
    ),
)

PROFILE = component(
    "Profile",
    obj(
        id={**UUID, "description": "Stays the same for ever."},
        email=nullable(TEXT),
        name=TEXT,
        odoo=component(
            "OdooIds",
            obj(
                user_id=ID,
                employee_id=nullable(ID),
                manager_employee_id=nullable(ID),
            ),
        ),
        hierarchy=HIERARCHY,
    ),
)

_METRICS = {
    **component("PersonFigures", obj(currency=CURRENCY, **SCOPES)),
    "description": "With `metrics=true`.",
}
_NODE = component(
    "Node",
    optional(
        obj(
            id=UUID,
            user_id=ID,
            name=TEXT,
            email=nullable(TEXT),
            is_manager=BOOLEAN,
            reports_count=COUNT,
        ),
        is_former={
            **BOOLEAN,
            "description": "With `former=true`: archived, or no employee any more.",
        },
        metrics=_METRICS,
    ),
)

component(
    "Level",
    optional(
        obj(
            parent=_NODE,
            total={**COUNT, "description": "Of the parent's reports."},
            items=array(_NODE),
            former={
                **nullable(
                    component("Former", optional(obj(count=COUNT), metrics=_METRICS))
                ),
                "description": "Former salespeople below the parent, and who reported"
                " to them: whose opportunities count in the parent's team and in no"
                " report's. Null if there are none, and among these people themselves.",
            },
            next=NEXT,
        ),
        **PAST,
    ),
)
