"""The declaration of a table that a projection fills.

A column is declared once::

    TABLE = Table(
        "cqrs_opportunity_view",
        columns=(
            Column("id", "integer", "PRIMARY KEY", value=SQL("stream_id")),
            Column("stage_id", "integer", field=fields.Many2one("crm.stage")),
            Column("value", "numeric", source="expected_revenue", default="0"),
        ),
    )

The rest follows from it: the table in the database, the fields of the ORM, the row that
a recorded state makes, the statement that writes it, and what a replay compares.
"""

from collections.abc import Mapping
from typing import NamedTuple

from odoo import fields
from odoo.tools import SQL

from ..support.readable_values import RANGES, readable

#: Constraint of an id that no reader knows and no replay compares
SURROGATE = "GENERATED ALWAYS AS IDENTITY PRIMARY KEY"


class Column(NamedTuple):
    """A column, and the value it has for a recorded state.

    :ivar name: in the table, and of the ORM's field
    :ivar type: in SQL, of the column and of the captured field
    :ivar constraint: what follows the type in ``CREATE TABLE``
    :ivar value: the expression of the value over the columns of ``stream`` and the
        captured fields; by default the captured field, NULL if Odoo cannot read it
    :ivar source: the captured field; by default the one with the column's name
    :ivar default: SQL of the value in the place of NULL; the column is NOT NULL then
    :ivar field: the ORM's, if there is one
    """

    name: str
    type: str
    constraint: str = ""
    value: SQL | None = None
    source: str | None = None
    default: str | None = None
    field: fields.Field | None = None

    @property
    def definition(self) -> SQL:
        required = "NOT NULL" if self.default is not None else ""
        words = (quoted(self.name).code, self.type, self.constraint, required)
        return SQL(" ".join(filter(None, words)))

    @property
    def captured(self) -> str | None:
        """The name of the captured field."""
        return self.source or (self.name if self.value is None else None)

    @property
    def expression(self) -> SQL:
        value = self.value
        if value is None:
            value = quoted(self.captured)
            if self.field and self.field.type in RANGES:
                value = readable(value, self.field.type)
        if self.default is None:
            return value
        return SQL("COALESCE(%s, %s)", value, SQL(self.default))


class Table(NamedTuple):
    """A table that a projection fills, and a replay compares.

    :ivar name: in the database
    :ivar columns: in order
    :ivar key: columns by which a row is found again: never NULL, selective, not
        necessarily unique
    :ivar options: what follows the columns in ``CREATE TABLE``
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)
    options: str = ""

    @property
    def names(self) -> list[str]:
        """The names of the columns, but for a surrogate id."""
        return [c.name for c in self.columns if c.constraint != SURROGATE]

    @property
    def orm_fields(self) -> dict[str, fields.Field]:
        """The ORM's fields, for the body of a model's class."""
        return {c.name: c.field for c in self.columns if c.field}

    @property
    def record_column(self) -> str | None:
        """The column with the id of the record that a row follows from."""
        return next((c.name for c in self.columns if c.value == SQL("stream_id")), None)

    def creation(self) -> SQL:
        """Return the statement that creates the table, if it is not there."""
        return SQL(
            "CREATE TABLE IF NOT EXISTS %s (%s) %s",
            SQL.identifier(self.name),
            SQL(", ").join(column.definition for column in self.columns),
            SQL(self.options),
        )

    def rows(
        self,
        where: SQL,
        joins: SQL | None = None,
        reads: Mapping[str, str] | None = None,
    ) -> SQL:
        """Return the query of the rows that the states of ``stream`` make.

        :param where: condition on the captured fields and the columns of ``stream``
        :param joins: further relations that the columns' expressions read
        :param reads: ``{captured field: type}`` of fields that are no column's source
        """
        captured = {c.captured: c.type for c in self.columns if c.captured}
        return SQL(
            """
            SELECT %(values)s
            FROM stream CROSS JOIN jsonb_to_record(state) AS captured (%(captured)s)
            %(joins)s
            WHERE %(where)s
            """,
            values=SQL(", ").join(c.expression for c in self.columns),
            captured=SQL(", ").join(
                SQL("%s %s", quoted(name), SQL(type_))
                for name, type_ in (captured | dict(reads or {})).items()
            ),
            joins=joins or SQL(),
            where=where,
        )


def version_column() -> Column:
    """Return the column of the version of a row's stream."""
    return Column(
        "version",
        "integer",
        "NOT NULL",
        value=SQL("version"),
        field=fields.Integer(aggregator=None, readonly=True),
    )


def changed_at_column() -> Column:
    """Return the column of the time of a row's last event, in UTC."""
    return Column(
        "changed_at",
        "timestamp",
        "NOT NULL",
        value=SQL("occurred_at AT TIME ZONE 'UTC'"),
        field=fields.Datetime(readonly=True),
    )


def upsert(table: Table, rows: SQL, changed_only: bool = False) -> SQL:
    """Return the statement that inserts rows or, if the key is there, updates them.

    :param rows: query of the table's columns, in their order
    :param changed_only: whether to leave rows alone that would stay the same
    """
    others = [quoted(name) for name in table.names if name not in table.key]
    return SQL(
        """
        INSERT INTO %(table)s (%(columns)s)
        %(rows)s
        ON CONFLICT (%(key)s) DO UPDATE SET %(assignments)s %(condition)s
        """,
        table=SQL.identifier(table.name),
        columns=listed(table.names),
        rows=rows,
        key=listed(table.key),
        assignments=SQL(", ").join(SQL("%s = EXCLUDED.%s", n, n) for n in others),
        condition=SQL(
            "WHERE (%s) IS DISTINCT FROM (%s)",
            SQL(", ").join(SQL("%s.%s", quoted(table.name), name) for name in others),
            SQL(", ").join(SQL("EXCLUDED.%s", name) for name in others),
        )
        if changed_only
        else SQL(),
    )


def each(form: str, names) -> SQL:
    """Return the form for each of the names, e.g. ``"sum({0}) AS {0}"``."""
    return SQL(", ".join(form.format(name) for name in names))


def listed(names) -> SQL:
    """Return names separated by commas."""
    return SQL(", ").join(map(quoted, names))


def quoted(name: str) -> SQL:
    """Return a name as an identifier; the name of a captured field may have a dot."""
    return SQL(f'"{name}"')
