"""The attached sources: those that this database records.

``cqrs.source`` says which, capture asks here.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import psycopg2
from psycopg2.pool import PoolError

from odoo import models
from odoo.modules import Manifest
from odoo.tools import SQL, ormcache
from odoo.tools.sql import table_exists

from .never_recorded import is_never_recorded
from .personal import undeclared_personal
from .source import DECLARED, Collected, Source

#: Key of the number of a transaction's last change of ``cqrs.source``, in ``cr.cache``
CHANGE = "crm_cqrs.change_of_sources"
ADDON = __name__.split(".")[2]


@dataclass(frozen=True)
class Attached(Source):
    """A source as this database records it.

    ``fields`` are those on record and here, the declared ones first. ``personal`` are
    the declared ones, others by their types, and those that have left.

    :ivar joining: those of ``fields`` that some records do not have yet
    :ivar is_unbuilt: whether there are records without an event
    :ivar is_from_now_on: whether such records get one only when they are written
    """

    joining: frozenset[str] = frozenset()
    is_unbuilt: bool = False
    is_from_now_on: bool = False


@dataclass(frozen=True)
class Wanted:
    """A source that is to be on record, by declaration or by choice.

    :ivar addon: the addon that declares it, None if an administrator chose it
    :ivar paths: the field paths to record
    """

    model: str
    noun: str
    addon: str | None
    paths: frozenset[str]


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    # The stable cache lives until the registry is set up anew, as fields do, or
    # ``cqrs.source`` is written.
    @ormcache("self._change_of_sources()", cache="stable")
    def _sources(self) -> dict[str, Attached]:
        """Return the attached source of each captured model, by the model's name."""
        declared = self._declared_sources()
        sources = {}
        for row in self._rows_on_record():
            name, addon = row["model"], row["addon"]
            if addon:
                __, source = declared.get(name, (None, None))
            else:
                source = is_table(self.env, name) and Source(name, row["noun"], ())
            if not source:
                continue
            parts = [
                part
                for part in source.collected
                if part.name in row["paths"] and is_collectable(self.env, part)
            ]
            paths = [p for p in row["paths"] if is_recordable(self.env[name], p)]
            rank = {path: number for number, path in enumerate(source.fields)}
            paths.sort(key=lambda path: (rank.get(path, len(rank)), path))
            undeclared = [path for path in paths if path not in rank]
            personal = {
                *source.personal,
                *undeclared_personal(self.env[name], undeclared),
                # The type of a field that has left is not known any more.
                *row["left"],
            }
            sources[name] = Attached(
                **{
                    **vars(source),
                    "fields": tuple(paths),
                    "personal": tuple(sorted(personal)),
                    "collected": tuple(parts),
                },
                joining=frozenset(row["joining"]).intersection(
                    [*paths, *(part.name for part in parts)]
                ),
                is_unbuilt=row["is_unbuilt"],
                is_from_now_on=row["is_from_now_on"],
            )
        return sources

    def _change_of_sources(self) -> int | None:
        """Return the number of this transaction's last change of ``cqrs.source``."""
        return self.env.cr.cache.get(CHANGE)

    def _rows_on_record(self) -> list[dict]:
        if self._change_of_sources() is None and self.env.registry.ready:
            # All transactions of this process use what is read here: by a snapshot of
            # its own, since that of this transaction may be older than the last change.
            with (
                # A write is not to fail for want of a second connection.
                suppress(PoolError, psycopg2.OperationalError),
                self.env.registry.cursor() as cr,
            ):
                return _read_rows(cr)
        return _read_rows(self.env.cr)

    def _captured(self) -> list[str]:
        """Return the names of the captured models."""
        return list(self._sources())

    def _wanted_sources(self) -> dict[str, Wanted]:
        """Return the sources that are to be on record here, by model."""
        wanted = {}
        left_out = self.env["cqrs.source"]._left_out()
        for name, (addon, source) in self._declared_sources().items():
            model = self.env[name]
            paths = {path for path in source.fields if is_recordable(model, path)}
            if paths:
                paths |= {
                    part.name
                    for part in source.collected
                    if is_collectable(self.env, part)
                }
                paths |= self._undeclared(name) - left_out.get(name, set())
                wanted[name] = Wanted(name, source.noun, addon, frozenset(paths))
        for row in self.env["cqrs.source"]._chosen():
            if row.model not in wanted and is_table(self.env, row.model):
                paths = self._choosable(row.model) - left_out.get(row.model, set())
                wanted[row.model] = Wanted(row.model, row.noun, None, frozenset(paths))
        return wanted

    def _choosable(self, name: str) -> set[str]:
        """Return the fields of a model that an administrator can choose."""
        if name in self._declared_sources():
            return self._undeclared(name)
        model = self.env.get(name)
        return {
            fname
            for fname, field in (model._fields.items() if model is not None else ())
            if is_stored(field) and not is_never_recorded(field)
        }

    def _undeclared(self, name: str) -> set[str]:
        """Return the fields that a declared model has from elsewhere.

        Those that were made by hand, and those of modules that the declaring addon
        does not depend on, unless the declaration leaves these out.
        """
        addon, source = self._declared_sources()[name]
        known = dependencies(addon) | dependencies(ADDON)
        return {
            fname
            for fname, field in self.env[name]._fields.items()
            if fname not in source.fields
            and fname not in source.left_out
            and is_stored(field)
            and not is_never_recorded(field)
            and (
                field.manual
                or not source.only_declared
                and known.isdisjoint(field._modules)
            )
        }

    def _declared_sources(self) -> dict[str, tuple[str, Source]]:
        """Return ``(addon, source)`` of each model that is declared and here.

        The last declaration of an installed addon counts.
        """
        return {
            name: (addon, source)
            for name, by_addon in DECLARED.items()
            if is_table(self.env, name)
            for addon, source in by_addon.items()
            if self._is_loaded(addon)
        }

    def _is_loaded(self, addon: str) -> bool:
        # This one is not in the set until it is installed.
        return addon == ADDON or addon in self.env.registry._init_modules


