"""Schemas of invoices."""

from ....models.metrics.ages import AGES
from ....models.support.json_schema import (
    COUNT,
    CURRENCY,
    DAY,
    ID,
    MAX_ID,
    MONEY,
    TEXT,
    TIME,
    array,
    choice,
    component,
    integer,
    nullable,
    obj,
)
from .parts import COUNTED_AMOUNT, NAMED_OR_NONE, NEXT, SALESPERSON

AGEING = component("Ageing", obj(**dict.fromkeys(AGES, COUNTED_AMOUNT)))

_INVOICE = component(
    "Invoice",
    obj(
        odoo_id=ID,
        number=nullable(TEXT),
        type=component("InvoiceType", choice("invoice", "credit_note", "receipt")),
        status=component(
            "InvoiceStatus", choice("draft", "open", "overdue", "paid", "cancelled")
        ),
        payment_state={
            **nullable(TEXT),
            "description": "As Odoo has it, of a posted one: `not_paid`, `in_payment`,"
            " `partial`, `paid`, `reversed` and so on.",
        },
        account={**NAMED_OR_NONE, "description": "The customer's company."},
        salesperson=SALESPERSON,
        team_id=nullable(ID),
        company_id=nullable(ID),
        date=nullable(DAY),
        due_date={**nullable(DAY), "description": "Of its last instalment."},
        overdue_days={
            **nullable(integer(1, MAX_ID)),
            "description": "Since the first unpaid part was due, if it was.",
        },
        currency=CURRENCY,
        total={**MONEY, "description": "With taxes; of a credit note negative."},
        open={**MONEY, "description": "What is still to be paid of it."},
        booked={
            **component(
                "BookedAmounts",
                obj(
                    currency=CURRENCY,
                    untaxed=MONEY,
                    total=MONEY,
                    open=MONEY,
                    overdue=MONEY,
                ),
            ),
            "description": "The amounts in the company's currency, as booked.",
        },
        version=COUNT,
        changed_at={**TIME, "description": "Of its last event."},
    ),
)

component(
    "Invoices",
    obj(
        total={**COUNT, "description": "Of all pages, as all amounts beside it."},
        currency=CURRENCY,
        invoiced={
            **COUNTED_AMOUNT,
            "description": "Untaxed, less credit notes; posted ones.",
        },
        open={**COUNTED_AMOUNT, "description": "What is still to be paid."},
        overdue={
            **COUNTED_AMOUNT,
            "description": "The part of it that was due before today.",
        },
        ageing={
            **AGEING,
            "description": "What is open, by the days for which each part is overdue."
            " The ages add up to it; an invoice in instalments may be in several.",
        },
        items=array(_INVOICE, 200),
        next=NEXT,
    ),
)
