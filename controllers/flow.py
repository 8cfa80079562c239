from dataclasses import replace
from datetime import timezone

from odoo.http import Controller, request

from ..models.access.answer_context import AnswerContext
from ..models.opportunities.filters import Filters, Range
from ..models.opportunities.pace import activities_version
from ..models.past.flow import BY, FlowScope
from ..models.support.json_schema import DAY
from .contract.schemas import ref
from .errors import BeforeHistory
from .operations import always, operation
from .opportunities import SALESPERSON, user_ids
from .parameters import (
    COMPANY,
    CURRENCY,
    DAYS,
    TEAM,
    asked_calendar,
    days_asked,
    hierarchy_at,
)
from .query import MAX_ID, Parameter, day, list_of, one_of, whole_number

#: The period where none is asked for
DEFAULT_PERIOD = "this_year"

_OF_MOVES = {
    "period": "The period of the moves; the fiscal year, by default. Weeks begin as in"
    " your language, quarters and years are those of your company's fiscal year.",
    "from": "Moves on this day or later.",
    "to": "Moves on this day or earlier.",
}
_SCOPE = (
    SALESPERSON,
    COMPANY,
    Parameter(
        "team_id",
        **list_of(**whole_number(MAX_ID)),
        description="Of these sales teams, by their ids in Odoo.",
    ),
    Parameter(
        "stage",
        **list_of(**whole_number(MAX_ID)),
        description="These stages alone, by their ids in Odoo.",
    ),
    Parameter("closing_from", day, DAY, "Expected to close on this day or later."),
    Parameter("closing_to", day, DAY, "Expected to close on this day or earlier."),
    CURRENCY,
)
_PERIOD = [
    replace(each, description=_OF_MOVES.get(each.name, each.description))
    for each in DAYS
]


class FlowApi(Controller):
    @operation(
        "/api/v2/dashboard/flow",
        summary="How opportunities flow through the stages",
        description=(
            "The moves of a period: which stages opportunities entered and left, how"
            " long those that left had stayed, and how fast and how often they are won."
            " They belong to whoever owned the opportunity after the move, and are seen"
            " by whoever sees that owner today."
        ),
        parameters=[
            Parameter(
                "by",
                **one_of(*BY),
                description="Also give the flow of each sales team, salesperson, or"
                " month of the moves.",
            ),
            *_PERIOD,
            *_SCOPE,
            TEAM,
        ],
        response=ref("Flow"),
        is_view=True,
        shows_opportunities=always,
    )
    def flow(self, user, by=None, team="now", currency=None, **given):
        if not {"period", "from", "to"} & given.keys():
            given["period"] = DEFAULT_PERIOD
        calendar, period = days_asked(given)
        now = AnswerContext.of(request.env).answered_at
        since = request.env["cqrs.opportunity.span"]._history_since()
        since = since and since.astimezone(timezone.utc)
        until = period.end or now
        if since is None or until <= since:
            raise BeforeHistory("to", since)
        people = given.get("salesperson")
        scope = FlowScope(
            since=period.start or since,
            until=until,
            company_ids=given.get("company"),
            user_ids=people and user_ids(people),
            team_ids=given.get("team_id"),
            stage_ids=given.get("stage"),
            closing=(given.get("closing_from"), given.get("closing_to")),
            hierarchy_at=hierarchy_at(team, min(until, now)),
        )
        return request.env["cqrs.flow"]._read(user, scope, by, currency, calendar.zone)

    @operation(
        "/api/v2/dashboard/attention",
        summary="What needs attention",
        description=(
            "How many open opportunities are overdue, stuck in their stage, pushed,"
            " idle, or without a planned activity, and what they are worth. An"
            " opportunity may be several of these. It is always about the present. The"
            " deals are in `/api/v2/dashboard/opportunities` with `attention`."
        ),
        parameters=[*_SCOPE, next(each for each in DAYS if each.name == "tz")],
        response=ref("Attention"),
        is_view=True,
        further_version=lambda values: activities_version(request.env),
        shows_opportunities=always,
    )
    def attention(self, user, currency=None, **given):
        people = given.get("salesperson")
        filters = Filters(
            stage_ids=given.get("stage"),
            user_ids=people and user_ids(people),
            company_ids=given.get("company"),
            team_ids=given.get("team_id"),
            closing_date=Range(given.get("closing_from"), given.get("closing_to")),
        )
        today = AnswerContext.of(request.env).today(asked_calendar(given))
        return request.env["cqrs.attention"]._read(user, today, filters, currency)
