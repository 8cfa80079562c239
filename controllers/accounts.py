import re
from dataclasses import replace

from odoo.http import Controller, request

from ..models.access.answer_context import AnswerContext
from ..models.customers.accounts import SORTS
from ..models.customers.measures import MEASURES
from ..models.customers.question import AccountFilters, Keyset
from ..models.customers.timeline import Moment
from ..models.customers.viewing import Viewing
from ..models.opportunities.filters import MAX_TEXT
from ..models.support.json_schema import MAX_ID, string
from .contract.schemas import ref
from .cursors import decode_cursor, encode_cursor
from .errors import NotFoundOrHidden
from .operations import SPARSE, always, json_response, operation
from .opportunities import next_link
from .opportunity_filters import SALESPERSON, WORDS, user_ids
from .parameters import COMPANY, CURRENCY, TZ, asked_calendar, viewed_user
from .query import (
    Parameter,
    cursor_text,
    list_of,
    one_of,
    whole_number,
)

URL = "/api/v2/dashboard/accounts"
TAG = "Customers"

MAX_LIMIT = 200
DEFAULT_LIMIT = 80
DEFAULT_STORY = 20

_IS_SO = {"true": True, "false": False}
_ARCHIVED = {"false": False, "true": True, "any": None}

#: The fields of an account beside its figures
FACTS = (
    *("odoo_id", "name", "is_company", "archived"),
    *("salesperson", "company_id", "country", "city"),
)
_FIELD_NAMES = (*FACTS, *(measure.shown for measure in MEASURES), "exact")

_COUNTRY = string(2, "^[A-Z]{2}$")


def _country(text: str) -> str:
    if not re.fullmatch("[A-Z]{2}", text):
        raise ValueError("Expected a country, as BE.")
    return text


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"Expected {MAX_TEXT} characters at most.")
    return text


def _cursor(what: str) -> Parameter:
    return Parameter(
        "cursor",
        **cursor_text(),
        description="The `next` of an answer, to go on after it. The other parameters"
        f" are to be as they were then, but for {what}.",
    )


_COMPANY = replace(
    COMPANY,
    description=(
        "The companies alone whose opportunities, orders and invoices count, by their"
        " ids in Odoo: ones that you may work in. Those without a company always count."
        " By default all count that are seen."
    ),
)

_FILTERS = (
    replace(
        SALESPERSON,
        description="Accounts whose salesperson in Odoo is one of these people; `none`"
        " is for those without one.",
    ),
    Parameter(
        "country",
        **list_of(_country, _COUNTRY),
        description="Accounts in these countries, by their codes of ISO 3166.",
    ),
    _COMPANY,
    Parameter(
        "text",
        _text,
        WORDS,
        "Words, each of which begins a word of the account's name or reference, as in"
        " the search for opportunities.",
    ),
    Parameter(
        "has_overdue",
        **one_of(*_IS_SO),
        description="Accounts with something overdue, or without.",
    ),
    Parameter(
        "archived",
        **one_of(*_ARCHIVED),
        description="Archived ones, or `any`. By default those that are not.",
    ),
    TZ,
)


_PAGE = (
    *_FILTERS,
    CURRENCY,
    Parameter(
        "sort",
        **one_of(*(f"{sign}{order}" for order in SORTS for sign in ("", "-"))),
        description=(
            "The order: with `-` from the greatest down (`name` by default)."
            " Ties are broken by id; accounts where the figure is nothing come"
            " last, both ways. Amounts compare as converted, at the rates of"
            " the first page. What you may not read is nothing. Names are in"
            " the order of Unicode's code points."
        ),
    ),
    Parameter(
        "limit",
        **whole_number(MAX_LIMIT),
        description=f"The most to give, {DEFAULT_LIMIT} by default.",
    ),
    _cursor("`limit`, `fields` and `totals`"),
    Parameter(
        "totals",
        **one_of(*_IS_SO),
        description="With `true`: how many accounts all pages have (`total`),"
        " and their figures together (`totals`). With many accounts that takes"
        " longer than the page.",
    ),
)

_FIELDS = Parameter(
    "fields",
    **list_of(**one_of(*_FIELD_NAMES)),
    description="The fields to give of each.",
    is_required=True,
)


def _rights(values: dict) -> str:
    """Return what the answer depends on beside the log: rights in Odoo."""
    return Viewing.of(request.env, viewed_user(values.get("user"))).version


