"""Windows of the past, whose ends are compared, and scopes: a part of the pipeline."""

from dataclasses import dataclass
from datetime import datetime

from odoo.tools import SQL

from ..access import policy
from ..support.periods import Period
from ..support.sql_arrays import integers

_SPAN = SQL("span")


class NoHistory(LookupError):
    """There is no history at the beginning of a window.

    :ivar since: the time from which on there is some; None for none at all
    """

    def __init__(self, since: datetime | None):
        super().__init__(f"no history before {since}")
        self.since = since


@dataclass(frozen=True)
class Window:
    """Two moments of the past, whose states are compared.

    :ivar start: aware, in UTC, as ``end``
    :ivar is_live: its end is now, whenever it is asked for
    :ivar team: ``"now"`` or ``"then"``: whether the hierarchy is that of today, or at
        each end that of its moment
    """

    start: datetime
    end: datetime
    team: str = "now"
    is_live: bool = False

    @property
    def key(self) -> tuple:
        """The identity of a window, as far as its answer may differ."""
        return self.start, None if self.is_live else self.end, self.team


@dataclass(frozen=True)
class Scope:
    """The part of the pipeline that is asked for; None for all of it.

    :ivar user_ids: of these owners, None among them for nobody
    :ivar company_ids: of these companies, or of none
    :ivar team_ids: of these sales teams
    :ivar stage_ids: in these stages
    :ivar closing: expected to close in this period, or won in it
    :ivar among: the query of the ids of the opportunities that count
    """

    user_ids: tuple[int | None, ...] | None = None
    company_ids: tuple[int, ...] | None = None
    team_ids: tuple[int, ...] | None = None
    stage_ids: tuple[int, ...] | None = None
    closing: Period | None = None
    among: SQL | None = None

    def whose(self, row: SQL = _SPAN) -> list[SQL]:
        """Return the conditions on whose a row is, and which of these.

        :param row: the alias of a relation with the columns of a span
        """
        conditions = []
        if self.user_ids is not None:
            conditions.append(
                SQL("COALESCE(%s.user_id, 0) = ANY(%s)", row, integers(self.user_ids))
            )
        if self.company_ids is not None:
            conditions.append(policy.in_companies(self.company_ids, row))
        if self.team_ids is not None:
            conditions.append(SQL("%s.team_id = ANY(%s)", row, list(self.team_ids)))
        if self.among is not None:
            conditions.append(SQL("%s.opportunity_id IN (%s)", row, self.among))
        return conditions

    def holds(self, row: SQL) -> SQL:
        """Return the condition that a row is in the scope, whenever it closes."""
        conditions = self.whose(row)
        if self.stage_ids is not None:
            conditions.append(SQL("%s.stage_id = ANY(%s)", row, list(self.stage_ids)))
        return SQL(" AND ").join(conditions or [SQL("TRUE")])
