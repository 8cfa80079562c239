"""The opportunities behind a kind of change, the greatest change first."""

from bisect import bisect_right
from datetime import datetime, timezone
from decimal import Decimal
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..metrics.figures import exactly
from ..metrics.rounding import rounded
from ..support.answer_context import without_jit
from ..support.process_cache import VersionedCache
from ..support.sql_arrays import integers
from .change_kinds import CAME, KINDS, LEFT, NUMBERS
from .change_sums import Found, by_kind, first_places
from .windows import Scope, Window

#: The first places of each list, and their number
PLACES = VersionedCache("places of changes", size=256)
KEPT = 1000

_FIELDS = sorted({field for kind in KINDS.values() for field in kind.fields})
_LEFT = {kind.name: kind for kind in LEFT}
_CAME = {kind.name for kind in CAME}


class Keyset(NamedTuple):
    """The place of an opportunity in the list of a kind.

    :ivar size: its change, unsigned
    :ivar rates: at which the list began: ``((currency id, rate), …)`` as texts
    """

    size: str
    id: int
    rates: tuple[tuple[int, str], ...]


class _Event(NamedTuple):
    """An event of an opportunity, as far as it says who did what.

    :ivar since: the time from which on it counts
    :ivar fields: those of ``_FIELDS`` that it set
    :ivar name: the opportunity's, if it set that
    """

    version: int
    since: datetime
    is_creation: bool
    is_deletion: bool
    user_id: int | None
    fields: tuple[str, ...]
    name: str | None


