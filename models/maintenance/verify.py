"""Verification: the log is whole, and everything else agrees with it.

Each check is a statement and a generator of its findings (``checks/``). All of them
read the one snapshot of the caller's transaction, so that live writes do not disturb
them.
"""

import math
from collections.abc import Iterator

from odoo.tools import SQL

from ..support.progress import Progress, Report, silent
from .checks.chains import broken_links, version_gaps
from .checks.protection import (
    events_of_the_future,
    events_of_wrong_epochs,
    missing_triggers,
    wrong_epochs,
)
from .checks.read_models import drifts, faulty, oracle_drifts, unapplied
from .checks.states import unreadable_values, unrecorded_changes, wrong_states
from .findings import DOUBLED_VERSION, UNREADABLE_VALUE, Finding, first
from .oracle import ORACLES
from .shadow import fill_steps, shadowed


def verify(env, report: Report = silent) -> list[Finding]:
    """Return the findings; nothing is written."""
    env.cr.flush()
    recorded, captured = _stream_models(env), env["cqrs.event"]._captured()
    projections = env["cqrs.projection"]._projections()
    steps = len(recorded) + len(captured) + fill_steps(projections) + len(projections)
    progress = Progress(report, steps + len(ORACLES))
    findings = list(_findings(env, recorded, captured, projections, progress))
    if all(finding.kind == UNREADABLE_VALUE for finding in findings):
        findings += oracle_drifts(env, progress)
    # Else the oracle would only repeat the findings, row by row.
    return findings


def _findings(
    env, recorded: list[str], captured: list[str], projections: list, progress: Progress
) -> Iterator[Finding]:
    yield from missing_triggers(env)
    yield from wrong_epochs(env)
    yield from first(env, events_of_wrong_epochs(env))
    yield from first(env, events_of_the_future(env))
    is_replayable = True
    for model in recorded:
        progress(model)
        yield from first(env, broken_links(env, model))
        for finding in first(env, version_gaps(env, model)):
            is_replayable &= finding.kind != DOUBLED_VERSION
            yield finding
    for model in captured:
        progress(model)
        yield from first(env, unrecorded_changes(env, model))
        yield from first(env, unreadable_values(env, model))
    yield from first(env, unapplied(env))
    broken = yield from faulty(env, projections)
    # A projection that reads the table of a faulty one cannot be replayed either.
    rank = min((p._cqrs_rank for p in broken), default=math.inf)
    projections = [p for p in projections if p not in broken and p._cqrs_rank <= rank]
    if not is_replayable:
        return
    with shadowed(env, projections, None, progress) as shadow:
        yield from first(env, wrong_states(env, shadow))
        yield from drifts(env, shadow, progress)


def _stream_models(env) -> list[str]:
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_model FROM cqrs_event
            UNION SELECT stream_model FROM cqrs_stream ORDER BY stream_model
            """
        )
    )
    return [model for (model,) in rows]
