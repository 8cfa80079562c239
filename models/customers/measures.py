"""The figures of an account, and of the rows that they are sums of.

A measure is declared once: a column of the sums, of one kind of rows. Where a person
may not read that kind, or its module is not installed, its measures are absent.

>>> [measure.name for measure in of_kinds({"opportunities"})]
['active', 'pipeline_value', 'weighted_pipeline', 'won', 'won_revenue', 'lost']
>>> SORTABLE["active_opportunities"].name
'active'
"""

from typing import NamedTuple

from ..access.viewers import INVOICES, LEADS, ORDERS

#: ``{kind of rows: model}``
KINDS = {"opportunities": LEADS, "orders": ORDERS, "invoices": INVOICES}


class Measure(NamedTuple):
    """A figure of accounts.

    :ivar name: its column in the relation of the sums
    :ivar kind: the rows that it is a sum of, one of ``KINDS``
    :ivar is_amount: it is in a currency, and converted
    :ivar description: for the contract
    :ivar api_name: in answers, where it is another one
    """

    name: str
    kind: str
    is_amount: bool
    description: str
    api_name: str | None = None

    @property
    def shown(self) -> str:
        return self.api_name or self.name


MEASURES = (
    Measure(
        "active", "opportunities", False, "Open ones.", api_name="active_opportunities"
    ),
    Measure("pipeline_value", "opportunities", True, "Of the open ones."),
    Measure("weighted_pipeline", "opportunities", True, "By their probabilities."),
    Measure("won", "opportunities", False, "How many."),
    Measure("won_revenue", "opportunities", True, "Of the won ones."),
    Measure("lost", "opportunities", False, "How many."),
    Measure("orders", "orders", False, "Confirmed ones."),
    Measure("ordered", "orders", True, "Untaxed, of confirmed orders."),
    Measure("invoices", "invoices", False, "Posted invoices and credit notes."),
    Measure(
        "invoiced", "invoices", True, "Untaxed, of posted ones, less credit notes."
    ),
    Measure("credited", "invoices", True, "What credit notes take from it, negative."),
    Measure("paid", "invoices", True, "The total of posted ones less what is open."),
    Measure("open", "invoices", True, "What is left to pay of posted ones."),
    Measure("overdue", "invoices", True, "What of it was due before today."),
)

#: By the names of the API
SORTABLE = {measure.shown: measure for measure in MEASURES}


def of_kinds(kinds) -> tuple[Measure, ...]:
    """Return the measures of some kinds of rows."""
    return tuple(measure for measure in MEASURES if measure.kind in kinds)
