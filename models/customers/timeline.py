"""The story of an account: its events and those of its deals, orders and invoices.

One order by time, the newest first. An event is told to whoever sees its record now,
without the fields that Odoo hides from the reader. Of contacts every change is told; of
deals, orders and invoices what becomes of them, not each edit. What a record was in
companies in which the reader may not work is not told (``event_store/part.py``).
"""

from datetime import datetime, timezone
from decimal import Decimal
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..event_store.part import OF_COMPANIES, Part, in_part
from ..history.changes import describe_changes
from ..history.sentences import reasons, sentences
from ..support.answer_context import without_jit
from ..support.sql_arrays import integers
from .measures import KINDS
from .rows import contacts_of, rows_of
from .viewing import Viewing

#: Types of events that are told, by model, as a condition on ``event``; None is all
_TOLD = {
    "res.partner": None,
    "crm.lead": SQL(
        "event.type ~ '(Created|Won|Lost|Reopened|Converted|Merged|Reassigned)$'"
    ),
    "sale.order": SQL("event.type ~ '(Created|Sent|Confirmed|Cancelled|Draft)$'"),
    # A draft is nothing yet.
    "account.move": SQL(
        "(event.type ~ '(Posted|Paid|InPayment|Undone|Reversed|Cancelled|Draft)$'"
        " OR event.type ~ 'Created$' AND event.after ->> 'state' = 'posted')"
    ),
}

#: The kinds of entries
ENTRY_KINDS = ("contact", "opportunity", "order", "invoice", "credit_note")

# A record joins the log later than it began: what was there before recording began, and
# a contact that something refers to. It is told where it began.
_TOLD_AT = SQL(
    """
    CASE WHEN event.before IS NULL AND told.day ~ '^[12][0-9]{3}-[01][0-9]-[0-3][0-9]'
              AND (event.origin = 'migration' OR event.stream_model = 'res.partner')
         THEN LEAST(told.day::timestamp AT TIME ZONE 'UTC', event.occurred_at)
         ELSE event.occurred_at END
    """
)
_BEGAN = SQL(
    """
    CASE event.stream_model
         WHEN 'account.move' THEN event.after ->> 'invoice_date'
         WHEN 'sale.order' THEN COALESCE(event.after ->> 'date_order',
                                         event.after ->> 'create_date')
         ELSE event.after ->> 'create_date' END
    """
)


class Moment(NamedTuple):
    """The place of an entry in a timeline.

    :ivar at: its time, as a text with all its digits
    :ivar position: that of its event
    """

    at: str
    position: int


