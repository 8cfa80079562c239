"""The sources on record: what this database records of each captured model."""

from collections.abc import Iterable, Iterator
from itertools import count

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..support.indexes import create_missing
from .attached_sources import CHANGE, Wanted

RECORDED = "recorded"
ENDING = "ending"
ENDED = "ended"
JOINING = "joining"
LEFT = "left"

# Number the changes of this process, so that each is read anew
_changes = count(1)


class CqrsSourceRemembered(models.AbstractModel):
    """Rows that processes remember (``attached_sources.py``), and read when changed."""

    _name = "cqrs.source.remembered"
    _description = "Remembered Row"

    @api.model_create_multi
    def create(self, vals_list):
        rows = super().create(vals_list)
        self._forget_sources()
        return rows

    def write(self, vals):
        result = super().write(vals)
        self._forget_sources()
        return result

    def unlink(self):
        result = super().unlink()
        self._forget_sources()
        return result

    def _forget_sources(self):
        self.flush_model()
        registry, cr = self.env.registry, self.env.cr
        cr.cache[CHANGE] = next(_changes)

        def forget():
            cr.cache.pop(CHANGE, None)
            registry.clear_cache("stable")

        cr.postcommit.add(forget)
        cr.postrollback.add(lambda: cr.cache.pop(CHANGE, None))


