from functools import partial

from odoo.http import Controller, request

from ..models.dashboard.reports import Keyset
from ..models.metrics.group_pages import FIGURES, Page
from ..models.metrics.group_pages import Keyset as Groups
from ..models.metrics.groupings import GROUPINGS, are_many
from ..models.metrics.series import PERIODS, UNITS
from ..models.opportunities.filters import Filters
from ..models.past.figures import BY as PAST_BY
from ..models.support.json_schema import UUID
from .contract.schemas import ref
from .cursors import decode_cursor, encode_cursor
from .errors import BadParameter
from .operations import always, json_response, operation
from .opportunities import next_link
from .opportunity_filters import (
    DOMAIN,
    DUE,
    domain_asked,
    time_for_domain,
    version_of_domain,
)
from .parameters import (
    AS_OF,
    COMPANY,
    CURRENCY,
    DAYS,
    TZ,
    as_of_asked,
    asked_calendar,
    days_asked,
    known_person,
)
from .query import (
    Parameter,
    cursor_text,
    list_of,
    one_of,
    person_id,
    whole_number,
)

MAX_LIMIT = 200
MAX_MONTHS = 60
MAX_PERIODS = 2000
DEFAULT_LIMIT = 80


CURSOR = Parameter(
    "cursor",
    **cursor_text(),
    description="The `next` of an answer, to go on after it.",
)

#: The order by the label of the first grouping
_LABEL = "label"
_GROUPINGS = list_of(**one_of(*GROUPINGS))


def _groupings(text: str) -> tuple[str, ...]:
    by = _GROUPINGS["parse"](text)
    if len(by) > 2 or len(set(by)) < len(by):
        raise ValueError("Expected one grouping, or two different ones.")
    return by


class DashboardApi(Controller):
    @operation(
        "/api/v2/dashboard/",
        summary="The dashboard",
        description="Your profile, your figures, and your most valuable opportunities.",
        parameters=[COMPANY, CURRENCY, TZ, *AS_OF],
        response=ref("Dashboard"),
        is_view=True,
        shows_opportunities=always,
    )
    def dashboard(self, user, company=None, currency=None, **days):
        if as_of := as_of_asked(days):
            return request.env["cqrs.past"]._read_dashboard(
                user, as_of, company, currency, asked_calendar(days)
            )
        return request.env["cqrs.dashboard"]._read_dashboard(
            user, company, currency, asked_calendar(days)
        )

    @operation(
        "/api/v2/dashboard/metrics",
        summary="The figures, by stage, salesperson, month, customer and more",
        description=(
            "Where Odoo has orders and invoices, and you may read them, also what was"
            " ordered, invoiced and paid, in the period if one is given, but not with"
            " `as_of`: of orders and invoices there is no past yet. With `domain` or"
            " `due` there are none of these figures."
        ),
        parameters=[
            Parameter(
                "by",
                _groupings,
                {**_GROUPINGS["schema"], "maxItems": 2, "uniqueItems": True},
                "Also give the figures of each stage, salesperson and so on, or of each"
                " pair of two of them. The month is that of closing: expected, until"
                " won or lost. An opportunity with several tags is in the group of"
                " each.",
                is_list=True,
            ),
            Parameter(
                "sort",
                **one_of(
                    *(
                        f"{sign}{name}"
                        for name in (*FIGURES, _LABEL)
                        for sign in ("", "-")
                    )
                ),
                description=(
                    "The order of a page of groups: by a figure, or by the label of the"
                    " first grouping in `by`; with `-` from the greatest down"
                    " (`-pipeline_value` by default). Ties are broken by the keys of"
                    " the groups; those without a value come last, or first with `-`."
                ),
            ),
            Parameter(
                "limit",
                **whole_number(MAX_LIMIT),
                description=(
                    "The most groups to give. By default all, in order of the labels;"
                    f" of customers and of pairs, or with `sort`, {DEFAULT_LIMIT}."
                ),
            ),
            CURSOR,
            COMPANY,
            CURRENCY,
            DOMAIN,
            DUE,
            *DAYS,
            *AS_OF,
        ],
        response=ref("GroupedMetrics"),
        is_view=True,
        further_version=version_of_domain,
        shows_opportunities=always,
    )
    def metrics(self, user, **given):
        with time_for_domain(given):
            return _metrics(user, **given)

    @operation(
        "/api/v2/dashboard/metrics/series",
        summary="The figures at the end of each month, or day, week or quarter",
        description=(
            "Pipeline and active opportunities as they were at the end of each month,"
            " at your midnight, worked out from the events, and what was closed in it,"
            " with the opportunities of whoever's you may see today, at the rates of"
            " today. The last month is the present one, as of now. Before"
            " `recorded_since` there is no event to tell, but what is reconstructed."
        ),
        parameters=[
            Parameter(
                "months",
                **whole_number(MAX_MONTHS),
                description="The number of months, 12 by default.",
            ),
            Parameter(
                "every",
                **one_of(*UNITS),
                description=(
                    "The periods: the answer has them as `periods`, in the place of"
                    " `months`. Those that ended before there was history are left out."
                ),
            ),
            Parameter(
                "periods",
                **whole_number(MAX_PERIODS),
                description="With `every`: the number of periods, 12 by default.",
            ),
            Parameter(
                "compare",
                **one_of(*PERIODS),
                description=(
                    "Also give what was closed in the month, quarter or year before the"
                    " present one, in as much of it as has passed of the present one."
                ),
            ),
            COMPANY,
            CURRENCY,
            TZ,
        ],
        response=ref("MetricsSeries"),
        is_view=True,
        shows_opportunities=always,
    )
    def metrics_series(
        self,
        user,
        months=None,
        every=None,
        periods=None,
        compare=None,
        company=None,
        currency=None,
        **days,
    ):
        if every and months:
            raise BadParameter("months", "With `every` it is `periods`.")
        if periods and not every:
            raise BadParameter("periods", "It needs `every`.")
        return request.env["cqrs.metrics"]._read_series(
            user,
            months or periods or 12,
            compare,
            company,
            currency,
            asked_calendar(days),
            every,
        )

    @operation(
        "/api/v2/dashboard/users/profile",
        tag="People",
        summary="The profile of a person",
        response=ref("Profile"),
        is_view=True,
    )
    def profile(self, user):
        return request.env["cqrs.dashboard"]._read_profile(user)

    @operation(
        "/api/v2/dashboard/users/hierarchy",
        tag="People",
        summary="A person and the people below",
        description=(
            "One level of the tree, by name: ask with `parent` for the one below."
        ),
        parameters=[
            Parameter(
                "parent",
                person_id,
                UUID,
                "The person whose reports to list; by default you, or `user`.",
            ),
            Parameter(
                "metrics",
                **one_of("false", "true"),
                description=(
                    "With `true`, the figures of what each person owns, of what"
                    " everyone below does (`team`), and of both."
                ),
            ),
            Parameter(
                "former",
                **one_of("false", "true"),
                description=(
                    "With `true`, not the reports but the former people below, and who"
                    " reported to them."
                ),
            ),
            COMPANY,
            CURRENCY,
            TZ,
            *AS_OF,
            Parameter(
                "limit",
                **whole_number(MAX_LIMIT),
                description=f"The most reports to give, {DEFAULT_LIMIT} by default.",
            ),
            CURSOR,
        ],
        response=ref("Level"),
        is_view=True,
        shows_opportunities=lambda values: values.get("metrics") == "true",
    )
    def hierarchy(
        self,
        user,
        parent=None,
        metrics="false",
        former="false",
        limit=DEFAULT_LIMIT,
        cursor=None,
        company=None,
        currency=None,
        **days,
    ):
        env = request.env
        as_of = as_of_asked(days)
        parent = user if parent is None else known_person(user, parent, "parent")
        bound_to = ("hierarchy", env.uid, user.id, parent.id, former, as_of)
        past = {}
        if as_of:
            past = {
                "people": partial(env["cqrs.past"]._read_people, as_of=as_of),
                "at": as_of.hierarchy_at,
            }
        level = env["cqrs.reports"]._read_level(
            user,
            parent,
            None if cursor is None else Keyset(*decode_cursor(env, cursor, bound_to)),
            limit,
            has_metrics=metrics == "true",
            is_former=former == "true",
            company_ids=company,
            target_currency=currency,
            **past,
        )
        if as_of:
            counts = {"opportunities": 0, "reconstructed": 0}
            if metrics == "true":
                counts = env["cqrs.past"]._read_counts(user, as_of, company)
            level |= env["cqrs.past"]._facts(
                as_of, counts["opportunities"], counts["reconstructed"]
            )
        following = level["next"] and encode_cursor(env, level["next"], bound_to)
        return json_response({**level, "next": following}, next_link(following))


