"""The health of the event store and the read models, for the administrator's desk."""

import logging
from collections.abc import Callable

import psycopg2

from odoo import api, models
from odoo.tools import SQL

from ..event_store.append_only import missing_triggers
from ..event_store.archive import log_tables
from ..privacy.again import due
from ..projections.failures import broken, quarantined
from ..projections.metrics_tables import FOLDS, TAIL
from ..projections.sales_tables import CHANGES as SALES_CHANGES
from ..seals.reach import reach
from ..seals.seal import TRIGGERS as SEAL_TRIGGERS
from ..support.triggers import not_holding
from ..webhooks.notice import SWITCHED_OFF
from .jobs import LATE_SECONDS, activate, jobs
from .run import FAILED, RUNNING
from .scope import PARTS
from .status import (
    IS_PERFORMED,
    holding_readers_back,
    last_verification,
    unfinished_verification,
)

_logger = logging.getLogger(__name__)

GOOD = "good"
WATCH = "watch"
BAD = "bad"

# Limits: the value from which on something is to be watched, and from which it is bad.
#: Seconds since the reconciler's last look
LOOK_SECONDS = (15 * 60, 60 * 60)
#: Seconds that a change waits to be folded
FOLD_SECONDS = (5 * 60, 60 * 60)
#: Seconds that an event waits to be sealed
SEAL_SECONDS = (15 * 60, 60 * 60)
#: Seconds that a transaction holds readers back
HELD_SECONDS = (60, 10 * 60)
#: Seconds since the last verification, which are never bad in themselves
VERIFIED_SECONDS = (2 * 24 * 3600, float("inf"))
#: Seconds since everything was verified, in parts
WHOLE_SECONDS = ((PARTS + 2) * 24 * 3600, float("inf"))
#: Seconds that the oldest message to an endpoint waits
DELIVERY_SECONDS = (15 * 60, 24 * 3600)
#: Changes in the tail of the metrics
TAIL_CHANGES = (10_000, 100_000)

#: Minutes in which events count as recent
RECENT_MINUTES = 10
#: Rows up to which a large table is counted
COUNT_UP_TO = 10_000
#: Number of runs shown
RUNS = 8

RUN_FIELDS = (
    "display_name",
    "kind",
    "state",
    "progress",
    "step_name",
    "create_date",
    "started_at",
    "finished_at",
    "cancel_requested",
    "findings",
    "outcome",
    "waits_for",
)


