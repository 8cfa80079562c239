from urllib.parse import urlencode

from odoo.http import Controller, request

from ..models.opportunities.as_json import (
    API_FIELDS,
    FIELDS,
    PACE_FIELDS,
    SALES_FIELDS,
)
from ..models.opportunities.filters import Filters
from ..models.opportunities.orders import SORTS, Keyset
from ..models.opportunities.pace import activities_version
from ..models.past.as_of import AsOf
from ..models.past.pages import SORTS as PAST_SORTS
from ..models.support.exact_json import JsonText
from ..models.support.json_schema import MAX_ID
from .contract.schemas import ref
from .cursors import decode_cursor, encode_cursor
from .errors import BadParameter, NotFoundOrHidden
from .operations import SPARSE, always, json_response, operation
from .opportunity_filters import (
    FILTERS,
    OF_THE_PAST,
    filters_asked,
    time_for_domain,
    today_asked,
    version_of_domain,
)
from .parameters import AS_OF, CURRENCY, as_of_asked
from .query import Parameter, cursor_text, list_of, one_of, whole_number

URL = "/api/v2/dashboard/opportunities"

MAX_LIMIT = 200
DEFAULT_LIMIT = 80

_FIELDS = Parameter(
    "fields",
    **list_of(**one_of(*API_FIELDS)),
    description="The fields to give: those of an opportunity, and `converted_value`,"
    " those of the pace, from `age_days` on, `ordered`, `invoiced` and `paid`.",
    is_required=True,
)
#: Fields of a single opportunity
_OF_ONE = tuple(name for name in API_FIELDS if name in {*FIELDS, *SALES_FIELDS})
_CURRENCY = Parameter(
    "currency",
    CURRENCY.parse,
    CURRENCY.schema,
    "The currency of converted values, in whose order `sort=value` is: one that is"
    " active in Odoo. By default that of the viewer's company.",
)
_PAGING = [
    Parameter(
        "sort",
        **one_of(*(f"{sign}{order}" for order in SORTS for sign in ("", "-"))),
        description=(
            "The order: with `-` from the greatest down (`-value` by default)."
            " Ties are broken by id; what has none comes last, or first with `-`."
            " What has no days or pushes comes last both ways: an opportunity that is"
            " not open, or was never pushed."
            " Values compare as converted, at the rates of the first page. Names are in"
            " the order of Unicode's code points: capitals before small letters."
        ),
    ),
    Parameter(
        "limit",
        **whole_number(MAX_LIMIT),
        description=f"The most to give, {DEFAULT_LIMIT} by default.",
    ),
    Parameter(
        "cursor",
        **cursor_text(),
        description="The `next` of an answer, to go on after it. The other parameters"
        " are to be as they were then, but for `limit` and `fields`.",
    ),
]


def _further_version(values: dict) -> tuple | None:
    """Return the version of planned activities and of a domain, if they matter."""
    if "attention" in (*values, *values.get("fields", ())):
        return activities_version(request.env), version_of_domain(values)
    return version_of_domain(values)


_PAGE = (*FILTERS, *AS_OF, _CURRENCY, *_PAGING)


class OpportunitiesApi(Controller):
    @operation(
        URL,
        tag="Opportunities",
        summary="A page of opportunities",
        description=(
            "Whoever follows `next` to the end is given each opportunity once that has"
            " not changed meanwhile. The same address is the `Link` with `rel=next`."
        ),
        parameters=_PAGE,
        former_parameters=[_FIELDS],
        response=ref("Opportunities"),
        is_view=True,
        further_version=_further_version,
        shows_opportunities=always,
    )
    def opportunities(self, user, **given):
        with time_for_domain(given):
            return _page(user, **given)

    @operation(
        f"{SPARSE}/opportunities",
        tag="Opportunities",
        summary="A page of opportunities with the fields asked for",
        description="As `opportunities`, with the same parameters.",
        parameters=[_FIELDS, *_PAGE],
        response=ref("SparseOpportunities"),
        is_view=True,
        further_version=_further_version,
        shows_opportunities=always,
    )
    def sparse_opportunities(self, user, **given):
        with time_for_domain(given):
            return _page(user, **given)

    @operation(
        f"{URL}/<int:opportunity_id>",
        tag="Opportunities",
        summary="An opportunity",
        description="Archived or not.",
        parameters=[_CURRENCY],
        former_parameters=[_FIELDS],
        response=ref("Opportunity"),
        is_view=True,
        further_version=_further_version,
        shows_opportunities=always,
    )
    def opportunity(self, opportunity_id, user, fields=_OF_ONE, currency=None):
        return _one(opportunity_id, user, fields, currency)

    @operation(
        f"{SPARSE}/opportunities/<int:opportunity_id>",
        tag="Opportunities",
        summary="An opportunity with the fields asked for",
        description="Archived or not.",
        parameters=[_FIELDS, _CURRENCY],
        response=ref("SparseOpportunity"),
        is_view=True,
        further_version=_further_version,
        shows_opportunities=always,
    )
    def sparse_opportunity(self, opportunity_id, user, fields, currency=None):
        return _one(opportunity_id, user, fields, currency)

    @operation(
        "/api/v2/dashboard/access/<int:opportunity_id>",
        tag="Opportunities",
        summary="Whether somebody sees an opportunity, and why",
        description=(
            "The reasons why you see an opportunity; with `user`, whether that person"
            " sees it, and why or why not. One that you do not see is answered 404."
        ),
        response=ref("Access"),
        is_view=True,
        shows_opportunities=always,
    )
    def access(self, opportunity_id, user):
        access = request.env["cqrs.access"]
        if opportunity_id > MAX_ID or not access._may_see(
            request.env.user, opportunity_id
        ):
            raise NotFoundOrHidden("opportunity")
        return {
            **request.env["cqrs.dashboard"]._read_access(user),
            "opportunity_id": opportunity_id,
            **access._explain(user, opportunity_id),
        }


