"""The rows of each kind, and the contacts, that one person may see."""

from dataclasses import dataclass
from functools import cached_property

from odoo.tools import SQL

from ..support.bound_companies import within_bounds
from .measures import KINDS, Measure, of_kinds


@dataclass(frozen=True)
class Viewing:
    """The rows behind accounts that a person sees, as the caller.

    :ivar user: a ``res.users`` record; the caller sees no more than both do
    """

    env: object
    user: object

    @cached_property
    def viewers(self) -> dict[str, list]:
        """The viewers of each kind of rows that may be read: ``{kind: viewers}``."""
        access = self.env["cqrs.access"]
        found = {"opportunities": access._viewers(self.user)}
        for kind in ("orders", "invoices"):
            if viewers := access._document_viewers(self.user, KINDS[kind]):
                found[kind] = viewers
        return found

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        return of_kinds(self.viewers)

    def sees(self, kind: str) -> SQL:
        """Return the condition under which a row ``view`` of a kind is seen."""
        return self.env["cqrs.access"]._visible(self.viewers[kind], SQL("view"))

    def reads_contact(self, contact_id: SQL, of_many: bool = False) -> SQL:
        """Return the condition under which Odoo lets both read a contact.

        It is Odoo's own: its access rights, and all record rules on contacts, in all
        companies that each of them may work in.

        :param of_many: it is asked of most contacts, rather than of those of a page
        """
        callers = [self.user]
        if not self.env.su and self.env.user != self.user:
            callers.append(self.env.user)
        conditions = [
            _odoo_reads(self.env, user, contact_id, of_many) for user in callers
        ]
        return SQL(" AND ").join(conditions)

    @property
    def version(self) -> str:
        """The rights that an answer depends on, beside log and currencies."""
        options = self.env["cqrs.access"]._options()
        return repr((self.viewers, options, self.reads_contact(SQL("id"))))


def _odoo_reads(env, user, contact_id: SQL, of_many: bool) -> SQL:
    company_ids = list(within_bounds(env, tuple(user.company_ids.ids)))
    contacts = env["res.partner"].with_user(user)
    contacts = contacts.with_context(active_test=False, allowed_company_ids=company_ids)
    # To Odoo, no company would be each of them.
    if not company_ids or not contacts.has_access("read"):
        return SQL("FALSE")
    query = contacts._search([])
    if query.is_empty():
        return SQL("FALSE")
    if of_many:
        return SQL("%s IN %s", contact_id, query.subselect())
    # OFFSET 0: a probe for each row that is looked at, of which there are few.
    return SQL(
        "EXISTS (SELECT FROM %s WHERE %s AND %s = %s OFFSET 0)",
        query.from_clause,
        query.where_clause or SQL("TRUE"),
        SQL.identifier("res_partner", "id"),
        contact_id,
    )
