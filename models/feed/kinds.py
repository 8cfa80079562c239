"""The kinds of records that a feed tells of, and who sees one, as it is and as it was.

A record is seen on the ground of its recorded state: that of now, or that before an
event, always by the rights of now. Opportunities, orders and invoices are seen by
``cqrs.access``, contacts as Odoo's own record rules have it. Contacts of internal users
are people, of whom nothing is told.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from odoo.fields import Domain
from odoo.tools import SQL

from ..access import policy
from ..access.policy import Row, Viewer
from ..access.viewers import INVOICES, LEADS, ORDERS
from ..support.bound_companies import within_bounds
from ..support.exact_json import dumps

CONTACTS = "res.partner"

#: The models, in the order in which they are listed
MODELS = (LEADS, ORDERS, INVOICES, CONTACTS)

#: A version after all others
LAST_VERSION = 2**31 - 1

Key = TypeVar("Key", bound=Hashable)

#: The field of the owner, and what a row has to be
_OWNERS = {
    LEADS: ("user_id", ("type", "opportunity")),
    ORDERS: ("user_id", None),
    INVOICES: ("invoice_user_id", None),
}


#: Recorded fields that decide who sees a record, but for contacts, of which a record
#: rule may ask for any
DECIDING_FIELDS = ("user_id", "invoice_user_id", "team_id", "company_id", "type")


@dataclass(frozen=True)
class Kind:
    """Records of one model, as ``env.user`` sees them.

    :ivar fields: the recorded fields that decide who sees a record
    :ivar viewers: those through whose eyes the user sees them; none for contacts
    """

    env: object
    model: str
    fields: tuple[str, ...]
    viewers: list[Viewer] = field(default_factory=list)

    @property
    def deciding(self) -> object:
        """The facts that decide who is seen, beside the owners below the viewers."""
        raise NotImplementedError

    def seen(
        self, states: dict[Key, dict], company_ids: tuple[int, ...] | None
    ) -> set[Key]:
        """Return the keys of the records that the user sees.

        :param states: of ``fields``; the id of the record is the key, or comes first in
            it
        :param company_ids: only records of these companies, or of none
        """
        if not states:
            return set()
        keys = list(states)
        row, table, conditions = self._rows(states)
        if company_ids is not None:
            conditions.append(policy.in_companies(company_ids, row))
        found = self.env.execute_query(
            SQL(
                "SELECT key_number FROM %s WHERE %s",
                table,
                SQL(" AND ").join(conditions),
            )
        )
        return {keys[number - 1] for (number,) in found}

    def _rows(self, states: dict) -> tuple[SQL, SQL, list[SQL]]:
        """Return the alias of the rows, the tables, and conditions on a row.

        ``key_number`` of a row is its place among ``states``, from 1.
        """
        raise NotImplementedError


class Owned(Kind):
    """Opportunities, orders or invoices."""

    @property
    def deciding(self):
        return self.viewers

    def _rows(self, states):
        row = SQL("owned")
        owner, needed = _OWNERS[self.model]
        columns = [
            [state.get(name) for state in states.values()]
            for name in (owner, "team_id", "company_id")
        ]
        is_one = [
            needed is None or state.get(needed[0]) == needed[1]
            for state in states.values()
        ]
        table = SQL(
            """
            unnest(%s::integer[], %s::integer[], %s::integer[], %s::boolean[])
                WITH ORDINALITY
                AS owned (user_id, team_id, company_id, is_one, key_number)
            """,
            *columns,
            is_one,
        )
        seen = self.env["cqrs.access"]._visible(self.viewers, row)
        return row, table, [SQL("is_one"), seen]


class Contacts(Kind):
    """Contacts, by Odoo's own rules.

    The rules are asked of a row that has the recorded values of the time, and in what
    is not recorded those that the contact has now. Where a rule asks for such values, a
    contact that is gone is not known to have been seen.
    """

    @property
    def deciding(self):
        return self._company_ids, repr(list(self._rules))

    @property
    def _company_ids(self) -> list[int]:
        return [*within_bounds(self.env, tuple(self.env.user.company_ids.ids))]

    @property
    def _rules(self) -> Domain:
        return self._contacts.env["ir.rule"]._compute_domain(CONTACTS, "read")

    @property
    def _contacts(self):
        return self.env[CONTACTS].with_context(
            active_test=False, allowed_company_ids=self._company_ids
        )

    def _rows(self, states):
        alias = "res_partner"
        ids = [key[0] if isinstance(key, tuple) else key for key in states]
        texts = [
            dumps({**state, "id": id_})
            for id_, state in zip(ids, states.values(), strict=True)
        ]
        query = self._contacts._search([])
        # In place of the table, under its name.
        query._tables[alias] = SQL(
            """
            (SELECT (jsonb_populate_record(present, whole.state)).*, key_number,
                    present.id IS NOT NULL AS is_there
             FROM unnest(%s::integer[], %s::jsonb[])
                WITH ORDINALITY AS recorded (id, state, key_number)
             LEFT JOIN res_partner present ON present.id = recorded.id
             CROSS JOIN LATERAL (
                SELECT CASE WHEN present.id IS NULL THEN %s::jsonb ELSE '{}' END
                       || recorded.state) whole (state))
            """,
            ids,
            texts,
            # Users' contacts, which Odoo shows in all companies, are not deleted.
            dumps({"partner_share": True}),
        )
        row = SQL.identifier(alias)
        is_nobody_here = SQL("%s.partner_share IS NOT FALSE", row)
        conditions = [query.where_clause or SQL("TRUE"), is_nobody_here]
        asked = {
            each.field_expr.split(".")[0] for each in self._rules.iter_conditions()
        }
        if not asked <= {*self.fields, "id", "partner_share"}:
            conditions.append(SQL("is_there"))
        # To Odoo, no company would be each of them.
        if query.is_empty() or not self._company_ids:
            conditions.append(SQL("FALSE"))
        return (
            Row(SQL("%s.user_id", row), SQL("NULL"), SQL("%s.company_id", row)),
            query.from_clause,
            conditions,
        )


def kinds_of(env) -> dict[str, Kind]:
    """Return the kinds of which ``env.user`` may see records, by their models."""
    kinds = {}
    access = env["cqrs.access"]
    for model, (owner, needed) in _OWNERS.items():
        if viewers := access._viewers_of_model(env.user, model):
            fields = (owner, "team_id", "company_id", *(needed or ())[:1])
            kinds[model] = Owned(env, model, fields, viewers)
    # Whoever may look at customers: ``api/v2/dashboard/accounts``.
    source = env["cqrs.event"]._sources().get(CONTACTS)
    if source and LEADS in kinds and env[CONTACTS].has_access("read"):
        kinds[CONTACTS] = Contacts(env, CONTACTS, source.paths)
    return kinds


def present_states(kind: Kind, ids: list[int]) -> dict[int, dict]:
    """Return the deciding fields of records that exist, by their ids."""
    rows = kind.env.execute_query(
        SQL(
            """
            SELECT stream_id, (SELECT jsonb_object_agg(name, state -> name)
                               FROM unnest(%s::text[]) name)
            FROM cqrs_stream
            WHERE stream_model = %s AND stream_id = ANY(%s) AND state IS NOT NULL
            """,
            list(kind.fields),
            kind.model,
            ids,
        )
    )
    return dict(rows)


def states_before(
    kind: Kind, events: list[tuple[int, int]]
) -> dict[tuple[int, int], dict]:
    """Return the deciding fields of records before events, by id and version."""
    if not events:
        return {}
    rows = kind.env.execute_query(
        SQL(
            # The last event that set the field, or the record's creation.
            """
            SELECT id, version, (
                SELECT jsonb_object_agg(name, (
                    SELECT after -> name FROM cqrs_event event
                    WHERE event.stream_model = %s
                      AND event.stream_id = wanted.id AND event.version < wanted.version
                      AND (event.before IS NULL OR jsonb_exists(event.after, name))
                    ORDER BY event.version DESC LIMIT 1))
                FROM unnest(%s::text[]) name)
            FROM unnest(%s::integer[], %s::integer[]) AS wanted (id, version)
            """,
            kind.model,
            list(kind.fields),
            *map(list, zip(*events, strict=True)),
        )
    )
    return {(id_, version): state for id_, version, state in rows}
