"""Sums of records: roll-ups, and a tail of the changes that are not folded into them.

A writer appends the two sides of each change to the tail, and never waits. A cron folds
the tail into the roll-ups (``metrics/fold.py``). A reader adds the two up in one
statement, and so is exact at every moment.
"""

from collections.abc import Callable

from odoo import api, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.versions import CountedVersion
from .sums_comparison import SumsComparison
from .table import Column, Table, each, listed

# In the place of NULL in the key of a roll-up: no two NULLs are equal to an index.
_NOTHING = {"integer": "0", "date": "'-infinity'"}


class RollUp:
    """A table of sums, and how they are grouped.

    :param table: ``id``, the columns of ``key``, then the measures
    :param key: columns of which each combination has one row
    :param amounts: those of ``measures`` that are no counts
    :param groups: returns the query of ``key`` and the sums of ``measures``, of the
        query of some contributions; by default they are grouped by ``key``, those
        without a column of it that is NOT NULL left out
    """

    def __init__(
        self,
        table: Table,
        key: tuple[str, ...],
        measures: tuple[str, ...],
        amounts: tuple[str, ...],
        groups: Callable[[SQL], SQL] | None = None,
    ):
        self.table = table
        self.name = table.name
        self.key = key
        self.measures = measures
        self.amounts = amounts
        self.groups = groups or self._grouped

    @property
    def columns(self) -> SQL:
        """The columns of the key and the measures."""
        return listed((*self.key, *self.measures))

    def each(self, form: str) -> SQL:
        """Return the form for each measure, e.g. ``"sum({0}) AS {0}"``."""
        return each(form, self.measures)

    @property
    def not_zero(self) -> SQL:
        """The condition on a group of rows whose sums are not all zero."""
        return SQL("(%s) <> (%s)", self.each("sum({0})"), self.each("0"))

    def index(self) -> SQL:
        """Return the statement that creates the unique index of the key."""
        return SQL(
            "CREATE UNIQUE INDEX IF NOT EXISTS %s ON %s (%s)",
            SQL.identifier(f"{self.name}_key"),
            SQL.identifier(self.name),
            self._indexed,
        )

    @property
    def _indexed(self) -> SQL:
        columns = {column.name: column for column in self.table.columns}
        return SQL(
            ", ".join(
                name
                if "NOT NULL" in columns[name].constraint
                else f"COALESCE({name}, {_NOTHING[columns[name].type]})"
                for name in self.key
            )
        )

    def add(self, sums: SQL, table: SQL) -> SQL:
        """Return the statement that adds to the sums of a table.

        It gives ``id`` and ``is_zero`` of each sum that it has added to.

        :param sums: query of ``columns``
        """
        return SQL(
            """
            INSERT INTO %(table)s AS metrics (%(columns)s)
            %(sums)s
            ON CONFLICT (%(key)s)
            DO UPDATE SET %(added)s
            RETURNING id, (%(after)s) = (%(zeros)s) AS is_zero
            """,
            table=table,
            columns=self.columns,
            sums=sums,
            key=self._indexed,
            added=self.each("{0} = metrics.{0} + EXCLUDED.{0}"),
            after=self.each("metrics.{}"),
            zeros=self.each("0"),
        )

    @property
    def _required(self) -> SQL:
        columns = self.table.columns
        names = [c.name for c in columns if "NOT NULL" in c.constraint]
        return listed([name for name in self.key if name in names]) or SQL("true")

    def _grouped(self, contributions: SQL) -> SQL:
        return SQL(
            """
            SELECT %(key)s, %(sums)s FROM (%(contributions)s) contribution
            WHERE (%(required)s) IS NOT NULL
            GROUP BY %(key)s HAVING %(not_zero)s
            """,
            required=self._required,
            key=listed(self.key),
            sums=self.each("sum({0}) AS {0}"),
            contributions=contributions,
            not_zero=self.not_zero,
        )


class Tail:
    """The table of changes: a time, and the state before and after.

    A type of its own makes a change two expressions instead of two dozen: it is planned
    anew in each transaction that writes a record.

    :param name: of the table
    :param type_: the name of the type of a state
    :param captured: ``{captured field: type}``, as far as the sums depend on it
    """

    def __init__(self, name: str, type_: str, captured: dict[str, str]):
        self.name = name
        self.type = type_
        self.captured = frozenset(captured)
        self.type_definition = SQL(
            "CREATE TYPE %s AS (%s)",
            SQL.identifier(type_),
            SQL(", ".join(f'"{field}" {of}' for field, of in captured.items())),
        )
        # The tail has no index: it is short, and read as a whole. Dead rows, which
        # folding leaves, are to be cleared before there are many.
        self.table = Table(
            name,
            columns=(
                Column("occurred_at", "timestamptz", "NOT NULL"),
                Column("former", type_),
                Column("state", type_),
            ),
            options="WITH (autovacuum_vacuum_scale_factor = 0,"
            " autovacuum_vacuum_threshold = 2000)",
        )