class CqrsChanges(models.AbstractModel):
    _inherit = "cqrs.changes"

    @api.model
    @exactly()
    def _read_opportunities(
        self,
        user,
        kind: str,
        window: Window,
        scope: Scope | None = None,
        target_currency=None,
        after: Keyset | None = None,
        limit: int = 80,
    ) -> dict:
        """Return a page of the opportunities of a kind, as they were and as they are.

        ``exact`` of all the items of all the pages adds up to that of the list, which
        is the one of the kind in ``_read``.

        :param kind: one of ``KINDS``
        :param after: begin behind this place
        :param limit: items of the page, one at least
        :return: ``{kind, from, to, currency, settled, total, amount, exact, items,
            next, recorded_since, reconstructed, missing}``; an item is ``{odoo_id,
            name, before, after, change, exact, changed_by, changed_at}``, ``next`` a
            ``Keyset`` or None
        :raise NoHistory: the window begins before the history
        """
        scope = scope or Scope()
        self._check_history(window, scope)
        found = self._found(user, window, scope)
        currency, rates = self._conversion(user, found, target_currency)
        amounts, counts = by_kind(found.groups, rates)
        total = amounts.get(kind, Decimal(0))
        if after:
            rates |= {id_ or None: Decimal(rate) for id_, rate in after.rates}
        places = self._first_places(kind, found, rates, after, limit + 1)
        if places is None:
            places = self._places(user, kind, window, scope, rates, after, limit + 1)
        page, following = places[:limit], None
        if len(places) > limit:
            id_, change = page[-1]
            fixed = tuple((id_ or 0, str(rate)) for id_, rate in rates.items())
            following = Keyset(str(abs(change)), id_, fixed)
        return {
            "kind": kind,
            "from": window.start,
            "to": window.end,
            "currency": currency.name,
            "settled": self._is_settled(window),
            "total": counts.get(kind, 0),
            "amount": rounded(total, currency),
            "exact": total.normalize(),
            "items": self._items(user, kind, window, scope, page, currency),
            "next": following,
            **self._certainty(window, found),
        }

    def _first_places(
        self, kind: str, found: Found, rates, after: Keyset | None, limit: int
    ) -> list[tuple[int, Decimal]] | None:
        """Return a page as far as it was found with the sums, None if it was not."""
        places, is_complete = first_places(found.groups, kind, rates)
        start = 0
        if after:
            behind = -Decimal(after.size), after.id
            start = bisect_right(
                places, behind, key=lambda place: (-abs(place[1]), place[0])
            )
        page = places[start : start + limit]
        return page if is_complete or len(page) == limit else None

    def _places(
        self, user, kind: str, window: Window, scope: Scope, rates, after, limit: int
    ) -> list[tuple[int, Decimal]]:
        """Return the ids of a page, and what each adds to the kind."""
        viewers = self.env["cqrs.access"]._viewers(user)

        def ask(after: Keyset | None, limit: int):
            return self._ask_places(viewers, kind, window, scope, rates, after, limit)

        first = PLACES.get(
            self.env,
            self._version(viewers, window),
            (window.key, scope, kind, tuple(rates.items())),
            lambda: ask(None, KEPT),
        )
        ids = [id_ for id_, __ in first]
        start = 0
        if after:
            start = ids.index(after.id) + 1 if after.id in ids else KEPT
        if start + limit > KEPT:
            return ask(after, limit)
        return first[start : start + limit]

    def _ask_places(
        self, viewers, kind, window, scope, rates, after: Keyset | None, limit: int
    ) -> list[tuple[int, Decimal]]:
        without_jit(self.env)
        before, end = (
            SQL("(%s_value * %s)", SQL(side), _rate(f"{side}_currency_id", rates))
            for side in ("before", "after")
        )
        if kind in _LEFT:
            is_one = SQL("left_by = %s", NUMBERS[kind])
            change = SQL("- %s", before if _LEFT[kind].is_at_start else end)
        elif kind in _CAME:
            is_one, change = SQL("came_by = %s", NUMBERS[kind]), end
        else:
            change = SQL("(%s - %s)", end, before)
            sign = SQL(">" if kind == "increased" else "<")
            is_one = SQL("is_revalued AND %s %s 0", change, sign)
        beyond = SQL()
        if after:
            beyond = SQL(
                "WHERE size < %(size)s OR size = %(size)s AND opportunity_id > %(id)s",
                size=Decimal(after.size),
                id=after.id,
            )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT opportunity_id, change::text
                FROM (SELECT opportunity_id, %(change)s AS change,
                             abs(%(change)s) AS size
                      FROM (%(pairs)s) pair WHERE %(is_one)s) change
                %(beyond)s
                ORDER BY size DESC, opportunity_id LIMIT %(limit)s
                """,
                change=change,
                pairs=self._pairs(viewers, window, scope).query(),
                is_one=is_one,
                beyond=beyond,
                limit=limit,
            )
        )
        return [(id_, Decimal(change)) for id_, change in rows]

    # What each was, and who changed it

    def _items(self, user, kind, window, scope, page, currency) -> list[dict]:
        ids = [id_ for id_, __ in page]
        if not ids:
            return []
        rows = self._rows_of(user, window, scope, ids)
        events = self._events_of(ids)
        sides, users = {}, set()
        for id_ in ids:
            before = next((r for r in rows[id_] if r["is_before"]), None)
            after = next((r for r in rows[id_] if r["is_after"]), None)
            has_left = kind == "reassigned_out"
            event = self._made_by(kind, window, rows[id_], events[id_])
            sides[id_] = before, None if has_left else after, event
            users |= {r["user_id"] for r in (before, after) if r}
            users.add(event and event.user_id)
        people = self._people(users)
        stages = {
            moment: self._stages_at(moment) for moment in (window.start, window.end)
        }
        context = AnswerContext.of(self.env, user)
        digits = self._currencies(own_currency(context))

        def shown(row: dict | None, moment: datetime) -> dict:
            code, places = digits[row["currency_id"]]
            stage_id = row["stage_id"]
            return {
                "value": round(Decimal(row["value"]), places),
                "currency": code,
                "stage": stage_id
                and {"id": stage_id, "name": stages[moment].get(stage_id)},
                "closing_date": row["closing_date"],
                "salesperson": people.get(row["user_id"]),
                "status": row["status"],
                "archived": not row["active"],
                "type": row["type"],
            }

        items = []
        for id_, change in page:
            before, after, event = sides[id_]
            item = {
                "odoo_id": id_,
                "name": _name(events[id_], window.end if after else window.start),
                "before": before and {"status": "elsewhere"},
                "after": {"status": _GONE.get(kind, "left")},
                "change": rounded(change, currency),
                "exact": change.normalize(),
                "changed_by": event and people.get(event.user_id),
                "changed_at": event and event.since.astimezone(timezone.utc),
            }
            if before and before["is_seen_before"]:
                item["before"] = shown(before, window.start)
            if after:
                item["after"] = shown(after, window.end)
            items.append(item)
        return items

    def _rows_of(self, user, window: Window, scope: Scope, ids) -> dict[int, list]:
        """Return the spans of each opportunity that touch the window, in order."""
        viewers = self.env["cqrs.access"]._viewers(user)
        pairs = self._pairs(viewers, window, scope)
        seen = self._seen(viewers, window)
        rows = {id_: [] for id_ in ids}
        for row in self.env.execute_query_dict(
            SQL(
                """
                SELECT opportunity_id, version, since, user_id, stage_id, currency_id,
                       value::text, closing_date, status, active, type,
                       since <= %(start)s AND until > %(start)s AS is_before,
                       until > %(end)s AS is_after, %(seen_before)s AS is_seen_before,
                       %(seen_after)s AS is_seen_after, %(ours)s AS is_ours
                FROM %(relation)s span
                WHERE opportunity_id = ANY(%(ids)s)
                  AND since <= %(end)s AND until > %(start)s
                ORDER BY opportunity_id, version
                """,
                start=window.start,
                end=window.end,
                seen_before=seen[0],
                seen_after=seen[1],
                ours=pairs.ours_after,
                relation=pairs.relation,
                ids=integers(ids),
            )
        ):
            rows[row["opportunity_id"]].append(row)
        return rows

    def _events_of(self, ids) -> dict[int, list[_Event]]:
        events = {id_: [] for id_ in ids}
        for id_, *values in self.env.execute_query(
            SQL(
                """
                SELECT stream_id, version,
                       max(occurred_at) OVER (
                           PARTITION BY stream_id ORDER BY version) AS since,
                       before IS NULL, after IS NULL,
                       COALESCE(acting_user_id, user_id),
                       ARRAY(SELECT field FROM unnest(%s::text[]) AS known (field)
                             WHERE jsonb_exists(after, field)),
                       COALESCE(personal -> 'after' ->> 'name', after ->> 'name')
                FROM cqrs_event
                WHERE stream_model = 'crm.lead' AND stream_id = ANY(%s)
                ORDER BY stream_id, version
                """,
                _FIELDS,
                integers(ids),
            )
        ):
            events[id_].append(_Event(*values))
        return events

    def _made_by(self, kind: str, window: Window, rows, events) -> _Event | None:
        """Return the last event that made a change, None if none did that is seen."""
        inside = [e for e in events if window.start < e.since <= window.end]
        if kind in _GONE:
            # Nothing is told of what another one did once it was theirs.
            if not rows[-1]["is_seen_after"]:
                return None
            inside = [e for e in inside if e.is_deletion]
        elif kind == "created":
            inside = [e for e in inside if e.is_creation]
        else:
            fields = set(KINDS[kind].fields)
            inside = [e for e in inside if fields.intersection(e.fields)]
        if kind == "reassigned_out":
            left = max((n for n, r in enumerate(rows) if r["is_ours"]), default=0) + 1
            # It was no event of its own if its owner left with it.
            upto = rows[left]["version"] if left < len(rows) else -1
            inside = [e for e in inside if e.version <= upto]
        return inside[-1] if inside else None

    def _people(self, ids: set[int | None]) -> dict[int, dict]:
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT users.id AS user_id, profile.uuid AS id,
                       COALESCE(profile.name, partner.name) AS name
                FROM res_users users
                JOIN res_partner partner ON partner.id = users.partner_id
                LEFT JOIN cqrs_user_profile profile ON profile.id = users.id
                WHERE users.id = ANY(%s)
                """,
                list(ids - {None}),
            )
        )
        people = {id_: {"user_id": id_, "id": None, "name": None} for id_ in ids if id_}
        return people | {row["user_id"]: row for row in rows}

    def _stages_at(self, moment: datetime) -> dict[int, str | None]:
        """Return the name of each stage at a moment, in the language of ``env``."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (stream_id) stream_id,
                       COALESCE(after -> 'name' ->> %s, after -> 'name' ->> 'en_US')
                FROM cqrs_event
                WHERE stream_model = 'crm.stage' AND jsonb_exists(after, 'name')
                ORDER BY stream_id, occurred_at <= %s DESC,
                         CASE WHEN occurred_at <= %s THEN - version ELSE version END
                """,
                self.env.lang,
                moment,
                moment,
            )
        )
        return dict(rows)

    def _currencies(self, own) -> dict[int | None, tuple[str, int]]:
        rows = self.env.execute_query(
            SQL("SELECT id, name, decimal_places FROM res_currency")
        )
        return {id_: rest for id_, *rest in rows} | {
            None: (own.name, own.decimal_places)
        }


#: The status after of an opportunity that is not there, by kind
_GONE = {"merged": "merged", "deleted": "deleted"}


def _name(events: list[_Event], moment: datetime) -> str | None:
    """Return the name that an opportunity had, or the first one that is known."""
    named = [event for event in events if event.name is not None]
    until = [event.name for event in named if event.since <= moment]
    return until[-1] if until else named[0].name if named else None


def _rate(column: str, rates: dict[int | None, Decimal]) -> SQL:
    return SQL(
        "CASE COALESCE(%s, 0) %s END",
        SQL.identifier(column),
        SQL(" ").join(
            SQL("WHEN %s THEN %s", id_ or 0, rate) for id_, rate in rates.items()
        )
        or SQL("WHEN 0 THEN 1"),
    )
