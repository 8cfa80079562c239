"""The fields of recorded models that only some groups may read in Odoo.

Readers of the log are administrators, who need not have each of these groups: the
log, the recorded states and the API leave out the values for them.
"""

from odoo import models
from odoo.tools import SQL


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @property
    def _table_query(self) -> SQL:
        return self._without_hidden(super()._table_query, ("before", "after"))

    def _hidden_paths(self) -> dict[str, set[str]]:
        """Return the field paths whose values this user may not read, by model."""
        if self.env.su:
            return {}
        hidden = {}
        for name, source in self._sources().items():
            # Also of a field that has left: the log has its values.
            paths = {n for n, f in self.env[name]._fields.items() if f.groups}
            paths.update(source.paths)
            forbidden = {path for path in paths if not self._may_read(name, path)}
            if forbidden:
                hidden[name] = forbidden
        return hidden

    def _may_read(self, name: str, path: str) -> bool:
        return all(
            self.env[model]._has_field_access(self.env[model]._fields[fname], "read")
            for model, fname in self._along(name, path)
        )


class CqrsStream(models.Model):
    _inherit = "cqrs.stream"

    @property
    def _table_query(self) -> SQL | None:
        return self._without_hidden(None, ("state",))


class CqrsReadOnly(models.AbstractModel):
    _inherit = "cqrs.read.only"

    def _without_hidden(self, query: SQL | None, columns: tuple[str, ...]):
        """Return the query of this model's rows without the values that are hidden.

        :param query: of the rows with all values, None for those of the table
        :param columns: those that hold values by field path
        """
        hidden = self.env["cqrs.event"]._hidden_paths()
        if not hidden:
            return query
        names = [f.name for f in self._fields.values() if f.store and f.column_type]
        cases = SQL(" ").join(
            SQL("WHEN %s THEN %s::text[]", model, sorted(paths))
            for model, paths in hidden.items()
        )
        return SQL(
            "SELECT %s FROM %s whole",
            SQL(", ").join(
                SQL(
                    "COALESCE(%(value)s - CASE stream_model %(cases)s END, %(value)s)"
                    " AS %(name)s",
                    value=SQL.identifier("whole", name),
                    name=SQL.identifier(name),
                    cases=cases,
                )
                if name in columns
                else SQL.identifier("whole", name)
                for name in names
            ),
            SQL("(%s)", query) if query else SQL.identifier(self._table),
        )
