from odoo.http import Controller, request

from ..models.access.answer_context import AnswerContext
from ..models.access.viewers import INVOICES
from ..models.documents.filters import STATUSES, InvoiceFilters
from ..models.documents.invoices import SORTS, Keyset
from ..models.support.json_schema import DAY, MAX_ID
from .contract.schemas import ref
from .cursors import decode_cursor, encode_cursor
from .dashboard import CURSOR
from .operations import json_response, operation
from .opportunities import DEFAULT_LIMIT, MAX_LIMIT, next_link
from .opportunity_filters import SALESPERSON, TEXT, owner_filters
from .parameters import COMPANY, CURRENCY, DAYS, days_asked
from .query import (
    Parameter,
    day,
    list_of,
    one_of,
    whole_number,
)

_PERIOD, __, __, _TZ = DAYS
_FILTERS = [
    Parameter(
        "status",
        **list_of(**one_of(*STATUSES)),
        description=(
            "Invoices with these states: `open`, something is still to be paid;"
            " `overdue`, a part of it was due before today; `paid`; `draft`;"
            " `cancelled`. By default all that are posted. A credit note is open until"
            " it is paid out or reconciled."
        ),
    ),
    Parameter(
        "account",
        **list_of(**whole_number(MAX_ID)),
        description="Of these customers, by the ids of their companies in Odoo.",
    ),
    SALESPERSON,
    Parameter(
        "scope",
        **one_of("all", "own", "team"),
        description="All invoices that the viewer sees, their own, or the others.",
    ),
    COMPANY,
    Parameter(
        "period",
        _PERIOD.parse,
        _PERIOD.schema,
        "Invoices of this period alone, by the day of the invoice. Weeks begin as in"
        " your language, quarters and years are those of your company's fiscal year.",
    ),
    Parameter("from", day, DAY, "Invoices of this day or later."),
    Parameter("to", day, DAY, "Invoices of this day or earlier."),
    _TZ,
    Parameter(
        "text",
        TEXT.parse,
        TEXT.schema,
        "Words, each of which begins a part of the number, or a word of the customer's"
        " name. Capitals and accents do not matter.",
    ),
]


class InvoicesApi(Controller):
    @operation(
        "/api/v2/dashboard/invoices",
        tag="Customers",
        summary="A page of customers' invoices",
        description=(
            "Invoices, credit notes and receipts, and what all pages come to, also by"
            " how long it is overdue. Only where Odoo has invoices (404 otherwise) and"
            " you may read some. The same address is the `Link` with `rel=next`."
        ),
        parameters=[
            *_FILTERS,
            CURRENCY,
            Parameter(
                "sort",
                **one_of(*(f"{sign}{order}" for order in SORTS for sign in ("", "-"))),
                description=(
                    "The order: by the day on which the last of it is due (`due`, by"
                    " default), the day of the invoice, or the total as converted at"
                    " the rates of the first page; with `-` from the greatest down."
                    " Ties are broken by id; what has no day comes last, or first with"
                    " `-`."
                ),
            ),
            Parameter(
                "limit",
                **whole_number(MAX_LIMIT),
                description=f"The most to give, {DEFAULT_LIMIT} by default.",
            ),
            CURSOR,
        ],
        response=ref("Invoices"),
        is_view=True,
        shows_model=INVOICES,
    )
    def invoices(
        self,
        user,
        sort="due",
        limit=DEFAULT_LIMIT,
        cursor=None,
        currency=None,
        **given,
    ):
        env = request.env
        calendar, period = days_asked(given)
        today = AnswerContext.of(env).today(calendar)
        filters = InvoiceFilters(
            statuses=given.get("status"),
            account_ids=given.get("account"),
            company_ids=given.get("company"),
            period=period,
            text=given.get("text"),
            **owner_filters(given, user),
        )
        bound_to = "invoices", env.uid, user.id, sort, filters, currency and currency.id
        after = None
        if cursor is not None:
            key, id_, rates = decode_cursor(env, cursor, bound_to)
            after = Keyset(key, id_, tuple(map(tuple, rates)))
        invoices = env["cqrs.invoices"]
        page = invoices._read_page(
            user,
            today,
            sort.removeprefix("-"),
            sort.startswith("-"),
            filters,
            after,
            limit,
            currency,
        )
        answer = {
            **invoices._read_totals(user, today, filters, currency),
            "items": invoices._items(page.ids, today),
        }
        following = page.next and encode_cursor(
            env, (page.next.key, page.next.id, page.next.rates), bound_to
        )
        return json_response({**answer, "next": following}, next_link(following))
