"""The attached sources: those declared sources that this database can record."""

from dataclasses import replace

from odoo import models
from odoo.tools import ormcache

from .source import DECLARED, Source

ADDON = __name__.split(".")[2]


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    # The stable cache lives until the registry is set up anew, as fields do.
    @ormcache(cache="stable")
    def _sources(self) -> dict[str, Source]:
        """Return the attached source of each captured model, by the model's name.

        A source is attached if its model is here and its addon is installed; its
        ``fields`` are those that are here and stored.
        """
        sources = {}
        for name, by_addon in DECLARED.items():
            declared = [by_addon[addon] for addon in by_addon if self._is_loaded(addon)]
            model = self.env.get(name)
            if declared and model is not None and model._auto and not model._abstract:
                source = declared[-1]
                fields = tuple(p for p in source.fields if is_recordable(model, p))
                if fields:
                    sources[name] = replace(source, fields=fields)
        return sources

    def _captured(self) -> list[str]:
        """Return the names of the captured models."""
        return list(self._sources())

    def _is_loaded(self, addon: str) -> bool:
        # This one is not in the set until it is installed.
        return addon == ADDON or addon in self.env.registry._init_modules


def is_recordable(model, path: str) -> bool:
    """Return whether a field path of a model leads to what the database stores."""
    fname, __, target = path.partition(".")
    field = model._fields.get(fname)
    if field is None or not target:
        return field is not None and _is_stored(field)
    if field.type != "many2one" or not _is_stored(field) or "." in target:
        return False
    return is_recordable(model.env[field.comodel_name], target)


def _is_stored(field) -> bool:
    return bool(field.store and (field.column_type or field.type == "many2many"))
