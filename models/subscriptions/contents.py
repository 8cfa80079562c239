"""Contents of a mail: figures, what changed in them, and what needs attention."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..access.answer_context import AnswerContext, Unreadable
from ..currencies.currencies import own_currency
from ..metrics.figures import exactly
from ..opportunities.filters import UNFILTERED, Filters, common
from ..opportunities.pace import KINDS, PaceFilters
from ..opportunities.text import resolved
from ..past.as_of import AsOf
from ..past.windows import Scope, Window
from .question import Question
from .searches import Search, search_of

#: Days before the first mail, since which it tells the changes
FIRST_DAYS = 7
#: Opportunities that need attention and are named
NAMED = 8

#: Fields of an opportunity that is named
_FIELDS = (
    *("odoo_id", "name", "converted_value", "salesperson", "closing_date"),
    *("attention", "stage_days", "idle_days", "pushes"),
)


@dataclass(frozen=True)
class Contents:
    """The values that a mail is made of.

    :ivar now: the moment of the figures, aware, as ``since``
    :ivar since: since when changes are told; None where no history reaches back
    :ivar figures: of the opportunities that are open, as of ``cqrs.metrics``, all of
        them, the own ones or those of others
    :ivar before: the same as of ``since``; None for no history
    :ivar closed: of those that close in the period; None for any time
    :ivar closed_before: the same as of ``since``
    :ivar period: as ``described``, or None
    :ivar changes: of ``cqrs.changes``, or None
    :ivar attention: of ``cqrs.attention``
    :ivar deals: those with the greatest value of what needs attention, as the API's
    :ivar left_out: number of records that the figures lack
    :ivar search: texts of what is searched for, which hold together
    :ivar is_of_today: the changes are those of the opportunities that the search finds
        now: what it asks for is not known of the past
    """

    person: object
    currency: object
    calendar: object
    now: datetime
    since: datetime | None
    figures: dict
    before: dict | None
    closed: dict
    closed_before: dict | None
    period: dict | None
    changes: dict | None
    attention: dict
    deals: list[dict]
    left_out: int
    search: list[str]
    is_of_today: bool


class CqrsSubscription(models.Model):
    _inherit = "cqrs.subscription"

    @exactly()
    def _contents(self, user, question: Question, last: datetime | None):
        """Return what a user may see of a view now; None if it is nothing.

        :param user: a ``res.users`` record
        :param last: time of the last mail, aware
        :raise Unreadable: the read models are broken
        :raise UserError: the user may not search so
        """
        env = self._env_of(user)
        user = env.user
        access = env["cqrs.access"]
        company_ids = None
        if question.company_ids:
            known = access._company_ids(user)
            company_ids = tuple(sorted(known.intersection(question.company_ids)))
            if not company_ids:
                return None
            if len(company_ids) == len(known):
                company_ids = None
        person = self._person_for(user, question)
        if not person or not access._viewers(user):
            return None
        person = env["res.users"].browse(person.id)
        context = AnswerContext.of(env)
        if context.broken:
            raise Unreadable(context.broken)
        calendar, now = context.calendar, context.answered_at
        today = context.today(calendar)
        currency = self._currency_of(env, person, question)
        asked = {
            "company_ids": company_ids,
            "target_currency": currency,
            "calendar": calendar,
        }
        period = question.period and calendar.named(question.period, today)
        metrics, past = env["cqrs.metrics"], env["cqrs.past"]
        search = self._searched(env, question)
        found = search.domain and Filters(domain=search.domain)
        figures = metrics._read(person, **asked, filters=found)
        closed = figures
        if period:
            closed = metrics._read(person, **asked, filters=found, period=period)
        since = self._since(env, last or now - timedelta(days=FIRST_DAYS), now)
        before = closed_before = changes = None
        own = (person.id,) if question.scope == "own" else None
        scope = self._scope_of(env, person, found or UNFILTERED)
        if since:
            as_of = AsOf.of(since, calendar.zone)
            asked["scope"] = scope if found else None
            before = past._read_metrics(person, as_of, **asked)
            closed_before = before
            if period:
                closed_before = past._read_metrics(
                    person, as_of, **asked, period=period
                )
            changes = env["cqrs.changes"]._read(
                person,
                Window(since, now, is_live=True),
                replace(
                    scope,
                    user_ids=common(scope.user_ids, own),
                    company_ids=company_ids,
                ),
                currency,
            )
        filters = Filters(
            statuses=("pending",),
            user_ids=own,
            company_ids=company_ids,
            domain=search.domain,
        )
        return Contents(
            person=person,
            currency=currency,
            calendar=calendar,
            now=now,
            since=since,
            figures=_of_scope(figures, question.scope),
            before=before and _of_scope(before, question.scope),
            closed=_of_scope(closed, question.scope),
            closed_before=closed_before and _of_scope(closed_before, question.scope),
            period=closed["period"],
            changes=changes,
            attention=env["cqrs.attention"]._read(person, today, filters, currency),
            deals=self._deals(env, person, filters, today, currency),
            left_out=context.left_out,
            search=search.texts,
            is_of_today=scope.among is not None,
        )

    def _scope_of(self, env, person, found: Filters) -> Scope:
        """Return the part of the past that a search asks for.

        Owners, teams and stages are those of then. Of the rest the past knows nothing:
        what counts are the opportunities that the search finds today, as they were.
        """
        found = resolved(env, replace(found, archived=None))
        rest = replace(found, stage_ids=None, user_ids=None, team_ids=None)
        among = None
        if rest != replace(UNFILTERED, archived=None):
            access, view = env["cqrs.access"], SQL("view")
            among = SQL(
                "SELECT view.id FROM cqrs_opportunity_view view WHERE %s AND %s",
                env["cqrs.opportunities"]._condition(rest),
                access._visible(access._viewers(person), view),
            )
        return Scope(
            user_ids=found.user_ids,
            team_ids=found.team_ids,
            stage_ids=found.stage_ids,
            among=among,
        )

    def _searched(self, env, question: Question) -> Search:
        """Return the search of a view, as the user of ``env`` reads it today.

        :raise UserError: the user may not search so, or nobody can any more
        """
        context = AnswerContext.of(env)
        today, zone = context.today(context.calendar), context.calendar.zone
        try:
            return search_of(env, question.facets, today, zone)
        except (
            AttributeError,
            KeyError,
            RecursionError,
            TypeError,
            ValueError,
        ) as exc:
            raise UserError(
                self.env._("The search of this view cannot be read: %s", exc)
            ) from exc

    def _env_of(self, user):
        """Return the environment of a recipient."""
        return user.with_user(user).with_context(**self._context_of(user)).env

    def _context_of(self, user) -> dict:
        company_ids = [id_ for id_ in user.company_ids.ids if id_ != user.company_id.id]
        return {
            "lang": user.lang or self.env.lang or "en_US",
            "tz": user.tz or "UTC",
            "allowed_company_ids": [user.company_id.id, *company_ids],
        }

    def _currency_of(self, env, person, question: Question):
        """Return the currency of a mail: that of the view, or else the person's."""
        currencies = env["res.currency"].sudo().with_context(active_test=False)
        if question.currency:
            found = currencies.search(
                [("name", "=", question.currency), ("active", "=", True)]
            )
            if found:
                return found
        return currencies.browse(own_currency(AnswerContext.of(env, person)).id)

    def _since(self, env, since: datetime, now: datetime) -> datetime | None:
        """Return the moment since which changes can be told, if there is one."""
        history = env["cqrs.opportunity.span"]._history_since()
        if history is None or history >= now:
            return None
        return max(since, history)

    def _deals(self, env, person, filters: Filters, today, currency) -> list[dict]:
        pace = PaceFilters(today, attention=KINDS)
        page = env["cqrs.opportunities"]._read_page(
            person,
            filters=replace(filters, pace=pace),
            limit=NAMED,
            currency=currency,
        )
        deals = env["cqrs.dashboard"]._opportunities(
            page.ids, person, _FIELDS, currency, page.conversion, today
        )
        return json.loads(deals.text, parse_float=Decimal, parse_int=int)


def _of_scope(metrics: dict, scope: str) -> dict:
    return metrics if scope == "all" else metrics[scope]
