"""The watches: which models the hooks mark, and which others a write concerns."""

from collections import defaultdict
from dataclasses import dataclass, field

from odoo import models
from odoo.tools import ormcache

from .difference import Difference


@dataclass
class Watch:
    """The relations of one Odoo model to the captured ones, as the hooks need them.

    :ivar difference: the statement of the model, if it is captured
    :ivar is_unbuilt: whether records of it may have no event yet
    :ivar shown: ``{own column: [(source model, many2one that leads here)]}``, the
        columns that sources show by path
    :ivar referrers: the captured relations that lead here, each as the relations to
        follow from here to the source; the deletion of a record empties the first of
        them in SQL, unseen by any hook
    :ivar inverses: ``{own many2many: the captured one over the same table}``
    """

    difference: Difference | None = None
    is_unbuilt: bool = False
    shown: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    referrers: list[tuple] = field(default_factory=list)
    inverses: dict = field(default_factory=dict)


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    # The stable cache lives until the registry is set up anew, as fields do.
    @ormcache("self._change_of_sources()", cache="stable")
    def _watches(self) -> dict[str, Watch]:
        """Return the watch of each model that the hooks mark, by its name."""
        watches = defaultdict(Watch)
        for name, source in self._sources().items():
            applying = self.env["cqrs.projection"]._applying_statements(name)
            watches[name].difference = Difference(self.env, source, applying)
            watches[name].is_unbuilt = source.is_unbuilt
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
