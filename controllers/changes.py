from datetime import date, datetime, timedelta

from odoo.http import Controller, request

from ..models.access.answer_context import AnswerContext
from ..models.past.change_kinds import KINDS
from ..models.past.changed_deals import Keyset
from ..models.past.windows import NoHistory, Scope, Window
from ..models.support.json_schema import DAY, MAX_ID, TIME
from ..models.support.periods import FIRST_DAY, LAST_DAY, Calendar, Period, midnight
from .contract.schemas import ref
from .cursors import decode_cursor, encode_cursor
from .errors import BadParameter, BeforeHistory
from .operations import always, json_response, operation
from .opportunities import next_link
from .opportunity_filters import SALESPERSON, user_ids
from .parameters import COMPANY, CURRENCY, TEAM, TZ, asked_calendar, hierarchy_at
from .query import (
    Parameter,
    cursor_text,
    day,
    list_of,
    one_of,
    time,
    whole_number,
)

MAX_LIMIT = 200
DEFAULT_LIMIT = 80

#: ``{name: (unit, how many units ago)}`` of where a window begins
PRESETS = {
    "yesterday": ("day", 1),
    "week": ("week", 0),
    "month": ("month", 0),
    "quarter": ("quarter", 0),
    "year": ("year", 0),
}


def moment(text: str) -> date | datetime:
    """Return the day, or the time by RFC 3339, that a text gives."""
    if len(text) > 10:
        return time(text)
    given = day(text)
    if not FIRST_DAY <= given <= LAST_DAY:
        raise ValueError(f"Expected a day from {FIRST_DAY} to {LAST_DAY}.")
    return given


_MOMENT = {"anyOf": [TIME, DAY]}

WINDOW = (
    Parameter(
        "from",
        moment,
        _MOMENT,
        "The beginning: a time, or a day that begins then, at midnight of `tz`.",
    ),
    Parameter(
        "to",
        moment,
        _MOMENT,
        "The end: a time, or a day that ends then, at midnight of `tz`. Now by default,"
        " and for what has not come yet.",
    ),
    Parameter(
        "since",
        **one_of(*PRESETS),
        description=(
            "Instead of `from`: the midnight with which yesterday, or the present week,"
            " month, quarter or year began. `week` where neither is given."
        ),
    ),
    TZ,
    Parameter(
        TEAM.name,
        TEAM.parse,
        TEAM.schema,
        "Whose opportunities are seen: by the hierarchy of today (`now`, by default),"
        " or at each end by that of its moment (`then`). Then the opportunities of"
        " people who joined or left the team are reassigned.",
    ),
)

SCOPE = (
    SALESPERSON,
    COMPANY,
    Parameter(
        "team_id",
        **list_of(**whole_number(MAX_ID)),
        description="Of these sales teams, by their ids in Odoo.",
    ),
    Parameter(
        "stage", **list_of(**whole_number(MAX_ID)), description="In these stages."
    ),
    Parameter("closing_from", day, DAY, "Closing on this day or later."),
    Parameter("closing_to", day, DAY, "Closing on this day or earlier."),
)


