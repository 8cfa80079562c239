"""Schemas of accounts."""

from ....models.customers.account import DEAL_FIELDS
from ....models.customers.measures import MEASURES
from ....models.customers.timeline import ENTRY_KINDS
from ....models.support.json_schema import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    DAY,
    EXACT,
    ID,
    IDS,
    MONEY,
    TEXT,
    TEXTS,
    TIME,
    array,
    choice,
    component,
    nullable,
    obj,
    optional,
)
from .invoices import AGEING
from .opportunities import OPPORTUNITY
from .parts import NEXT, USER

_ABSENT = (
    "Absent where you may not read them in Odoo, or where their module is not"
    " installed, as are all figures of them."
)
#: The kind of rows whose figures are always there
_ALWAYS = "opportunities"


def _figures(schema: dict, is_exact: bool = True) -> dict:
    """Return the schema with the figures."""
    required, may_be_absent = {}, {}
    for measure in MEASURES:
        of_kind = required if measure.kind == _ALWAYS else may_be_absent
        of_kind[measure.shown] = {
            **(MONEY if measure.is_amount else COUNT),
            "description": f"Of {measure.kind}. {measure.description}",
        }
    if is_exact:
        required["exact"] = _EXACT
    return optional(_with(schema, required), **may_be_absent)


def _with(schema: dict, properties: dict) -> dict:
    return {
        **obj(**schema["properties"], **properties),
        "required": [*schema["required"], *properties],
    }


def _amounts(is_always: bool) -> dict:
    return {
        measure.shown: EXACT
        for measure in MEASURES
        if measure.is_amount and (measure.kind == _ALWAYS) is is_always
    }


_EXACT = component(
    "ExactAmounts",
    {
        **optional(obj(**_amounts(True)), **_amounts(False)),
        "description": "The amounts unrounded, with all their digits.",
    },
)

_COUNTRY = component("Country", obj(code=TEXT, name=nullable(TEXT)))

_FACTS = obj(
    odoo_id=ID,
    name=TEXT,
    is_company=BOOLEAN,
    archived=BOOLEAN,
    salesperson={
        **nullable(USER),
        "description": "That of the contact in Odoo.",
    },
    company_id=nullable(ID),
    country=nullable(_COUNTRY),
    city=nullable(TEXT),
)

_ITEM = component("AccountSummary", _figures(_FACTS))
_SPARSE_ITEM = component(
    "SparseAccount",
    {
        "type": "object",
        "properties": _figures(_FACTS)["properties"],
        "description": "The `fields` asked for.",
    },
)
_TOTALS = component("AccountTotals", _figures(obj()))

for _name, _items in (("Accounts", _ITEM), ("SparseAccounts", _SPARSE_ITEM)):
    component(
        _name,
        optional(
            obj(currency=CURRENCY, items=array(_items, 200), next=NEXT),
            total={**COUNT, "description": "With `totals=true`: of all pages."},
            totals={
                **_TOTALS,
                "description": "With `totals=true`: the figures of all pages together."
                f" {_ABSENT}",
            },
        ),
    )

_DEAL = component(
    "AccountOpportunity", obj(**{name: OPPORTUNITY[name] for name in DEAL_FIELDS})
)
_ORDER = component(
    "AccountOrder",
    obj(
        odoo_id=ID,
        name=TEXT,
        state=nullable(TEXT),
        is_confirmed=BOOLEAN,
        ordered_at=nullable(TIME),
        untaxed=MONEY,
        total=MONEY,
        currency=CURRENCY,
        invoice_status=nullable(TEXT),
        opportunity_id=nullable(ID),
        salesperson=nullable(USER),
    ),
)
_INVOICE = component(
    "AccountInvoice",
    obj(
        odoo_id=ID,
        name=nullable(TEXT),
        move_type=nullable(TEXT),
        state=nullable(TEXT),
        payment_state=nullable(TEXT),
        invoiced_on=nullable(DAY),
        due_on={**nullable(DAY), "description": "Of its last instalment."},
        total={**MONEY, "description": "Signed: a credit note is negative."},
        residual=MONEY,
        currency=CURRENCY,
        order_ids=nullable(IDS),
        is_overdue=BOOLEAN,
        salesperson=nullable(USER),
    ),
)


def _newest(name: str, item: dict) -> dict:
    return component(
        name,
        obj(total=COUNT, first=nullable(DAY), last=nullable(DAY), items=array(item)),
    )


component(
    "Account",
    optional(
        _with(
            _figures(_with(_FACTS, {"currency": CURRENCY})),
            {
                "by_company": {
                    **array(
                        component(
                            "AccountInCompany",
                            _figures(
                                obj(
                                    company_id=nullable(ID),
                                    currency=nullable(CURRENCY),
                                ),
                                is_exact=False,
                            ),
                        )
                    ),
                    "description": "Not converted, in each company and currency.",
                },
                "recent": {
                    **component(
                        "AccountRecent",
                        optional(
                            obj(opportunities=_newest("RecentOpportunities", _DEAL)),
                            orders=_newest("RecentOrders", _ORDER),
                            invoices=_newest("RecentInvoices", _INVOICE),
                        ),
                    ),
                    "description": f"The newest of each. {_ABSENT}",
                },
            },
        ),
        ageing={
            **AGEING,
            "description": "What is open, by the days for which it has been due, by"
            " the dates of each instalment.",
        },
    ),
)

component(
    "Timeline",
    obj(
        items=array(
            component(
                "TimelineEntry",
                obj(
                    position=COUNT,
                    at=TIME,
                    kind=component("TimelineKind", choice(*ENTRY_KINDS)),
                    record=component(
                        "TimelineRecord", obj(odoo_id=ID, name=nullable(TEXT))
                    ),
                    amount={
                        **nullable(MONEY),
                        "description": "Of the record now: a deal's value, an order's"
                        " untaxed, an invoice's total; null of a contact.",
                    },
                    currency=nullable(CURRENCY),
                    type={
                        **TEXT,
                        "description": "Of the event, as `InvoicePosted`.",
                    },
                    user=nullable(
                        component("TimelineUser", obj(user_id=ID, name=TEXT))
                    ),
                    sentences={
                        **TEXTS,
                        "description": "In words, the most important first.",
                    },
                    reasons=TEXTS,
                ),
            ),
            200,
        ),
        next=NEXT,
    ),
)
