"""Verification: the log is whole, and everything else agrees with it.

Each check is a statement and a generator of its findings. All of them read the one
snapshot of the caller's transaction, so that live writes do not disturb them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from odoo.tools import SQL

from ..currencies import currencies
from ..event_store import append_only
from ..event_store.chain import COVERED, event_hash
from ..support.progress import Progress, Report, silent
from ..support.readable_values import RANGES, is_readable
from ..support.triggers import not_holding
from .oracle import ORACLES
from .replay import compare
from .shadow import STREAM, Shadow, fill_steps, shadowed

BROKEN_CHAIN = "broken_chain"
WRONG_ORDER = "wrong_order"
WRONG_EPOCH = "wrong_epoch"
VERSION_GAP = "version_gap"
WRONG_STATE = "wrong_state"
UNRECORDED_CHANGE = "unrecorded_change"
MISSING_TRIGGER = "missing_trigger"
PROJECTION_DRIFT = "projection_drift"
UNREADABLE_VALUE = "unreadable_value"
BROKEN_PROJECTION = "broken_projection"


@dataclass(frozen=True)
class Finding:
    """A contradiction in the log, or between the log and a table.

    :ivar kind: ``broken_chain``: an event was altered or inserted; ``wrong_order``: an
        event does not stand at its version's place in the order of readers, or beyond
        the end of the log; ``wrong_epoch``: an event has an epoch that was not current,
        or the epochs are not numbered as they were begun; ``version_gap``: an event was
        removed; ``wrong_state``: ``cqrs_stream`` is not the fold of the events;
        ``unrecorded_change``: a record differs from its recorded state;
        ``missing_trigger``: a trigger that guards the log, or that notes changed
        currencies, is missing; ``projection_drift``: a read model differs from its
        replay, or from Odoo's own records (``oracle.py``); ``unreadable_value``: a
        record has a value that Odoo cannot read (``readable_values.py``);
        ``broken_projection``: a read model cannot be written, or a record was not
        applied to it (``failures.py``)
    :ivar stream_model: the captured model, None if the finding is not about a stream
    :ivar stream_id: the record, None if the finding is not about one; it then may say
        that there are more findings of this kind than are given
    :ivar version: the version of the event, or of the recorded state
    :ivar detail: a sentence for people
    """

    kind: str
    stream_model: str | None
    stream_id: int | None
    version: int | None
    detail: str


#: Findings of each check and model; a person looks into the first ones
LIMIT = 1000


def verify(env, report: Report = silent) -> list[Finding]:
    """Return the findings; nothing is written."""
    env.cr.flush()
    recorded, captured = _stream_models(env), env["cqrs.event"]._captured()
    projections = env["cqrs.projection"]._projections()
    steps = len(recorded) + len(captured) + fill_steps(projections) + len(projections)
    progress = Progress(report, steps + len(ORACLES))
    findings = list(_findings(env, recorded, captured, projections, progress))
    if all(finding.kind == UNREADABLE_VALUE for finding in findings):
        findings += _oracle_drifts(env, progress)
    # Else the oracle would only repeat the findings, row by row.
    return findings


def _findings(
    env, recorded: list[str], captured: list[str], projections: list, progress: Progress
) -> Iterator[Finding]:
    yield from _missing_triggers(env)
    yield from _wrong_epochs(env)
    yield from _first(env, _events_of_wrong_epochs(env))
    yield from _first(env, _events_of_the_future(env))
    for model in recorded:
        progress(model)
        yield from _first(env, _broken_links(env, model))
        yield from _first(env, _version_gaps(env, model))
    for model in captured:
        progress(model)
        yield from _first(env, _unrecorded_changes(env, model))
        yield from _first(env, _unreadable_values(env, model))
    yield from _first(env, _unapplied(env))
    faulty = yield from _faulty(env, projections)
    # A projection that reads the table of a faulty one cannot be replayed either.
    rank = min((p._cqrs_rank for p in faulty), default=None)
    projections = [
        p for p in projections if not faulty or p not in faulty and p._cqrs_rank <= rank
    ]
    with shadowed(env, projections, None, progress) as shadow:
        yield from _first(env, _wrong_states(env, shadow))
        yield from _drifts(env, shadow, progress)


def _faulty(env, projections: list) -> Iterator[Finding]:
    """Find the projections whose tables lack something; return them."""
    faulty = []
    for projection in projections:
        if fault := projection._fault():
            faulty.append(projection)
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
    return faulty


def _unapplied(env) -> Iterator[Finding]:
    """Find the records that could not be applied to a projection."""
    rows = env.execute_query(
        SQL(
            """
            SELECT projection, stream_model, stream_id, error
            FROM cqrs_projection_failure ORDER BY id LIMIT %s
            """,
            LIMIT + 1,
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


def _first(env, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the first findings of a check; a last one says if these are not all."""
    yield from islice(findings, LIMIT)
    if more := next(findings, None):
        detail = env._(
            "There are more findings of this kind. Only the first %s are listed.", LIMIT
        )
        yield Finding(more.kind, more.stream_model, None, None, detail)