def _metrics(
    user,
    by=(),
    sort=None,
    limit=None,
    cursor=None,
    company=None,
    currency=None,
    due=None,
    **days,
):
    """Return the answer with the figures."""
    as_of = as_of_asked(days)
    domain = domain_asked(days)
    calendar, period = days_asked(days, as_of)
    metrics = request.env["cqrs.metrics"]
    read, read_as_json = metrics._read, metrics._read_as_json
    if as_of:
        for name, value in (("domain", domain), ("due", due)):
            if value:
                raise BadParameter(name, "There is no such filter with `as_of`.")
        if others := [name for name in by if name not in PAST_BY]:
            raise BadParameter(
                "by",
                f"With `as_of` there are no groups by {others[0]}; there are those"
                f" by {', '.join(PAST_BY)}.",
            )
        read = partial(request.env["cqrs.past"]._read_metrics, as_of=as_of)
        read_as_json = read
    added = None
    if domain:
        filters = Filters(domain=domain)
        read = partial(read, filters=filters)
        read_as_json = partial(read_as_json, filters=filters)
    if due:
        read, read_as_json = (partial(each, due=due) for each in (read, read_as_json))
    if not (as_of or domain or due):
        added = partial(
            request.env["cqrs.document.figures"]._add_to,
            user=user,
            by=by,
            company_ids=company,
            target_currency=currency,
            calendar=calendar,
            period=period,
        )
    is_paged = sort or limit or cursor is not None
    if not by or not (is_paged or are_many(by)):
        if cursor is not None:
            raise BadParameter("cursor", "It needs `by`: there is nothing to page.")
        answer = read_as_json(
            user,
            by=by,
            company_ids=company,
            target_currency=currency,
            calendar=calendar,
            period=period,
        )
        return added(answer) if added else answer
    sort = sort or "-pipeline_value"
    name = sort.removeprefix("-")
    if name == _LABEL:
        name = by[0]
    bound_to = (
        *("groups", request.env.uid, user.id, by, sort, company, currency),
        *(calendar.zone, period, as_of, domain, due),
    )
    after = None
    if cursor is not None:
        place, *keys = decode_cursor(request.env, cursor, bound_to)
        after = Groups(place, tuple(keys))
    page = Page(name, sort.startswith("-"), limit or DEFAULT_LIMIT, after)
    answer = read(
        user,
        by=by,
        company_ids=company,
        target_currency=currency,
        page=page,
        calendar=calendar,
        period=period,
    )
    following = answer["next"] and encode_cursor(
        request.env, (answer["next"].place, *answer["next"].keys), bound_to
    )
    answer |= {"next": following}
    if added:
        answer = added(answer)
    return json_response(answer, next_link(following))
