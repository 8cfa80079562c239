"""The rows of each kind, and the contacts, that one person may see."""

from dataclasses import dataclass
from functools import cached_property

from odoo.tools import SQL

from ..support.answer_context import known_while_reading
from ..support.bound_companies import within_bounds
from .measures import KINDS, Measure, of_kinds


@dataclass(frozen=True)
class Viewing:
    """The rows behind accounts that a person sees, as the caller.

    :ivar user: a ``res.users`` record; the caller sees no more than both do
    """

    env: object
    user: object

    @classmethod
    def of(cls, env, user) -> "Viewing":
        """Return what a user sees; the same object while a transaction only reads."""
        key = cls, user.id, env.uid, env.su
        return known_while_reading(env, key, lambda: cls(env, user))

    @cached_property
    def viewers(self) -> dict[str, list]:
        """The viewers of each kind of rows that may be read: ``{kind: viewers}``."""
        access = self.env["cqrs.access"]
        found = {
            kind: access._document_viewers(self.user, model)
            for kind, model in KINDS.items()
        }
        # Whoever may read no opportunities has none; the figures of the others are
        # absent.
        return {
            kind: viewers
            for kind, viewers in found.items()
            if viewers or kind == "opportunities"
        }

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        return of_kinds(self.viewers)

    @cached_property
    def figures(self) -> tuple[tuple[str, str, bool], ...]:
        """The measures as ``(column, name in answers, whether it is an amount)``."""
        return tuple((each.name, each.shown, each.is_amount) for each in self.measures)

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
            _reads(self._readable(user), contact_id, of_many) for user in callers
        ]
        return SQL(" AND ").join(conditions)

    def _readable(self, user):
        """Return the ``Query`` of the contacts that a user may read; None for none."""

        def ask():
            # Odoo keeps these ids; ``company_ids`` would read the companies.
            company_ids = [*within_bounds(self.env, user._get_company_ids())]
            # To Odoo, no company would be each of them.
            if not company_ids:
                return None
            contacts = self.env["res.partner"].with_user(user)
            contacts = contacts.with_context(
                active_test=False,
                allowed_company_ids=company_ids,
                # Of the companies, a rule reads where they are in their tree.
                prefetch_fields=False,
            )
            if not contacts.has_access("read"):
                return None
            query = contacts._search([])
            return None if query.is_empty() else query

        return known_while_reading(self.env, ("readable contacts", user.id), ask)

    @property
    def version(self) -> str:
        """The rights that an answer depends on, beside log and currencies."""
        options = self.env["cqrs.access"]._options()
        return repr((self.viewers, options, self.reads_contact(SQL("id"))))


def _reads(query, contact_id: SQL, of_many: bool) -> SQL:
    if query is None:
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
