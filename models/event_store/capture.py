"""Capture: mark, then difference.

The hooks on ``base`` only *mark* records, in ``cr.precommit.data``; a precommit
callback records the marked records that have changed. Marks are hints: savepoints, dry
runs and retries can leave a superfluous mark, never a phantom event.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from odoo import api, models
from odoo.tools import SQL

from .metadata import ORM, current_origin
from .watches import Watch

#: Key of the marks since the last capture (``Pending``) in ``cr.precommit.data``
PENDING = "crm_cqrs.pending"
#: Key of the ids by model that were captured before the transaction's end
CAPTURED = "crm_cqrs.captured"


@dataclass
class Marks:
    """The marks that a transaction has left on one source.

    :ivar ids: records of the source model itself, of which anything may have changed
    :ivar written: those of which nothing but ``columns`` has, as far as they are not
        among the others
    :ivar columns: fields of the source model
    :ivar deleted: those that are deleted
    :ivar merged: ``{survivor: the records that were merged into it}``
    :ivar shown: ``{many2one of the source: ids}``, the records at its other end, if
        the source shows a column of theirs that may have changed
    :ivar children: ``{(model, its many2one to the source): ids}``, records that give
        parts of the source's states
    """

    ids: set[int] = field(default_factory=set)
    written: set[int] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    merged: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    shown: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    children: dict[tuple[str, str], set[int]] = field(
        default_factory=lambda: defaultdict(set)
    )

    @property
    def all_ids(self) -> set[int]:
        return self.ids.union(self.written, self.deleted, self.merged)


@dataclass
class Pending:
    """The marks of a transaction that are not captured yet.

    :ivar marks: ``{source model: its marks}``
    :ivar writers: ``{model: {id: the users who wrote the record, the last one last}}``,
        for sources and for models of which a source shows a column
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


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            records._cqrs_mark(watch)
            records._cqrs_note_writer(watch)
            records._cqrs_mark_inverses(watch, set().union(*vals_list))
            records._cqrs_mark_parents(watch)
        return records

    def write(self, vals):
        # Sees fields without a column (many2many), and the user: a flush may come
        # when another one is at work.
        watch = self.env["cqrs.event"]._watches().get(self._name)
        if not watch:
            return super().write(vals)
        names = set(vals)
        if watch.is_marked_always or not watch.linked.isdisjoint(names):
            self._cqrs_mark_written(watch, names)
        # Captured columns may be recomputed from any other, in a later flush.
        self._cqrs_note_writer(watch)
        self._cqrs_mark_inverses(watch, names)
        self._cqrs_mark_parents(watch, names, is_before=True)
        result = super().write(vals)
        self._cqrs_mark_inverses(watch, names)
        return result

    def _write_multi(self, vals_list):
        # Sees recomputed fields, which never pass write().
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            columns = set().union(*vals_list)
            if watch.marks(columns):
                written = zip(self._ids, vals_list, strict=True)
                self.browse(
                    id_ for id_, vals in written if watch.marks(vals)
                )._cqrs_mark_written(watch, columns)
            for column in watch.shown.keys() & columns:
                self._cqrs_mark_shown(watch, column)
            self._cqrs_mark_parents(watch, columns)
        return super()._write_multi(vals_list)

    def _update_field_translations(self, field_name, *args, **kwargs):
        # Odoo writes translations in SQL.
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            if watch.marks((field_name,)):
                self._cqrs_mark_written(watch, {field_name})
            self._cqrs_note_writer(watch)
            if field_name in watch.shown:
                self._cqrs_mark_shown(watch, field_name)
        return super()._update_field_translations(field_name, *args, **kwargs)

    def unlink(self):
        if self and (watch := self.env["cqrs.event"]._watches().get(self._name)):
            if ids := self._cqrs_ids_to_mark(watch):
                self._cqrs_marks(self._name).deleted.update(ids)
            self._cqrs_note_writer(watch)
            self._cqrs_mark_referrers()
            self._cqrs_mark_parents_now(watch.collected)
        return super().unlink()

    def _cqrs_mark(self, watch: Watch):
        if ids := self._cqrs_ids_to_mark(watch):
            self._cqrs_marks(self._name).ids.update(ids)

    def _cqrs_mark_written(self, watch: Watch, names: set[str]):
        """Mark the records, of which some fields are written."""
        if watch.is_marked_always:
            self._cqrs_mark(watch)
        elif ids := self._cqrs_ids_to_mark(watch):
            marks = self._cqrs_marks(self._name)
            marks.written.update(ids)
            marks.columns.update(watch.captured & names)

    def _cqrs_ids_to_mark(self, watch: Watch) -> list[int]:
        if not watch.source:
            return []
        # A record in the making (NewId, falsy) has no row to compare.
        ids = list(filter(None, self._ids))
        if ids and watch.is_unbuilt:
            self.env["cqrs.event"]._build_before_write(self._name, ids)
        return ids

    def _cqrs_note_writer(self, watch: Watch):
        if watch.source or watch.shown or watch.collected:
            self._cqrs_pending().note_writer(
                self._name, filter(None, self._ids), self.env.uid
            )

    def _cqrs_mark_shown(self, watch: Watch, column: str):
        """Mark the records that show a column of this recordset."""
        for model, fname in watch.shown[column]:
            self._cqrs_marks(model).shown[fname].update(self._ids)

    def _cqrs_mark_referrers(self):
        """Mark the records whose captured relations lead to this recordset."""
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            self._cqrs_mark_through(watch.referrers)

    def _cqrs_mark_inverses(self, watch: Watch, names: set[str]):
        """Mark the records at the other end of the many2many fields among ``names``.

        Called before a write, for the records that it unlinks, and after it, for those
        that it links.
        """
        self._cqrs_mark_through(
            [(watch.inverses[n],) for n in watch.inverses.keys() & names]
        )

    def _cqrs_mark_through(self, paths: list[tuple]):
        """Mark the records from which relations lead here, and note the user."""
        for path in paths:
            ids = self._ids
            for relation in path:
                model = relation.model_name
                ids = {id_ for id_, __ in _pointing_at(self.env[model], relation, ids)}
            watch = self.env["cqrs.event"]._watches()[model]
            if watch.source:
                self._cqrs_marks(model).ids.update(ids)
                self._cqrs_pending().note_writer(model, ids, self.env.uid)
            self.env[model].browse(ids)._cqrs_mark_parents_now(watch.collected)

    def _cqrs_mark_parents(
        self, watch: Watch, names: set[str] | None = None, is_before: bool = False
    ):
        """Mark the records of whose states this recordset gives a part.

        :param names: the fields that are written; None for new records
        :param is_before: whether the records may leave a parent by this write
        """
        for model, part in watch.collected:
            if is_before and part.parent in names:
                self._cqrs_mark_parents_now([(model, part)])
            if names is None or not names.isdisjoint((part.parent, *part.fields)):
                children = self._cqrs_marks(model).children
                children[self._name, part.parent].update(filter(None, self._ids))

    def _cqrs_mark_parents_now(self, collected: list[tuple]):
        """Mark the records that have this recordset as children at present."""
        for model, part in collected:
            parents = {id_ for __, id_ in _parents(self, part.parent, self._ids)}
            self._cqrs_marks(model).ids.update(parents)
            self._cqrs_pending().note_writer(model, parents, self.env.uid)

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
        """Capture this transaction's marks so far, before a projection is read.

        :param models: the captured models to do this for, whose pending writes the
            caller has flushed; None flushes everything and captures all of them
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
            # Compared again at the end: a savepoint may undo the events.
            captured = data.setdefault(CAPTURED, defaultdict(set))
            for model, model_ids in ids.items():
                captured[model].update(model_ids)

    def _cqrs_capture(self):
        """Capture the remaining marks at the end of the transaction."""
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
        ids, details, writers, shorter = {}, {}, {}, {}
        event = self.env["cqrs.event"]
        sources = event._sources()
        for model, marks in pending.marks.items():
            if model not in sources:
                # It was on record when it was marked.
                continue
            source = self.env[model]
            writers[model] = written = pending.writers.get(model, {})
            for fname, targets in marks.shown.items():
                if not any(p.startswith(f"{fname}.") for p in sources[model].fields):
                    continue
                relation = source._fields[fname]
                target_writers = pending.writers.get(relation.comodel_name, {})
                for id_, target in _pointing_at(source, relation, targets):
                    marks.ids.add(id_)
                    if id_ not in written and target in target_writers:
                        written[id_] = target_writers[target]
            for (child, parent), children in marks.children.items():
                child_writers = pending.writers.get(child, {})
                for id_, parent_id in _parents(self.env.get(child), parent, children):
                    marks.ids.add(parent_id)
                    if parent_id not in written and id_ in child_writers:
                        written[parent_id] = child_writers[id_]
            if statement := self._cqrs_shorter_difference(model, marks):
                shorter[model] = statement
            ids[model] = sorted(marks.all_ids)
            details[model] = _merges(source, marks.merged)
        if not self.env.registry.ready:
            # A registry that is ready has done this when it was loaded.
            event._begin_epoch_if_restored()
        event._record(
            ids,
            origin=pending.origin,
            details=details,
            writers=writers,
            shorter=shorter,
        )
        return ids

    def _cqrs_shorter_difference(self, model: str, marks: Marks):
        """Return the shorter difference statement that is enough for all marks."""
        event = self.env["cqrs.event"]
        if marks.ids or marks.merged:
            return None
        if not marks.deleted:
            return event._update_of(model, frozenset(marks.columns))
        return None if marks.written else event._deletion_of(model)


def _merges(model, merged: dict[int, set[int]]) -> dict[int, dict]:
    """Return the details of the merges whose sources are deleted.

    A mark is a hint: a savepoint may have undone the merge, and restored the sources.
    """
    ids = set(merged).union(*merged.values())
    alive = set(model.browse(ids).exists()._ids)
    return {
        survivor: {"merged_from": sorted(sources)}
        for survivor, sources in merged.items()
        if survivor in alive and alive.isdisjoint(sources)
    }


def _parents(model, parent: str, ids) -> list[tuple[int, int]]:
    """Return ``(id, parent)`` of some records; of a model that is gone none."""
    ids = [id_ for id_ in ids if id_]
    if not ids or model is None:
        return []
    query = SQL(
        "SELECT id, %(parent)s FROM %(table)s"
        " WHERE id = ANY(%(ids)s) AND %(parent)s IS NOT NULL",
        parent=SQL.identifier(parent),
        table=SQL.identifier(model._table),
        ids=ids,
    )
    model.flush_model([parent])
    return model.env.execute_query(query)


def _pointing_at(model, relation, targets) -> list[tuple[int, int]]:
    """Return ``(id, target)`` of the records whose relation leads to a target."""
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
