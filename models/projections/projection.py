from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL


class Table(NamedTuple):
    """A table that a projection fills, and a replay compares.

    :ivar name: in the database
    :ivar key: columns by which a row is found again: never NULL, selective, not
        necessarily unique
    """

    name: str
    key: tuple[str, ...] = ("id",)


class CqrsProjection(models.AbstractModel):
    """The contract of a read model: what inherits this is kept by the log.

    A projection names the captured models that it reads in ``_cqrs_consumes`` and
    fills its table from ``cqrs_event`` and ``cqrs_stream`` alone, never from a
    source table. The event store calls every projection that there is, in the
    order of ``_cqrs_rank``, and knows none by name.
    """

    _name = "cqrs.projection"
    _description = "Projection"

    #: Names of the captured models whose events this projection applies
    _cqrs_consumes: tuple[str, ...] = ()
    #: A projection that reads another one's table has the higher rank
    _cqrs_rank = 0
    #: The tables that this projection fills
    _cqrs_tables: tuple[Table, ...] = ()
    #: Tables of one row whose ``version`` every writer of the tables counts up, so
    #: that of two concurrent ones the later fails and is run again
    _cqrs_counters: tuple[str, ...] = ()

    @api.model
    def _apply(self, streams: dict[str, SQL]):
        """Bring the rows that depend on some streams up to their recorded state.

        Runs in the writing transaction, after its events are in the log.

        :param streams: ``{captured model: query}``, for at least one consumed model;
            each query gives a row for each stream to look at: ``stream_id``, its
            ``state`` (NULL once deleted) and ``version``, and of its last event
            ``before`` (former values of the changed fields) and ``occurred_at``
        """
        raise NotImplementedError

    @api.model
    def _apply_events(self, positions: dict[str, list[int]]):
        """Let every projection apply the events at ``{captured model: positions}``."""
        streams = {
            model: SQL(
                """
                SELECT stream_id, stream.state, stream.version, event.before,
                       event.occurred_at
                FROM cqrs_event event
                JOIN cqrs_stream stream USING (stream_model, stream_id)
                WHERE event.position = ANY(%s)
                """,
                model_positions,
            )
            for model, model_positions in positions.items()
        }
        for projection in self._projections():
            projection._apply_consumed(streams)

    def _recorded_streams(self) -> dict[str, SQL]:
        """Return what ``_apply`` takes, for every stream that is recorded."""
        self.env.cr.execute("SELECT DISTINCT stream_model FROM cqrs_stream")
        return {
            model: SQL(
                """
                SELECT stream_id, stream.state, version, NULL::jsonb AS before,
                       event.occurred_at
                FROM cqrs_stream stream
                JOIN cqrs_event event USING (stream_model, stream_id, version)
                WHERE stream_model = %s
                """,
                model,
            )
            for (model,) in self.env.cr.fetchall()
        }

    def _projections(self) -> list:
        """Return every projection there is, in the order in which they apply."""
        names = self.env.registry.descendants(["cqrs.projection"], "_inherit")
        projections = [self.env[name] for name in names if name != "cqrs.projection"]
        return sorted(projections, key=lambda p: (p._cqrs_rank, p._name))

    def _apply_consumed(self, streams: dict[str, SQL]):
        """Apply the streams that this projection consumes, if there are any."""
        consumed = {m: streams[m] for m in self._cqrs_consumes if m in streams}
        if consumed:
            self._apply(consumed)
