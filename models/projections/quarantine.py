"""Quarantine: a record that cannot be applied is left out, and the others are applied.

The records of a change that fails are applied by halves, down to the one that fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import is_raised
from .changes import current_versions, each_change, net_changes
from .failures import broken, is_of_a_table

#: Failing records from which on the table is to blame
MANY_FAILURES = 100


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    #: Whether applying a change adds to the rows, so that it must happen exactly once
    _cqrs_is_cumulative = False

    @contextmanager
    def _guarded(self, changed: dict[str, list[int]]) -> Iterator[None]:
        """Make the projection broken if the block fails.

        :param changed: ``{captured model: ids of the streams}``
        """
        try:
            with self.env.cr.savepoint(flush=False):
                yield
        except Exception as error:
            if is_raised(error):
                raise
            held = {
                model: {id_: v - 1 for id_, v in current_versions(self.env, model, ids)}
                for model, ids in changed.items()
            }
            self._note_broken(held, error)

    @api.model
    def _apply_one_by_one(self, model: str, versions: dict[int, int]):
        """Apply changes that could not be applied in the statement that recorded them.

        :param versions: ``{stream_id: version before what was recorded}``
        """
        failed = {}
        consumers = [p for p in self._consumers(model) if p._statements(model)]
        for projection in consumers:
            held = {**versions, **projection._held_versions(model, versions)}
            failed |= projection._apply_since(model, held, versions)
        # A record left out of one projection is left out of all that are read together.
        for projection in consumers if failed else ():
            projection._leave_out(model, failed)

    def _apply_since(
        self, model: str, held: dict[int, int], versions: dict[int, int]
    ) -> dict[int, Exception]:
        """Apply the changes after the versions held; return the records that fail.

        :param versions: the versions before those that this transaction has recorded
        """
        failed, parts = {}, [held]
        while parts:
            part = parts.pop()
            try:
                with self.env.cr.savepoint(flush=False):
                    self._apply_part(model, part)
                    self._forget_failures(model, part)
            except Exception as error:
                if is_raised(error):
                    raise
                if len(part) == 1:
                    failed.update(dict.fromkeys(part, error))
                if (
                    is_of_a_table(error)
                    or not self._statements(model)
                    or len(failed) >= MANY_FAILURES
                ):
                    own = {id_: versions[id_] for id_ in held if id_ in versions}
                    self._note_broken({model: own}, error)
                    return {}
                if len(part) > 1:
                    ids = sorted(part)
                    middle = len(ids) // 2
                    for half in (ids[:middle], ids[middle:]):
                        parts.append({id_: part[id_] for id_ in half})
        for id_, error in failed.items():
            self._note({model: {id_: held[id_]}}, error)
        return failed

    def _apply_part(self, model: str, held: dict[int, int]):
        streams = net_changes(model, held)
        if statements := self._statements(model):
            self._run_statements(self._between(model, held), statements)
            self._run_statements(streams, self._ending_statements(model))
        else:
            self._serialize({model: streams})
            self._apply({model: streams})

    def _leave_out(self, model: str, failed: dict[int, Exception]):
        """Take records out of the tables, and note that no version of them is held.

        :param failed: ``{stream_id: error}``, of this projection or another one
        """
        stream_ids = sorted(failed)
        if self._name in broken(self.env):
            return
        current = dict(current_versions(self.env, model, stream_ids))
        held = {**current, **self._held_versions(model, current)}
        try:
            with self.env.cr.savepoint(flush=False):
                gone = net_changes(model, held, dict.fromkeys(held, 0))
                taken_out = self._between(model, held, dict.fromkeys(held, 0))
                self._run_statements(taken_out, self._statements(model))
                self._run_statements(gone, self._ending_statements(model))
                for id_, error in failed.items():
                    self._note({model: {id_: 0}}, error)
                self.env.cr.execute(
                    SQL(
                        """
                        UPDATE cqrs_projection_failure
                        SET held_version = 0, is_left_out = true
                        WHERE projection = %s AND stream_model = %s
                          AND stream_id = ANY(%s)
                        """,
                        self._name,
                        model,
                        stream_ids,
                    )
                )
        except Exception as error:
            if is_raised(error):
                raise
            self._note_broken({model: held}, error)

    def _between(
        self, model: str, held: dict[int, int], wanted: dict[int, int] | None = None
    ) -> SQL:
        """Return the query of ``stream`` from the versions held to those wanted.

        A cumulative projection gets each change by itself, since each counts in the
        month in which it happened: as recorded or, if the wanted version is the older
        one, undone.
        """
        if self._cqrs_is_cumulative:
            return each_change(model, held, wanted)
        return net_changes(model, held, wanted)
