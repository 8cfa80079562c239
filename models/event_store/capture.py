"""Mark, then difference.

The hooks on ``base`` only *mark* records, in ``cr.precommit.data``; a precommit
callback runs the difference statement over the marks and lets the projections
apply the events. Marks are hints: savepoints, dry runs and retries can leave a
mark too many, never a phantom event.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import psycopg2

from odoo import api, models
from odoo.modules import Manifest
from odoo.tools import SQL, ormcache

from ..support.transactions import is_raised
from .difference import Details, Difference, Metadata, Writers
from .metadata import correlation_id, logged_in_user_id
from .origin import ORM, current_origin
from .source import Source

_logger = logging.getLogger(__name__)

#: What the transaction has touched since its last capture (``Pending``)
PENDING = "crm_cqrs.pending"
#: Ids by model, of which marks were captured before the transaction's end
CAPTURED = "crm_cqrs.captured"


@dataclass
class Marks:
    """What a transaction has touched of one source.

    :ivar ids: records of the source model itself
    :ivar merged: ``{survivor: the records that were merged into it}``
    :ivar shown: ``{many2one of the source: ids}``, of which the source shows a column
    """

    ids: set[int] = field(default_factory=set)
    merged: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    shown: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


@dataclass
class Pending:
    """What a transaction has touched and not captured yet.

    :ivar marks: by source model
    :ivar writers: ``{model: {id: the users who wrote the record, the last one last}}``,
        of sources and of models of which a source shows a column
    :ivar origin: ``orm`` unless an import or a scheduled action has marked something
    """

    marks: dict[str, Marks] = field(default_factory=lambda: defaultdict(Marks))
    writers: dict[str, dict[int, tuple[int, ...]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    origin: str = ORM

    def note_writer(self, model: str, ids: Iterable[int], user_id: int):
        writers = self.writers[model]
        for id_ in ids:
            before = writers.get(id_)
            if before is None:
                writers[id_] = (user_id,)
            elif before[-1] != user_id:
                writers[id_] = (*(u for u in before if u != user_id), user_id)


@dataclass
class Watch:
    """What the hooks must know of one Odoo model.

    :ivar difference: the statement of the model, if it is captured
    :ivar shown: ``{own column: [(source model, many2one that leads here)]}``, the
        columns that sources show by path
    :ivar referrers: the captured relations that lead here, each as the relations to
        follow from here to the source; the deletion of a record empties the first of
        them in SQL, unseen by any hook
    :ivar inverses: ``{own many2many: the captured one over the same table}``
    """

    difference: Difference | None = None
    shown: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    referrers: list[tuple] = field(default_factory=list)
    inverses: dict = field(default_factory=dict)


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    # The stable cache lives until the registry is set up anew, as fields do.
    @ormcache(cache="stable")
    def _watches(self) -> dict[str, Watch]:
        """Return what the hooks watch, by model name."""
        watches = defaultdict(Watch)
        for name, cls in self.env.registry.items():
            source = cls._cqrs_source
            if not source or source.model != name:
                continue
            applying = self.env["cqrs.projection"]._applying_statements(name)
            watches[name].difference = Difference(self.env, source, applying)
            for path in source.fields:
                fname, __, target = path.partition(".")
                own = self.env[name]._fields[fname]
                if target:
                    watches[own.comodel_name].shown[target].append((name, fname))
                    shown = self.env[own.comodel_name]._fields[target]
                    if shown.relational:
                        watches[shown.comodel_name].referrers.append((shown, own))
                elif own.relational:
                    watches[own.comodel_name].referrers.append((own,))
                if own.type == "many2many":
                    key = own.relation, own.column2, own.column1
                    inverses = self.env.registry.many2many_relations.get(key, ())
                    for model, inverse in inverses:
                        watches[model].inverses[inverse] = own
        return dict(watches)

    @api.model
    def _record(
        self,
        ids: dict[str, list[int] | None],
        *,
        origin: str,
        details: dict[str, Details] | None = None,
        writers: dict[str, Writers] | None = None,
    ) -> int:
        """Record what differs from the last recorded state, and project it.

        :param ids: ``{captured model: records to look at}``, None for all of them
        :param origin: one of ``ORIGINS``
        :param details: ``{captured model: facts that its rows cannot tell}``
        :param writers: ``{captured model: who wrote the records, where it is known}``
        :return: the number of events
        """
        metadata = Metadata(
            origin=origin,
            user_id=self.env.uid,
            acting_user_id=logged_in_user_id(self.env),
            correlation_id=correlation_id(),
            module_version=Manifest.for_addon("crm_cqrs")["version"],
        )
        changed, ended = {}, {}
        for model, model_ids in ids.items():
            if model_ids is None or model_ids:
                facts = (details or {}).get(model, {}), (writers or {}).get(model, {})
                rows = self._record_model(model, model_ids, metadata, *facts)
                if rows:
                    changed[model] = [stream_id for stream_id, *__ in rows]
                    if any(has_ended for *__, has_ended in rows):
                        ended[model] = [row[0] for row in rows if row[2]]
        if changed:
            self.env["cqrs.projection"]._apply_changes(changed, ended)
        return sum(map(len, changed.values()))

    def _record_model(
        self, model: str, ids: list[int] | None, metadata: Metadata, *facts
    ) -> list[tuple[int, int, bool]]:
        """Record what differs of a model, and apply it if that can be done.

        :return: ``(stream_id, version, ended)`` of the events; an ``ended`` that no
            projection need hear of any more is False
        """
        difference = self._watches()[model].difference
        projections = self.env["cqrs.projection"]
        statement = difference.statement(ids, metadata, *facts)
        try:
            self.env.cr.execute(statement, log_exceptions=False)
        except psycopg2.Error as error:
            if is_raised(error):
                raise
            _logger.warning("What changes in %s cannot be applied: %s", model, error)
            self.env.cr.execute(
                "ROLLBACK TO SAVEPOINT cqrs_recording; RELEASE SAVEPOINT cqrs_recording"
            )
            # It may be what was missing.
            self.env["cqrs.projection.failure"].init()
            statement = difference.statement(ids, metadata, *facts, is_applied=False)
            self.env.cr.execute(statement)
            [[(__, rows)]] = self.env.cr.fetchall()
            if not rows:
                # A table that lacks something is refused for no record, too.
                return []
            projections._apply_one_by_one(model, {row[0]: row[1] - 1 for row in rows})
            return [(stream_id, version, False) for stream_id, version, __ in rows]
        [[(has_failed, rows)]] = self.env.cr.fetchall()
        if has_failed and rows:
            projections._settle(model, {row[0]: row[1] - 1 for row in rows})
        return rows or []

    def _captured(self) -> list[str]:
        """Return the names of the captured models."""
        return [name for name, watch in self._watches().items() if watch.difference]


class Base(models.AbstractModel):
    _inherit = "base"

    #: The declaration of a captured model (see ``source.py``)
    _cqrs_source: Source | None = None

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            records._cqrs_mark(watch)
            records._cqrs_note_writer(watch)
            records._cqrs_mark_inverses(watch, set().union(*vals_list))
        return records

    def write(self, vals):
        # Sees what has no column (many2many), and the user, who may be another one when
        # it is flushed.
        watch = self.env["cqrs.event"]._watches().get(self._name)
        if not watch:
            return super().write(vals)
        self._cqrs_mark(watch)
        # What is shown may be recomputed from this, but not before a flush.
        self._cqrs_note_writer(watch)
        names = set(vals)
        self._cqrs_mark_inverses(watch, names)
        result = super().write(vals)
        self._cqrs_mark_inverses(watch, names)
        return result

    def _write_multi(self, vals_list):
        # Sees what is recomputed; it never passes write().
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            self._cqrs_mark(watch)
            for column in watch.shown.keys() & set().union(*vals_list):
                self._cqrs_mark_shown(watch, column)
        return super()._write_multi(vals_list)

    def _update_field_translations(self, field_name, *args, **kwargs):
        # Written in SQL.
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            self._cqrs_mark(watch)
            self._cqrs_note_writer(watch)
            if field_name in watch.shown:
                self._cqrs_mark_shown(watch, field_name)
        return super()._update_field_translations(field_name, *args, **kwargs)

    def unlink(self):
        if self and (watch := self.env["cqrs.event"]._watches().get(self._name)):
            self._cqrs_mark(watch)
            self._cqrs_note_writer(watch)
            self._cqrs_mark_referrers()
        return super().unlink()

    def _cqrs_mark(self, watch: Watch):
        if watch.difference:
            # A record in the making (NewId, falsy) has no row to compare.
            self._cqrs_marks(self._name).ids.update(filter(None, self._ids))

    def _cqrs_note_writer(self, watch: Watch):
        if watch.difference or watch.shown:
            self._cqrs_pending().note_writer(
                self._name, filter(None, self._ids), self.env.uid
            )

    def _cqrs_mark_shown(self, watch: Watch, column: str):
        """Mark the records that show a column of these."""
        for model, fname in watch.shown[column]:
            self._cqrs_marks(model).shown[fname].update(self._ids)

    def _cqrs_mark_referrers(self):
        """Mark the records whose captured relations lead to these."""
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            self._cqrs_mark_through(watch.referrers)

    def _cqrs_mark_inverses(self, watch: Watch, names: set[str]):
        """Mark who is at the other end of the many2many fields among ``names``.

        Before and after a write: who is removed is seen before, who is added after.
        """
        self._cqrs_mark_through(
            [(watch.inverses[n],) for n in watch.inverses.keys() & names]
        )

    def _cqrs_mark_through(self, paths: list[tuple]):
        """Mark the records from which relations lead here, as written by the user."""
        for path in paths:
            ids = self._ids
            for relation in path:
                model = relation.model_name
                ids = {id_ for id_, __ in _pointing_at(self.env[model], relation, ids)}
            self._cqrs_marks(model).ids.update(ids)
            self._cqrs_pending().note_writer(model, ids, self.env.uid)

    def _cqrs_marks(self, model: str) -> Marks:
        """Return this transaction's marks of a source, armed for precommit."""
        return self._cqrs_pending().marks[model]

    def _cqrs_pending(self) -> Pending:
        precommit = self.env.cr.precommit
        pending = precommit.data.get(PENDING)
        if pending is None:
            pending = precommit.data[PENDING] = Pending()
            precommit.add(self._cqrs_capture)
            self.env["cqrs.projection"]._forget_what_was_read()
        origin = current_origin()
        if origin != ORM:
            pending.origin = origin
        return pending

    def _cqrs_capture_pending(self, models: Iterable[str] | None = None):
        """Capture what this transaction has marked so far, for who is about to read.

        :param models: those captured models alone, whose pending writes the caller
            has flushed; None for all of them, and to flush everything
        """
        if models is None:
            self.env.flush_all()
        data = self.env.cr.precommit.data
        pending = data.get(PENDING)
        if not pending:
            return
        if models is None:
            # The next mark arms the capture anew.
            taken = data.pop(PENDING)
        else:
            marks = {m: pending.marks.pop(m) for m in models if m in pending.marks}
            taken = replace(pending, marks=marks, writers=dict(pending.writers))
            for model in marks:
                pending.writers.pop(model, None)
        if taken.marks:
            ids = self._cqrs_capture_marks(taken)
            # Looked at again at the end: a savepoint may undo what is recorded here.
            captured = data.setdefault(CAPTURED, defaultdict(set))
            for model, model_ids in ids.items():
                captured[model].update(model_ids)

    def _cqrs_capture(self):
        """Capture what is marked, at the end of the transaction."""
        data = self.env.cr.precommit.data
        pending = data.pop(PENDING, None) or Pending()
        for model, ids in data.pop(CAPTURED, {}).items():
            pending.marks[model].ids.update(ids)
        if pending.marks:
            self._cqrs_capture_marks(pending)

    def _cqrs_capture_marks(self, pending: Pending) -> dict[str, list[int]]:
        """Turn marks into events and let the projections apply them.

        :return: the ids looked at, by model
        """
        ids, details, writers = {}, {}, {}
        for model, marks in pending.marks.items():
            source = self.env[model]
            writers[model] = written = pending.writers.get(model, {})
            for fname, targets in marks.shown.items():
                relation = source._fields[fname]
                target_writers = pending.writers.get(relation.comodel_name, {})
                for id_, target in _pointing_at(source, relation, targets):
                    marks.ids.add(id_)
                    if id_ not in written and target in target_writers:
                        written[id_] = target_writers[target]
            ids[model] = sorted(marks.ids)
            details[model] = _merges(source, marks.merged)
        event = self.env["cqrs.event"]
        if not self.env.registry.ready:
            # Once it is, it has been looked after.
            event._begin_epoch_if_restored()
        event._record(ids, origin=pending.origin, details=details, writers=writers)
        return ids


def _merges(model, merged: dict[int, set[int]]) -> dict[int, dict]:
    """Return the details of the merges that hold: those whose sources are gone.

    A mark is a hint: a savepoint may have undone the merge, and the sources with it.
    """
    ids = set(merged).union(*merged.values())
    alive = set(model.browse(ids).exists()._ids)
    return {
        survivor: {"merged_from": sorted(sources)}
        for survivor, sources in merged.items()
        if survivor in alive and alive.isdisjoint(sources)
    }


def _pointing_at(model, relation, targets) -> list[tuple[int, int]]:
    """Return ``(id, target)`` of the records of ``model`` whose relation holds one."""
    targets = [target for target in targets if target]
    if not targets:
        return []
    if relation.type == "many2many":
        table, column, record = relation.relation, relation.column2, relation.column1
    else:
        table, column, record = model._table, relation.name, "id"
    query = SQL(
        "SELECT %(record)s, %(column)s FROM %(table)s WHERE %(column)s = ANY(%(ids)s)",
        record=SQL.identifier(record),
        table=SQL.identifier(table),
        column=SQL.identifier(column),
        ids=targets,
    )
    model.flush_model([relation.name])
    return model.env.execute_query(query)