def _missing_triggers(env) -> Iterator[Finding]:
    for trigger in not_holding(env, append_only.TRIGGERS + currencies.TRIGGERS):
        yield Finding(
            MISSING_TRIGGER,
            None,
            None,
            None,
            env._(
                "The trigger %s is missing, disabled or changed. Upgrade the "
                "module to restore it.",
                f"{trigger.table}.{trigger.name}",
            ),
        )


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


def _wrong_epochs(env) -> Iterator[Finding]:
    """Check that the epochs are numbered without gaps, and that the last is in use."""
    [(epochs, default)] = env.execute_query(
        SQL(
            """
            SELECT ARRAY(SELECT epoch FROM cqrs_epoch ORDER BY epoch), column_default
            FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name = 'cqrs_event'
              AND column_name = 'epoch'
            """
        )
    )
    details = []
    if not epochs or epochs != list(range(1, len(epochs) + 1)):
        details.append(
            env._(
                "The epochs are not numbered consecutively from 1: %s.",
                ", ".join(map(str, epochs)) or "–",
            )
        )
    if default != str(max(epochs, default=None)):
        details.append(
            env._(
                "New events get epoch %(default)s, but the current epoch is %(last)s.",
                default=default or "–",
                last=max(epochs, default="–"),
            )
        )
    for detail in details:
        yield Finding(WRONG_EPOCH, None, None, None, detail)


def _events_of_wrong_epochs(env) -> Iterator[Finding]:
    """Find events of an epoch that never began, or had ended.

    An epoch begins when no transaction writes events of the former one any more, so
    that its positions are above those of the epochs before.
    """
    rows = env.execute_query(
        SQL(
            """
            WITH epoch AS MATERIALIZED (
                SELECT epoch, is_begun,
                       min(first) FILTER (WHERE is_begun) OVER (
                           ORDER BY epoch
                           ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS ended_at
                FROM (
                    SELECT epoch, min(position) AS first,
                           epoch IN (SELECT epoch FROM cqrs_epoch) AS is_begun
                    FROM cqrs_event GROUP BY epoch
                ) numbered
            ),
            -- The planner, which expects many, would read the log in their order.
            misplaced AS MATERIALIZED (
                SELECT stream_model, stream_id, version, epoch, is_begun
                FROM (SELECT * FROM epoch
                      WHERE NOT is_begun OR ended_at IS NOT NULL) epoch
                JOIN cqrs_event USING (epoch)
                WHERE NOT is_begun OR position >= ended_at
            )
            SELECT * FROM misplaced
            ORDER BY stream_model, stream_id, version
            LIMIT %s
            """,
            LIMIT + 1,
        )
    )
    for stream_model, stream_id, version, epoch, is_begun in rows:
        detail = (
            env._("This event has epoch %s, which had already ended.", epoch)
            if is_begun
            else env._("This event has epoch %s, which never started.", epoch)
        )
        yield Finding(WRONG_EPOCH, stream_model, stream_id, version, detail)


def _events_of_the_future(env) -> Iterator[Finding]:
    """Find events with a transaction id or a position that is not in use yet.

    No reader gets an event of a transaction that has not ended, and a write fails when
    its event gets a position that is taken.
    """
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_model, stream_id, version, true AS is_txid
            FROM cqrs_event event
            WHERE epoch = (SELECT max(epoch) FROM cqrs_epoch)
              AND event.txid >= pg_snapshot_xmax(pg_current_snapshot())
              AND event.txid IS DISTINCT FROM pg_current_xact_id_if_assigned()
            UNION ALL
            SELECT stream_model, stream_id, version, false
            FROM cqrs_event
            WHERE position > (SELECT COALESCE(pg_sequence_last_value(
                pg_get_serial_sequence('cqrs_event', 'position')::regclass), 0))
            ORDER BY stream_model, stream_id, version
            LIMIT %s
            """,
            LIMIT + 1,
        )
    )
    for stream_model, stream_id, version, is_txid in rows:
        detail = (
            env._("The transaction of this event has not started yet.")
            if is_txid
            else env._("The position of this event has not been assigned yet.")
        )
        yield Finding(WRONG_ORDER, stream_model, stream_id, version, detail)


def _broken_links(env, model: str) -> Iterator[Finding]:
    """Find the first event of each stream whose hash or place in the log is wrong."""
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_id, min(version) FILTER (WHERE is_altered),
                   min(version) FILTER (WHERE is_misplaced)
            FROM (
                SELECT stream_id, version, hash IS DISTINCT FROM %s AS is_altered,
                       (epoch, txid, position) <= (
                           lag(epoch) OVER stream, lag(txid) OVER stream,
                           lag(position) OVER stream) AS is_misplaced
                FROM cqrs_event event WHERE stream_model = %s
                WINDOW stream AS (PARTITION BY stream_id ORDER BY version)
            ) link
            WHERE is_altered OR is_misplaced
            GROUP BY stream_id ORDER BY stream_id
            LIMIT %s
            """,
            event_hash(
                SQL("lag(hash) OVER stream"),
                SQL("occurred_at"),
                {name: SQL.identifier(name) for name in COVERED},
            ),
            model,
            LIMIT + 1,
        )
    )
    for stream_id, altered, misplaced in rows:
        if altered:
            yield Finding(
                BROKEN_CHAIN,
                model,
                stream_id,
                altered,
                env._("The hash of this event does not match its content."),
            )
        if misplaced:
            yield Finding(
                WRONG_ORDER,
                model,
                stream_id,
                misplaced,
                env._("Readers receive this event before the previous one."),
            )