class CqrsAccounts(models.AbstractModel):
    _inherit = "cqrs.accounts"

    @api.model
    def _read_timeline(
        self, user, account_id: int, after: Moment | None = None, limit: int = 20
    ) -> dict | None:
        """Return ``{items, next}`` of an account's story, None if it may not be read.

        An item is ``{position, at, kind, record: {odoo_id, name}, amount, currency,
        type, user, sentences, reasons}``: the amount is that of the record now, texts
        are in the language of ``env``. ``next`` is a ``Moment`` or None.

        :param after: the entries before this one in time
        :param limit: entries of the page, one at least
        """
        without_jit(self.env)
        viewing = Viewing.of(self.env, user)
        rows = self._told_records(viewing, account_id)
        if rows is None:
            return None
        access = self.env["cqrs.access"]
        companies = access._company_ids(user)
        if not self.env.su:
            companies &= access._company_ids(self.env.user)
        part = self.env["cqrs.event"]._part_of(companies, is_shared=True)
        places = self._moments(rows, account_id, after, limit + 1, part)
        page = places[:limit]
        return {
            "items": self._entries(page, rows, part),
            "next": page[-1] if len(places) > limit else None,
        }

    def _told_records(self, viewing: Viewing, account_id: int) -> dict | None:
        """Return ``{(model, id): row}`` of the records that are told of.

        A row is ``{name, kind, amount, currency}``. None: there is no account that may
        be read.
        """
        contacts = SQL(
            "SELECT 'res.partner', view.id, view.name, 'contact', NULL, NULL"
            " FROM (%s) view WHERE %s",
            contacts_of(account_id),
            viewing.reads_contact(SQL("view.id")),
        )
        parts = [contacts] + [
            SQL(
                """
                SELECT %s, view.id, view.name, %s,
                       round(%s, currency.decimal_places)::text, currency.name
                FROM %s
                JOIN res_currency currency ON currency.id = COALESCE(%s, %s)
                WHERE %s
                """,
                KINDS[kind],
                _ENTRY_KIND[kind],
                _AMOUNT[kind],
                rows_of(kind, account_id),
                _CURRENCY[kind],
                own_currency(AnswerContext.of(self.env, viewing.user)).id,
                viewing.sees(kind),
            )
            for kind in viewing.viewers
        ]
        found = self.env.execute_query(SQL(" UNION ALL ").join(parts))
        rows = {
            (model, id_): {
                "name": name,
                "kind": kind,
                "amount": amount and Decimal(amount),
                "currency": currency,
            }
            for model, id_, name, kind, amount, currency in found
        }
        return rows if ("res.partner", account_id) in rows else None

    def _moments(
        self, rows: dict, account_id: int, after: Moment | None, limit: int, part: Part
    ) -> list[Moment]:
        parts = []
        for model in _TOLD:
            ids = [id_ for name, id_ in rows if name == model]
            if ids:
                parts.append(_events_of(model, ids, account_id, part))
        before = SQL("TRUE")
        if after:
            before = SQL(
                "(at, position) < (%s::timestamptz, %s)", after.at, after.position
            )
        found = self.env.execute_query(
            SQL(
                """
                SELECT at, position FROM (%s) told WHERE %s
                ORDER BY at DESC, position DESC LIMIT %s
                """,
                SQL(" UNION ALL ").join(parts),
                before,
                limit,
            )
        )
        return [
            Moment(at.astimezone(timezone.utc).isoformat(), position)
            for at, position in found
        ]

    def _entries(self, places: list[Moment], rows: dict, part: Part) -> list[dict]:
        ids = [place.position for place in places]
        log = self.env["cqrs.event"].sudo()
        log = log.with_context(**{OF_COMPANIES: part.company_ids})
        events = log.browse(ids)
        entries = []
        for place, event, changes in zip(
            places, events, describe_changes(self.env, events), strict=True
        ):
            row = rows[event.stream_model, event.stream_id]
            changed = {change["path"]: change for change in changes}
            person = (event.acting_user_id or event.user_id).exists()
            entries.append(
                {
                    "position": event.position,
                    "at": datetime.fromisoformat(place.at),
                    "kind": row["kind"],
                    "record": {"odoo_id": event.stream_id, "name": row["name"]},
                    "amount": row["amount"],
                    "currency": row["currency"],
                    "type": event.type,
                    "user": {"user_id": person.id, "name": person.name}
                    if person
                    else None,
                    "sentences": sentences(self.env, event, changed),
                    "reasons": reasons(self.env, event, changed),
                }
            )
        return entries


_ENTRY_KIND = {
    "opportunities": SQL("'opportunity'"),
    "orders": SQL("'order'"),
    "invoices": SQL(
        "CASE view.move_type WHEN 'out_refund' THEN 'credit_note' ELSE 'invoice' END"
    ),
}


_AMOUNT = {
    "opportunities": SQL("view.value"),
    "orders": SQL("view.untaxed"),
    "invoices": SQL("view.document_total"),
}
_CURRENCY = {
    "opportunities": SQL("view.currency_id"),
    "orders": SQL("view.currency_id"),
    "invoices": SQL("view.document_currency_id"),
}

# The address of a company is copied to its contacts, in the same transaction.
_FOLLOWS = """
    event.type ~ 'Updated$' AND EXISTS (
        SELECT FROM cqrs_event own
        WHERE own.stream_model = event.stream_model AND own.stream_id = %s
          AND own.stream_id <> event.stream_id AND own.txid = event.txid)
"""


def _events_of(model: str, ids: list[int], account_id: int, part: Part) -> SQL:
    """Return the query of ``(at, position)`` of the events of some records."""
    told = _TOLD[model]
    if model == "res.partner":
        told = SQL("NOT (%s)", SQL(_FOLLOWS, account_id))
    return SQL(
        """
        SELECT %s AS at, event.position
        FROM %s event CROSS JOIN LATERAL (SELECT %s) told (day)
        WHERE event.is_seen
          AND event.stream_model = %s AND event.stream_id = ANY(%s) AND %s
        """,
        _TOLD_AT,
        in_part(SQL("cqrs_event"), part),
        _BEGAN,
        model,
        integers(ids),
        told,
    )
