"""What somebody sees of owners, where it is known of each of them."""

from dataclasses import dataclass
from functools import cached_property

from odoo.tools import SQL

from ..support.sql_arrays import integers
from . import thresholds


@dataclass(frozen=True)
class OwnerScope:
    """Some owners, of whom a viewer sees what is in some companies, and no more.

    None among the owners is nobody, among the companies none.

    :ivar company_ids: None instead of any leaves it to ``_visible`` to say
    """

    owner_ids: tuple[int | None, ...]
    company_ids: tuple[int | None, ...] | None

    @cached_property
    def owners(self) -> SQL:
        """The array of the owners, with 0 for nobody."""
        return integers(self.owner_ids)

    @property
    def companies(self) -> SQL:
        """The array of the companies, without none."""
        return integers(filter(None, self.company_ids or ()))

    @property
    def is_seen_without_company(self) -> bool:
        return None in (self.company_ids or ())


def in_scopes(seen: list[OwnerScope], row: SQL) -> SQL:
    """Return the condition that a row is of those owners, in those companies."""
    conditions = [
        SQL(
            """
            (COALESCE(%(row)s.user_id, 0) = ANY(%(owners)s)
             AND (%(row)s.company_id = ANY(%(companies)s)
                  OR %(or_none)s AND %(row)s.company_id IS NULL))
            """,
            row=row,
            owners=each.owners,
            companies=each.companies,
            or_none=each.is_seen_without_company,
        )
        for each in seen
    ]
    return SQL("(%s)", SQL(" OR ").join(conditions or [SQL("FALSE")]))


def owner_count(seen: list[OwnerScope]) -> int:
    return sum(len(each.owner_ids) for each in seen)


def are_few(seen: list[OwnerScope] | None) -> bool:
    """Return whether the owners are known, and few."""
    return seen is not None and owner_count(seen) <= thresholds.FEW_OWNERS
