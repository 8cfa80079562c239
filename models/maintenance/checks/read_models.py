"""The read models: writable, complete, and what their replay gives."""

from collections.abc import Iterator

from odoo.tools import SQL

from ...support.progress import Progress
from ..findings import BROKEN_PROJECTION, PROJECTION_DRIFT, Finding, enough, first
from ..oracle import ORACLES, Drift
from ..replay import compare
from ..sample import sample
from ..scope import Scope
from ..shadow import Shadow


def faulty(env, projections: list) -> Iterator[Finding]:
    """Find the projections whose tables lack something; return them."""
    found = []
    for projection in projections:
        if fault := projection._fault():
            found.append(projection)
            yield Finding(
                BROKEN_PROJECTION,
                None,
                None,
                None,
                env._(
                    "%(projection)s cannot be written: %(error)s. Rebuild it.",
                    projection=projection._name,
                    error=str(fault).strip().partition("\n")[0],
                ),
            )
    return found


def unapplied(env) -> Iterator[Finding]:
    """Find the records that could not be applied to a projection."""
    rows = env.execute_query(
        SQL(
            """
            SELECT projection, stream_model, stream_id, error
            FROM cqrs_projection_failure ORDER BY id LIMIT %s
            """,
            enough(),
        )
    )
    for projection, stream_model, stream_id, error in rows:
        yield Finding(
            BROKEN_PROJECTION,
            stream_model,
            stream_id,
            None,
            env._(
                "%(projection)s is missing recorded changes: %(error)s",
                projection=projection,
                error=error,
            ),
        )


def drifts(env, shadow: Shadow, progress: Progress) -> Iterator[Finding]:
    for projection in shadow.projections:
        replayed = compare(shadow, projection._name, False, progress)
        if replayed.drift:
            yield Finding(
                PROJECTION_DRIFT,
                None,
                None,
                None,
                env._(
                    "%(projection)s: %(missing)s rows missing, %(stale)s rows out"
                    " of date.",
                    projection=replayed.projection,
                    missing=replayed.missing,
                    stale=replayed.stale,
                ),
            )


def level_drifts(env, scope: Scope) -> Iterator[Finding]:
    """Find sums of the past that are not those of the spans, or of the moves."""
    for levels in (env["cqrs.past.levels"], env["cqrs.flow.levels"]):
        for drift in levels._drifts(scope.seed):
            yield Finding(
                PROJECTION_DRIFT,
                None,
                None,
                None,
                env._(
                    "%(table)s: %(rows)s sums of %(moment)s are wrong. Rebuild"
                    " %(projection)s.",
                    table=drift.table,
                    rows=drift.rows,
                    moment=drift.moment.isoformat(),
                    projection=levels._cqrs_made_of,
                ),
            )


def oracle_drifts(env, scope: Scope, progress: Progress) -> Iterator[Finding]:
    records = None if scope.seed is None else sample(env, scope.seed)
    for table, oracle in ORACLES.items():
        progress(table)
        yield from first(env, _oracle_drift(env, table, oracle(env, records)))


def _oracle_drift(env, table: str, found: Iterator[Drift]) -> Iterator[Finding]:
    for drift in found:
        yield Finding(
            PROJECTION_DRIFT,
            None,
            drift.key[0] if len(drift.key) == 1 else None,
            None,
            env._(
                "%(table)s %(key)s: expected %(expected)s from Odoo's records, "
                "found %(found)s.",
                table=table,
                key=", ".join(map(str, drift.key)),
                expected=str(drift.expected),
                found=str(drift.found),
            ),
        )
