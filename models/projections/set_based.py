"""Statements that are planned for many streams."""

from collections.abc import Iterator
from contextlib import contextmanager

#: Streams of one statement, from which on it is planned for many
SET_BASED_FROM = 100
_SET_BASED = {"enable_nestloop": "off", "jit": "off", "work_mem": "256MB"}


@contextmanager
def set_based(cr, streams: int | None = None) -> Iterator[None]:
    """Have the block's statements planned for many streams.

    The planner knows nothing of the rows that window functions make, and takes ten
    thousand for one: a loop over a loop of them takes minutes.

    :param streams: their number; None for many
    """
    if streams is not None and streams < SET_BASED_FROM:
        yield
        return
    names = list(_SET_BASED)
    cr.execute(
        "SELECT array_agg(current_setting(name) ORDER BY place)"
        " FROM unnest(%s) WITH ORDINALITY listed (name, place)",
        [names],
    )
    (former,) = cr.fetchone()
    _set(cr, names, list(_SET_BASED.values()))
    yield
    # Not after a failure, which undoes the settings with the savepoint.
    _set(cr, names, former)


def _set(cr, names: list[str], values: list[str]):
    cr.execute(
        "SELECT set_config(name, value, true)"
        " FROM unnest(%s, %s) AS setting (name, value)",
        [names, values],
    )
