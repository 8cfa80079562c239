"""Verification: the log is whole, and everything else agrees with it.

Each check is a statement and a generator of its findings (``checks/``). All of them
read the one snapshot of the caller's transaction, so that live writes do not disturb
them.
"""

import math
from collections.abc import Iterator

from odoo.tools import SQL

from ..seals.handing_out import handed_out_to_file
from ..support.progress import Progress, Report, silent
from ..support.second_session import beside
from .checks.chains import broken_links, doubled_versions, version_gaps
from .checks.protection import (
    events_of_the_future,
    events_of_wrong_epochs,
    missing_triggers,
    wrong_epochs,
)
from .checks.read_models import (
    drifts,
    faulty,
    level_drifts,
    oracle_drifts,
    unapplied,
)
from .checks.seals import held_seals_missing, wrong_seals
from .checks.states import unreadable_values, unrecorded_changes, wrong_states
from .findings import UNREADABLE_VALUE, Finding, first
from .oracle import ORACLES
from .scope import EVERYTHING, Scope
from .shadow import fill_steps, shadowed


def verify(
    env,
    report: Report = silent,
    scope: Scope = EVERYTHING,
    *,
    has_written: bool = True,
) -> list[Finding]:
    """Return the findings; nothing is written.

    :param has_written: False: nothing is written in this transaction either, so that a
        second session can read the log at the same time
    """
    env.cr.flush()
    recorded, captured = _stream_models(env), env["cqrs.event"]._captured()
    projections = env["cqrs.projection"]._projections()
    steps = len(recorded) + len(captured) + fill_steps(projections) + len(projections)
    progress = Progress(report, steps + len(ORACLES) + 2)

    def of_log(env) -> list[Finding]:
        with scope.listed(env):
            return list(_of_log(env, scope, recorded, captured, progress))

    def of_read_models(env) -> list[Finding]:
        with scope.listed(env):
            return list(_of_read_models(env, scope, projections, progress))

    if has_written:
        findings = of_log(env) + of_read_models(env)
    else:
        with beside(env, of_log) as result:
            others = of_read_models(env)
            findings = result() + others
    if all(finding.kind == UNREADABLE_VALUE for finding in findings):
        findings += oracle_drifts(env, scope, progress)
    # Else the oracle would only repeat the findings, row by row.
    return findings


def _of_log(
    env, scope: Scope, recorded: list[str], captured: list[str], progress: Progress
) -> Iterator[Finding]:
    yield from missing_triggers(env)
    yield from wrong_epochs(env)
    yield from first(env, events_of_wrong_epochs(env))
    yield from first(env, events_of_the_future(env))
    for model in recorded:
        progress(model)
        yield from first(env, broken_links(env, scope, model))
        yield from first(env, version_gaps(env, scope, model))
    progress("cqrs.seal")
    yield from first(env, wrong_seals(env, scope))
    yield from first(env, held_seals_missing(env, handed_out_to_file(env)))
    for model in captured:
        progress(model)
        yield from first(env, unrecorded_changes(env, scope, model))
        yield from first(env, unreadable_values(env, scope, model))


def _of_read_models(
    env, scope: Scope, projections: list, progress: Progress
) -> Iterator[Finding]:
    doubled = list(first(env, doubled_versions(env, scope)))
    yield from doubled
    yield from first(env, unapplied(env))
    broken = yield from faulty(env, projections)
    # A projection that reads the table of a faulty one cannot be replayed either.
    rank = min((p._cqrs_rank for p in broken), default=math.inf)
    projections = [
        p
        for p in projections
        if p not in broken and p._cqrs_rank <= rank and scope.compares(p)
    ]
    if doubled:
        # No replay takes an event twice.
        return
    with shadowed(env, projections, None, progress, scope) as shadow:
        yield from first(env, wrong_states(env, shadow))
        yield from drifts(env, shadow, progress)
    progress("cqrs.past.levels")
    if not scope.part:
        # As what is replayed from all events (``Scope.compares``)
        yield from level_drifts(env, scope)


def _stream_models(env) -> list[str]:
    """Return the models that have events or recorded states, by a probe for each."""
    models = set()
    for table in ("cqrs_event", "cqrs_stream"):
        query = SQL(
            """
            WITH RECURSIVE model (name) AS (
                SELECT min(stream_model) FROM %(table)s
                UNION ALL
                SELECT (SELECT min(stream_model) FROM %(table)s
                        WHERE stream_model > name)
                FROM model WHERE name IS NOT NULL
            )
            SELECT name FROM model WHERE name IS NOT NULL
            """,
            table=SQL.identifier(table),
        )
        models |= {model for (model,) in env.execute_query(query)}
    return sorted(models)