class CqrsSource(models.Model):
    """A model whose changes this database records, and since when each of its fields.

    Capture records what these rows say, not what is declared: a field or a model that
    is new joins by a baseline first (``joining.py``), and one that goes is left or
    ended, whatever a process has loaded.

    ``addon`` declares the source, none if an administrator put the model on record.
    ``modules`` give the model, separated by commas; none give a manual one. Records up
    to ``unbuilt_until`` have no event before they are built or written, and
    ``is_from_now_on`` says that only a write builds them. While fields join,
    the records after ``joined_until`` up to ``joins_until`` do not have them yet.
    """

    _name = "cqrs.source"
    _inherit = "cqrs.source.remembered"
    _description = "Model on Record"
    _order = "model"
    _rec_name = "model"

    model = fields.Char("Technical Name", required=True, readonly=True)
    noun = fields.Char(required=True, readonly=True)
    addon = fields.Char("Declared By", readonly=True)
    modules = fields.Char(readonly=True)
    state = fields.Selection(
        [(RECORDED, "On Record"), (ENDING, "Ending"), (ENDED, "Ended")],
        required=True,
        readonly=True,
        default=RECORDED,
    )
    is_from_now_on = fields.Boolean("From Now On", readonly=True)
    unbuilt_until = fields.Integer(readonly=True, aggregator=None)
    joined_until = fields.Integer(readonly=True, aggregator=None)
    joins_until = fields.Integer(readonly=True, aggregator=None)
    field_ids = fields.One2many("cqrs.source.field", "source_id", readonly=True)

    def init(self):
        # Not constraints: Odoo's uninstall leaves the rows that it has of them.
        create_missing(
            self.env.cr,
            SQL(
                "CREATE UNIQUE INDEX IF NOT EXISTS cqrs_source_model"
                " ON cqrs_source (model)"
            ),
        )

    def _is_behind(self) -> bool:
        """Return whether something is to join, to be built or to end."""
        unfinished = Domain.OR(
            [
                Domain("state", "=", ENDING),
                Domain("joins_until", ">", 0),
                Domain("unbuilt_until", ">", 0) & Domain("is_from_now_on", "=", False),
            ]
        )
        return bool(self.search_count(unfinished, limit=1) or any(self._differences()))

    @api.model
    def _sync(self, is_built: bool = False):
        """Bring the rows up to what is declared, chosen and here.

        :param is_built: records and fields are on record at once, without a baseline
        """
        for difference in list(self._differences()):
            difference(is_built)

    def _differences(self) -> Iterator:
        """Yield the functions that bring the rows up, each takes ``is_built``."""
        wanted = self.env["cqrs.event"]._wanted_sources()
        rows = {row.model: row for row in self.search([])}
        for model, source in wanted.items():
            row = rows.get(model, self)
            if not row or row.state == ENDED:
                yield lambda is_built, source=source: self._begin(source, is_built)
            elif row.state == RECORDED:
                # A field that comes while others join waits for them.
                new = source.paths - row._paths()
                if new and not row.joins_until:
                    yield lambda is_built, row=row, new=new: row._join(new, is_built)
                if gone := row._paths() - source.paths:
                    yield lambda is_built, row=row, gone=gone: row._leave(gone)
        for model, row in rows.items():
            if row.state == RECORDED and model not in wanted and row._is_gone():
                yield lambda is_built, row=row: row._end()

    def _left_out(self) -> dict[str, set[str]]:
        """Return the fields that an administrator leaves out, by model."""
        left_out = self.env["cqrs.source.field"].search([("is_left_out", "=", True)])
        return {
            source.model: set(rows.mapped("path"))
            for source, rows in left_out.grouped("source_id").items()
        }

    def _leave_out(self, paths: Iterable[str]):
        """Leave out these fields of a model, and no others, from now on."""
        paths = set(paths)
        if new := paths - set(self.field_ids.mapped("path")):
            self._note_fields(new, LEFT)
        for field in self.field_ids:
            is_left_out = field.path in paths
            if field.is_left_out != is_left_out:
                field.is_left_out = is_left_out
        self._sync()

    def _chosen(self):
        """Return the models that an administrator has put on record."""
        return self.search([("addon", "=", False), ("state", "=", RECORDED)])

    def _paths(self) -> set[str]:
        return {field.path for field in self.field_ids if field.state != LEFT}

    def _is_gone(self) -> bool:
        """Return whether the model or its source is gone, not only not loaded yet."""
        if self.model in self.env:
            return bool(self.addon) and self._are_uninstalled([self.addon])
        if self.modules:
            return self._are_uninstalled(self.modules.split(","))
        return not self.env["ir.model"].search_count([("model", "=", self.model)])

    def _are_uninstalled(self, modules: list[str]) -> bool:
        installed = [("name", "in", modules), ("state", "not in", _NOT_HERE)]
        return not self.env["ir.module.module"].search_count(installed)

    def _begin(self, source: Wanted, is_built: bool, is_from_now_on: bool = False):
        """Put a model on record, or put it on record again."""
        model = self.env["ir.model"]._get(source.model)
        last_id = 0 if is_built else self._last_id(source.model)
        values = {
            "model": source.model,
            "noun": source.noun,
            "addon": source.addon,
            "modules": ""
            if model.state == "manual"
            else ",".join(
                filter(None, map(str.strip, (model.modules or "").split(",")))
            ),
            "state": RECORDED,
            "is_from_now_on": is_from_now_on,
            "unbuilt_until": last_id,
            "joined_until": 0,
            "joins_until": 0,
        }
        row = self.search([("model", "=", source.model)])
        row.field_ids.filtered(lambda field: not field.is_left_out).unlink()
        if row:
            row.write(values)
        else:
            row = self.create(values)
        row._note_fields(source.paths, RECORDED)
        looks = self.env["cqrs.reconciliation"]
        if last_id:
            looks._note_look(source.model, {})

    def _join(self, paths: Iterable[str], is_built: bool):
        """Let fields join."""
        last_id = 0 if is_built else self._last_stream_id()
        self.write({"joined_until": 0, "joins_until": last_id})
        self._note_fields(paths, JOINING if last_id else RECORDED)

    def _joined(self):
        """Note that the fields have joined."""
        self.write({"joined_until": 0, "joins_until": 0})
        self._note_fields(
            self.field_ids.filtered(lambda f: f.state == JOINING).mapped("path"),
            RECORDED,
        )

    def _leave(self, paths: Iterable[str]):
        """Let fields leave: the last recorded states keep them."""
        self._note_fields(paths, LEFT)

    def _end(self):
        """End the recording of a model; its streams get an event each, later on."""
        self.write({"state": ENDING, "unbuilt_until": 0, "joins_until": 0})
        self._leave(self._paths())

    def _note_fields(self, paths: Iterable[str], state: str):
        values = {"state": state, "since": fields.Datetime.now()}
        noted = self.field_ids.filtered(lambda f: f.path in paths)
        noted.write(values)
        new = set(paths) - set(noted.mapped("path"))
        self.field_ids.create(
            [{"source_id": self.id, "path": p, **values} for p in sorted(new)]
        )

    def _last_id(self, model: str) -> int:
        """Return the last id given out to a record, 0 if there is no record."""
        [[last_id]] = self.env.execute_query(
            SQL(
                """
                SELECT CASE WHEN EXISTS (SELECT FROM %(table)s) THEN GREATEST(
                    (SELECT max(id) FROM %(table)s),
                    pg_sequence_last_value(
                        pg_get_serial_sequence(%(name)s, 'id')::regclass)::integer)
                ELSE 0 END
                """,
                table=SQL.identifier(self.env[model]._table),
                name=f'"{self.env[model]._table}"',
            )
        )
        return last_id

    def _last_stream_id(self) -> int:
        [[last_id]] = self.env.execute_query(
            SQL(
                "SELECT COALESCE(max(stream_id), 0) FROM cqrs_stream"
                " WHERE stream_model = %s AND state IS NOT NULL",
                self.model,
            )
        )
        return max(last_id, self._last_id(self.model)) if last_id else 0