class CqrsHealth(models.AbstractModel):
    """Reads the health at a cost that does not grow with the log.

    A screen asks every second while a run goes on. Tables that may have a million rows
    are therefore estimated, or counted up to ``COUNT_UP_TO``.
    """

    _name = "cqrs.health"
    _description = "Event Store Health"

    @api.model
    def read_health(self) -> dict:
        """Return the health of everything, for administrators; nothing is written.

        Each part has a ``level``: ``good``, ``watch`` or ``bad``; the level of the
        whole is the worst of them. A part that cannot be read is bad, and has only an
        ``error``. Times are UTC. ``is_more``: more rows than counted.

        :return: ``{level, read_at, log, reconciler, reader, verification, seals, tail,
            projections, jobs, webhooks, replaced,
            sizes: [{table, model, name, rows, bytes}],
            runs: [of RUN_FIELDS, and is_abandoned]}``; ``rows`` are the database's own
            estimate, None before there is one
        :raise AccessError: the user is no administrator
        """
        self.env["cqrs.run"]._check_administrator()
        health = self.sudo()
        parts = {
            "log": health._read_part(health._log),
            "reconciler": health._read_part(health._reconciler),
            "reader": health._read_part(health._reader),
            "verification": health._read_part(health._verification),
            "seals": health._read_part(health._seals),
            "tail": health._read_part(health._tail),
            "projections": health._read_part(health._projections),
            "jobs": health._read_part(health._jobs),
            "webhooks": health._read_part(health._webhooks),
        }
        levels = {part["level"] for part in parts.values()}
        return {
            "level": next(each for each in (BAD, WATCH, GOOD) if each in levels),
            "read_at": self.env.cr.now(),
            **parts,
            "replaced": health._replaced(),
            "sizes": health._sizes(),
            "runs": health._runs(),
        }

    @api.model
    def action_activate_jobs(self):
        """Activate the scheduled actions that work on this database alone.

        :raise AccessError: the user is no administrator
        """
        self.env["cqrs.run"]._check_administrator()
        activate(self.sudo().env)

    def _read_part(self, read: Callable[[], dict]) -> dict:
        try:
            with self.env.cr.savepoint(flush=False):
                return read()
        except psycopg2.DatabaseError as error:
            _logger.warning("The health of the event store cannot be read: %s", error)
            return {"level": BAD, "error": str(error).strip().partition("\n")[0]}

    def _row(self, query: SQL) -> dict:
        [row] = self.env.execute_query_dict(query)
        return row

    def _log(self) -> dict:
        log = self._row(_LOG)
        triggers = missing_triggers(self.env)
        erasures = len(due(self.env))
        return {
            "level": BAD if triggers or erasures else GOOD,
            "missing_triggers": triggers,
            "erasures_due": erasures,
            **log,
        }

    def _reconciler(self) -> dict:
        captured = self.env["cqrs.event"]._captured()
        look = self._row(SQL(_LOOK, captured))
        level = _level(look["seconds"], LOOK_SECONDS)
        if look["never"] or look["failures"]:
            level = BAD
        return {"level": level, **look}

    def _reader(self) -> dict:
        holder = holding_readers_back(self.env)
        waiting = self._row(SQL(_WAITING, COUNT_UP_TO, COUNT_UP_TO))
        if not holder:
            level = GOOD
        elif holder["seconds"] is None:
            # The database does not tell the age of another role's transaction.
            level = WATCH
        else:
            level = _level(holder["seconds"], HELD_SECONDS)
        return {"level": level, "holder": holder, **waiting}

    def _verification(self) -> dict:
        last = last_verification(self.env)
        unfinished = unfinished_verification(self.env)
        if last and last["findings"] or unfinished and unfinished["state"] == FAILED:
            level = BAD
        elif unfinished:
            level = WATCH
        else:
            levels = {
                _level(last and last["seconds"], VERIFIED_SECONDS),
                _level(last and last["whole_seconds"], WHOLE_SECONDS),
            }
            level = WATCH if WATCH in levels else GOOD
        return {"level": level, "last": last, "unfinished": unfinished}

    def _seals(self) -> dict:
        seals = reach(self.env)
        level = GOOD
        if seals["unsealed"]:
            level = _level(seals["unsealed_seconds"], SEAL_SECONDS)
        is_signed_no_more = seals["signed_at"] and not seals["key"]
        if level == GOOD and (is_signed_no_more or seals["not_handed_out"]):
            level = WATCH
        triggers = [trigger.name for trigger in not_holding(self.env, SEAL_TRIGGERS)]
        if triggers:
            level = BAD
        return {"level": level, "missing_triggers": triggers, **seals}

    def _tail(self) -> dict:
        tail = self._row(SQL(_TAIL, TAIL_CHANGES[1], TAIL_CHANGES[1]))
        levels = {
            _level(tail["changes"], TAIL_CHANGES),
            _level(tail["seconds"] or 0, FOLD_SECONDS),
        }
        level = next(each for each in (BAD, WATCH, GOOD) if each in levels)
        return {"level": level, **tail}

    def _projections(self) -> dict:
        """Return ``{level, broken: [{name, error}], quarantined: [{name, …}]}``."""
        names = self.env["ir.model"]
        stopped = [
            {"name": names._get(projection).name or projection, "error": error}
            for projection, error in broken(self.env).items()
        ]
        waiting = [
            {"name": names._get(each["projection"]).name, **each}
            for each in quarantined(self.env)
        ]
        level = BAD if stopped else WATCH if waiting else GOOD
        return {"level": level, "broken": stopped, "quarantined": waiting}

    def _jobs(self) -> dict:
        found = jobs(self.env)
        level = _level(found["late"] or 0, LATE_SECONDS)
        if level == GOOD and found["inactive"]:
            level = WATCH
        return {"level": level, **found}

    def _webhooks(self) -> dict:
        """Return ``{level, endpoints: [{id, name, level, is_paused, pause_reason}]}``.

        Each endpoint has also what ``cqrs.webhook._read_health`` reads of it.
        """
        # All of them, few as they are.
        endpoints = self.env["cqrs.webhook"].search([])  # pylint: disable=no-search-all
        health = endpoints._read_health()
        found = [
            {
                "id": each.id,
                "name": each.name,
                "is_paused": each.is_paused,
                "pause_reason": each.pause_reason or None,
                **health.get(each.id, {}),
            }
            for each in endpoints
        ]
        for each in found:
            each["level"] = _level_of_endpoint(each)
        levels = {each["level"] for each in found}
        level = next((each for each in (BAD, WATCH) if each in levels), GOOD)
        return {"level": level, "endpoints": found}

    def _replaced(self) -> dict:
        return self._row(SQL(_REPLACED, COUNT_UP_TO, COUNT_UP_TO))

    def _sizes(self) -> list[dict]:
        tables = dict.fromkeys(log_tables(self.env), "cqrs.event")
        tables["cqrs_stream"] = "cqrs.stream"
        for projection in self.env["cqrs.projection"]._projections():
            for table in projection._cqrs_tables:
                tables[table.name] = projection._name
        tables["cqrs_replaced"] = None
        sizes = self.env.execute_query_dict(SQL(_SIZES, list(tables)))
        models_ = self.env["ir.model"].with_env(self.env)
        for size in sizes:
            size["model"] = model = tables[size["table"]]
            size["name"] = models_._get(model).name if model else None
        return sizes

    def _runs(self) -> list[dict]:
        runs = self.env["cqrs.run"]
        # Those of the log: what people export is their own business.
        runs = runs.search([("kind", "in", runs._kinds())], limit=RUNS)
        abandoned = {
            id_
            for (id_,) in self.env.execute_query(SQL(_ABANDONED, RUNNING, IS_PERFORMED))
        }
        return [
            {**run, "is_abandoned": run["id"] in abandoned}
            for run in runs.read(RUN_FIELDS)
        ]


