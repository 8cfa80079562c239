"""Lines of a list about itself: of whom and when it is, and what each column means."""

from decimal import Decimal, localcontext

from odoo.tools.misc import format_date, format_datetime, formatLang

from ..metrics.rounding import rounded
from . import columns as kinds
from .rows import Amount, ListRows

#: Digits in which amounts are added up, which is exact
_PRECISION = 200


class Totals:
    """Adds up the rows of a list as they pass.

    :ivar count: of the rows
    """

    def __init__(self, rows: ListRows):
        self._rows = rows
        self.count = 0
        self._sums = {
            place: Decimal(0)
            for place, column in enumerate(rows.columns)
            if column.kind == kinds.AMOUNT
        }

    def __iter__(self):
        with localcontext() as context:
            context.prec = _PRECISION
            sums = self._sums
            for row in self._rows:
                self.count += 1
                for place in sums:
                    if (amount := row[place]) is not None:
                        sums[place] += amount.value
                yield row

    @property
    def amounts(self) -> list[tuple[str, Amount]]:
        """The label and the sum of each column of the figures, rounded once."""
        currency = self._rows.currency
        with localcontext() as context:
            context.prec = _PRECISION
            return [
                (
                    self._rows.columns[place].label,
                    Amount(rounded(amount, currency), currency),
                )
                for place, amount in self._sums.items()
            ]


def definitions(rows: ListRows, totals: Totals) -> list[tuple]:
    """Return lines, each a heading and a text or an amount."""
    env, question = rows.env, rows.question

    # Of whom one may not look as, not even the name is told.
    person = rows.records._person().sudo()
    moment = rows.moment
    lines = [
        (env._("List"), question.title or env._("Opportunities")),
        (env._("Exported By"), env.user.name),
        (env._("Seen As"), person.name),
        (
            env._("As Of"),
            f"{format_datetime(env, moment, tz=rows.zone.key)} ({rows.zone.key})",
        ),
        (env._("Companies"), ", ".join(env.companies.mapped("name"))),
        *((env._("Filter"), text) for text in question.description),
        (env._("Opportunities"), formatLang(env, totals.count, digits=0)),
        *((env._("Total, %s", label), amount) for label, amount in totals.amounts),
        *rows.told,
    ]
    if rows.left_out:
        lines.append(
            (
                env._("Left Out"),
                env._(
                    "%s record(s) could not be read and are missing. Ask an "
                    "administrator to check CRM > Configuration > Event Store.",
                    rows.left_out,
                ),
            )
        )
    lines += [
        (
            env._("Rate"),
            env._(
                "1 %(code)s = %(rate)s %(target)s, of %(day)s",
                code=code,
                rate=f"{rate:f}",
                target=rows.currency.name,
                day=format_date(env, env.cr.now().date()),
            ),
        )
        for code, rate in rows.rates()
    ]
    lines.append(("", ""))
    lines += [(column.label, column.definition) for column in rows.columns]
    return lines
