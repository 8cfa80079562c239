"""Filters of opportunities, and their conditions in SQL."""

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import NamedTuple

from odoo.tools import SQL

from ..access import policy
from ..support.periods import Period
from ..support.sql_arrays import integers
from .pace import PaceFilters

_VIEW = SQL("view")

#: Characters of a text to search for
MAX_TEXT = 200


def check_length(text: str | None) -> None:
    """Check a text to search for.

    :raise ValueError: it is longer than ``MAX_TEXT``
    """
    if text and len(text) > MAX_TEXT:
        raise ValueError(f"a text to search for has at most {MAX_TEXT} characters")


class Range(NamedTuple):
    """From ``low`` to ``high``, both included; None leaves an end open.

    An opportunity without a value is in the range only if both ends are open.
    """

    low: object = None
    high: object = None


_OPEN = Range()


class Term(NamedTuple):
    """A term of a text (``search_terms.py``), and what it finds beside words.

    :ivar beginnings: one of them is to begin a term of the opportunity's words
    :ivar user_ids: of owners whose opportunities it finds, too
    :ivar stage_ids: of stages whose opportunities it finds, too
    """

    beginnings: tuple[str, ...]
    user_ids: tuple[int, ...] = ()
    stage_ids: tuple[int, ...] = ()

    @property
    def condition(self) -> SQL:
        """The condition on a row ``view``."""
        conditions = [
            SQL(
                "view.words @@ %s::tsquery",
                " | ".join(f"'{beginning}':*" for beginning in self.beginnings),
            )
        ]
        if self.user_ids:
            conditions.append(owned(self.user_ids))
        if self.stage_ids:
            conditions.append(SQL("view.stage_id = ANY(%s)", list(self.stage_ids)))
        return SQL("(%s)", SQL(" OR ").join(conditions))


