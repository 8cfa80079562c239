"""The declaration of a captured model: its fields, its noun and its event types.

A declaration belongs to no model class; a file of any addon may hold it::

    declare(
        Source(
            model="crm.stage",
            noun="Stage",
            fields=("name", "sequence", "is_won"),
            rules=(Rule("Renamed", "name"),),
        )
    )

Nothing else is needed: the source is attached in each database that has the model and
the addon (``attached_sources.py``). The hooks on ``base`` mark the model's writes, the
difference statement reads the declared fields, and the events appear in ``cqrs.event``
as ``StageCreated``, ``StageRenamed``, ``StageUpdated`` and ``StageDeleted``.
"""

import sys
from dataclasses import dataclass

from odoo.tools import SQL


@dataclass(frozen=True)
class Rule:
    """The event type that a change of ``field`` calls for.

    :ivar suffix: what follows the noun in the type, e.g. ``"Won"``
    :ivar field: the captured field (or path) whose change is looked at
    :ivar value: only a change *to* this value counts, written as JSON text
        (``"won"``, ``"true"``); any change when None
    :ivar where: ``(path, value)`` pairs that the new state has besides
    """

    suffix: str
    field: str
    value: str | None = None
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Collected:
    """A part of a record's state that its children give, e.g. the lines of an invoice.

    A write of ``fields`` of a child marks the record that it belongs to, and the one
    that it belonged to before. A database that lacks one of them lacks the part.

    :ivar name: the key of the part in the state
    :ivar child: the model of the children
    :ivar parent: the children's stored many2one to the source
    :ivar fields: the children's stored fields that ``value`` reads
    :ivar value: a ``jsonb``, an array in a fixed order, of the record ``t``; NULL for
        none
    :ivar cascades: chains of many2one or many2many fields, ``"model.field"``, each of
        the model that the one before it belongs to, the last one of the children.
        PostgreSQL deletes along them, unseen by any hook, what ``value`` reads
    """

    name: str
    child: str
    parent: str
    fields: tuple[str, ...]
    value: SQL
    cascades: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Source:
    """The declaration of one captured Odoo model.

    :ivar model: the Odoo model's name; becomes ``stream_model``
    :ivar noun: first part of the event types, e.g. ``"Opportunity"``
    :ivar fields: captured fields; ``"partner_id.name"`` is a column of the record
        that a stored many2one of this model points to. A database leaves out those
        that it does not have, and adds its own custom fields and those of other modules
    :ivar collected: the parts of the state that children give
    :ivar condition: the rows ``t`` of the model that are to be on record; all by
        default. A record that is on record stays there, whatever becomes of its row.
        ``create_date`` tells whether one that begins to meet it is new
    :ivar joined_by: ``"crm.lead.partner_id"``, many2one fields of captured models: a
        record joins, whatever the condition, once a captured record refers to it
    :ivar only_declared: fields of other modules are left out, custom ones are not
    :ivar has_company: a record belongs to the company of its ``company_id``. False for
        people, whose field says where Odoo begins, or employs them: who reads the log
        of a company reads nothing of them
    :ivar personal: those of ``fields``, or of former ones, whose values can be erased
        (``personal.py``)
    :ivar left_out: fields that are not to be recorded, whoever adds them: derived ones,
        bookkeeping
    :ivar rules: looked at in this order, the first that holds names the event;
        ``Updated`` when none does
    :ivar noun_field: a selection field that decides between several nouns
    :ivar nouns: ``{value of noun_field: noun}``; ``noun`` for any other value
    :ivar schema_version: raised when the meaning of a captured field changes
    """

    model: str
    noun: str
    fields: tuple[str, ...]
    personal: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    noun_field: str | None = None
    nouns: tuple[tuple[str, str], ...] = ()
    schema_version: int = 1
    left_out: tuple[str, ...] = ()
    collected: tuple[Collected, ...] = ()
    condition: SQL | None = None
    joined_by: tuple[str, ...] = ()
    only_declared: bool = False
    has_company: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the keys that a state may have: fields, paths and collected parts."""
        return (*self.fields, *(part.name for part in self.collected))

    def __post_init__(self):
        if self.noun_field in self.personal:
            raise ValueError(f"{self.noun_field} names the events: it stays in the log")


#: The sources by model and by the addon that declares them, the last one last. Those
#: of an addon that another database has installed may be here, too.
DECLARED: dict[str, dict[str, Source]] = {}


def declare(source: Source):
    """Declare a source on behalf of the addon that calls.

    If several addons declare the same model, the last one that is installed counts.
    """
    addon = sys._getframe(1).f_globals["__name__"].split(".")[2]
    by_addon = DECLARED.setdefault(source.model, {})
    by_addon.pop(addon, None)
    by_addon[addon] = source
