"""The state of a source row, beside the recorded one: the ``new`` of a difference.

A recorded state may have keys that this process does not know: of a field that has
left, or of one that another process has let join. They are kept as they are, so that
no writer is said to have emptied them.
"""

from odoo.tools import SQL

from .attached_sources import Attached
from .state import state

#: The row of a record of a model that is no longer on record
NO_ROW = SQL("SELECT NULL::integer AS row_writer_id, NULL::jsonb AS new")

_WRITER = SQL("CASE WHEN t.write_date = now() AT TIME ZONE 'UTC' THEN t.write_uid END")


def row_state(env, source: Attached, is_built: bool = False) -> SQL:
    """Return the query of ``row_writer_id`` and ``new`` of the record ``scope.id``.

    It reads ``old``, the recorded state. ``new`` is NULL if there is no such record, if
    it has no event yet that it is to get from the build, or if it is not on record and
    its row does not meet the source's condition.

    :param is_built: whether records and fields that only join are recorded, too
    """
    model = env[source.model]
    new = _over_the_old(model, source, source.paths)
    if source.joining and not is_built:
        joined = [path for path in source.paths if path not in source.joining]
        new = SQL(
            "CASE WHEN %s THEN %s ELSE %s END",
            _range(source, _HAS_JOINED),
            new,
            _over_the_old(model, source, joined),
        )
    conditions = []
    if source.is_unbuilt:
        conditions.append(_range(source, _IS_NEW))
    if source.condition:
        conditions.append(SQL("(%s)", source.condition))
    if conditions and not is_built:
        is_wanted = SQL(" AND ").join(conditions)
        new = SQL("CASE WHEN old IS NOT NULL OR %s THEN %s END", is_wanted, new)
    # The columns of the row stay inside of the lateral query: joined outside, the
    # planner hands every one of them through each join, which takes it longer than
    # anything else here.
    return SQL(
        """
        SELECT %s AS row_writer_id, %s AS new
        FROM %s t WHERE t.id = scope.id OFFSET 0
        """,
        _WRITER if model._log_access else SQL("NULL::integer"),
        new,
        SQL.identifier(model._table),
    )


def _over_the_old(model, source: Attached, known: list[str] | tuple[str, ...]) -> SQL:
    parts = [part for part in source.collected if part.name in known]
    names_of_parts = {part.name for part in parts}
    fields = [path for path in known if path not in names_of_parts]
    state_ = state(model, fields, parts)
    # One literal, since the statement's length is what costs a write.
    names = ",".join(f'"{path}"' for path in known)
    return SQL("COALESCE(old - %s::text[], '{}') || %s", f"{{{names}}}", state_)


# Not true in a snapshot from before the join: nothing has joined in it.
_HAS_JOINED = SQL(
    "joins_until > 0 AND (scope.id <= joined_until OR scope.id > joins_until)"
)
_IS_NEW = SQL("unbuilt_until > 0 AND scope.id > unbuilt_until")


def _range(source: Attached, condition: SQL) -> SQL:
    return SQL("(SELECT %s FROM cqrs_source WHERE model = %s)", condition, source.model)
