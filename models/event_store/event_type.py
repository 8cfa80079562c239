"""The type of an event: the noun of its record, and the change that names it.

A creation is ``StageCreated``, a deletion ``StageDeleted``, a merge ``…Merged``. If the
source has a condition, ``…Joined`` is a record that was there before and meets it now.
Any other change is named by the first rule of the source that holds, or is
``Updated``::

    >>> stage = Source(
    ...     model="crm.stage",
    ...     noun="Stage",
    ...     fields=("name", "sequence", "is_won"),
    ...     rules=(Rule("Renamed", "name"), Rule("Won", "is_won", "true")),
    ... )
    >>> expression = event_type(stage)
    >>> print(expression.code % tuple(map(repr, expression.params)))
    'Stage' || CASE
        WHEN new IS NULL THEN 'Deleted'
        WHEN old IS NULL THEN 'Created'
        WHEN false THEN 'Merged'
        WHEN jsonb_exists(changed.after, 'name') THEN 'Renamed'
        WHEN changed.after ->> 'is_won' = 'true' THEN 'Won'
        ELSE 'Updated' END

The difference statement evaluates it once for each changed record; the eight rules of a
lead cost it 1 µs.

    >>> event_types(stage)[:3]
    ('StageCreated', 'StageRenamed', 'StageWon')
"""

from odoo.tools import SQL

from .source import Rule, Source


def event_type(
    source: Source, is_merge: SQL | None = None, is_build: bool = False
) -> SQL:
    """Return the expression of an event's type, a text.

    It reads ``old`` and ``new``, the states before and after the change (NULL: none),
    and ``changed.after``, the new values of the changed fields.

    :param is_merge: the condition that other records were merged into this one; never
        by default
    :param is_build: whether records that were there before are created all the same
    """
    created = SQL("'Created'")
    if source.condition and not is_build:
        created = SQL(
            "CASE WHEN (new ->> 'create_date')::timestamptz < now() THEN 'Joined'"
            " ELSE 'Created' END"
        )
    return SQL(
        """%s || CASE
        WHEN new IS NULL THEN 'Deleted'
        WHEN old IS NULL THEN %s
        WHEN %s THEN 'Merged'
        %s
        ELSE 'Updated' END""",
        _noun(source),
        created,
        is_merge or SQL("false"),
        SQL("\n        ").join(
            SQL("WHEN %s THEN %s", _holds(rule), rule.suffix) for rule in source.rules
        ),
    )


def event_types(source: Source) -> tuple[str, ...]:
    """Return the types that the events of a source may have."""
    suffixes = (rule.suffix for rule in source.rules)
    joined = ("Joined",) if source.condition else ()
    of_noun = ("Created", *joined, *suffixes, "Merged", "Updated", "Deleted")
    nouns = (source.noun, *(noun for __, noun in source.nouns))
    return tuple(f"{noun}{suffix}" for noun in nouns for suffix in of_noun)


def ends_record(source: Source) -> SQL:
    """Return the condition that an event ends its record, or changes its noun.

    It reads ``before`` and ``after`` of the event.
    """
    if not source.noun_field:
        return SQL("after IS NULL")
    return SQL("after IS NULL OR jsonb_exists(before, %s)", source.noun_field)


def _noun(source: Source) -> SQL:
    if not source.noun_field:
        return SQL("%s", source.noun)
    return SQL(
        # The old value counts: a lead that becomes an opportunity is a Lead event.
        "CASE COALESCE(old, new) ->> %s %s ELSE %s END",
        source.noun_field,
        SQL(" ").join(
            SQL("WHEN %s THEN %s", value, noun) for value, noun in source.nouns
        ),
        source.noun,
    )


def _holds(rule: Rule) -> SQL:
    if rule.value is None:
        holds = SQL("jsonb_exists(changed.after, %s)", rule.field)
    else:
        holds = SQL("changed.after ->> %s = %s", rule.field, rule.value)
    besides = [SQL("new ->> %s = %s", path, value) for path, value in rule.where]
    return SQL(" AND ").join([holds, *besides])
