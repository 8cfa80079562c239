"""The watches: which models the hooks mark, and which others a write concerns."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from odoo import models
from odoo.tools import ormcache
from odoo.tools.lru import LRU

from .attached_sources import Attached
from .difference import Deletion, Difference, Update
from .source import Collected

#: Number of written fields up to which a statement of these alone is the shorter one
UPDATED_UP_TO = 12
#: Number of shorter statements that a process keeps for each source
SHORTER_UP_TO = 100


@dataclass
class Watch:
    """The relations of one Odoo model to the captured ones, as the hooks need them.

    :ivar source: the declaration of the model, if it is captured
    :ivar difference: its statement, once it was needed
    :ivar shorter: ``{fields: the statement of writes of these alone}``; under None that
        of deletions
    :ivar is_unbuilt: whether records of it may have no event yet
    :ivar captured: the own fields that the source records; only a write of these is
        marked
    :ivar linked: those of them that are many2many, and so have no column
    :ivar is_marked_always: whether any write is marked, since a captured field is a
        computed many2many, which no hook sees
    :ivar references: ``[(own many2one, source model whose records it lets join)]``
    :ivar collected: ``[(source model, part of its states that own rows give)]``
    :ivar shown: ``{own column: [(source model, many2one that leads here)]}``, the
        columns that sources show by path
    :ivar referrers: the captured relations that lead here, each as the relations to
        follow from here to the source; the deletion of a record empties the first of
        them in SQL, unseen by any hook
    :ivar inverses: ``{own many2many: the captured one over the same table}``
    """

    source: Attached | None = None
    difference: Difference | None = None
    shorter: LRU = field(default_factory=lambda: LRU(SHORTER_UP_TO))
    is_unbuilt: bool = False
    captured: set[str] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)
    is_marked_always: bool = False
    references: list[tuple[str, str]] = field(default_factory=list)
    collected: list[tuple[str, Collected]] = field(default_factory=list)
    shown: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    referrers: list[tuple] = field(default_factory=list)
    inverses: dict = field(default_factory=dict)

    def marks(self, names: Iterable[str]) -> bool:
        """Return whether a write of some own fields is to be marked."""
        return self.source is not None and (
            self.is_marked_always or not self.captured.isdisjoint(names)
        )


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    # The stable cache lives until the registry is set up anew, as fields do.
    @ormcache("self._change_of_sources()", cache="stable")
    def _watches(self) -> dict[str, Watch]:
        """Return the watch of each model that the hooks mark, by its name."""
        watches = defaultdict(Watch)
        sources = self._sources()
        for joined, source in sources.items():
            for reference in source.joined_by:
                name, __, path = reference.rpartition(".")
                if name in sources and path in sources[name].fields:
                    watches[name].references.append((path, joined))
        for name, source in sources.items():
            watches[name].source = source
            watches[name].is_unbuilt = source.is_unbuilt
            for path in source.fields:
                fname, __, target = path.partition(".")
                own = self.env[name]._fields[fname]
                watches[name].captured.add(fname)
                if target:
                    watches[own.comodel_name].shown[target].append((name, fname))
                    shown = self.env[own.comodel_name]._fields[target]
                    if shown.relational:
                        watches[shown.comodel_name].referrers.append((shown, own))
                elif own.relational:
                    watches[own.comodel_name].referrers.append((own,))
                if own.type == "many2many":
                    watches[name].linked.add(fname)
                    watches[name].is_marked_always |= bool(own.compute)
                    self._watch_inverses(watches, own)
            for part in source.collected:
                watches[part.child].collected.append((name, part))
                for fname in part.fields:
                    own = self.env[part.child]._fields[fname]
                    if own.type == "many2many":
                        watches[own.comodel_name].referrers.append((own,))
                        self._watch_inverses(watches, own)
                for cascade in part.cascades:
                    path = tuple(map(self._field_of_path, cascade))
                    watches[path[0].comodel_name].referrers.append(path)
        return dict(watches)

    def _difference(self, model: str) -> Difference:
        """Return the statement that records the changes of a captured model.

        It is made when it is first needed: a change of the sources, as one of groups
        is, throws the statements of all models away.
        """
        watch = self._watches()[model]
        if watch.difference is None:
            applying = self.env["cqrs.projection"]._applying_statements(model)
            references = [path for path, __ in watch.references]
            watch.difference = Difference(
                self.env, watch.source, applying, references=references
            )
        return watch.difference

    def _update_of(self, model: str, columns: frozenset[str]) -> Update | None:
        """Return the statement of records of which only some own fields are written.

        None if the whole statement is needed.
        """
        watch = self._watches()[model]
        source = watch.source
        if len(columns) > UPDATED_UP_TO or source.noun_field in columns:
            return None
        return self._shorter(watch, columns)

    def _deletion_of(self, model: str) -> Deletion:
        """Return the statement of records that are deleted."""
        return self._shorter(self._watches()[model], None)

    def _shorter(
        self, watch: Watch, columns: frozenset[str] | None
    ) -> Update | Deletion:
        statement = watch.shorter.get(columns)
        if statement is None:
            statement = self._make_shorter(watch, columns)
            watch.shorter[columns] = statement
        return statement

    def _make_shorter(
        self, watch: Watch, columns: frozenset[str] | None
    ) -> Update | Deletion:
        source, model = watch.source, watch.source.model
        consumers = self.env["cqrs.projection"]._consumers
        if columns is None:
            applying = [p._deleting_statements(model) for p in consumers(model)]
            return Deletion(self.env, source, list(chain(*applying)))
        paths = [p for p in source.fields if p.partition(".")[0] in columns]
        applying = [p._updating_statements(model, paths) for p in consumers(model)]
        # All of them or none: each is told by its number.
        own = [path for path, __ in watch.references]
        return Update(
            self.env,
            source,
            paths,
            list(chain(*applying)),
            references=[] if columns.isdisjoint(own) else own,
        )

    def _field_of_path(self, path: str):
        """Return the field that ``"model.field"`` names."""
        model, __, fname = path.rpartition(".")
        return self.env[model]._fields[fname]

    def _watch_inverses(self, watches: dict[str, Watch], own):
        """Watch the many2many fields over the same table as a captured one."""
        key = own.relation, own.column2, own.column1
        for model, inverse in self.env.registry.many2many_relations.get(key, ()):
            watches[model].inverses[inverse] = own
