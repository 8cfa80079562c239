"""The scope of a verification: everything, or what changed and a part of the rest.

Each stream belongs to one of ``PARTS`` parts by its id. An incremental verification
covers the streams with an event since the last one, and the part that was covered the
longest ago; so ``PARTS`` of them cover everything. The result of each run says what it
covered, and the next one goes on from there, provided that nothing was found.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timezone

from odoo.modules.module import Manifest
from odoo.tools import SQL

#: Number of nights within which everything is verified again
PARTS = 7

#: Streams with successive ids that belong to one part: their events lie together
BLOCK = 64

#: Name of the temporary table of the streams covered, unless everything is
_TABLE = SQL("pg_temp.cqrs_scope")


@dataclass(frozen=True)
class Scope:
    """The streams that a verification covers, everything by default.

    :ivar part: the number of the part covered, from 0; None is everything
    :ivar since: ``(epoch, txid)`` of the first event that is covered in any case
    :ivar covered: ISO time at which each part was last covered, before this
    :ivar seed: chooses the sample of the oracle; None: it looks at all records
    """

    part: int | None = None
    since: tuple[int, str] = (0, "0")
    covered: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.part is None

    def holds(self, model: SQL, stream_id: SQL) -> SQL:
        """Return the condition that the scope holds a stream."""
        if self.is_whole:
            return SQL("true")
        return SQL(
            "(%s, %s) IN (SELECT stream_model, stream_id FROM %s)",
            model,
            stream_id,
            _TABLE,
        )

    def ids(self, model: str) -> SQL | None:
        """Return the query of the ids of a model's streams; None is all."""
        if self.is_whole:
            return None
        return SQL("SELECT stream_id FROM %s WHERE stream_model = %s", _TABLE, model)

    def compares(self, projection) -> bool:
        """Return whether a projection is compared with its replay.

        One that is replayed from all events is compared with the first part.
        """
        return not self.part or not projection._cqrs_reads_events

    @contextmanager
    def listed(self, env) -> Iterator[None]:
        """List the streams of the scope for the statements of the block."""
        if self.is_whole:
            yield
            return
        env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE cqrs_scope (
                    stream_model text COLLATE "C", stream_id integer,
                    PRIMARY KEY (stream_model, stream_id)) ON COMMIT DROP;
                INSERT INTO %s %s;
                ANALYZE %s
                """,
                _TABLE,
                self._streams(env),
                _TABLE,
            )
        )
        yield
        env.cr.execute(SQL("DROP TABLE %s", _TABLE))

    def _streams(self, env) -> SQL:
        """Return the query of the streams: recorded ones, and records without one."""
        whole = list(env["cqrs.projection"]._models_compared_whole())
        in_part = SQL("stream_id / %s %% %s = %s", BLOCK, PARTS, self.part)
        streams = [
            SQL(
                "SELECT stream_model, stream_id FROM %s"
                " WHERE stream_model = ANY(%s) OR %s",
                SQL.identifier(table),
                whole,
                in_part,
            )
            for table in ("cqrs_stream", "cqrs_event")
        ]
        streams += [
            SQL(
                "SELECT %s, stream_id FROM (SELECT id AS stream_id FROM %s) t WHERE %s",
                model,
                SQL.identifier(env[model]._table),
                SQL("true") if model in whole else in_part,
            )
            for model in env["cqrs.event"]._captured()
        ]
        streams.append(
            SQL(
                "SELECT stream_model, stream_id FROM cqrs_event event"
                " WHERE (event.epoch, event.txid) >= (%s, %s::xid8)",
                *self.since,
            )
        )
        return SQL(" UNION ").join(streams)

    def coverage(self, env) -> dict:
        """Return what is covered, as the result of a run keeps it.

        ``{is_whole, part, parts, seed, upto: [epoch, txid], covered: [time of each
        part], whole_since, version}``: everything was covered at ``whole_since`` or
        later; events from ``upto`` on are to be covered next. Times are ISO 8601, UTC.
        """
        now = env.cr.now().replace(tzinfo=timezone.utc).isoformat()
        covered = [now] * PARTS
        if not self.is_whole:
            covered = [*self.covered]
            covered[self.part] = now
        [(epoch, txid)] = env.execute_query(
            SQL(
                "SELECT max(epoch), pg_snapshot_xmin(pg_current_snapshot())::text"
                " FROM cqrs_epoch"
            )
        )
        return {
            "is_whole": self.is_whole,
            "part": self.part,
            "parts": PARTS,
            "seed": self.seed,
            "upto": [epoch or 0, txid],
            "covered": covered,
            "whole_since": min(covered),
            "version": _version(),
        }


#: The scope of everything, and of all records
EVERYTHING = Scope()


def next_scope(env) -> Scope:
    """Return the scope of the next incremental verification.

    It is everything if there was none, or none by this version of the addon. It is
    everything and all records if the last one found something.
    """
    seed = random.getrandbits(31)
    rows = env.execute_query(_LAST)
    if not rows:
        return Scope(seed=seed)
    findings, last = rows[0]
    if findings:
        return EVERYTHING
    if not last or last["version"] != _version() or len(last["covered"]) != PARTS:
        return Scope(seed=seed)
    covered = tuple(last["covered"])
    return Scope(covered.index(min(covered)), tuple(last["upto"]), covered, seed)


_LAST = SQL(
    """
    SELECT findings, result::jsonb -> 'coverage' FROM cqrs_run
    WHERE kind = 'verify' AND state = 'done' ORDER BY id DESC LIMIT 1
    """
)


def _version() -> str:
    return Manifest.for_addon("crm_cqrs")["version"]