class ChangesApi(Controller):
    @operation(
        "/api/v2/dashboard/changes",
        summary="What changed in the open pipeline",
        description=(
            "The open pipeline at two moments, and what lies between them: the changes"
            " by their kinds, so that `start` and all changes add up to `end`, to the"
            " last digit. The end states decide, at today's rates."
        ),
        parameters=[*WINDOW, *SCOPE, CURRENCY],
        response=ref("PipelineChanges"),
        is_view=True,
        shows_opportunities=always,
    )
    def changes(self, user, currency=None, **given):
        calendar = asked_calendar(given)
        window, scope = _window(given, calendar), _scope(given, calendar)
        try:
            return request.env["cqrs.changes"]._read(user, window, scope, currency)
        except NoHistory as error:
            raise _before(given, error) from error

    @operation(
        "/api/v2/dashboard/changes/opportunities",
        summary="The opportunities behind a change of the open pipeline",
        description=(
            "Those of one kind in `changes`, with the same parameters: as they were and"
            " as they are, and who made the change. The greatest change comes first."
            " Give `to` as `changes` answered it: until then nothing is to be added."
        ),
        parameters=[
            Parameter(
                "kind",
                **one_of(*KINDS),
                description="The kind of change: one of those in `changes`.",
                is_required=True,
            ),
            *WINDOW,
            *SCOPE,
            CURRENCY,
            Parameter(
                "limit",
                **whole_number(MAX_LIMIT),
                description=f"The most to give, {DEFAULT_LIMIT} by default.",
            ),
            Parameter(
                "cursor",
                **cursor_text(),
                description="The `next` of an answer, to go on after it. The other"
                " parameters are to be as they were then, but for `limit`.",
            ),
        ],
        response=ref("ChangedOpportunities"),
        is_view=True,
        shows_opportunities=always,
    )
    def changed_opportunities(
        self,
        user,
        kind,
        currency=None,
        limit=DEFAULT_LIMIT,
        cursor=None,
        **given,
    ):
        env = request.env
        calendar = asked_calendar(given)
        scope = _scope(given, calendar)
        bound_to = (
            *("changes", env.uid, user.id, kind, scope, currency and currency.id),
            *(given.get(name) for name in ("from", "to", "since", "team")),
            calendar.zone,
        )
        after = None
        if cursor is not None:
            start, end, size, id_, rates = decode_cursor(env, cursor, bound_to)
            # The window stays as it began, also where its end was now.
            given |= {
                "from": datetime.fromisoformat(start),
                "to": datetime.fromisoformat(end),
            }
            given.pop("since", None)
            after = Keyset(size, id_, tuple(map(tuple, rates)))
        window = _window(given, calendar)
        try:
            answer = env["cqrs.changes"]._read_opportunities(
                user, kind, window, scope, currency, after, limit
            )
        except NoHistory as error:
            raise _before(given, error) from error
        following = answer["next"] and encode_cursor(
            env,
            (window.start.isoformat(), window.end.isoformat(), *answer["next"]),
            bound_to,
        )
        return json_response({**answer, "next": following}, next_link(following))


def _window(given: dict, calendar: Calendar) -> Window:
    """Return the window that ``WINDOW`` asks for.

    :raise BadParameter: it has two beginnings, or ends before it
    """
    context = AnswerContext.of(request.env)
    now = context.answered_at
    start, end, since = (given.get(name) for name in ("from", "to", "since"))
    if start and since:
        raise BadParameter("from", "Expected either `from` or `since`.")
    if not start:
        since = since or "week"
        unit, back = PRESETS[since]
        period = calendar.period(unit, context.today(calendar))
        start = (calendar.before(period) if back else period).first
    start = _moment(start, calendar)
    if isinstance(end, date) and not isinstance(end, datetime):
        end = midnight(end + timedelta(days=1), calendar.zone)
    is_live = end is None or end >= now
    end = now if is_live else end
    if start >= end:
        name = "since" if since else "from"
        raise BadParameter(name, f"Expected a time before {end.isoformat()}.")
    team = given.get("team", "now")
    hierarchy_at(team, start)
    return Window(start, end, team, is_live)


def _moment(given: date | datetime, calendar: Calendar) -> datetime:
    return given if isinstance(given, datetime) else midnight(given, calendar.zone)


def _scope(given: dict, calendar: Calendar) -> Scope:
    people = given.get("salesperson")
    return Scope(
        user_ids=people and user_ids(people),
        company_ids=given.get("company"),
        team_ids=given.get("team_id"),
        stage_ids=given.get("stage"),
        closing=_closing(given, calendar),
    )


def _closing(given: dict, calendar: Calendar) -> Period | None:
    first, last = given.get("closing_from"), given.get("closing_to")
    if first is None and last is None:
        return None
    first = first and min(max(first, FIRST_DAY), LAST_DAY)
    until = last and min(max(last, FIRST_DAY), LAST_DAY) + timedelta(days=1)
    return Period(first, until, calendar.zone)


def _before(given: dict, error: NoHistory) -> BeforeHistory:
    return BeforeHistory("from" if "from" in given else "since", error.since)
