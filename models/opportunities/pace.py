"""The pace of opportunities: filters, the rows to sort, and what needs attention.

Days that an opportunity has been something are durations, decimal; days on which it
closes are whole days of the caller's zone. Durations are those of open opportunities
(``projections/stays.py``), and none of others.

An opportunity needs attention for one reason or several:

* ``overdue``: it was expected to close on a day before today;
* ``stuck``: it has been in its stage for longer than nine in ten of the deals that its
  company has won were;
* ``pushed``: its closing date moved later ``PUSHES`` times or more;
* ``idle``: no person and no import changed it for ``IDLE_DAYS`` days;
* ``no_activity``: no activity is planned for it, by anybody, at present.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..support.answer_context import known_while_reading

#: Pushes of a closing date, from which on an opportunity needs attention
PUSHES = 2
#: Days without a change, from which on an opportunity needs attention
IDLE_DAYS = 14

#: The kinds of attention, in the order in which they are told
KINDS = ("overdue", "stuck", "pushed", "idle", "no_activity")

#: ``{name: column of the pace}``
DURATIONS = {
    "age_days": "age_since",
    "stage_days": "stage_since",
    "idle_days": "idle_since",
}
COUNTS = ("pushes", "pushed_days")

#: The condition that a row ``view`` is open
IS_OPEN = SQL("(view.status = 'pending' AND view.active)")

#: The condition that no activity is planned for a row ``view``
NOT_PLANNED = SQL(
    """
    NOT EXISTS (SELECT FROM mail_activity activity
                WHERE activity.res_model = 'crm.lead' AND activity.res_id = view.id
                  AND activity.active)
    """
)


@dataclass(frozen=True)
class PaceFilters:
    """Conditions on the pace of opportunities; all of them hold together.

    :ivar today: the day that it is for the caller
    :ivar days: ``(name, least, most)`` of ``DURATIONS`` and ``COUNTS``; ``Decimal``,
        None leaves an end open
    :ivar is_overdue: None for either, as for ``is_stuck``
    :ivar attention: some of ``KINDS``, of which one holds
    """

    today: date
    days: tuple[tuple[str, Decimal | None, Decimal | None], ...] = ()
    is_overdue: bool | None = None
    is_stuck: bool | None = None
    attention: tuple[str, ...] | None = None

    @property
    def asks_for_attention(self) -> bool:
        """Whether they ask for what needs attention, and for nothing else."""
        is_only = self == PaceFilters(self.today, attention=self.attention)
        return is_only and self.attention is not None

    def condition(self, now: datetime, reasons: dict[str, SQL]) -> SQL:
        """Return the condition on rows ``view`` and ``pace``.

        :param reasons: ``needs_attention``
        """
        conditions = []
        for name, least, most in self.days:
            conditions += _between(name, least, most, now)
        for kind, is_so in (("overdue", self.is_overdue), ("stuck", self.is_stuck)):
            if is_so is not None:
                holds = SQL("" if is_so else "NOT ")
                conditions.append(SQL("%s AND %s%s", IS_OPEN, holds, reasons[kind]))
        if self.attention is not None:
            some = SQL(" OR ").join(reasons[kind] for kind in self.attention)
            conditions.append(SQL("%s AND (%s)", IS_OPEN, some))
        return SQL(" AND ").join(conditions or [SQL("TRUE")])


def needs_attention(
    now: datetime, today: date, is_stuck: SQL | None = None
) -> dict[str, SQL]:
    """Return the condition of each kind on rows ``view`` and ``pace`` of an open one.

    :param now: aware
    :param today: the day that it is for the caller
    :param is_stuck: ``stuck_by_norms``, which costs a question and is cheaper by row
    """
    return {
        "overdue": SQL("COALESCE(view.closing_date < %s, FALSE)", today),
        "stuck": is_stuck
        or SQL(
            """
            EXISTS (SELECT FROM cqrs_stage_norm norm
                    WHERE norm.company_id = COALESCE(view.company_id, 0)
                      AND norm.stage_id = COALESCE(view.stage_id, 0)
                      AND pace.stage_since < %s - norm.longest)
            """,
            _utc(now),
        ),
        "pushed": SQL("COALESCE(pace.pushes, 0) >= %s", PUSHES),
        "idle": SQL(
            "COALESCE(pace.idle_since <= %s - %s * interval '1 day', FALSE)",
            _utc(now),
            IDLE_DAYS,
        ),
        "no_activity": NOT_PLANNED,
    }


def stage_norms(env) -> tuple[tuple[int, int, str], ...]:
    """Return the norms: company, stage, and the longest usual stay, as an interval."""
    return tuple(
        env.execute_query(
            SQL(
                "SELECT company_id, stage_id, longest::text FROM cqrs_stage_norm"
                " ORDER BY company_id, stage_id"
            )
        )
    )


def stuck_by_norms(norms: tuple[tuple[int, int, str], ...], now: datetime) -> SQL:
    """Return the condition that an opportunity is stuck, which has the norms in it.

    Of a million rows the norm of each is looked up: in a table that takes longer than
    all else, and in one process alone.

    :param norms: ``stage_norms``
    :param now: aware
    """
    if not norms:
        return SQL("FALSE")
    companies = defaultdict(list)
    for company_id, stage_id, longest in norms:
        companies[company_id].append(
            SQL("WHEN %s THEN %s - %s::interval", stage_id, _utc(now), longest)
        )
    return SQL(
        "COALESCE(pace.stage_since < CASE COALESCE(view.company_id, 0) %s END, FALSE)",
        SQL(" ").join(
            SQL(
                "WHEN %s THEN CASE COALESCE(view.stage_id, 0) %s END",
                company_id,
                SQL(" ").join(stages),
            )
            for company_id, stages in companies.items()
        ),
    )


def crossed(env, first: datetime, last: datetime) -> list[int]:
    """Return opportunities that became stuck or idle between two moments, and others.

    These are in the table of the pace, and found by its indexes.
    """
    if first == last:
        return []
    rows = env.execute_query(
        SQL(
            """
            SELECT id FROM cqrs_opportunity_pace
            WHERE idle_since BETWEEN %(first)s - %(days)s * interval '1 day'
                                 AND %(last)s - %(days)s * interval '1 day'
            UNION ALL
            SELECT id
            FROM (SELECT DISTINCT longest FROM cqrs_stage_norm) norm
            CROSS JOIN LATERAL (
                SELECT id FROM cqrs_opportunity_pace
                WHERE stage_since BETWEEN %(first)s - longest AND %(last)s - longest
                -- Each by the index: joined, the planner takes them for many
                OFFSET '0'
            ) pace
            """,
            first=_utc(first),
            last=_utc(last),
            days=IDLE_DAYS,
        )
    )
    return [id_ for (id_,) in rows]


def activities_version(env) -> tuple:
    """Return a value that changes when an activity is planned, done, moved or removed.

    No event tells of activities. It is their number and a hash of which ones are
    planned for which opportunities. Their last change would not do: a transaction that
    began earlier may commit later.
    """
    query = SQL(
        """
        SELECT count(*), bit_xor(hashint8extended(id::bigint << 32 | res_id, 0))
        FROM mail_activity WHERE res_model = 'crm.lead' AND active
        """
    )
    return known_while_reading(
        env, ("activities",), lambda: env.execute_query(query)[0]
    )


def pace_relation(env) -> SQL:
    """Return the relation of the pace of all opportunities."""
    return env["cqrs.opportunity.pace"]._relation()


def told(env, today: date) -> SQL:
    """Return the joins that add a row ``told`` to a row ``page`` of the view.

    :param today: the day that it is for the caller
    """
    now = AnswerContext.of(env).answered_at
    reasons = needs_attention(now, today)
    return SQL(
        """
        LEFT JOIN %(pace)s pace ON pace.id = page.id
        CROSS JOIN LATERAL (
            SELECT %(days)s, COALESCE(pace.pushes, 0) AS pushes,
                   COALESCE(pace.pushed_days, 0) AS pushed_days,
                   %(is_open)s AND %(overdue)s AS is_overdue,
                   %(is_open)s AND %(stuck)s AS is_stuck,
                   CASE WHEN %(is_open)s THEN array_remove(ARRAY[%(kinds)s], NULL)
                        ELSE '{}' END AS attention
            FROM (SELECT page.*) view
        ) told
        """,
        pace=pace_relation(env),
        days=SQL(", ").join(
            SQL(
                "round(extract(epoch FROM %s - %s) / 86400, 1) AS %s",
                _utc(now),
                SQL.identifier("pace", column),
                SQL.identifier(name),
            )
            for name, column in DURATIONS.items()
        ),
        is_open=IS_OPEN,
        overdue=reasons["overdue"],
        stuck=reasons["stuck"],
        kinds=SQL(", ").join(
            SQL("CASE WHEN %s THEN %s END", reasons[kind], kind) for kind in KINDS
        ),
    )


def paced_rows(env) -> dict[str, SQL]:
    """Return the members of ``PagePlans`` for an order by pace."""
    return {
        "rows": SQL(
            """
            (SELECT view.*, pace.user_id AS pace_user_id, age_since, stage_since,
                    idle_since, pushes, pushed_days
             FROM cqrs_opportunity_view view
             LEFT JOIN %s pace ON pace.id = view.id) view
            """,
            pace_relation(env),
        ),
        "owner": SQL("view.pace_user_id"),
    }


def pace_condition(env, filters: PaceFilters) -> SQL:
    """Return the condition of filters on a row ``view``."""
    now = AnswerContext.of(env).answered_at
    is_stuck = stuck_by_norms(stage_norms(env), now)
    reasons = needs_attention(now, filters.today, is_stuck)
    return SQL(
        "EXISTS (SELECT FROM %s pace WHERE pace.id = view.id AND %s)",
        pace_relation(env),
        filters.condition(now, reasons),
    )


def _between(name: str, least, most, now: datetime) -> Iterable[SQL]:
    if name in DURATIONS:
        since = SQL.identifier("pace", DURATIONS[name])
        for operator, days in (("<=", least), (">=", most)):
            if days is not None:
                yield SQL(
                    f"%s {operator} %s - %s * interval '1 day'", since, _utc(now), days
                )
    else:
        for operator, count in ((">=", least), ("<=", most)):
            if count is not None:
                yield SQL(
                    f"COALESCE(%s, 0) {operator} %s",
                    SQL.identifier("pace", name),
                    count,
                )


def _utc(moment: datetime) -> SQL:
    return SQL("(%s::timestamptz AT TIME ZONE 'UTC')", moment)
