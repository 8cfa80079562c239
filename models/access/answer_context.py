"""The facts that an answer depends on, and by which a cached one is thrown away."""

from datetime import date, datetime, timedelta, timezone
from functools import cached_property

from odoo import fields
from odoo.tools import SQL

from ..currencies.currencies import CURRENCIES
from ..projections.failures import IS_BROKEN
from ..projections.metrics_tables import FOLDS, REPAIRS, TAIL
from ..projections.opportunity_view import REPAIRS as VIEW_REPAIRS
from ..projections.user_access import ACCESS
from ..projections.user_profile import PEOPLE
from ..support.answer_context import Fact, Facts, known_while_reading
from ..support.periods import Calendar
from .calendars import stored_year_end
from .policy import Options, Viewer

# The end of the log that a snapshot sees, in so little that it is read at once: the
# last event, in the order of transaction ids, and the transactions before it that are
# still open. Whatever is added later belongs to one of these, or to one with a greater
# id. The greatest position would not do: a transaction that took a lower one may commit
# later. Neither the last event nor that position is ever in an archive table; not to
# look there keeps the planning of each answer as short as before.
_LAST_EVENT = """
    SELECT json_build_array(event_id, txid, pg_is_in_recovery(), pg_current_snapshot())
    FROM ONLY cqrs_event ORDER BY epoch DESC, txid DESC, position DESC LIMIT 1
"""

# A replica does not know which transactions are open (its snapshots list none), only
# from which id on there may be some. There the log's end is that id, and the number of
# events from there on, which never falls; if there are none, no transaction is open
# before the last event.
_FROM_OPEN = SQL(
    """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text, count(*) FROM cqrs_event
    WHERE epoch = (SELECT max(epoch) FROM cqrs_epoch)
      AND txid >= pg_snapshot_xmin(pg_current_snapshot())
    """
)

_FAILURES = SQL(
    f"""
    SELECT array_agg(DISTINCT projection) FILTER (WHERE {IS_BROKEN}),
           count(DISTINCT (stream_model, stream_id))
               FILTER (WHERE stream_id IS NOT NULL)
    FROM cqrs_projection_failure failure
    """
)

_STAGES = """
    SELECT json_agg(json_build_array(stream_id, state -> 'name')
                    ORDER BY (state -> 'sequence')::integer, stream_id)
    FROM cqrs_stream WHERE stream_model = 'crm.stage'
"""


def _delegations(context) -> SQL:
    today = fields.Date.today()
    return SQL(
        """
        SELECT json_agg(json_build_array(lender_id, date_from, date_to))
        FROM cqrs_delegation
        WHERE delegate_id = %s AND active AND date_from <= %s AND date_to >= %s
        """,
        context.user.id,
        # No zone is a day away from UTC, or more.
        today + timedelta(days=1),
        today - timedelta(days=1),
    )


def _person(context) -> SQL:
    # Rows by their keys, where the ORM would read all columns of user and company.
    return SQL(
        """
        SELECT json_build_array(company_id, (%s), (%s))
        FROM res_users users WHERE id = %s
        """,
        SQL(CURRENCIES.query),
        stored_year_end(context.env, SQL("users.company_id")),
        context.user.id,
    )


def _team_leaders(context) -> SQL:
    if not context.options.team_leaders:
        return SQL("SELECT NULL::json")
    return SQL(
        """
        SELECT json_agg(json_build_array(stream_id, state -> 'user_id')
                        ORDER BY stream_id)
        FROM cqrs_stream WHERE stream_model = 'crm.team'
        """
    )


class Unreadable(Exception):
    """Read models that an answer needs are broken, until they are rebuilt.

    :ivar names: the models
    """

    def __init__(self, names: list[str]):
        super().__init__(", ".join(names))
        self.names = names


