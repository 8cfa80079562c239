"""Personal parts: the values of an event that can be erased, apart from the others.

``cqrs_event.before`` and ``after`` hold what is not personal. The column ``personal``
holds the rest, ``{"salt", "before", "after"}``, where a side that the event does not
have is null; it is NULL if the event touches nothing personal. ``commitment`` is the
SHA-256 of it, which the chain covers in its place: once ``personal`` is erased, the
chain still holds, and the random salt keeps anybody from finding the values by trying.

PostgreSQL writes each ``jsonb`` in one form, so that the commitment can be computed
again from what is stored. The salt is a random UUID; PostgreSQL takes its 122 random
bits from the system's source for cryptographic keys.
"""

from collections.abc import Iterable

from odoo.tools import SQL

from .source import Source

#: Types of the fields that are personal unless a source declares them
PERSONAL_TYPES = {"char", "html", "json", "properties", "text"}


def undeclared_personal(model, paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of some paths that are personal, though no source declares them.

    :param model: the model's empty recordset, for the definitions of the fields
    """
    return tuple(path for path in paths if _field(model, path).type in PERSONAL_TYPES)


def parted_sides(source: Source) -> SQL:
    """Return the columns ``before``, ``after`` and ``personal`` of an event.

    They read ``changed.before`` and ``changed.after``, the whole sides.
    """
    return SQL(
        """
        changed.before - %(personal)s::text[] AS before,
        changed.after - %(personal)s::text[] AS after,
        CASE WHEN jsonb_exists_any(
                COALESCE(changed.after, changed.before), %(personal)s::text[])
            THEN jsonb_build_object(
                'salt', gen_random_uuid(),
                'before', changed.before - %(plain)s::text[],
                'after', changed.after - %(plain)s::text[]) END AS personal
        """,
        personal=list(source.personal),
        plain=plain_paths(source),
    )


def plain_paths(source: Source) -> list[str]:
    """Return the paths of a source that are not personal."""
    return sorted(set(source.paths).difference(source.personal))


#: Type of the event that names the erasure of its stream's personal values
ERASED = "PersonalDataErased"

#: The condition that personal values of ``event`` have been erased (``erasure.py``)
IS_ERASED = SQL(
    """
    CASE WHEN event.hash_format = 1 THEN EXISTS (
        SELECT FROM cqrs_event erasure
        WHERE erasure.stream_model = event.stream_model
          AND erasure.stream_id = event.stream_id AND erasure.version > event.version
          AND erasure.type = %s
          AND jsonb_exists(erasure.details -> 'remains', event.event_id::text))
    ELSE event.commitment IS NOT NULL AND event.personal IS NULL END
    """,
    ERASED,
)


def whole(side: str) -> SQL:
    """Return the expression of the whole ``before`` or ``after`` of ``event``."""
    return SQL(
        "(%(plain)s || COALESCE(event.personal -> %(side)s, '{}'))",
        plain=SQL.identifier("event", side),
        side=side,
    )


def commitment(personal: SQL) -> SQL:
    """Return the expression of the commitment to a personal part, a ``bytea``."""
    return SQL("sha256(convert_to(%s::text, 'UTF8'))", personal)


def _field(model, path: str):
    fname, __, target = path.partition(".")
    field = model._fields[fname]
    return model.env[field.comodel_name]._fields[target] if target else field
