"""What schemathesis cannot know of the API."""

import os
from datetime import datetime, timezone

import schemathesis

#: The most characters of a cursor, by the contract
MAX_CURSOR = 16_384


@schemathesis.hook
def before_call(context, case, kwargs):
    query = case.query or {}
    # There is one database: of others there is nothing.
    (case.headers or {}).pop("X-Odoo-Database", None)
    is_positive = case.meta and case.meta.generation.mode.is_positive
    # A cursor cannot be made up. What is made up is to be refused, which only the
    # cases that are wrong on purpose expect.
    if is_positive:
        query.pop("cursor", None)
    # One that is too long stays so, but in characters that fit into an address.
    if isinstance(query.get("cursor"), str):
        if len(query["cursor"]) > MAX_CURSOR:
            query["cursor"] = "0" * (MAX_CURSOR + 1)
        else:
            del query["cursor"]
    # Next to no currency is active, and of others there is nothing.
    if isinstance(query.get("currency"), str) and is_positive:
        query["currency"] = "USD"
    # Few texts are a time zone.
    if isinstance(query.get("tz"), str) and is_positive:
        query["tz"] = "Asia/Kolkata"
    # Few texts are a domain of Odoo.
    if isinstance(query.get("domain"), str) and is_positive:
        query["domain"] = '[["value",">",1]]'
    # Of most positions there is no event: each would be waited for. What is none by
    # the contract stays wrong.
    position = query.get("min_position")
    if isinstance(position, int) and 1 < position < 10**18:
        query["min_position"] = 1
    if is_positive and "/webhooks" in case.operation.path:
        _ask_a_webhook(case)
    if is_positive:
        if "/changes" in case.operation.path:
            _ask_a_window(query)
        _ask_the_past(query)


def _ask_a_webhook(case):
    """Ask for the one that there is, and for what one can be."""
    if "webhook_id" in (case.path_parameters or {}) and case.method != "DELETE":
        case.path_parameters["webhook_id"] = int(os.environ["WEBHOOK_ID"])
    if not isinstance(case.body, dict):
        return
    possible = {
        "url": os.environ["WEBHOOK_URL"],
        "user_id": 2,
        "owner_id": 2,
        "company_ids": [1],
        "event_types": ["OpportunityWon"],
        "headers": {"X-Tenant": "acme"},
    }
    for name in possible.keys() & case.body.keys():
        case.body[name] = possible[name]
    # Either of the two, as the contract says in words.
    if case.operation.path.endswith("/resend"):
        case.body.pop("messages", None)
        case.body["since"] = "2026-01-01T00:00:00Z"


def _ask_a_window(query):
    """Ask of a window that begins before it ends: with `since`, or by default."""
    query.pop("from", None)
    query.pop("to", None)


#: Beginnings of filters, and parameters, that the past does not have
_OF_THE_PRESENT = (
    *("text", "created_", "changed_", "is_overdue", "is_stuck", "attention"),
    "domain",
    *("age_days", "stage_days", "idle_days", "pushes", "pushed_days"),
)


def _ask_the_past(query):
    """Ask of a moment of which there is history, and for what can be asked of it."""
    # What goes together the contract says in words.
    if "every" in query:
        query.pop("months", None)
    else:
        query.pop("periods", None)
    if "as_of" not in query:
        return
    query["as_of"] = datetime.now(timezone.utc).isoformat()
    for name in list(query):
        if name.startswith(_OF_THE_PRESENT):
            del query[name]
    if "fields" in query:
        # Of the past there is no pace, and there are no orders.
        query["fields"] = "name"
    if "by" in query:
        query["by"] = "stage"
        query.pop("sort", None)
    elif "sort" in query:
        query["sort"] = "-value"
