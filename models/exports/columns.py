"""The columns of an exported list: what each is called, means and looks like."""

from dataclasses import dataclass

from ..projections.opportunity_pace import PACE_ORDERS

#: Kinds of columns
TEXT = "text"  # str
NAMED = "named"  # the id of a record, whose name is shown
CHOICE = "choice"  # of a selection
NUMBER = "number"  # Decimal
OWN_AMOUNT = "own_amount"  # Decimal, in the currency of the row
AMOUNT = "amount"  # Decimal, in the currency of the figures
CURRENCY = "currency"  # the id of a currency, whose code is shown
DATE = "date"
TIME = "time"

AMOUNTS = (OWN_AMOUNT, AMOUNT)


@dataclass(frozen=True)
class Column:
    """A column of a list.

    :ivar name: field of ``cqrs.opportunity.view``, or one of its pace
    :ivar label: in the reader's language, as is ``definition``
    :ivar width: in characters
    :ivar is_usual: the column is one of a list for which none are chosen
    """

    name: str
    kind: str
    label: str
    definition: str
    width: int = 16
    is_usual: bool = True


def columns(
    records, wanted: tuple[str, ...] = (), among: tuple[str, ...] | None = None
) -> list[Column]:
    """Return the columns of a list, of the fields that the reader may read.

    The value in the currency of the figures is always one, since it adds up to them,
    and so is the currency of a value.

    :param records: ``cqrs.opportunity.view`` of the reader, as of ``ListQuestion``
    :param wanted: names, in their order; none stands for the usual ones. Unknown ones
        are left out
    :param among: names of those that there are; None for all
    """
    known = {
        column.name: column
        for column in _all(records)
        if among is None or column.name in among
    }
    usual = [column.name for column in known.values() if column.is_usual]
    names = [name for name in wanted if name in known] or usual
    if "value" in names and "currency_id" not in names:
        names.insert(names.index("value") + 1, "currency_id")
    if "converted_value" not in names:
        names.append("converted_value")
    return [
        known[name]
        for name in dict.fromkeys(names)
        if name in PACE_ORDERS
        or records._has_field_access(records._fields[name], "read")
    ]


def _all(records) -> list[Column]:
    env = records.env
    code = records._conversion().currency.name
    found = [
        Column(
            "name", TEXT, env._("Opportunity"), env._("Name of the opportunity."), 40
        ),
        Column(
            "partner_name",
            TEXT,
            env._("Customer"),
            env._("The customer's name, with its company's."),
            32,
        ),
        Column(
            "user_id",
            NAMED,
            env._("Salesperson"),
            env._("Who owns the opportunity."),
            24,
        ),
        Column(
            "team_id",
            NAMED,
            env._("Sales Team"),
            env._("The opportunity's sales team."),
        ),
        Column(
            "stage_id",
            NAMED,
            env._("Stage"),
            env._("Where it stands in the pipeline."),
        ),
        Column(
            "status",
            CHOICE,
            env._("State"),
            env._("Open, won, or lost. A lost opportunity is archived, as a rule."),
            10,
        ),
        Column(
            "probability",
            NUMBER,
            env._("Probability (%)"),
            env._("Of being won, in percent."),
            10,
        ),
        Column(
            "value",
            OWN_AMOUNT,
            env._("Value"),
            env._(
                "Expected revenue in the currency beside it, that of the opportunity's"
                " company."
            ),
        ),
        Column(
            "currency_id",
            CURRENCY,
            env._("Currency"),
            env._("The currency of the value."),
            9,
        ),
        Column(
            "converted_value",
            AMOUNT,
            env._("Expected Revenue (%s)", code),
            env._(
                "The value in %s, at today's rate, not rounded: its sum, rounded once,"
                " is the figure of the dashboard.",
                code,
            ),
        ),
        Column(
            "weighted_value",
            AMOUNT,
            env._("Weighted (%s)", code),
            env._("Expected revenue in %s times probability, not rounded.", code),
        ),
        Column(
            "closing_date",
            DATE,
            env._("Expected Closing"),
            env._("The day on which the salesperson expects to win it."),
            12,
        ),
        Column(
            "closed_at", TIME, env._("Closed On"), env._("When it was won or lost.")
        ),
        Column("created_at", TIME, env._("Created On"), env._("When it was created.")),
    ]
    if len(records.env.user.company_ids) > 1:
        found.append(
            Column(
                "company_id",
                NAMED,
                env._("Company"),
                env._("The opportunity's company."),
                24,
            )
        )
    found += [
        Column(
            "lost_reason_id", NAMED, env._("Lost Reason"), env._("Why it was lost."), 24
        ),
        Column("source_id", NAMED, env._("Source"), env._("Where it came from."), 24),
        Column(
            "changed_at",
            TIME,
            env._("Changed On"),
            env._("When something of it changed that is on record."),
        ),
        Column(
            "age_days",
            NUMBER,
            env._("Days Open"),
            env._("Days since it was created, while it is open."),
            10,
            is_usual=False,
        ),
        Column(
            "stage_days",
            NUMBER,
            env._("Days in Stage"),
            env._("Days for which it has been in its stage, while it is open."),
            10,
            is_usual=False,
        ),
        Column(
            "idle_days",
            NUMBER,
            env._("Days Unchanged"),
            env._("Days since a person or an import changed it, while it is open."),
            10,
            is_usual=False,
        ),
        Column(
            "pushes",
            NUMBER,
            env._("Closing Date Moved"),
            env._("How often its expected closing moved later."),
            10,
            is_usual=False,
        ),
    ]
    return found