#: States of a module of which nothing is in the database
_NOT_HERE = ("uninstalled", "uninstallable", "to install")


class CqrsSourceField(models.Model):
    """A field path of a model on record: recorded since, joining since, or left at."""

    _name = "cqrs.source.field"
    _inherit = "cqrs.source.remembered"
    _description = "Field on Record"
    _order = "path"
    _rec_name = "path"

    source_id = fields.Many2one("cqrs.source", required=True, ondelete="cascade")
    path = fields.Char("Field", required=True, readonly=True)
    state = fields.Selection(
        [(RECORDED, "On Record"), (JOINING, "Joining"), (LEFT, "Left")],
        required=True,
        readonly=True,
    )
    since = fields.Datetime(required=True, readonly=True)
    is_left_out = fields.Boolean("Left Out", readonly=True)

    def init(self):
        create_missing(
            self.env.cr,
            SQL(
                "CREATE UNIQUE INDEX IF NOT EXISTS cqrs_source_field_path"
                " ON cqrs_source_field (source_id, path)"
            ),
        )


class IrModel(models.Model):
    _inherit = "ir.model"

    def unlink(self):
        # By hand or with the module; the table is gone before the transaction ends.
        models_ = self.mapped("model")
        self.env["cqrs.event"]._stop_recording(models_)
        return super().unlink()


class IrModelFields(models.Model):
    _inherit = "ir.model.fields"

    def unlink(self):
        self.env["cqrs.event"]._stop_recording_fields(
            {(field.model, field.name) for field in self}
        )
        return super().unlink()


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    def _stop_recording(self, models_: list[str]):
        """End the captured ones of some models that are being deleted."""
        if gone := self._sources().keys() & set(models_):
            sources = self.env["cqrs.source"].sudo()
            for source in sources.search([("model", "in", list(gone))]):
                source._end()

    def _stop_recording_fields(self, gone: set[tuple[str, str]]):
        """Leave the captured paths that lead through fields that are being deleted."""
        for model, source in self._sources().items():
            paths = [path for path in source.paths if gone & self._along(model, path)]
            if paths:
                sources = self.env["cqrs.source"].sudo()
                sources.search([("model", "=", model)])._leave(paths)

    def _along(self, model: str, path: str) -> set[tuple[str, str]]:
        """Return ``(model, field)`` of each step of a path, or of a collected part."""
        for part in self._sources()[model].collected:
            if part.name == path:
                return {(part.child, name) for name in (part.parent, *part.fields)}
        fname, __, target = path.partition(".")
        steps = {(model, fname)}
        if target:
            steps.add((self.env[model]._fields[fname].comodel_name, target))
        return steps