def _page(
    user,
    sort="-value",
    limit=DEFAULT_LIMIT,
    cursor=None,
    fields=FIELDS,
    currency=None,
    **given,
):
    """Return the answer with a page of opportunities."""
    env = request.env
    as_of = as_of_asked(given)
    if as_of:
        _check_past(given, sort, fields)
    filters = filters_asked(given, user, as_of)
    bound_to = list_of_opportunities(env, user, sort, filters, currency, as_of)
    after = None if cursor is None else _after(*decode_cursor(env, cursor, bound_to))
    order = sort.removeprefix("-"), sort.startswith("-")
    if as_of:
        past = env["cqrs.past"]
        page = past._read_page(user, as_of, *order, filters, after, limit, currency)
        total, reconstructed = past._count(user, as_of, filters)
        answer = {
            "total": total,
            "items": past._items(
                page.ids, user, as_of, fields, currency, page.conversion
            ),
            **past._facts(as_of, total, reconstructed),
        }
    else:
        opportunities = env["cqrs.opportunities"]
        page = opportunities._read_page(user, *order, filters, after, limit, currency)
        total, is_all = opportunities._total(user, filters)
        answer = {
            "total": total,
            "items": env["cqrs.dashboard"]._opportunities(
                page.ids,
                user,
                fields,
                currency,
                page.conversion,
                today_asked(given),
            ),
        }
        if not is_all:
            answer["has_more_than_total"] = True
        if filters.domain and opportunities._reads_all(filters):
            answer["reads_all"] = True
    following = page.next and encode_cursor(env, _place(page.next), bound_to)
    return json_response({**answer, "next": following}, next_link(following))


def _one(opportunity_id: int, user, fields: tuple[str, ...], currency) -> JsonText:
    """Return the JSON of an opportunity.

    :raise NotFoundOrHidden:
    """
    if opportunity_id > MAX_ID:
        raise NotFoundOrHidden("opportunity")
    if not request.env["cqrs.access"]._may_see(user, opportunity_id):
        raise NotFoundOrHidden("opportunity")
    dashboard = request.env["cqrs.dashboard"]
    array = dashboard._opportunities([opportunity_id], user, fields, currency)
    return JsonText(array.text.removeprefix("[").removesuffix("]"))


def list_of_opportunities(
    env, user, sort: str, filters: Filters, currency, as_of: AsOf | None = None
) -> tuple:
    """Return the identity of a list, to which its cursors are bound."""
    currency_id = currency and currency.id
    return "opportunities", env.uid, user.id, sort, filters, currency_id, as_of


def _check_past(given: dict, sort: str, fields: tuple[str, ...]):
    """Check that a list of the past can be given.

    :raise BadParameter: it is sorted or filtered by what is not kept of the past, or
        asks for such fields
    """
    if sort.removeprefix("-") not in PAST_SORTS:
        raise BadParameter(
            "sort", f"With `as_of` a list is sorted by {', '.join(PAST_SORTS)}."
        )
    for name in given:
        if name not in OF_THE_PAST:
            raise BadParameter(name, "There is no such filter with `as_of`.")
    for name in fields:
        if name in PACE_FIELDS or name in SALES_FIELDS:
            raise BadParameter("fields", f"There is no {name} with `as_of`.")


def _place(after: Keyset) -> tuple:
    return after.key, after.id, after.stage_ids, after.rates


def _after(key: str | None, id_: int, stage_ids=(), rates=()) -> Keyset:
    return Keyset(key, id_, tuple(stage_ids), tuple(map(tuple, rates)))


def next_link(cursor: str | None) -> dict[str, str]:
    """Return the header that leads to the next page, if there is one."""
    if cursor is None:
        return {}
    arguments = request.httprequest.args.to_dict(flat=False) | {"cursor": [cursor]}
    url = f"{request.httprequest.path}?{urlencode(arguments, doseq=True)}"
    return {"Link": f'<{url}>; rel="next"'}
