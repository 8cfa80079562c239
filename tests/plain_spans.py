"""The past of each lead, from its events, in plain loops.

Shares no code with ``cqrs.opportunity.span``.
"""

import json
from datetime import date, datetime, timezone
from decimal import Decimal

from odoo.tools import SQL

#: The time at which a span ends that lasts
FOREVER = datetime.max.replace(tzinfo=timezone.utc)

_MOST = Decimal("1.7976931348623157e308")


def plain_spans(env, lead_ids=None):
    """Return ``{(lead, version): {column: value}}`` of what is recorded."""
    env.cr.execute(
        "SELECT stream_id, version, occurred_at, before IS NULL, after::text"
        " FROM cqrs_event WHERE stream_model = 'crm.lead'"
        " ORDER BY stream_id, version"
    )
    lives = {}
    for lead_id, version, occurred_at, is_creation, after in env.cr.fetchall():
        if lead_ids is None or lead_id in lead_ids:
            after = _read(after)
            lives.setdefault(lead_id, []).append(
                (version, occurred_at, is_creation, after)
            )
    return {
        (lead_id, span["version"]): span
        for lead_id, events in lives.items()
        for span in life(events)
    }


def _read(text):
    return text and json.loads(text, parse_float=Decimal, parse_int=Decimal)


def life(events):
    """Return the spans of a lead.

    :param events: ``(version, occurred_at, is_creation, after)`` of each, in order
    """
    # The state after each moment: the last one of several at one moment
    moments = []
    state = latest = None
    for version, occurred_at, is_creation, after in events:
        if after is None:
            state = None
        elif is_creation:
            state = dict(after)
        else:
            state = {**state, **after}
        latest = occurred_at if latest is None else max(latest, occurred_at)
        if moments and moments[-1][1] == latest:
            moments.pop()
        moments.append((version, latest, state and _content(state)))
    spans, open_span = [], None
    for version, moment, content in moments:
        if open_span and content == open_span["content"]:
            continue
        if open_span:
            open_span["until"] = moment
        open_span = None
        if content:
            open_span = {
                "version": version,
                "since": moment,
                "until": FOREVER,
                "content": content,
            }
            spans.append(open_span)
    return [
        {
            "version": span["version"],
            "since": span["since"],
            "until": span["until"],
            "stretch_since": _stretch_since(spans, number),
            **span["content"],
        }
        for number, span in enumerate(spans)
    ]


def _stretch_since(spans, number):
    """Return when the stretch of a span began, None if that is not its last one."""

    def goes_on(span, following):
        return span["until"] == following["since"] and all(
            value == following["content"][name]
            for name, value in span["content"].items()
            if name not in ("stage_id", "closing_date", "probability")
        )

    if number + 1 < len(spans) and goes_on(spans[number], spans[number + 1]):
        return None
    while number and goes_on(spans[number - 1], spans[number]):
        number -= 1
    return spans[number]["since"]


def _content(state):
    won_status = state.get("won_status")
    return {
        "user_id": _id(state.get("user_id")),
        "team_id": _id(state.get("team_id")),
        "company_id": _id(state.get("company_id")),
        "currency_id": _id(state.get("company_id.currency_id")),
        "stage_id": _id(state.get("stage_id")),
        "closing_date": _day(state.get("date_deadline")),
        "closed_at": _time(state.get("date_closed")),
        "value": _number(state.get("expected_revenue")) or Decimal(0),
        "probability": _number(state.get("probability")),
        "status": won_status if won_status in ("won", "lost") else "pending",
        "type": state.get("type"),
        "active": bool(state.get("active")),
    }


def _id(value):
    return None if value is None else int(value)


def _number(value):
    if value is None:
        return None
    value = Decimal(value)
    return value if value.is_finite() and abs(value) <= _MOST else None


def _day(value):
    try:
        return value and date.fromisoformat(value)
    except ValueError:
        return None


def _time(value):
    try:
        return value and datetime.fromisoformat(value.removesuffix("Z"))
    except ValueError:
        return None


def found_spans(env, relation, lead_ids=None):
    """Return the recorded rows of a relation, as ``plain_spans`` gives them."""
    rows = env.execute_query_dict(
        SQL(
            "SELECT opportunity_id, version, since,"
            " NULLIF(until, 'infinity') AS until, stretch_since, user_id, team_id,"
            " company_id, currency_id, stage_id, closing_date, closed_at,"
            " value::text AS value, probability::text AS probability, status, type,"
            " active"
            " FROM %s span WHERE is_recorded",
            relation,
        )
    )
    found = {}
    for row in rows:
        lead_id = row.pop("opportunity_id")
        row["until"] = row["until"] or FOREVER
        row["value"] = Decimal(row["value"])
        row["probability"] = row["probability"] and Decimal(row["probability"])
        assert (lead_id, row["version"]) not in found, (lead_id, row["version"])
        if lead_ids is None or lead_id in lead_ids:
            found[lead_id, row["version"]] = row
    return found