class AnswerContext(Facts):
    """The facts that an answer to a user depends on: ``AnswerContext.of(env, user)``.

    Its entity tag is made of the first ones (``api/answer_version.py``), together with
    what Odoo's registry keeps: rights, options, language, day, code. The versions after
    them say when a cached part is thrown away; they change less often than the log.

    :ivar last_event: id, transaction, whether on a replica, snapshot; None for no event
    :ivar position: the highest one; None for no event
    :ivar delegations: lender, first and last day of each about now
    :ivar sums_version: of what is folded; None where the past is read
    :ivar has_tail: whether there are changes that are not folded. Most of the time
        there are none, and to plan their sums takes longer than this.
    :ivar stages: id and ``{language: name}`` of each, in the order of the pipeline
    """

    _now = Fact("SELECT now()", is_in_tag=True)
    last_event = Fact(_LAST_EVENT, is_in_tag=True)
    position = Fact("SELECT max(position) FROM ONLY cqrs_event", is_in_tag=True)
    # Most of the time there are none, and to plan what asks for them takes longer.
    _has_failures = Fact(
        "SELECT EXISTS (SELECT FROM cqrs_projection_failure)", is_in_tag=True
    )
    delegations = Fact(_delegations, ("cqrs.delegation",), is_in_tag=True)
    _person = Fact(
        _person,
        ("res.users", "res.company", "res.currency", "res.currency.rate"),
        is_in_tag=True,
    )

    _people = Fact(f"SELECT json_build_array(({ACCESS.query}), ({PEOPLE.query}))")
    sums_version = Fact(
        f"SELECT ({FOLDS.query}) || ' ' || ({REPAIRS.query})"
        f" || ' ' || ({VIEW_REPAIRS.query})"
    )
    has_tail = Fact(f'SELECT EXISTS (SELECT FROM "{TAIL}")')
    stages = Fact(_STAGES)
    _teams = Fact(_team_leaders)

    @property
    def answered_at(self) -> datetime:
        """The time of the transaction, aware, in UTC."""
        return self._now.astimezone(timezone.utc)

    @cached_property
    def log_version(self) -> tuple:
        """The version of the events that the transaction sees."""
        if self.last_event is None:
            return ()
        event_id, txid, is_replica, snapshot = self.last_event
        # xmin:xmax:open ids between them; xmin is the first of these, if there are any
        first_open, __, open_ids = snapshot.split(":")
        if is_replica and int(first_open) <= int(txid):
            return event_id, *self.env.execute_query(_FROM_OPEN)
        open_before = sorted(
            int(id_) for id_ in open_ids.split(",") if id_ and int(id_) < int(txid)
        )
        return event_id, *open_before

    @property
    def currencies_version(self) -> tuple | None:
        """The version of the user's company, and of currencies and their rates."""
        person = self._person
        return person and tuple(person[:2])

    @cached_property
    def calendar(self) -> Calendar:
        """The user's days, weeks and years."""
        company_id, __, year_end = self._person
        # Odoo keeps zone and language: to read the partner takes longer to plan, with
        # the many indexes of partners, than all the other facts of the user.
        own = self.env.user == self.user
        kept = (self.user if own else self.user.with_user(self.user)).context_get()
        return self.env["cqrs.access"]._calendar_of(
            company_id,
            kept["tz"],
            self.env.lang or kept["lang"],
            year_end and tuple(year_end),
        )

    def today(self, calendar: Calendar) -> date:
        """Return the day that it is where a calendar holds."""
        return self.answered_at.astimezone(calendar.zone).date()

    @property
    def broken(self) -> list[str]:
        """The projections that are broken, of those that each answer may read."""
        # A followed one tells those who read it by itself (``following.py``).
        return [
            name
            for name in self._all_broken
            if name not in self.env
            or not self.env[name]._cqrs_is_followed
            and self.env[name]._cqrs_is_for_all
        ]

    @property
    def _all_broken(self) -> list[str]:
        return self._failures[0]

    def check(self, *names: str):
        """Check that projections can be read which not every answer reads.

        :raise Unreadable: one of them is broken
        """
        if broken := sorted({*names} & {*self._all_broken}):
            raise Unreadable(broken)

    @property
    def left_out(self) -> int:
        """The number of records that the read models leave out."""
        return self._failures[1]

    @property
    def _failures(self) -> tuple[list[str], int]:
        if not self._has_failures:
            return [], 0
        return known_while_reading(self.env, ("failures",), self._read_failures)

    def _read_failures(self) -> tuple[list[str], int]:
        [(broken, left_out)] = self.env.execute_query(_FAILURES)
        return broken or [], left_out

    @property
    def closure_version(self) -> str | None:
        """The version of who stands above whom; None where the past is read."""
        return self._people[0]

    @property
    def people_version(self) -> tuple | None:
        """The version of that, and of who people are; None where the past is read."""
        people = self._people
        return tuple(people) if people[0] else None

    @property
    def teams(self) -> tuple[tuple[int, int | None], ...]:
        """The sales teams and their leaders, where leaders see their team."""
        return tuple(map(tuple, self.options.team_leaders and self._teams or ()))

    @property
    def team_leader_ids(self) -> set[int]:
        return {leader_id for __, leader_id in self.teams}

    @cached_property
    def options(self) -> Options:
        """The options of the settings."""
        return self.env["cqrs.access"]._read_options()

    @cached_property
    def viewers(self) -> list[Viewer]:
        """The user, and who has lent the user their view; none for no profile."""
        return self.env["cqrs.access"]._read_viewers(self)
