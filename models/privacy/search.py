"""A search for values over every table of the database and every file of it."""

import html
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from odoo.tools import SQL, split_every

from ..support.progress import Report, silent

#: Values that one regular expression looks for
AT_ONCE = 100
#: Rows of a table that are shown
EXAMPLES = 5
#: Bytes of a file that are read at once
CHUNK = 1 << 23


@dataclass(frozen=True)
class Left:
    """A place in which values are left.

    :ivar place: a table, ``pg_statistic`` of a table, or ``filestore``
    :ivar rows: the number of rows or files
    :ivar columns: the columns of the table that hold them
    :ivar examples: ids of rows, names of files
    """

    place: str
    rows: int
    columns: tuple[str, ...] = ()
    examples: tuple = ()


def search_tables(cr, values: Iterable[str], report: Report = silent) -> list[Left]:
    """Return the tables that still hold one of the values, statistics included.

    :param cr: a cursor in autocommit, so that no table is held longer than it is read
    :param values: in small letters
    """
    patterns = patterns_of(values)
    if not patterns:
        return []
    cr.execute(_TABLES)
    tables = cr.fetchall()
    total = sum(pages for *__, pages in tables) or 1
    read, left = 0, []
    for schema, name, pages in tables:
        report(read / total, name)
        left += _in_table(cr, SQL.identifier(schema, name), name, patterns)
        read += pages
    return left + _in_statistics(cr, patterns)


def search_files(folder: str, values: Iterable[str], report: Report = silent):
    """Return the files of a folder that hold one of the values, as ``Left``.

    Compressed documents cannot be looked into.
    """
    wanted = [value.encode() for value in values]
    if not wanted or not os.path.isdir(folder):
        return []
    names = [
        os.path.join(root, name)
        for root, __, files in os.walk(folder)
        for name in files
    ]
    hits = []
    for number, name in enumerate(names):
        report(number / len(names), "filestore")
        if _holds(name, wanted):
            hits.append(os.path.relpath(name, folder))
    if not hits:
        return []
    return [Left("filestore", len(hits), (), tuple(sorted(hits)[:EXAMPLES]))]


def _holds(name: str, wanted: list[bytes]) -> bool:
    overlap = max(map(len, wanted))
    tail = b""
    try:
        with open(name, "rb") as file:
            while chunk := file.read(CHUNK):
                text = (tail + chunk).lower()
                if any(each in text for each in wanted):
                    return True
                tail = chunk[-overlap:]
    except FileNotFoundError:
        return False
    return False


def row_pattern(value: str) -> str:
    """Return the expression of a value in the text of a row, however it is written.

    >>> row_pattern("a.b")
    'a\\\\.b|612e62'
    """
    forms = {re.escape(value), value.encode().hex()}
    forms.add(re.escape(html.escape(value)))
    if not value.isascii():
        # JSON of Python; the text of a row doubles the backslash.
        escaped = re.escape(json.dumps(value)[1:-1])
        forms.add(escaped.replace(r"\\", r"\\+"))
    return "|".join(sorted(forms, key=len))


def patterns_of(values: Iterable[str]) -> list[str]:
    return [
        "|".join(map(row_pattern, some)) for some in split_every(AT_ONCE, values, list)
    ]


# Leaves of partitioned tables are ordinary tables.
_TABLES = """
    SELECT nspname, relname, GREATEST(relpages, 1)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'm') AND relpersistence <> 't'
      AND nspname NOT IN ('pg_catalog', 'information_schema')
      AND has_table_privilege(pg_class.oid, 'SELECT')
    ORDER BY nspname, relname
"""


def matching(patterns: list[str]) -> SQL:
    return SQL(
        "(%s)", SQL(" OR ").join(SQL("cqrs_text ~ %s", pattern) for pattern in patterns)
    )


def _in_table(cr, table: SQL, name: str, patterns: list[str]) -> list[Left]:
    cr.execute(
        SQL(
            """
            SELECT count(*), (array_agg(row ->> 'id'))[:%s],
                   jsonb_agg(row) FILTER (WHERE number <= 100)
            FROM (SELECT to_jsonb(t) AS row, row_number() OVER () AS number
                  FROM %s t CROSS JOIN LATERAL (SELECT lower(t::text)) whole (cqrs_text)
                  WHERE %s) hit
            """,
            EXAMPLES,
            table,
            matching(patterns),
        ),
        # The server's log must not have the values.
        log_exceptions=False,
    )
    [(rows, ids, hits)] = cr.fetchall()
    if not rows:
        return []
    wanted = [re.compile(pattern) for pattern in patterns]
    columns = {
        column
        for row in hits
        for column, value in row.items()
        if value is not None
        and any(each.search(_text(value).lower()) for each in wanted)
    }
    examples = tuple(filter(None, ids))
    return [Left(name, rows, tuple(sorted(columns)), examples)]


def _text(value) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# Values of pg_statistic, through the views that show them to the owner of a table.
_STATISTICS = """
    SELECT tablename, attname
    FROM pg_stats CROSS JOIN LATERAL (SELECT lower(concat_ws(' ',
        most_common_vals::text, histogram_bounds::text, most_common_elems::text)))
        AS stats (cqrs_text)
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND %(matches)s
    UNION ALL
    SELECT tablename, statistics_name
    FROM pg_stats_ext CROSS JOIN LATERAL (SELECT lower(most_common_vals::text))
        AS stats (cqrs_text)
    WHERE %(matches)s
    ORDER BY 1, 2
"""


def statistics_with(cr, values: Iterable[str]) -> list[tuple[str, str]]:
    """Return ``(table, column)`` whose statistics hold one of the values."""
    patterns = patterns_of(values)
    if not patterns:
        return []
    cr.execute(SQL(_STATISTICS, matches=matching(patterns)), log_exceptions=False)
    return cr.fetchall()


def _in_statistics(cr, patterns: list[str]) -> list[Left]:
    cr.execute(SQL(_STATISTICS, matches=matching(patterns)), log_exceptions=False)
    by_table = {}
    for table, column in cr.fetchall():
        by_table.setdefault(table, []).append(column)
    return [
        Left(f"pg_statistic of {table}", len(columns), tuple(columns))
        for table, columns in by_table.items()
    ]
