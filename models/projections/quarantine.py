"""Applying by halves down to the record, where a change cannot be applied at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import is_raised
from .changes import _steps, _streams, _versions
from .failures import _is_of_a_table, broken

#: Records that cannot be applied, from which on it is the table that fails
MANY_FAILURES = 100


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    #: What is applied adds to what is there, so that it must be applied once
    _cqrs_is_cumulative = False

    @contextmanager
    def _guarded(self, changed: dict[str, list[int]]) -> Iterator[None]:
        """Within the block, what cannot be applied makes the projection broken.

        :param changed: ``{captured model: ids of the streams}``
        """
        try:
            with self.env.cr.savepoint(flush=False):
                yield
        except Exception as error:
            if is_raised(error):
                raise
            held = {
                model: {id_: v - 1 for id_, v in _versions(self.env, model, ids)}
                for model, ids in changed.items()
            }
            self._note_broken(held, error)

    @api.model
    def _apply_one_by_one(self, model: str, versions: dict[int, int]):
        """Apply what has been recorded, where it could not be applied with that.

        :param versions: ``{stream_id: version before what was recorded}``
        """
        failed = {}
        consumers = [p for p in self._consumers(model) if p._statements(model)]
        for projection in consumers:
            held = {**versions, **projection._held_versions(model, versions)}
            failed |= projection._apply_since(model, held, versions)
        # Left out of one, a record is left out of all that are read together.
        for projection in consumers if failed else ():
            projection._leave_out(model, failed)

    def _apply_since(
        self, model: str, held: dict[int, int], versions: dict[int, int]
    ) -> dict[int, Exception]:
        """Apply what came after the versions held; return the records that fail.

        :param versions: those before what this transaction has recorded
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
                    _is_of_a_table(error)
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
        streams = _streams(model, held)
        if statements := self._statements(model):
            self._run_statements(self._between(model, held), statements)
            self._run_statements(streams, self._ending_statements(model))
        else:
            self._serialize({model: streams})
            self._apply({model: streams})

    def _leave_out(self, model: str, failed: dict[int, Exception]):
        """Take records out of the tables, and note that nothing of them is held.

        :param failed: the errors of the records, of this projection or another one
        """
        stream_ids = sorted(failed)
        if self._name in broken(self.env):
            return
        current = dict(_versions(self.env, model, stream_ids))
        held = {**current, **self._held_versions(model, current)}
        try:
            with self.env.cr.savepoint(flush=False):
                gone = _streams(model, held, dict.fromkeys(held, 0))
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
        """Return ``stream`` from the versions held to those wanted.

        What is cumulative gets each change by itself, as it was recorded or, where what
        is wanted is before what is held, undone: each counts in a month of its own.
        """
        if self._cqrs_is_cumulative:
            return _steps(model, held, wanted)
        return _streams(model, held, wanted)
