"""The declaration of a captured model: its fields, its noun and its event types.

A model is captured when it carries a ``Source`` in ``_cqrs_source``::

    class CrmStage(models.Model):
        _inherit = "crm.stage"

        _cqrs_source = Source(
            model="crm.stage",
            noun="Stage",
            fields=("name", "sequence", "is_won"),
            rules=(Rule("Renamed", "name"),),
        )

Nothing else is needed: the hooks on ``base`` mark its writes, the difference
statement reads the declared fields, and the events appear in ``cqrs.event`` as
``StageCreated``, ``StageRenamed``, ``StageUpdated`` and ``StageDeleted``.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """The event type that a change of ``field`` calls for.

    :ivar suffix: what follows the noun in the type, e.g. ``"Won"``
    :ivar field: the captured field (or path) whose change is looked at
    :ivar value: only a change *to* this value counts, written as JSON text
        (``"won"``, ``"true"``); any change when None
    """

    suffix: str
    field: str
    value: str | None = None


@dataclass(frozen=True)
class Source:
    """The declaration of one captured Odoo model.

    :ivar model: the Odoo model's name; becomes ``stream_model``
    :ivar noun: first part of the event types, e.g. ``"Opportunity"``
    :ivar fields: captured fields; ``"partner_id.name"`` is a column of the record
        that a stored many2one of this model points to
    :ivar rules: looked at in this order, the first that holds names the event;
        ``Updated`` when none does
    :ivar noun_field: a selection field that decides between several nouns
    :ivar nouns: ``{value of noun_field: noun}``; ``noun`` for any other value
    :ivar schema_version: raised when the meaning of a captured field changes
    """

    model: str
    noun: str
    fields: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    noun_field: str | None = None
    nouns: tuple[tuple[str, str], ...] = ()
    schema_version: int = 1
