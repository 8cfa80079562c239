"""The protection of the log: triggers, epochs, and ids that are in use."""

from collections.abc import Iterator

from odoo.tools import SQL

from ...currencies import currencies
from ...event_store import append_only
from ...seals import seal
from ...support.triggers import not_holding
from ..findings import MISSING_TRIGGER, WRONG_EPOCH, WRONG_ORDER, Finding, enough


def missing_triggers(env) -> Iterator[Finding]:
    triggers = [*append_only.triggers(env), *seal.TRIGGERS, *currencies.TRIGGERS]
    for trigger in not_holding(env, triggers):
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


def wrong_epochs(env) -> Iterator[Finding]:
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


def events_of_wrong_epochs(env) -> Iterator[Finding]:
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
            enough(),
        )
    )
    for stream_model, stream_id, version, epoch, is_begun in rows:
        detail = (
            env._("This event has epoch %s, which had already ended.", epoch)
            if is_begun
            else env._("This event has epoch %s, which never started.", epoch)
        )
        yield Finding(WRONG_EPOCH, stream_model, stream_id, version, detail)


def events_of_the_future(env) -> Iterator[Finding]:
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
            enough(),
        )
    )
    for stream_model, stream_id, version, is_txid in rows:
        detail = (
            env._("The transaction of this event has not started yet.")
            if is_txid
            else env._("The position of this event has not been assigned yet.")
        )
        yield Finding(WRONG_ORDER, stream_model, stream_id, version, detail)