class AccountsApi(Controller):
    @operation(
        URL,
        tag=TAG,
        summary="A page of accounts",
        description=(
            "Accounts are customers by their commercial entity: those that Odoo lets"
            " you read. Their figures are sums over what you see of their"
            " opportunities, orders and invoices. What you may not read, or what is not"
            " installed, is absent."
        ),
        parameters=_PAGE,
        former_parameters=[_FIELDS],
        response=ref("Accounts"),
        is_view=True,
        shows_opportunities=always,
        further_version=_rights,
    )
    def accounts(self, user, **given):
        return _page(user, **given)

    @operation(
        f"{SPARSE}/accounts",
        tag=TAG,
        summary="A page of accounts with the fields asked for",
        description="As `accounts`, with the same parameters.",
        parameters=[_FIELDS, *_PAGE],
        response=ref("SparseAccounts"),
        is_view=True,
        shows_opportunities=always,
        further_version=_rights,
    )
    def sparse_accounts(self, user, **given):
        return _page(user, **given)

    @operation(
        f"{URL}/<int:account_id>",
        tag=TAG,
        summary="An account",
        description=(
            "Its figures in all, and by company and currency; how long what is open has"
            " been due (`ageing`); and of its opportunities, orders and invoices the"
            " newest ones, how many there are, and the days of the first and the last:"
            " of creation, of the confirmed orders, of the posted invoices."
        ),
        parameters=[_COMPANY, CURRENCY, TZ],
        response=ref("Account"),
        is_view=True,
        shows_opportunities=always,
        further_version=_rights,
    )
    def account(self, account_id, user, company=None, currency=None, **given):
        today = AnswerContext.of(request.env).today(asked_calendar(given))
        found = account_id <= MAX_ID and request.env["cqrs.accounts"]._read_account(
            user, account_id, today, company, currency
        )
        if not found:
            raise NotFoundOrHidden("account")
        return found

    @operation(
        f"{URL}/<int:account_id>/timeline",
        tag=TAG,
        summary="The story of an account",
        description=(
            "The changes of its contacts, and what became of its opportunities, orders"
            " and invoices, the newest first: of those that you see now, without the"
            " fields that Odoo hides from you. What was there before recording began"
            " is told where it began, as Odoo has its date. Sentences are in your"
            " language."
        ),
        parameters=[
            Parameter(
                "limit",
                **whole_number(MAX_LIMIT),
                description=f"The most to give, {DEFAULT_STORY} by default.",
            ),
            _cursor("`limit`"),
        ],
        response=ref("Timeline"),
        is_view=True,
        shows_opportunities=always,
        further_version=_rights,
    )
    def account_timeline(self, account_id, user, limit=DEFAULT_STORY, cursor=None):
        env = request.env
        bound_to = "timeline", env.uid, user.id, account_id
        after = None
        if cursor is not None:
            after = Moment(*decode_cursor(env, cursor, bound_to))
        found = account_id <= MAX_ID and env["cqrs.accounts"]._read_timeline(
            user, account_id, after, limit
        )
        if not found:
            raise NotFoundOrHidden("account")
        following = found["next"] and encode_cursor(env, found["next"], bound_to)
        return json_response({**found, "next": following}, next_link(following))


def _page(
    user,
    sort="name",
    limit=DEFAULT_LIMIT,
    cursor=None,
    currency=None,
    fields=None,
    totals="false",
    **given,
):
    """Return the answer with a page of accounts."""
    env = request.env
    calendar = asked_calendar(given)
    today = AnswerContext.of(env).today(calendar)
    filters = _filters(given)
    order = sort.removeprefix("-")
    currency_id = currency and currency.id
    # Not to the day: a list goes on after midnight.
    bound_to = "accounts", env.uid, user.id, sort, filters, currency_id
    after = None
    if cursor is not None:
        key, id_, rates = decode_cursor(env, cursor, bound_to)
        after = Keyset(key, id_, tuple(map(tuple, rates)))
    answer = env["cqrs.accounts"]._read_page(
        user, today, order, sort.startswith("-"), filters, after, limit, currency
    )
    if _IS_SO[totals]:
        answer |= env["cqrs.accounts"]._read_totals(user, today, filters, currency)
    following = answer["next"] and encode_cursor(env, answer["next"], bound_to)
    if fields is not None:
        answer["items"] = [
            {name: value for name, value in item.items() if name in fields}
            for item in answer["items"]
        ]
    return json_response({**answer, "next": following}, next_link(following))


def _filters(given: dict) -> AccountFilters:
    people, codes = given.get("salesperson"), given.get("country")
    return AccountFilters(
        user_ids=people and user_ids(people),
        company_ids=given.get("company"),
        country_ids=codes and request.env["cqrs.accounts"]._country_ids(codes),
        text=given.get("text"),
        has_overdue=_IS_SO.get(given.get("has_overdue")),
        archived=_ARCHIVED[given.get("archived", "false")],
    )
