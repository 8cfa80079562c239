"""The finder: everything in this database that a person has left.

One reading serves the preview, the export and the forgetting itself.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from odoo.tools import SQL

from .personal import personal_fields
from .subject import Subject

#: Characters that an address may go on with, before and after it
_BEFORE = r"(?<![a-z0-9._%+-])"
_AFTER = r"(?![a-z0-9_%+-]|\.[a-z0-9])"

#: Models whose records may name a person who is not theirs
MENTIONING = ("crm.lead", "res.partner", "mail.activity", "mail.message")

#: Everything personal of an event, as one text in small letters
EVENT_TEXT = SQL(
    "lower(CASE WHEN event.commitment IS NOT NULL THEN event.personal::text"
    " ELSE concat_ws(' ', event.before::text, event.after::text) END)"
)


@dataclass
class Found:
    """The traces of a person.

    :ivar records: ``{model: ids}`` of Odoo's records that are the person's own
    :ivar kept: ``{model: {id: reason}}`` of records that are shown and not touched
    :ivar mentions: ``{model: ids}`` of other records that hold an address of the person
    :ivar streams: ``{model: ids}`` of the streams whose events tell of the person,
        deleted records included
    :ivar emails: addresses of the person
    """

    records: dict[str, list[int]] = field(default_factory=dict)
    kept: dict[str, dict[int, str]] = field(default_factory=dict)
    mentions: dict[str, list[int]] = field(default_factory=dict)
    streams: dict[str, list[int]] = field(default_factory=dict)
    emails: tuple[str, ...] = ()

    def __bool__(self):
        return any((self.records, self.kept, self.mentions, self.streams))


def address_pattern(email: str) -> str:
    """Return the regular expression of an address that is no part of a longer one.

    >>> bool(re.search(address_pattern("al@x.com"), "Al <al@x.com>"))
    True
    >>> bool(re.search(address_pattern("al@x.com"), "val@x.com, al@x.com.au"))
    False
    """
    return _BEFORE + re.escape(email) + _AFTER


def find(env, subject: Subject) -> Found:
    """Find the traces of a person; nothing is written."""
    return _Finder(env, subject).find()


def merged_into(env, leads: Iterable[int]) -> set[int]:
    """Return the leads, those that Odoo has merged into them, and so on."""
    rows = env.execute_query(
        SQL(
            """
            WITH RECURSIVE merged (id) AS (
                SELECT unnest(%s::integer[])
                UNION
                SELECT source::integer
                FROM merged
                JOIN cqrs_event event
                  ON event.stream_model = 'crm.lead' AND event.stream_id = merged.id
                CROSS JOIN jsonb_array_elements_text(details -> 'merged_from') AS source
            )
            SELECT id FROM merged
            """,
            list(leads),
        )
    )
    return {id_ for (id_,) in rows}


class _Finder:
    def __init__(self, env, subject: Subject):
        self.env = env(su=True, context={**env.context, "active_test": False})
        self.subject = subject
        self.emails = set(subject.emails)
        self.found = Found()

    def find(self) -> Found:
        self.env.cr.flush()
        partners = self._partners()
        leads = self._leads(partners)
        own = {"crm.lead": leads, "res.partner": partners}
        own["res.users"] = self._portal_users(partners)
        for model, ids in own.items():
            self._keep_held(model, ids)
        self._keep_partners_of_held_leads(own)
        own["res.users"] &= set(
            self._ids(
                "res_users", SQL("partner_id = ANY(%s)", list(own["res.partner"]))
            )
        )
        self.found.records = _sorted(own)
        self.found.emails = tuple(sorted(self.emails))
        self.found.streams = _sorted(self._streams(partners, leads, own))
        self.found.mentions = _sorted(self._mentions(own))
        return self.found

    # Odoo's own records

    def _partners(self) -> set[int]:
        ids = self._existing("res_partner", self.subject.partner_ids)
        for lead in self._rows("crm_lead", self.subject.lead_ids, "email_normalized"):
            self.emails.update(filter(None, [lead["email_normalized"]]))
        ids |= set(self._ids("res_partner", self._has_address()))
        own = self.env["res.partner"].browse(self.subject.partner_ids).exists()
        # The address of a chosen contact leads to leads, not to those who share it.
        self.emails.update(filter(None, own.mapped("email_normalized")))
        return ids

    def _portal_users(self, partners: set[int]) -> set[int]:
        """Return the portal users of contacts; keep those of the company."""
        users = self.env["res.users"].search([("partner_id", "in", list(partners))])
        internal = users.filtered(lambda user: not user.share)
        for user in internal:
            reason = self.env._("An internal user. Delete the user in Odoo first.")
            self._keep("res.users", user.id, reason)
            self._keep("res.partner", user.partner_id.id, reason)
        partners -= set(internal.partner_id.ids)
        companies = self.env["res.company"].search([("partner_id", "in", [*partners])])
        for company in companies:
            reason = self.env._("The contact of your company %s.", company.name)
            self._keep("res.partner", company.partner_id.id, reason)
        partners -= set(companies.partner_id.ids)
        self._keep_employees()
        return set((users - internal).ids)

    def _keep_employees(self):
        is_theirs = SQL("lower(work_email) = ANY(%s)", list(self.emails))
        for id_ in self._ids("hr_employee", is_theirs):
            reason = self.env._("An employee. Human resources decide on it.")
            self._keep("hr.employee", id_, reason)

    def _leads(self, partners: set[int]) -> set[int]:
        ids = self._existing("crm_lead", self.subject.lead_ids)
        condition = SQL("partner_id = ANY(%s)", list(partners))
        ids |= set(self._ids("crm_lead", condition))
        address = self._has_address()
        if not self.subject.emails and not self.subject.lead_ids:
            # An address may be shared: a lead of another contact is not this person's.
            address = SQL("%s AND partner_id IS NULL", address)
        return ids | set(self._ids("crm_lead", address))

    def _keep_held(self, model: str, ids: set[int]):
        """Take the records under a legal hold out of the ids."""
        held = self.env["cqrs.legal.hold"]._held(model, ids)
        for id_, reason in held.items():
            self._keep(model, id_, self.env._("Legal hold: %s", reason))
        ids.difference_update(held)

    def _keep_partners_of_held_leads(self, own: dict[str, set[int]]):
        held = self.env["crm.lead"].browse(self.found.kept.get("crm.lead", ()))
        for lead in held:
            if lead.partner_id.id in own["res.partner"]:
                own["res.partner"].discard(lead.partner_id.id)
                reason = self.env._("The contact of %s, which is kept.", f"#{lead.id}")
                self._keep("res.partner", lead.partner_id.id, reason)

    def _keep(self, model: str, id_: int, reason: str):
        self.found.kept.setdefault(model, {})[id_] = reason

    # The log

    def _streams(self, partners, leads, own) -> dict[str, set[int]]:
        """Return the streams of the records, and those whose events tell of them."""
        streams = defaultdict(set)
        captured = self.env["cqrs.event"]._captured()
        for model, ids in own.items():
            if model in captured:
                streams[model] |= ids
        kept = self.found.kept
        for model, id_ in self._telling_streams(partners):
            if id_ not in kept.get(model, ()):
                streams[model].add(id_)
        streams["crm.lead"] |= merged_into(self.env, streams["crm.lead"])
        streams["crm.lead"] -= kept.get("crm.lead", {}).keys()
        return streams

    def _telling_streams(self, partners: set[int]) -> list[tuple[str, int]]:
        conditions = [
            SQL("%s ~ %s", EVENT_TEXT, "|".join(map(address_pattern, self.emails)))
            if self.emails
            else SQL("false"),
        ]
        ids = SQL("%s::jsonb[]", [str(id_) for id_ in partners])
        for model, name in self._references() if partners else ():
            conditions.append(
                SQL(
                    "stream_model = %(model)s AND (after -> %(name)s = ANY(%(ids)s)"
                    " OR before -> %(name)s = ANY(%(ids)s))",
                    model=model,
                    name=name,
                    ids=ids,
                )
            )
        condition = SQL(" OR ").join(SQL("(%s)", each) for each in conditions)
        return self.env.execute_query(
            SQL(
                "SELECT DISTINCT stream_model, stream_id"
                " FROM cqrs_event event WHERE %s",
                condition,
            )
        )

    def _references(self) -> list[tuple[str, str]]:
        """Return ``(captured model, field)`` of the references to a contact."""
        return [
            (model, name)
            for model, source in self.env["cqrs.event"]._sources().items()
            for name in source.fields
            if "." not in name
            and self.env[model]._fields[name].comodel_name == "res.partner"
        ]

    # Other records

    def _mentions(self, own) -> dict[str, set[int]]:
        """Return the records of others that hold an address of the person."""
        mentions = {}
        if not self.emails:
            return mentions
        pattern = "|".join(map(address_pattern, self.emails))
        for model in MENTIONING:
            columns = [
                SQL("%s::text", SQL.identifier(name))
                for name in personal_fields(self.env[model])
                if self.env[model]._fields[name].column_type
                and self.env[model]._fields[name].type != "binary"
            ]
            text = SQL("lower(concat_ws(' ', %s))", SQL(", ").join(columns))
            table = self.env[model]._table
            ids = set(self._ids(table, SQL("%s ~ %s", text, pattern)))
            mentions[model] = (
                ids - own.get(model, set()) - self.found.kept.get(model, {}).keys()
            )
        return mentions

    # Queries

    def _has_address(self) -> SQL:
        return SQL("email_normalized = ANY(%s)", list(self.emails))

    def _ids(self, table: str, condition: SQL) -> list[int]:
        query = SQL("SELECT id FROM %s WHERE %s", SQL.identifier(table), condition)
        return [id_ for (id_,) in self.env.execute_query(query)]

    def _existing(self, table: str, ids) -> set[int]:
        return set(self._ids(table, SQL("id = ANY(%s)", list(ids))))

    def _rows(self, table: str, ids, *columns: str) -> list[dict]:
        return self.env.execute_query_dict(
            SQL(
                "SELECT %s FROM %s WHERE id = ANY(%s)",
                SQL(", ").join(map(SQL.identifier, columns)),
                SQL.identifier(table),
                list(ids),
            )
        )


def _sorted(ids: dict[str, set[int]]) -> dict[str, list[int]]:
    return {model: sorted(each) for model, each in ids.items() if each}
