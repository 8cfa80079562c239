"""Moves, stays and pace by plain loops over what happened, in Odoo's own records."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

DAY = timedelta(days=1)
_TENTH = Decimal("0.1")


@dataclass(frozen=True)
class State:
    """The state of a deal from a moment on."""

    user: int | None
    team: int | None
    company: int | None
    stage: int | None
    type: str
    active: bool
    status: str
    value: Decimal
    closing: object
    #: The row of the state, by which access is asked
    row: object = field(default=None, compare=False)

    @classmethod
    def of(cls, lead):
        return cls(
            user=lead.user_id.id or None,
            team=lead.team_id.id or None,
            company=lead.company_id.id or None,
            stage=lead.stage_id.id or None,
            type=lead.type,
            active=lead.active,
            status=lead.won_status or "pending",
            value=Decimal(str(lead.expected_revenue)),
            closing=lead.date_deadline or None,
        )

    @property
    def is_open(self):
        return self.type == "opportunity" and self.active and self.status == "pending"

    @property
    def is_closed(self):
        return self.type == "opportunity" and self.status in ("won", "lost")


@dataclass(frozen=True)
class Move:
    """A move that a loop has found."""

    at: datetime
    kind: str
    state: State
    start: int | None
    end: int | None
    stayed: timedelta | None
    open_for: timedelta


def walk(history, now):
    """Return the moves of a deal, and the time of its present stay.

    :param history: ``[(moment, State or None)]``, in order
    """
    moves, stage, stayed, open_for = [], None, timedelta(), timedelta()
    has_been, is_staying, last = False, False, None
    for number, (moment, state) in enumerate(history):
        until = history[number + 1][0] if number + 1 < len(history) else now
        if state is None:
            if is_staying:
                moves.append(
                    Move(moment, "deleted", last, stage, None, stayed, open_for)
                )
            break
        if state.is_open:
            if is_staying and state.stage != stage:
                moves.append(
                    Move(moment, "moved", state, stage, state.stage, stayed, open_for)
                )
                stayed = timedelta()
            elif not is_staying:
                kind = "reopened" if has_been else "created"
                moves.append(
                    Move(moment, kind, state, None, state.stage, None, open_for)
                )
                stayed = timedelta()
            is_staying = has_been = True
            stage, last = state.stage, state
            stayed += until - moment
            open_for += until - moment
        elif state.is_closed:
            if is_staying:
                moves.append(
                    Move(moment, state.status, state, stage, None, stayed, open_for)
                )
            is_staying, has_been = False, True
    return moves, stayed if is_staying else None


def pushes(history):
    """Return how often the closing date moved later, and by how many days in all."""
    times = days = 0
    known = None
    for __, state in history:
        if state is None or state.type != "opportunity" or not state.closing:
            continue
        if known and state.closing > known:
            times, days = times + 1, days + (state.closing - known).days
        known = state.closing
    return times, days


def tenths(duration):
    """Return a duration in days, with one digit."""
    days = Decimal(duration // timedelta(microseconds=1)) / 86_400_000_000
    return days.quantize(_TENTH, ROUND_HALF_UP)


def share_of(durations, numerator, denominator):
    """Return the shortest of some that a share of them are no longer than."""
    for longest in sorted(durations):
        no_longer = sum(each <= longest for each in durations)
        if no_longer * denominator >= len(durations) * numerator:
            return tenths(longest)
    return None


def flow(moves, order):
    """Return the figures of stages, ``{stage: figures}``, and of all together.

    :param order: the stages, in the order of the pipeline
    """
    stages = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    stays = defaultdict(list)
    won = []
    for move in moves:
        if move.kind in ("created", "reopened", "moved"):
            stages[move.end]["entered"] += 1
        if move.kind == "moved":
            is_on = order.index(move.end) > order.index(move.start)
            stages[move.start]["moved_on" if is_on else "moved_back"] += 1
        if move.kind in ("won", "lost"):
            stages[move.start][move.kind] += 1
        if move.kind in ("moved", "won", "lost"):
            stays[move.start].append(move.stayed)
        if move.kind == "deleted":
            stages[move.start]["entered"] += 0
        if move.kind == "won":
            won.append(move)
    for stage, figures in stages.items():
        figures["median_days"] = share_of(stays[stage], 1, 2)
        figures["p90_days"] = share_of(stays[stage], 9, 10)
    revenue = sum((move.state.value for move in won), Decimal(0))
    lost = sum(move.kind == "lost" for move in moves)
    open_for = sum((move.open_for for move in won), timedelta())
    days = Decimal(open_for // timedelta(microseconds=1)) / 86_400_000_000
    share = len(won) / Decimal(len(won) + lost) if won or lost else None
    return dict(stages), {
        "deals": len(won) + lost,
        "won": len(won),
        "lost": lost,
        "win_rate": share and share.quantize(Decimal("0.0001"), ROUND_HALF_UP),
        "won_revenue": _cents(revenue),
        "average_value": _cents(revenue / len(won)) if won else None,
        "cycle_days": (days / len(won)).quantize(_TENTH, ROUND_HALF_UP)
        if won
        else None,
        # Deals × average value × win rate ÷ mean days
        "velocity": _cents(revenue * len(won) / days) if days else None,
    }


def _cents(amount):
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


COUNTS = ("entered", "moved_on", "moved_back", "won", "lost")
