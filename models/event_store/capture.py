"""Mark, then difference.

The hooks on ``base`` only *mark* records, in ``cr.precommit.data``; a precommit
callback runs the difference statement over the marks and lets the projections
apply the events. Marks are hints: savepoints, dry runs and retries can leave a
mark too many, never a phantom event.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from odoo import api, models
from odoo.http import request
from odoo.tools import SQL

from .difference import Scope, difference
from .source import Source

MARKS = "crm_cqrs.marks"


@dataclass
class Watch:
    """What the hooks must know of one Odoo model.

    :ivar source: its own declaration, if it is captured
    :ivar many2many: its captured fields without a column, seen by ``write`` only
    :ivar shown: ``{own column: [(source, many2one that leads here)]}``, the columns
        that other sources show by path
    :ivar referrers: ``[(source, field)]``, the captured relations that the deletion
        of a record of this model empties in SQL, unseen by any hook
    """

    source: Source | None = None
    many2many: set[str] = field(default_factory=set)
    shown: dict[str, list[tuple[Source, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    referrers: list[tuple[Source, object]] = field(default_factory=list)


def sources(env) -> dict[str, Source]:
    """Return the declarations of the captured models, by model name."""
    return {
        name: source
        for name, cls in env.registry.items()
        if (source := cls._cqrs_source) and source.model == name
    }


def watches(env) -> dict[str, Watch]:
    """Return what the hooks watch, by model name; kept on a ready registry."""
    registry = env.registry
    found = getattr(registry, "_cqrs_watches", None)
    if found is not None:
        return found
    found = defaultdict(Watch)
    for source in sources(env).values():
        model_fields = env[source.model]._fields
        found[source.model].source = source
        for path in source.fields:
            fname, __, target = path.partition(".")
            own = model_fields[fname]
            if own.type == "many2many":
                found[source.model].many2many.add(fname)
            if target:
                found[own.comodel_name].shown[target].append((source, fname))
            elif own.relational:
                found[own.comodel_name].referrers.append((source, own))
    found = dict(found)
    if registry.ready:
        registry._cqrs_watches = found
    return found


class Base(models.AbstractModel):
    _inherit = "base"

    #: The declaration of a captured model (see ``source.py``)
    _cqrs_source: Source | None = None

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        watch = watches(self.env).get(self._name)
        if watch and watch.source:
            records._cqrs_mark(watch.source)
        return records

    def write(self, vals):
        watch = watches(self.env).get(self._name)
        if watch and not watch.many2many.isdisjoint(vals):
            self._cqrs_mark(watch.source)
        return super().write(vals)

    def _write_multi(self, vals_list):
        watch = watches(self.env).get(self._name)
        if watch:
            if watch.source:
                self._cqrs_mark(watch.source)
            for column in watch.shown.keys() & set().union(*vals_list):
                for source, fname in watch.shown[column]:
                    related = self._cqrs_scope(source).related
                    related.setdefault(fname, set()).update(self._ids)
        return super()._write_multi(vals_list)

    def unlink(self):
        watch = watches(self.env).get(self._name)
        if watch and self:
            if watch.source:
                self._cqrs_mark(watch.source)
            for source, own in watch.referrers:
                self._cqrs_scope(source).ids.update(_pointing_at(own, self))
        return super().unlink()

    def _cqrs_mark(self, source: Source):
        # A record in the making (NewId, falsy) has no row to compare.
        self._cqrs_scope(source).ids.update(filter(None, self._ids))

    def _cqrs_scope(self, source: Source) -> Scope:
        """Return this transaction's marks of a source, armed for precommit."""
        precommit = self.env.cr.precommit
        if MARKS not in precommit.data:
            precommit.data[MARKS] = {}
            precommit.add(self._cqrs_capture)
        return precommit.data[MARKS].setdefault(source.model, Scope())

    def _cqrs_capture(self):
        """Turn the marks into events and let the projections apply them."""
        marks = self.env.cr.precommit.data.pop(MARKS)
        self.env["cqrs.event"]._record(marks, origin=_origin(self.env))


def _pointing_at(own, targets) -> list[int]:
    """Return the ids of the records whose relation ``own`` holds a target."""
    env = targets.env
    model = env[own.model_name]
    model.flush_model([own.name])
    if own.type == "many2many":
        table, column, record = own.relation, own.column2, own.column1
    else:
        table, column, record = model._table, own.name, "id"
    query = SQL(
        "SELECT %s FROM %s WHERE %s = ANY(%s)",
        SQL.identifier(record),
        SQL.identifier(table),
        SQL.identifier(column),
        list(targets._ids),
    )
    return [id_ for (id_,) in env.execute_query(query)]


def _origin(env) -> str:
    if env.context.get("import_file"):
        return "import"
    if env.context.get("cron_id"):
        return "cron"
    return "orm"


def correlation_id() -> str | None:
    """Return the id of the HTTP request being served, None outside of one."""
    if not request:
        return None
    return request.httprequest.headers.get("X-Correlation-ID")
