"""JSON Schemas of the answers about accounts."""

from ...models.customers.measures import MEASURES
from ...models.customers.timeline import ENTRY_KINDS
from ...models.opportunities.as_json import API_FIELDS
from ...models.support.json_schema import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    DAY,
    INTEGER,
    MONEY,
    TEXT,
    TIME,
    UUID,
    array,
    nullable,
    obj,
)

_NEXT = {
    "type": ["string", "null"],
    "description": "The `cursor` of the next page; null on the last one.",
}
_ABSENT = (
    "Absent where you may not read them in Odoo, or where their module is not"
    " installed, as are all figures of them."
)
_SALESPERSON = nullable(obj(id=nullable(UUID), user_id=INTEGER, name=nullable(TEXT)))


def _figures(is_exact: bool = True) -> dict:
    """Return ``{name: schema}`` of all figures."""
    figures = {
        measure.shown: {
            **(MONEY if measure.is_amount else COUNT),
            "description": f"Of {measure.kind}. {measure.description}",
        }
        for measure in MEASURES
    }
    if not is_exact:
        return figures
    amounts = [measure.shown for measure in MEASURES if measure.is_amount]
    exact = {
        "type": "object",
        "properties": {name: {"type": "number"} for name in amounts},
        "description": "The amounts unrounded, with all their digits.",
    }
    return {**figures, "exact": exact}


_FACTS = {
    "odoo_id": INTEGER,
    "name": TEXT,
    "is_company": BOOLEAN,
    "archived": BOOLEAN,
    "salesperson": {**_SALESPERSON, "description": "That of the contact in Odoo."},
    "company_id": nullable(INTEGER),
    "country": nullable(obj(code=TEXT, name=nullable(TEXT))),
    "city": nullable(TEXT),
}

_OPPORTUNITY = {
    "type": "object",
    "properties": {field.name: field.schema for field in API_FIELDS.values()},
}
_ORDER = obj(
    odoo_id=INTEGER,
    name=TEXT,
    state=nullable(TEXT),
    is_confirmed=BOOLEAN,
    ordered_at=nullable(TIME),
    untaxed=MONEY,
    total=MONEY,
    currency=CURRENCY,
    invoice_status=nullable(TEXT),
    opportunity_id=nullable(INTEGER),
    salesperson=_SALESPERSON,
)
_INVOICE = obj(
    odoo_id=INTEGER,
    name=nullable(TEXT),
    move_type=nullable(TEXT),
    state=nullable(TEXT),
    payment_state=nullable(TEXT),
    invoiced_on=nullable(DAY),
    due_on=nullable({**DAY, "description": "Of its last instalment."}),
    total={**MONEY, "description": "Signed: a credit note is negative."},
    residual=MONEY,
    currency=CURRENCY,
    order_ids=nullable(array(INTEGER)),
    is_overdue=BOOLEAN,
    salesperson=_SALESPERSON,
)


def _newest(item: dict) -> dict:
    return obj(total=COUNT, first=nullable(DAY), last=nullable(DAY), items=array(item))


_ITEMS = array(
    {
        "type": "object",
        "properties": {**_FACTS, **_figures()},
        "description": "All of it, or the `fields` asked for.",
    }
)

_PART = obj(count=COUNT, amount=MONEY, exact={"type": "number"})

SCHEMAS = {
    "Accounts": {
        **obj(currency=CURRENCY, items=_ITEMS, next=_NEXT),
        "properties": {
            "currency": CURRENCY,
            "items": _ITEMS,
            "next": _NEXT,
            "total": {**COUNT, "description": "With `totals=true`: of all pages."},
            "totals": {
                "type": "object",
                "properties": _figures(),
                "description": "With `totals=true`: the figures of all pages together."
                f" {_ABSENT}",
            },
        },
    },
    "Account": {
        **obj(**_FACTS, currency=CURRENCY),
        "properties": {
            **_FACTS,
            "currency": CURRENCY,
            **_figures(),
            "by_company": {
                **array(
                    {
                        **obj(
                            company_id=nullable(INTEGER), currency=nullable(CURRENCY)
                        ),
                        "properties": {
                            "company_id": nullable(INTEGER),
                            "currency": nullable(CURRENCY),
                            **_figures(is_exact=False),
                        },
                    }
                ),
                "description": "Not converted, in each company and currency.",
            },
            "ageing": {
                **obj(
                    **dict.fromkeys(
                        ("not_due", "0_30", "31_60", "61_90", "over_90"), _PART
                    )
                ),
                "description": "What is open, by the days for which it has been due, by"
                " the dates of each instalment.",
            },
            "recent": {
                "type": "object",
                "properties": {
                    "opportunities": _newest(_OPPORTUNITY),
                    "orders": _newest(_ORDER),
                    "invoices": _newest(_INVOICE),
                },
                "description": f"The newest of each. {_ABSENT}",
            },
        },
    },
    "Timeline": obj(
        items=array(
            obj(
                position=INTEGER,
                at=TIME,
                kind={"enum": list(ENTRY_KINDS)},
                record=obj(odoo_id=INTEGER, name=nullable(TEXT)),
                amount={
                    **nullable(MONEY),
                    "description": "Of the record now: a deal's value, an order's"
                    " untaxed, an invoice's total; null of a contact.",
                },
                currency=nullable(CURRENCY),
                type={**TEXT, "description": "Of the event, as `InvoicePosted`."},
                user=nullable(obj(user_id=INTEGER, name=TEXT)),
                sentences={
                    **array(TEXT),
                    "description": "In words, the most important first.",
                },
                reasons=array(TEXT),
            )
        ),
        next=_NEXT,
    ),
}