class CqrsSums(models.AbstractModel):
    """The contract of sums: a projection of roll-ups and a tail."""

    _name = "cqrs.sums"
    _inherit = "cqrs.projection"
    _description = "Sums"
    _cqrs_is_cumulative = True
    _cqrs_reads_events = True

    _cqrs_roll_ups: tuple[RollUp, ...] = ()
    _cqrs_tail: Tail
    #: The version by folds
    _cqrs_folds: CountedVersion

    def _contributions(self, changes: SQL) -> SQL:
        """Return the query of the amounts that changes take from the sums and add.

        :param changes: a relation with the columns of the tail
        """
        raise NotImplementedError

    def _create_tables(self):
        if not self._cqrs_roll_ups:
            # The contract itself
            return super()._create_tables()
        tail, folds = self._cqrs_tail, SQL.identifier(self._cqrs_folds.table)
        self.env.cr.execute(SQL("SELECT to_regtype(%s) IS NULL", tail.type))
        if self.env.cr.fetchone()[0]:
            self.env.cr.execute(tail.type_definition)
        result = super()._create_tables()
        for roll_up in self._cqrs_roll_ups:
            create_missing(self.env.cr, roll_up.index())
        self.env.cr.execute(
            SQL(
                """
                CREATE TABLE IF NOT EXISTS %(folds)s (
                    version bigint NOT NULL, folded_at timestamptz NOT NULL);
                INSERT INTO %(folds)s
                SELECT 0, now() WHERE NOT EXISTS (SELECT FROM %(folds)s)
                """,
                folds=folds,
            )
        )
        return result

    def _declared_tables(self):
        return [*super()._declared_tables(), self._cqrs_folds.table]

    def _drop_tables(self):
        result = super()._drop_tables()
        self.env.cr.execute(
            SQL("DROP TYPE IF EXISTS %s CASCADE", SQL.identifier(self._cqrs_tail.type))
        )
        return result

    def _statements(self, model):
        return [
            SQL(
                """
                INSERT INTO %(tail)s (occurred_at, former, state)
                SELECT occurred_at, former, state
                FROM (
                    SELECT occurred_at,
                           jsonb_populate_record(NULL::%(type)s, former) AS former,
                           jsonb_populate_record(NULL::%(type)s, state) AS state
                    FROM stream OFFSET 0
                ) change
                WHERE former IS DISTINCT FROM state
                """,
                tail=SQL.identifier(self._cqrs_tail.name),
                type=SQL.identifier(self._cqrs_tail.type),
            )
        ]

    def _updating_statements(self, model, paths):
        if self._cqrs_tail.captured.isdisjoint(paths):
            return []
        return super()._updating_statements(model, paths)

    @api.model
    def _apply(self, streams):
        """Append every change in the log, since each may count in its own month.

        Only a replay calls it.
        """
        left_out = self._left_out()
        for model in streams:
            self.env.cr.execute(self._append_all(model, left_out.get(model, [])))

    def _append_all(self, model: str, left_out: list[int]) -> SQL:
        # The creation, which is large, is read once, and the changes are laid over it.
        # A stream that was deleted and created again starts over, as in the fold.
        return SQL(
            """
            INSERT INTO %(tail)s (occurred_at, former, state)
            SELECT occurred_at, former, state
            FROM (
                SELECT occurred_at, state, lag(state) OVER (
                           PARTITION BY stream_id ORDER BY version) AS former
                FROM (
                    SELECT stream_id, version, occurred_at,
                           CASE WHEN before IS NULL THEN creation
                                WHEN after IS NOT NULL THEN jsonb_populate_record(
                                    first_value(creation) OVER life,
                                    cqrs_jsonb_merge(after)
                                        FILTER (WHERE before IS NOT NULL) OVER life)
                           END AS state
                    FROM (
                        SELECT stream_id, version, occurred_at, before, after,
                               CASE WHEN before IS NULL THEN jsonb_populate_record(
                                   NULL::%(type)s, after) END AS creation,
                               count(*) FILTER (WHERE before IS NULL) OVER (
                                   PARTITION BY stream_id ORDER BY version) AS life
                        FROM cqrs_event
                        WHERE stream_model = %(model)s AND stream_id <> ALL(%(left)s)
                    ) event
                    WINDOW life AS (PARTITION BY stream_id, life ORDER BY version)
                ) stream
            ) change
            WHERE former IS DISTINCT FROM state
            """,
            tail=SQL.identifier(self._cqrs_tail.name),
            type=SQL.identifier(self._cqrs_tail.type),
            model=model,
            left=left_out,
        )

    def _sums_of(self, roll_up: RollUp, table=SQL.identifier) -> SQL:
        """Return the query of all sums that are not zero, roll-up and tail together.

        It gives the columns of the roll-up.

        :param table: gives the SQL of a table's name
        """
        tail = self._contributions(table(self._cqrs_tail.name))
        return SQL(
            """
            SELECT %(key)s, %(sums)s
            FROM (SELECT %(columns)s FROM %(roll_up)s UNION ALL %(tail)s) part
            GROUP BY %(key)s HAVING %(not_zero)s
            """,
            key=listed(roll_up.key),
            sums=roll_up.each("sum({0}) AS {0}"),
            columns=roll_up.columns,
            roll_up=table(roll_up.name),
            tail=roll_up.groups(tail),
            not_zero=roll_up.not_zero,
        )

    def _comparisons(self, live, shadow):
        return [
            SumsComparison(self, roll_up, live, shadow)
            for roll_up in self._cqrs_roll_ups
        ]

    def _remove(self, ids: list[int], table: SQL):
        if ids:
            self.env.cr.execute(SQL("DELETE FROM %s WHERE id = ANY(%s)", table, ids))