@dataclass(frozen=True)
class Filters:
    """Conditions on the visible opportunities; all of them hold together.

    :ivar stage_ids: in one of these stages; None is any, as below
    :ivar statuses: of ``pending``, ``won``, ``lost``
    :ivar user_ids: owned by one of these; None among them is *unassigned*
    :ivar but_user_id: not owned by this one
    :ivar team_ids: of these sales teams
    :ivar company_ids: of these companies, or of no company
    :ivar value: ``Decimal``, each in the currency of its opportunity
    :ivar closing_date: days (``date``)
    :ivar created_at: times (aware ``datetime``), as ``closed_at`` and ``changed_at``
    :ivar closes: a ``Period``: pending ones are expected to close in it, won and lost
        ones have
    :ivar text: its terms are looked up before it becomes a condition (``text.py``);
        an empty one is none
    :ivar terms: each finds the opportunity, by its words, its owner or its stage.
        There may be none, of a text that has nothing but punctuation: it finds nothing.
    :ivar archived: True for those alone, False for the others, None for both
    :ivar but: not what one of these lets through
    :ivar pace: a condition of its own (``pace.py``), since it depends on the moment
    :ivar domain: one of Odoo over ``cqrs.opportunity.view``, as JSON; a condition of
        its own (``domains.py``), since it depends on the caller
    :raise ValueError: the text is longer than ``MAX_TEXT``, or a time is not aware
    """

    stage_ids: tuple[int, ...] | None = None
    statuses: tuple[str, ...] | None = None
    user_ids: tuple[int | None, ...] | None = None
    but_user_id: int | None = None
    team_ids: tuple[int, ...] | None = None
    company_ids: tuple[int, ...] | None = None
    value: Range = _OPEN
    closing_date: Range = _OPEN
    closed_at: Range = _OPEN
    created_at: Range = _OPEN
    changed_at: Range = _OPEN
    closes: Period | None = None
    text: str | None = None
    terms: tuple[Term, ...] | None = None
    archived: bool | None = False
    but: tuple["Filters", ...] = ()
    pace: PaceFilters | None = None
    domain: str | None = None

    def __post_init__(self):
        check_length(self.text)
        for moment in (*self.closed_at, *self.created_at, *self.changed_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"a time without a time zone: {moment}")

    def condition(self) -> SQL:
        """Return the condition on a row ``view``."""
        conditions = [SQL("TRUE")]
        if self.archived is not None:
            conditions.append(
                SQL("view.active" if not self.archived else "NOT view.active")
            )
        if self.stage_ids is not None:
            conditions.append(SQL("view.stage_id = ANY(%s)", list(self.stage_ids)))
        if self.statuses is not None:
            conditions.append(SQL("view.status = ANY(%s)", list(self.statuses)))
        if self.user_ids is not None:
            conditions.append(owned(self.user_ids))
        if self.but_user_id is not None:
            conditions.append(SQL("view.user_id IS DISTINCT FROM %s", self.but_user_id))
        if self.team_ids is not None:
            conditions.append(SQL("view.team_id = ANY(%s)", list(self.team_ids)))
        if self.company_ids is not None:
            conditions.append(policy.in_companies(self.company_ids, SQL("view")))
        for name in ("value", "closing_date", "closed_at", "created_at", "changed_at"):
            column = SQL.identifier("view", name)
            for operator, bound in zip((">=", "<="), getattr(self, name), strict=True):
                if bound is not None:
                    conditions.append(SQL(f"%s {operator} %s", column, _utc(bound)))
        if self.closes is not None:
            conditions.append(_closes_in(self.closes))
        if self.terms is not None:
            conditions += [term.condition for term in self.terms] or [SQL("FALSE")]
        for others in self.but:
            conditions.append(SQL("(%s) IS NOT TRUE", others.condition()))
        return SQL(" AND ").join(conditions)

    def narrowed(
        self,
        user_ids: tuple[int, ...] | None = None,
        stage_ids: tuple[int, ...] | None = None,
    ) -> "Filters | None":
        """Return these filters, of some owners and stages alone; None if none is left.

        :param user_ids: None is any, as for ``stage_ids``
        """
        owners = common(self.user_ids, user_ids)
        narrow = replace(
            self, user_ids=owners, stage_ids=common(self.stage_ids, stage_ids)
        )
        return None if () in (narrow.user_ids, narrow.stage_ids) else narrow

    @property
    def are_plain(self) -> bool:
        """Whether they restrict owners and the archived alone."""
        return self == Filters(archived=self.archived, user_ids=self.user_ids)

    @property
    def are_summed(self) -> bool:
        """Whether the metrics count the opportunities that they leave."""
        summed = Filters(
            stage_ids=self.stage_ids,
            statuses=self.statuses,
            user_ids=self.user_ids,
            company_ids=self.company_ids,
        )
        return self == summed and self.statuses in (None, ("pending",))

    @property
    def are_of_pace(self) -> bool:
        """Whether the pace of open opportunities has all that they ask for."""
        return self == Filters(
            stage_ids=self.stage_ids,
            user_ids=self.user_ids,
            but_user_id=self.but_user_id,
            team_ids=self.team_ids,
            company_ids=self.company_ids,
            value=self.value,
            closing_date=self.closing_date,
            archived=self.archived,
        )


UNFILTERED = Filters()


def common(ids: tuple | None, others: tuple | None) -> tuple | None:
    """Return the ids in both; None stands for all."""
    if ids is None or others is None:
        return others if ids is None else ids
    allowed = set(others)
    return tuple(id_ for id_ in ids if id_ in allowed)


def owned(owner_ids, row: SQL = _VIEW) -> SQL:
    """Return the condition that one of some owners, or nobody, owns a row.

    :param owner_ids: None, or 0, is nobody
    :param row: the alias of the relation
    """
    some = SQL("%s.user_id = ANY(%s)", row, integers(filter(None, owner_ids)))
    if not all(owner_ids):
        return SQL("(%s OR %s.user_id IS NULL)", some, row)
    return some


def _closes_in(period: Period) -> SQL:
    return SQL(
        "(view.status = 'pending' AND %s OR view.status <> 'pending' AND %s)",
        _between("closing_date", period.first, period.until),
        _between("closed_at", _utc(period.start), _utc(period.end)),
    )


def _between(column: str, start, end) -> SQL:
    column = SQL.identifier("view", column)
    conditions = [SQL("%s IS NOT NULL", column)]
    conditions += [SQL("%s >= %s", column, start)] if start else []
    conditions += [SQL("%s < %s", column, end)] if end else []
    return SQL(" AND ").join(conditions)


def _utc(bound):
    """Return a bound as the table has it: times in UTC, without a zone."""
    if isinstance(bound, datetime):
        return bound.astimezone(timezone.utc).replace(tzinfo=None)
    return bound