def _level(value: float | None, limits: tuple[float, float]) -> str:
    """Return the level of a value that should be small; None is unknown."""
    watch, bad = limits
    if value is None or value is False:
        return WATCH
    if value >= bad:
        return BAD
    return WATCH if value >= watch else GOOD


def _level_of_endpoint(endpoint: dict) -> str:
    if endpoint["pause_reason"] in SWITCHED_OFF:
        return BAD
    if endpoint["is_paused"]:
        # By a person, who knows; or since this is a copy, from which nothing is meant.
        return GOOD
    level = _level(endpoint.get("lag_seconds", 0), DELIVERY_SECONDS)
    return WATCH if level == GOOD and endpoint.get("dead") else level


# Recent events are counted from the end of the log, at the cost of these rows alone.
_LOG = SQL(
    """
    SELECT COALESCE((SELECT max(position) FROM cqrs_event), 0) AS last_position,
           (SELECT NULLIF(sum(reltuples), -1)::bigint
            FROM pg_class WHERE oid = 'cqrs_event'::regclass OR oid IN (
                SELECT inhrelid FROM pg_inherits
                WHERE inhparent = 'cqrs_event'::regclass)) AS events,
           (SELECT max(epoch) FROM cqrs_epoch) AS epoch,
           count(*) AS lately, count(*) >= %(many)s AS is_more,
           COALESCE(round(count(*) / GREATEST(1.0 / 60, LEAST(%(minutes)s,
               extract(epoch FROM now() - min(occurred_at)) / 60)), 1), 0)::float
               AS per_minute,
           %(minutes)s AS minutes
    FROM (SELECT occurred_at FROM cqrs_event ORDER BY position DESC LIMIT %(many)s) log
    WHERE occurred_at > now() - interval '1 minute' * %(minutes)s
    """,
    many=COUNT_UP_TO,
    minutes=RECENT_MINUTES,
)

_LOOK = """
    SELECT min(looked_at) AT TIME ZONE 'UTC' AS looked_at,
           extract(epoch FROM now() - min(looked_at))::integer AS seconds,
           COALESCE(array_agg(model) FILTER (WHERE looked_at IS NULL), '{}') AS never,
           COALESCE(array_agg(left(failure, 500) ORDER BY model)
                    FILTER (WHERE failure IS NOT NULL), '{}') AS failures
    FROM unnest(%s) model LEFT JOIN cqrs_reconciliation ON stream_model = model
"""

# Events that readers do not get yet, see ``reader.py``.
_WAITING = """
    SELECT count(*) AS waiting, count(*) >= %s AS is_more
    FROM (SELECT FROM cqrs_event event
          WHERE (event.epoch, event.txid) >= (
              (SELECT max(epoch) FROM cqrs_epoch),
              pg_snapshot_xmin(pg_current_snapshot()))
          LIMIT %s) event
"""

# The waiting time of the oldest change, at most the time since the last fold: changes
# of a long transaction are old when they come. That the job has run proves nothing.
_TAIL = f"""
    SELECT count(*) AS changes, count(*) >= %s AS is_more,
           CASE WHEN count(*) > 0 THEN extract(epoch FROM now() - GREATEST(
               min(occurred_at), (SELECT max(folded_at) FROM {FOLDS.table})))::integer
           END AS seconds
    FROM (SELECT occurred_at FROM {TAIL} UNION ALL
          SELECT occurred_at FROM {SALES_CHANGES.name} LIMIT %s) change
"""

_REPLACED = """
    SELECT count(*) AS rows, count(*) >= %s AS is_more,
           min(replaced_at) AT TIME ZONE 'UTC' AS since,
           COALESCE(array_agg(DISTINCT table_name), '{}') AS tables
    FROM (SELECT replaced_at, table_name FROM cqrs_replaced LIMIT %s) kept
"""

_SIZES = """
    SELECT relname AS "table", NULLIF(reltuples, -1)::bigint AS rows,
           pg_total_relation_size(pg_class.oid) AS bytes
    FROM unnest(%s) WITH ORDINALITY AS listed (name, place)
    JOIN pg_class ON pg_class.oid = to_regclass(listed.name)
    ORDER BY place
"""

_ABANDONED = "SELECT id FROM cqrs_run WHERE state = %s AND NOT %s"
