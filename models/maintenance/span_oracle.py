"""The oracle of the spans: the intervals that plain loops over the log give.

It shares no code with ``cqrs.opportunity.span``. Odoo's records do not tell their
former values; whether the last span is what they say now is checked besides.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal

from odoo.tools import SQL

from ..event_store.upcast import upcast

_LARGEST = Decimal("1.7976931348623157e308")
_FOREVER = "infinity"

#: ``{column: the field of a recorded state}`` of what is compared as it is
_PLAIN = {
    "user_id": "user_id",
    "team_id": "team_id",
    "company_id": "company_id",
    "currency_id": "company_id.currency_id",
    "stage_id": "stage_id",
    "type": "type",
}

#: Columns that may change within a stretch
_PASSING = {"stage_id", "closing_date", "probability"}

#: Rows read at a time
_BATCH_SIZE = 10_000

Spans = dict[tuple[int, int], dict]


def expected_spans(env, lead_ids: list[int] | None) -> Spans:
    """Return ``{(opportunity_id, version): {column: value}}`` of recorded spans.

    :param lead_ids: None for all
    """
    current = env["cqrs.event"]._sources()["crm.lead"].schema_version
    spans = {}
    with env.cr._cnx.cursor("cqrs_span_oracle") as cursor:
        cursor.itersize = _BATCH_SIZE
        query = SQL(
            "SELECT stream_id, version, schema_version, occurred_at, before IS NULL,"
            " after::text FROM cqrs_event WHERE stream_model = 'crm.lead' AND %s"
            " ORDER BY stream_id, version",
            _among("stream_id", lead_ids),
        )
        cursor.execute(query.code, query.params)
        lead_id, life = None, []
        for stream_id, version, schema, occurred_at, is_creation, after in cursor:
            if stream_id != lead_id:
                spans.update(_spans_of(lead_id, life))
                lead_id, life = stream_id, []
            after = json.loads(after, parse_float=Decimal) if after else None
            after = upcast("crm.lead", schema, current, after)
            life.append((version, occurred_at, is_creation, after))
        spans.update(_spans_of(lead_id, life))
    return spans


def found_spans(env, lead_ids: list[int] | None) -> Spans:
    """Return the recorded spans that readers get, as ``expected_spans`` does."""
    columns = ["opportunity_id", "version", "since", "until", "stretch_since"]
    columns += [*_PLAIN, "closing_date", "closed_at", "status", "active"]
    rows = env.execute_query(
        SQL(
            "SELECT %s, value::text, probability::text FROM %s span"
            " WHERE is_recorded AND %s",
            SQL(", ").join(
                SQL("NULLIF(until, 'infinity') AS until")
                if name == "until"
                else SQL.identifier(name)
                for name in columns
            ),
            env["cqrs.opportunity.span"]._relation(),
            _among("opportunity_id", lead_ids),
        )
    )
    spans = {}
    for *values, value, probability in rows:
        row = dict(zip(columns, values, strict=True))
        key = row.pop("opportunity_id"), row.pop("version")
        row["until"] = row["until"] or _FOREVER
        row["value"] = Decimal(value)
        row["probability"] = None if probability is None else Decimal(probability)
        spans[key] = row
    return spans


def _among(column: str, ids: list[int] | None) -> SQL:
    if ids is None:
        return SQL("true")
    return SQL("%s = ANY(%s)", SQL.identifier(column), ids)


def _spans_of(lead_id: int | None, events: Iterable[tuple]) -> Iterator[tuple]:
    """Yield the key and the row of each span of a lead."""
    states: list[tuple] = []
    state, latest = None, None
    for version, occurred_at, is_creation, after in events:
        if after is None or is_creation:
            state = after
        else:
            state = {**state, **after}
        latest = max(latest or occurred_at, occurred_at)
        if states and states[-1][0] == latest:
            states.pop()
        states.append((latest, version, state and _content(state)))
    changes = []
    for each in states:
        if not changes or changes[-1][2] != each[2]:
            changes.append(each)
    ends = [since for since, *__ in changes[1:]] + [_FOREVER]
    lasting = [_lasting(content) for __, __, content in changes]
    begun = None
    for n, (since, version, content) in enumerate(changes):
        if not n or lasting[n] != lasting[n - 1]:
            begun = since
        is_last = lasting[n + 1 : n + 2] != lasting[n : n + 1]
        if content is not None:
            yield (
                (lead_id, version),
                {
                    "since": since,
                    "until": ends[n],
                    "stretch_since": begun if is_last else None,
                    **content,
                },
            )


def _lasting(content: dict | None) -> dict | None:
    """Return what stays the same in a stretch."""
    return content and {k: v for k, v in content.items() if k not in _PASSING}


def _content(state: dict) -> dict:
    status = state.get("won_status")
    return {
        **{column: state.get(field) for column, field in _PLAIN.items()},
        "closing_date": _read(date, state.get("date_deadline")),
        "closed_at": _read(datetime, state.get("date_closed")),
        "status": status if status in ("won", "lost") else "pending",
        "active": bool(state.get("active")),
        "value": _number(state.get("expected_revenue")) or Decimal(0),
        "probability": _number(state.get("probability")),
    }


def _number(value) -> Decimal | None:
    if value is None:
        return None
    number = Decimal(value)
    return number if number.is_finite() and abs(number) <= _LARGEST else None


def _read(type_, value: str | None):
    # Python's own dates end where the readable ones do.
    try:
        return value and type_.fromisoformat(value.removesuffix("Z"))
    except ValueError:
        return None
