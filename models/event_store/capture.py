"""Mark, then difference.

The hooks on ``base`` only *mark* records, in ``cr.precommit.data``; a precommit
callback runs the difference statement over the marks and lets the projections
apply the events. Marks are hints: savepoints, dry runs and retries can leave a
mark too many, never a phantom event.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from odoo import api, models
from odoo.http import request
from odoo.modules import Manifest
from odoo.tools import SQL, ormcache

from .correlation import correlation_id
from .difference import Details, Difference, Metadata
from .source import Source

MARKS = "crm_cqrs.marks"
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
class Watch:
    """What the hooks must know of one Odoo model.

    :ivar difference: the statement of the model, if it is captured
    :ivar shown: ``{own column: [(source model, many2one that leads here)]}``, the
        columns that sources show by path
    :ivar referrers: the captured relations that lead here; the deletion of a record
        empties them in SQL, unseen by any hook
    :ivar inverses: ``{own many2many: the captured one over the same table}``
    """

    difference: Difference | None = None
    shown: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    referrers: list = field(default_factory=list)
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
                elif own.relational:
                    watches[own.comodel_name].referrers.append(own)
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
    ) -> int:
        """Record what differs from the last recorded state, and project it.

        :param ids: ``{captured model: records to look at}``, None for all of them
        :param origin: one of ``ORIGINS``
        :param details: ``{captured model: facts that its rows cannot tell}``
        :return: the number of events
        """
        metadata = Metadata(
            origin=origin,
            user_id=self.env.uid,
            acting_user_id=_acting_user_id(self.env),
            correlation_id=correlation_id(),
            module_version=Manifest.for_addon("crm_cqrs")["version"],
        )
        changed, ended = {}, {}
        for model, model_ids in ids.items():
            if model_ids is None or model_ids:
                difference = self._watches()[model].difference
                facts = (details or {}).get(model, {})
                statement = difference.statement(model_ids, metadata, facts)
                if rows := self.env.execute_query(statement):
                    changed[model] = [stream_id for stream_id, __ in rows]
                    if any(has_ended for __, has_ended in rows):
                        ended[model] = [stream_id for stream_id, end in rows if end]
        if changed:
            self.env["cqrs.projection"]._apply_changes(changed, ended)
        return sum(map(len, changed.values()))

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
            records._cqrs_mark_inverses(watch, set().union(*vals_list))
        return records

    def write(self, vals):
        # Sees what has no column (many2many), and the context of the caller, which
        # the flush below does not have.
        watch = self.env["cqrs.event"]._watches().get(self._name)
        if not watch:
            return super().write(vals)
        self._cqrs_mark(watch)
        for shown in watch.shown.values():
            for model, __ in shown:
                # What is shown may be recomputed from this, but not before a flush.
                self._cqrs_marks(model)
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
                for model, fname in watch.shown[column]:
                    self._cqrs_marks(model).shown[fname].update(self._ids)
        return super()._write_multi(vals_list)

    def unlink(self):
        if self and (watch := self.env["cqrs.event"]._watches().get(self._name)):
            self._cqrs_mark(watch)
            self._cqrs_mark_referrers()
        return super().unlink()

    def _cqrs_mark(self, watch: Watch):
        if watch.difference:
            # A record in the making (NewId, falsy) has no row to compare.
            self._cqrs_marks(self._name).ids.update(filter(None, self._ids))

    def _cqrs_mark_referrers(self):
        """Mark the records whose captured relations lead to these."""
        if watch := self.env["cqrs.event"]._watches().get(self._name):
            self._cqrs_mark_through(watch.referrers)

    def _cqrs_mark_inverses(self, watch: Watch, names: set[str]):
        """Mark who is at the other end of the many2many fields among ``names``.

        Before and after a write: who is removed is seen before, who is added after.
        """
        self._cqrs_mark_through(
            [watch.inverses[n] for n in watch.inverses.keys() & names]
        )

    def _cqrs_mark_through(self, relations):
        for own in relations:
            referrers = _pointing_at(self.env[own.model_name], own, self._ids)
            self._cqrs_marks(own.model_name).ids.update(referrers)

    def _cqrs_marks(self, model: str) -> Marks:
        """Return this transaction's marks of a source, armed for precommit."""
        precommit = self.env.cr.precommit
        if MARKS not in precommit.data:
            precommit.data[MARKS] = defaultdict(Marks)
            precommit.add(self._cqrs_capture)
            self.env["cqrs.projection"]._forget_what_was_read()
        return precommit.data[MARKS][model]

    def _cqrs_capture_pending(self, models: Iterable[str] | None = None):
        """Capture what this transaction has marked so far, for who is about to read.

        :param models: those captured models alone, whose pending writes the caller
            has flushed; None for all of them, and to flush everything
        """
        if models is None:
            self.env.flush_all()
        data = self.env.cr.precommit.data
        marks = data.get(MARKS)
        if not marks:
            return
        if models is None:
            # The next mark arms the capture anew.
            taken = data.pop(MARKS)
        else:
            taken = {model: marks.pop(model) for model in models if model in marks}
        if taken:
            ids = self._cqrs_capture_marks(taken)
            # Looked at again at the end: a savepoint may undo what is recorded here.
            captured = data.setdefault(CAPTURED, defaultdict(set))
            for model, model_ids in ids.items():
                captured[model].update(model_ids)

    def _cqrs_capture(self):
        """Capture what is marked, at the end of the transaction."""
        data = self.env.cr.precommit.data
        marks = data.pop(MARKS, None) or defaultdict(Marks)
        for model, ids in data.pop(CAPTURED, {}).items():
            marks[model].ids.update(ids)
        if marks:
            self._cqrs_capture_marks(marks)

    def _cqrs_capture_marks(self, marked: dict[str, Marks]) -> dict[str, list[int]]:
        """Turn marks into events and let the projections apply them.

        :return: the ids looked at, by model
        """
        ids, details = {}, {}
        for model, marks in marked.items():
            source = self.env[model]
            for fname, targets in marks.shown.items():
                marks.ids.update(_pointing_at(source, source._fields[fname], targets))
            ids[model] = sorted(marks.ids)
            details[model] = _merges(source, marks.merged)
        event = self.env["cqrs.event"]
        if not self.env.registry.ready:
            # Once it is, it has been looked after.
            event._begin_epoch_if_restored()
        event._record(ids, origin=_origin(self.env), details=details)
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


def _pointing_at(model, relation, targets) -> list[int]:
    """Return the ids of the records of ``model`` whose relation holds a target."""
    targets = [target for target in targets if target]
    if not targets:
        return []
    if relation.type == "many2many":
        table, column, record = relation.relation, relation.column2, relation.column1
    else:
        table, column, record = model._table, relation.name, "id"
    query = SQL(
        "SELECT %s FROM %s WHERE %s = ANY(%s)",
        SQL.identifier(record),
        SQL.identifier(table),
        SQL.identifier(column),
        targets,
    )
    model.flush_model([relation.name])
    return [id_ for (id_,) in model.env.execute_query(query)]


def _origin(env) -> str:
    if env.context.get("import_file"):
        return "import"
    if env.context.get("cron_id"):
        return "cron"
    return "orm"


def _acting_user_id(env) -> int | None:
    """Return who is logged in: the person of the request, else of the environment."""
    return (request.session.uid or request.env.uid) if request else env.uid
