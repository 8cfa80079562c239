"""Record changes: run the difference statement and let the projections apply it."""

import logging
from collections.abc import Callable
from functools import partial

import psycopg2

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import is_raised
from .difference import Details, Difference, Writers
from .metadata import MIGRATION, Metadata
from .source import Source

_logger = logging.getLogger(__name__)


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _record(
        self,
        ids: dict[str, list[int] | None],
        *,
        origin: str,
        details: dict[str, Details] | None = None,
        writers: dict[str, Writers] | None = None,
        is_joining: bool = False,
        shorter: dict[str, Difference] | None = None,
    ) -> int:
        """Record the changes since the last recorded state, and project them.

        :param ids: ``{captured model: records to look at}``, None for all of them
        :param origin: one of ``ORIGINS``
        :param details: ``{captured model: facts that its rows cannot tell}``
        :param writers: ``{captured model: the users who wrote its records, if known}``
        :param is_joining: whether the records join, whatever their source's condition
        :param shorter: ``{captured model: the statement to try first}``
        :return: the number of events
        """
        metadata = Metadata.current(self.env, origin)
        changed, ended, referred = {}, {}, {}
        for model, model_ids in ids.items():
            if model_ids and not is_joining and origin != MIGRATION:
                model_ids = self._of_interest(model, model_ids)
            if model_ids is None or model_ids:
                facts = (details or {}).get(model, {}), (writers or {}).get(model, {})
                rows, references = [], []
                for difference in self._differences(model, shorter or {}):
                    left = _without(rows, model_ids)
                    if left is None or left:
                        statement = partial(
                            difference.statement,
                            *(left, metadata, *facts),
                            is_joining=is_joining,
                        )
                        recorded = self._record_model(model, statement)
                        rows += recorded[0]
                        references += recorded[1]
                if rows:
                    changed[model] = [stream_id for stream_id, *__ in rows]
                    if any(has_ended for *__, has_ended in rows):
                        ended[model] = [row[0] for row in rows if row[2]]
                # The build looks for them itself, once for all.
                if is_joining or origin != MIGRATION:
                    for target, its_ids in self._referred(model, references).items():
                        referred.setdefault(target, set()).update(its_ids)
        if changed:
            self.env["cqrs.projection"]._apply_changes(changed, ended)
        return sum(map(len, changed.values())) + sum(
            self._record_joining(target, its_ids, origin, details, writers)
            for target, its_ids in referred.items()
        )

    def _differences(self, model: str, shorter: dict[str, Difference]):
        """Yield the statements that record a model's changes, the shorter one first."""
        if model in shorter:
            yield shorter[model]
        yield self._difference(model)

    def _record_end(self, source: Source, ids: list[int]):
        """Record that streams end, since their model is no longer on record."""
        applying = self.env["cqrs.projection"]._applying_statements(source.model)
        difference = Difference(self.env, source, applying, is_ending=True)
        metadata = Metadata.current(self.env, MIGRATION)
        details = {id_: {"uninstalled": True} for id_ in ids}
        statement = partial(difference.statement, ids, metadata, details, {})
        rows, __ = self._record_model(source.model, statement)
        if rows:
            changed = {source.model: ids}
            self.env["cqrs.projection"]._apply_changes(changed, changed)

    def _record_model(
        self, model: str, statement: Callable[..., SQL]
    ) -> tuple[list[tuple[int, int, bool]], list[list[int | None]]]:
        """Record the changes of a model, and apply them if the projections can.

        :param statement: makes the difference statement, takes ``is_applied``
        :return: ``(stream_id, version, ended)`` of the events; ``ended`` is False for
            a record that ended and has been taken out of the projections already. Then
            the new values of its references (``joining.py``) of each event
        """
        try:
            self.env.cr.execute(statement(), log_exceptions=False)
        except psycopg2.Error as error:
            if is_raised(error):
                raise
            _logger.warning("Changes of %s cannot be applied: %s", model, error)
            return self._record_one_by_one(model, statement(is_applied=False))
        [[(has_failed, rows, *referred)]] = self.env.cr.fetchall()
        if has_failed and rows:
            self.env["cqrs.projection"]._settle(model, _former_versions(rows))
        return rows or [], (referred and referred[0]) or []

    def _record_one_by_one(
        self, model: str, statement: SQL
    ) -> tuple[list[tuple], list[list[int | None]]]:
        """Record the changes of a model, then apply each record's by itself.

        :param statement: the one that records without applying
        """
        self.env.cr.execute(
            "ROLLBACK TO SAVEPOINT cqrs_recording; RELEASE SAVEPOINT cqrs_recording"
        )
        # The missing table may be the one that failures are noted in.
        self.env["cqrs.projection.failure"].init()
        self.env.cr.execute(statement)
        [[(__, rows, *referred)]] = self.env.cr.fetchall()
        if not rows:
            # A table that lacks something is refused for no record, too.
            return [], []
        self.env["cqrs.projection"]._apply_one_by_one(model, _former_versions(rows))
        changed = [(stream_id, version, False) for stream_id, version, __ in rows]
        return changed, (referred and referred[0]) or []


def _without(rows: list[tuple], ids: list[int] | None) -> list[int] | None:
    """Return those of some ids that no row is of; None stands for all of them."""
    if not rows:
        return ids
    done = {stream_id for stream_id, *__ in rows}
    return [id_ for id_ in ids if id_ not in done]


def _former_versions(rows: list[tuple]) -> dict[int, int]:
    """Return the version of each stream before its event."""
    return {stream_id: version - 1 for stream_id, version, __ in rows}
