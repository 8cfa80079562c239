"""Windows of the past, whose ends are compared, and scopes: a part of the pipeline."""

from dataclasses import dataclass
from datetime import datetime

from odoo.tools import SQL

from ..access import policy
from ..support.periods import Period
from ..support.sql_arrays import integers


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
    """

    user_ids: tuple[int | None, ...] | None = None
    company_ids: tuple[int, ...] | None = None
    team_ids: tuple[int, ...] | None = None
    stage_ids: tuple[int, ...] | None = None
    closing: Period | None = None

    def whose(self) -> list[SQL]:
        """Return the conditions on whose a row ``span`` is."""
        conditions = []
        if self.user_ids is not None:
            conditions.append(
                SQL("COALESCE(span.user_id, 0) = ANY(%s)", integers(self.user_ids))
            )
        if self.company_ids is not None:
            conditions.append(policy.in_companies(self.company_ids, SQL("span")))
        if self.team_ids is not None:
            conditions.append(SQL("span.team_id = ANY(%s)", list(self.team_ids)))
        return conditions