def _version_gaps(env, model: str) -> Iterator[Finding]:
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_id, version, former
            FROM (
                SELECT stream_id, version,
                       lag(version, 1, 0) OVER (
                           PARTITION BY stream_id ORDER BY version) AS former
                FROM cqrs_event WHERE stream_model = %s
            ) step
            WHERE version <> former + 1
            ORDER BY stream_id, version
            LIMIT %s
            """,
            model,
            LIMIT + 1,
        )
    )
    for stream_id, version, former in rows:
        yield Finding(
            VERSION_GAP,
            model,
            stream_id,
            version,
            env._("The previous event has version %s.", former),
        )


def _unrecorded_changes(env, model: str) -> Iterator[Finding]:
    difference = env["cqrs.event"]._watches()[model].difference
    rows = env.execute_query(SQL("%s LIMIT %s", difference.differing(), LIMIT + 1))
    for stream_id, version in rows:
        yield Finding(
            UNRECORDED_CHANGE,
            model,
            stream_id,
            version,
            env._("The record differs from its last recorded state. Reconcile."),
        )


def _unreadable_values(env, model: str) -> Iterator[Finding]:
    columns = [
        env[model]._fields[name]
        for name in env[model]._cqrs_source.fields
        if "." not in name and env[model]._fields[name].type in RANGES
    ]
    if not columns:
        return
    readable = {
        field.name: is_readable(SQL.identifier("t", field.name), field.type)
        for field in columns
    }
    rows = env.execute_query(
        SQL(
            """
            SELECT t.id, value.name, left(value.text, 50)
            FROM %(table)s t CROSS JOIN LATERAL (VALUES %(values)s)
                AS value (name, text, is_readable)
            WHERE NOT (%(all)s) AND NOT value.is_readable
            ORDER BY t.id, value.name
            LIMIT %(limit)s
            """,
            table=SQL.identifier(env[model]._table),
            values=SQL(", ").join(
                SQL("(%s, %s::text, %s)", name, SQL.identifier("t", name), condition)
                for name, condition in readable.items()
            ),
            all=SQL(" AND ").join(readable.values()),
            limit=LIMIT + 1,
        )
    )
    for stream_id, name, value in rows:
        yield Finding(
            UNREADABLE_VALUE,
            model,
            stream_id,
            None,
            env._(
                "%(field)s has the value %(value)s, which Odoo cannot read. The "
                "value is ignored until you correct it.",
                field=name,
                value=value,
            ),
        )


def _wrong_states(env, shadow: Shadow) -> Iterator[Finding]:
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_model, stream_id,
                   COALESCE(live.version, folded.version),
                   live.id IS NULL, folded.id IS NULL,
                   live.version IS DISTINCT FROM folded.version,
                   live.state IS DISTINCT FROM folded.state
            FROM %s live FULL JOIN %s folded USING (stream_model, stream_id)
            WHERE (live.version, live.state, live.hash)
                IS DISTINCT FROM (folded.version, folded.state, folded.hash)
            ORDER BY stream_model, stream_id
            LIMIT %s
            """,
            shadow.live(STREAM),
            shadow.temporary(STREAM),
            LIMIT + 1,
        )
    )
    for model, stream_id, version, no_state, no_event, versions, states in rows:
        if no_state:
            detail = env._("No state is recorded for a stream with events.")
        elif no_event:
            detail = env._("A state is recorded for a stream without events.")
        elif versions:
            detail = env._(
                "The recorded version differs from the version of the last event."
            )
        elif states:
            detail = env._(
                "The recorded state differs from the state that the events give."
            )
        else:
            detail = env._("The recorded hash differs from the hash of the last event.")
        yield Finding(WRONG_STATE, model, stream_id, version, detail)


def _drifts(env, shadow: Shadow, progress: Progress) -> Iterator[Finding]:
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


def _oracle_drifts(env, progress: Progress) -> Iterator[Finding]:
    for table, oracle in ORACLES.items():
        progress(table)
        yield from _first(env, _oracle_drift(env, table, oracle))


def _oracle_drift(env, table: str, oracle) -> Iterator[Finding]:
    for drift in oracle(env):
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
