"""Filters of invoices, and their conditions in SQL."""

from dataclasses import dataclass
from datetime import date

from odoo.tools import SQL

from ..access import policy
from ..opportunities.filters import check_length, owned
from ..projections.invoice_view import is_overdue
from ..support.periods import Period
from ..support.sql_arrays import integers

VIEW = SQL("view")

_IS_OPEN = SQL(
    "EXISTS (SELECT FROM cqrs_receivable line WHERE line.invoice_id = view.id)"
)


#: ``{status: condition on a row view, by the day}``; an overdue one is open, too
STATUSES = {
    "draft": lambda today: SQL("view.state = 'draft'"),
    "open": lambda today: _IS_OPEN,
    "overdue": lambda today: is_overdue(VIEW, today),
    "paid": lambda today: SQL("(view.state = 'posted' AND NOT %s)", _IS_OPEN),
    "cancelled": lambda today: SQL("view.state = 'cancel'"),
}


@dataclass(frozen=True)
class InvoiceFilters:
    """Conditions on the visible invoices; all of them hold together.

    :ivar statuses: names of ``STATUSES``; None is all that are posted
    :ivar account_ids: of these customers; None is any, as below
    :ivar user_ids: of these salespeople; None among them is *unassigned*
    :ivar but_user_id: not of this one
    :ivar company_ids: of these companies
    :ivar period: invoiced in it
    :ivar text: each of its terms begins a part of the number, or a word of the
        customer's name
    :raise ValueError: the text is longer than ``MAX_TEXT``
    """

    statuses: tuple[str, ...] | None = None
    account_ids: tuple[int, ...] | None = None
    user_ids: tuple[int | None, ...] | None = None
    but_user_id: int | None = None
    company_ids: tuple[int, ...] | None = None
    period: Period | None = None
    text: str | None = None

    def __post_init__(self):
        check_length(self.text)

    def condition(self, today: date, terms: tuple[str, ...] | None) -> SQL:
        """Return the condition on a row ``view``.

        :param terms: those of the text; None where there is no text, and none of a
            text that has nothing but punctuation, which finds nothing
        """
        conditions = [self._of_statuses(today), self.of_whom(VIEW)]
        if self.period:
            # Days of an invoice are days, in whichever zone.
            for operator, day in ((">=", self.period.first), ("<", self.period.until)):
                if day:
                    conditions.append(SQL(f"view.invoiced_on {operator} %s", day))
        if terms is not None:
            conditions += [_has(term) for term in terms] or [SQL("FALSE")]
        return SQL(" AND ").join(conditions)

    def of_whom(self, row: SQL) -> SQL:
        """Return the condition on customer, owner and company.

        :param row: the alias of a relation of invoices, or of their lines
        """
        conditions = [SQL("TRUE")]
        if self.account_ids is not None:
            ids = integers(self.account_ids)
            conditions.append(SQL("%s.account_id = ANY(%s)", row, ids))
        if self.user_ids is not None:
            conditions.append(owned(self.user_ids, row))
        if self.but_user_id is not None:
            other = SQL("%s.user_id IS DISTINCT FROM %s", row, self.but_user_id)
            conditions.append(other)
        if self.company_ids is not None:
            conditions.append(policy.in_companies(self.company_ids, row))
        return SQL(" AND ").join(conditions)

    def of_lines(self, row: SQL, today: date) -> SQL:
        """Return the condition on an open line that its invoice has one of the states.

        :param row: the alias of the relation of lines
        """
        if self.statuses is None or "open" in self.statuses:
            return SQL("TRUE")
        if "overdue" not in self.statuses:
            return SQL("FALSE")
        return SQL(
            "%s.invoice_id IN (SELECT invoice_id FROM cqrs_receivable"
            " WHERE is_first AND due_on < %s)",
            row,
            today,
        )

    @property
    def are_of_sums(self) -> bool:
        """Whether they let through all posted invoices of owners, companies and days.

        The sums by month have these.
        """
        return (self.statuses, self.account_ids, self.text) == (None, None, None)

    @property
    def are_of_lines(self) -> bool:
        """Whether a line of an invoice tells, without the invoice, if they let it
        through."""
        return (self.period, self.text) == (None, None)

    def lets_through(self, owner_id: int | None) -> bool:
        """Return whether an owner's invoices are let through."""
        is_asked_for = self.user_ids is None or owner_id in self.user_ids
        is_left_out = self.but_user_id is not None and owner_id == self.but_user_id
        return is_asked_for and not is_left_out

    def _of_statuses(self, today: date) -> SQL:
        if self.statuses is None:
            return SQL("view.state = 'posted'")
        found = [STATUSES[status](today) for status in self.statuses]
        return SQL("(%s)", SQL(" OR ").join(found or [SQL("FALSE")]))


EVERY = InvoiceFilters()


def _has(term: str) -> SQL:
    # A term has letters and digits alone.
    return SQL(
        """
        (view.name ~* %(number)s OR view.account_id IN (
            SELECT contact.account_id FROM cqrs_contact contact
            WHERE contact.words @@ %(words)s
              -- They have the reference, too, which Odoo may hide from the reader.
              AND array_to_tsvector(cqrs_terms(contact.name)) @@ %(words)s))
        """,
        number=f"(^|[^[:alnum:]]){term}",
        words=SQL("%s::tsquery", f"'{term}':*"),
    )
