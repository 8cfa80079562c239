"""Replay: rebuild the recorded states and the projections from the log alone.

The log is folded into shadow tables, and only the rows in which the live tables
differ are written. Readers see the old rows or the new ones; a writer of the same
row makes one of the two fail with 40001, to be run again (see ``retrying``).
"""

import time
from dataclasses import dataclass

from ..projections.comparison import Comparison
from ..support.progress import Progress, Report, silent
from .shadow import STREAM, Point, Shadow, fill_steps, shadowed

#: Name under which the recorded states stand among the projections
STREAMS = "cqrs.stream"


@dataclass(frozen=True)
class Replayed:
    """The outcome of the replay of a projection, in rows of its tables.

    :ivar projection: model name; ``cqrs.stream`` for the recorded states
    :ivar rows: made by the replay
    :ivar missing: rows of the replay that are not among the live ones
    :ivar stale: live rows that are not among those of the replay
    :ivar repaired: live rows deleted or inserted
    :ivar seconds: spent on comparing and repairing
    """

    projection: str
    rows: int
    missing: int
    stale: int
    repaired: int
    seconds: float

    @property
    def drift(self) -> int:
        return self.missing + self.stale


def replay(
    env,
    projections: list[str] | None = None,
    upto: Point | None = None,
    *,
    repair: bool = True,
    report: Report = silent,
) -> list[Replayed]:
    """Fold the log again and bring the live tables in line with it.

    It works in the transaction of ``env``, which the caller commits. A changed row
    counts once as missing and once as stale.

    :param projections: model names; the recorded states and all projections by default
    :param upto: the last event to replay; then the differences are those to the
        present, and nothing live is touched
    :param repair: False only counts
    :raise ValueError: there is no projection of that name
    """
    wanted = replay_order(env, projections)
    repair = repair and upto is None
    if repair:
        wanted = remake_faulty(env, wanted)
    needed = _needed(env, wanted)
    for name in wanted if repair else ():
        if name != STREAMS:
            env[name]._begin_repair()
    progress = Progress(report, fill_steps(needed) + len(wanted))
    with shadowed(env, needed, upto, progress) as shadow:
        replayed = [compare(shadow, name, repair, progress) for name in wanted]
    if repair:
        env.invalidate_all(flush=False)
    return replayed


def remake_faulty(env, wanted: list[str]) -> list[str]:
    """Make the tables of faulty projections anew.

    :param wanted: names of the projections to be replayed
    :return: the same, and the names of the projections that were made anew for them
    """
    faulty = [p for p in _needed(env, wanted) if p._fault()]
    for projection in faulty:
        projection._remake_tables()
    return replay_order(env, [*wanted, *(p._name for p in faulty)])


def replay_order(env, names: list[str] | None) -> list[str]:
    """Return names of projections in the order of their replay, all of them for None.

    :raise ValueError: there is no projection of that name
    """
    known = [STREAMS, *(p._name for p in env["cqrs.projection"]._projections())]
    if unknown := sorted(set(names or ()).difference(known)):
        raise ValueError(
            f"no such projection: {', '.join(unknown)} (there are {', '.join(known)})"
        )
    return [name for name in known if names is None or name in names]


def _needed(env, names: list[str]) -> list:
    """Return the projections to shadow: those named, and those that they may read."""
    rank = max((env[n]._cqrs_rank for n in names if n != STREAMS), default=0)
    return [
        projection
        for projection in env["cqrs.projection"]._projections()
        if projection._name in names or projection._cqrs_rank < rank
    ]


def compare(shadow: Shadow, name: str, repair: bool, progress: Progress) -> Replayed:
    """Compare the live tables of a projection with their shadows, and repair them."""
    progress(name)
    start = time.monotonic()
    if name == STREAMS:
        tables = shadow.live(STREAM), shadow.temporary(STREAM)
        key = ("stream_model", "stream_id")
        columns = (*key, "version", "state", "hash")
        comparisons, projection = [Comparison(shadow.cr, *tables, key, columns)], None
        is_whole = False
    else:
        projection = shadow.env[name]
        # A repair has followed the log before: nothing is unseen, and the table itself
        # is repaired.
        is_whole = repair and projection._cqrs_is_followed
        live = shadow.live if is_whole else shadow.covered(projection)
        comparisons = projection._comparisons(live, shadow.temporary)
    rows = missing = stale = 0
    for comparison in comparisons:
        table_rows, table_missing, table_stale = comparison.count()
        if repair and (table_missing or table_stale):
            comparison.repair()
        rows += table_rows
        missing += table_missing
        stale += table_stale
    repaired = missing + stale if repair else 0
    if projection is not None and (repaired or is_whole):
        # Sums that are kept of a followed one are made anew, right or wrong.
        projection._count_repair(shadow.live)
    if repair and projection is not None:
        projection._note_rebuilt(shadow.left_out[name])
    return Replayed(name, rows, missing, stale, repaired, time.monotonic() - start)