_ON_RECORD = SQL(
    """
    SELECT model, addon, noun, unbuilt_until > 0 AS is_unbuilt,
           COALESCE(is_from_now_on, false) AS is_from_now_on,
           array_agg(path) FILTER (WHERE field.state <> 'left') AS paths,
           COALESCE(array_agg(path) FILTER (WHERE field.state = 'left'), '{}')
               AS "left",
           COALESCE(array_agg(path) FILTER (WHERE field.state = 'joining'), '{}')
               AS joining
    FROM cqrs_source source
    JOIN cqrs_source_field field ON field.source_id = source.id
    WHERE source.state = 'recorded'
    GROUP BY source.id
    HAVING count(*) FILTER (WHERE field.state <> 'left') > 0
    ORDER BY model
    """
)


def _read_rows(cr) -> list[dict]:
    if not table_exists(cr, "cqrs_source_field"):
        # The tables of an update are not made yet.
        return []
    cr.execute(_ON_RECORD)
    return cr.dictfetchall()


def is_table(env, name: str) -> bool:
    """Return whether a model is here and has a table of its own."""
    model = env.get(name)
    return model is not None and model._auto and not model._abstract


def is_recordable(model, path: str) -> bool:
    """Return whether a field path of a model leads to what the database stores."""
    fname, __, target = path.partition(".")
    field = model._fields.get(fname)
    if field is None or not target:
        return field is not None and is_stored(field)
    if field.type != "many2one" or not is_stored(field) or "." in target:
        return False
    return is_recordable(model.env[field.comodel_name], target)


def is_collectable(env, part: Collected) -> bool:
    """Return whether a database has what a collected part is made of."""
    return is_table(env, part.child) and all(
        is_recordable(env[part.child], name) for name in (part.parent, *part.fields)
    )


def is_stored(field) -> bool:
    """Return whether the database stores a field's values, in a column or a table."""
    return bool(field.store and (field.column_type or field.type == "many2many"))


@cache
def dependencies(addon: str) -> frozenset[str]:
    """Return an addon and the addons that it depends on, directly or not."""
    manifest = Manifest.for_addon(addon, display_warning=False)
    depends = manifest["depends"] if manifest else ()
    return frozenset([addon]).union(*map(dependencies, depends))
