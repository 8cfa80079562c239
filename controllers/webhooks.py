"""Webhooks managed over the API, with a key of a scope of its own."""

import json
from dataclasses import replace
from datetime import datetime, timezone

from odoo.http import Controller, request

from ..models.support.bound_companies import bound_company_ids
from ..models.support.json_schema import MAX_ID, TIME, array, component, nullable, ref
from ..models.webhooks.log import STATES
from ..models.webhooks.secret import MAX_OVERLAP_HOURS, OVERLAP_HOURS
from .body import Member, choice, list_of, number, text
from .contract.schemas.webhooks import HEADERS
from .errors import InvalidValue, NotFoundOrHidden
from .operations import operation
from .query import (
    Parameter,
    one_of,
    time,
    whole_number,
)

ADMINISTRATORS = "base.group_system"
OF_COMPANIES = "crm_cqrs.group_company_event_store"

PATH = "/api/v2/webhooks"
ONE = f"{PATH}/<int:webhook_id>"

_ID = number(MAX_ID)


def _headers(value) -> str:
    if not isinstance(value, dict):
        raise ValueError("Expected an object of headers.")  # noqa: TRY004
    return json.dumps(value) if value else ""


def _moment(value) -> datetime:
    return time(value if isinstance(value, str) else "")


def _owner(value) -> int | bool:
    return False if value is None else _ID["parse"](value)


#: Members of an endpoint that its manager sets
_VALUES = (
    Member("name", **text(200, 1), description="Its name."),
    Member("description", **text(10_000), description="What it is for."),
    Member("url", **text(2000, 1), description="The address: `https://…`."),
    Member(
        "event_types",
        list_of(**text(200, 1))["parse"],
        array(ref("EventTypePattern"), 1000),
        "Names of event types; `*` at the end of one stands for any end. Empty: all.",
    ),
    Member(
        "company_ids",
        list_of(**_ID)["parse"],
        array(ref("RecordId"), 1000),
        "Ids of companies whose opportunities count, beside those without"
        " a company. Empty: all of the user's.",
    ),
    Member(
        "user_id",
        **_ID,
        description="The id (of `res.users`) of the user as whom it looks.",
    ),
    Member(
        "owner_id",
        _owner,
        nullable(_ID["schema"]),
        "The id of the user who is told when it is switched off.",
    ),
    Member(
        "payload",
        choice("thin", "full")["parse"],
        ref("WebhookPayload"),
        "What messages have.",
    ),
    Member(
        "ordering",
        choice("record", "none")["parse"],
        ref("WebhookOrdering"),
        "`record`: the next message of a record waits for the one before.",
    ),
    Member("headers", _headers, HEADERS, "Further headers of each request."),
)

_REQUIRED = ("name", "url", "user_id")
_NEW = tuple(
    replace(member, is_required=member.name in _REQUIRED) for member in _VALUES
)

_PAGE = (
    Parameter("limit", **whole_number(200), description="The most to answer with; 50."),
    Parameter(
        "before",
        **whole_number(2**53),
        description="Those before this one: the `next` of an answer.",
    ),
)


def webhook_operation(path: str, summary: str, response: str, **declaration):
    """Declare an operation on webhooks; for administrators with the right key.

    Whoever administers companies may read the webhooks of these.
    """
    groups = [ADMINISTRATORS]
    if declaration.get("method", "GET") == "GET":
        groups.append(OF_COMPANIES)
    return operation(
        path,
        summary=summary,
        tag="Webhooks",
        response=ref(response),
        auth="cqrs_webhooks",
        exists_for=lambda user: any(map(user.has_group, groups)),
        **declaration,
    )


class WebhooksApi(Controller):
    @webhook_operation(PATH, "Webhooks", "WebhookList")
    def webhooks(self):
        return {"webhooks": _as_json(request.env["cqrs.webhook"].search(_bound()))}

    @webhook_operation(
        PATH,
        "Create a webhook",
        "WebhookWithSecret",
        description="It is told of what is committed from then on. The answer alone has"
        " the secret.",
        method="POST",
        status=201,
        body=_NEW,
    )
    def create_webhook(self, **values):
        webhook = request.env["cqrs.webhook"].create(_as_values(values))
        _check_bound(webhook)
        [found] = _as_json(webhook)
        return {**found, "secret": webhook._take_new_secret()}

    @webhook_operation(ONE, "A webhook", "Webhook")
    def webhook(self, webhook_id: int):
        [found] = _as_json(_webhook(webhook_id))
        return found

    @webhook_operation(
        ONE,
        "Change a webhook",
        "Webhook",
        description="Members that are not given stay as they are.",
        method="PATCH",
        body=_VALUES,
    )
    def change_webhook(self, webhook_id: int, **values):
        webhook = _webhook(webhook_id)
        webhook.write(_as_values(values))
        _check_bound(webhook)
        [found] = _as_json(webhook)
        return found

    @webhook_operation(
        ONE,
        "Delete a webhook",
        "Webhook",
        method="DELETE",
        description=(
            "Its messages and its log go with it. The answer is the webhook as it was."
        ),
    )
    def delete_webhook(self, webhook_id: int):
        webhook = _webhook(webhook_id)
        [found] = _as_json(webhook)
        webhook.unlink()
        return found

    @webhook_operation(
        f"{ONE}/rotate",
        "Rotate the secret",
        "WebhookSecret",
        description="The former secret signs beside the new one during the overlap.",
        method="POST",
        body=(
            Member(
                "overlap_hours",
                **number(MAX_OVERLAP_HOURS, 0),
                description=f"By default {OVERLAP_HOURS}.",
            ),
        ),
    )
    def rotate_webhook(self, webhook_id: int, overlap_hours: int = OVERLAP_HOURS):
        webhook = _webhook(webhook_id)
        webhook._rotate(overlap_hours)
        return {"secret": webhook._take_new_secret()}

    @webhook_operation(
        f"{ONE}/test",
        "Send a test message",
        "WebhookAttempt",
        description="The answer is the attempt, with request and answer; it takes up to"
        " 15 seconds.",
        method="POST",
    )
    def test_webhook(self, webhook_id: int):
        attempt_id = _webhook(webhook_id)._test()
        return _attempt(request.env["cqrs.webhook.attempt"].browse(attempt_id))

    @webhook_operation(f"{ONE}/pause", "Pause a webhook", "Webhook", method="POST")
    def pause_webhook(self, webhook_id: int):
        webhook = _webhook(webhook_id)
        webhook._pause()
        [found] = _as_json(webhook)
        return found

    @webhook_operation(
        f"{ONE}/resume",
        "Resume a webhook",
        "Webhook",
        description="The place in the log is kept during a pause.",
        method="POST",
        body=(
            Member(
                "backlog",
                choice("send", "skip")["parse"],
                component("WebhookBacklog", choice("send", "skip")["schema"]),
                "`send` what has come since the pause as well, or `skip` it.",
                is_required=True,
            ),
        ),
    )
    def resume_webhook(self, webhook_id: int, backlog: str):
        webhook = _webhook(webhook_id)
        webhook._resume(backlog == "send")
        [found] = _as_json(webhook)
        return found

    @webhook_operation(
        f"{ONE}/messages",
        "Messages of a webhook",
        "WebhookMessages",
        description="The last ones first, for 30 days.",
        parameters=[
            Parameter(
                "state",
                **one_of(*(name for name, __ in STATES)),
                description="Those of this state alone.",
            ),
            *_PAGE,
        ],
    )
    def webhook_messages(
        self, webhook_id: int, state: str | None = None, limit: int = 50, before=None
    ):
        domain = [("state", "=", state)] if state else []
        rows, following = _page(
            "cqrs.webhook.message", webhook_id, domain, limit, before
        )
        return {"messages": [_message(row) for row in rows], "next": following}

    @webhook_operation(
        f"{ONE}/attempts",
        "Attempts of a webhook",
        "WebhookAttempts",
        description="With request and answer, the last ones first, for 30 days.",
        parameters=_PAGE,
    )
    def webhook_attempts(self, webhook_id: int, limit: int = 50, before=None):
        rows, following = _page("cqrs.webhook.attempt", webhook_id, [], limit, before)
        return {"attempts": [_attempt(row) for row in rows], "next": following}

    @webhook_operation(
        f"{ONE}/resend",
        "Send messages again",
        "WebhookResent",
        description="Either some messages, or all events that occurred in a time; under"
        " the ids that they have.",
        method="POST",
        body=(
            Member(
                "messages",
                list_of(**text(100, 1))["parse"],
                array(component("MessageId", text(100, 1)["schema"]), 1000),
                "Ids of messages (`webhook-id`).",
            ),
            Member("since", _moment, TIME, "Events that occurred then or later."),
            Member(
                "until", _moment, TIME, "Events that occurred before; by default now."
            ),
        ),
    )
    def resend_webhook(self, webhook_id: int, messages=None, since=None, until=None):
        webhook = _webhook(webhook_id)
        if (messages is None) == (since is None):
            raise InvalidValue("messages", "Expected either messages or since.")
        if since:
            return {"messages": webhook._send_again_since(since, until)}
        found = request.env["cqrs.webhook.message"].search(
            [("webhook_id", "=", webhook.id), ("message_id", "in", messages)]
        )
        return {"messages": webhook._send_again(found.ids)}


def _webhook(webhook_id: int):
    webhook = request.env["cqrs.webhook"].browse(webhook_id)
    if (
        webhook_id > MAX_ID
        or not webhook.exists()
        or not webhook.has_access("read")
        or not webhook.filtered_domain(_bound())
    ):
        raise NotFoundOrHidden("webhook")
    return webhook


def _bound() -> list:
    """Return the domain of the webhooks that the caller's API key opens."""
    if bound_company_ids(request.env) is None:
        return []
    return [("is_of_my_companies", "=", True)]


def _check_bound(webhook):
    """Check that a webhook is one that the caller's API key opens.

    :raise InvalidValue: it is of other companies, too
    """
    if not webhook.filtered_domain(_bound()):
        raise InvalidValue(
            "company_ids", "The API key is bound to companies: choose among these."
        )


def _page(model: str, webhook_id: int, domain: list, limit: int, before: int | None):
    """Return rows of an endpoint, the last ones first, and where the next begin."""
    domain = [*domain, ("webhook_id", "=", _webhook(webhook_id).id)]
    if bound_company_ids(request.env) is not None:
        path = "" if model == "cqrs.webhook.message" else "message_row_id."
        domain.append((f"{path}is_of_my_companies", "=", True))
    if before:
        domain.append(("id", "<", before))
    rows = request.env[model].search(domain, limit=limit + 1)
    following = rows[limit - 1].id if len(rows) > limit else None
    return rows[:limit], following


def _as_values(given: dict) -> dict:
    """Return the values of the record that a body asks for."""
    values = dict(given)
    if "event_types" in values:
        values["event_types"] = ", ".join(values["event_types"])
    users, companies = request.env["res.users"], request.env["res.company"]
    for name in ("user_id", "owner_id"):
        if values.get(name) and not users.browse(values[name]).exists():
            raise InvalidValue(name, "There is no such user.")
    if "company_ids" in values:
        ids = values["company_ids"]
        if len(companies.browse(ids).exists()) != len(set(ids)):
            raise InvalidValue("company_ids", "There is no such company.")
        values["company_ids"] = [(6, 0, ids)]
    return values


def _as_json(webhooks) -> list[dict]:
    health = webhooks._read_health()
    # They may be secrets, like the values that were sent.
    is_administrator = request.env.is_system()
    return [
        {
            "id": each.id,
            "name": each.name,
            "description": each.description or "",
            "url": each.url,
            "event_types": [
                name.strip() for name in (each.event_types or "").split(",") if name
            ],
            "company_ids": each.company_ids.ids,
            "user_id": each.user_id.id,
            "owner_id": each.owner_id.id or None,
            "payload": each.payload,
            "ordering": each.ordering,
            "headers": each._further_headers() if is_administrator else {},
            "is_paused": each.is_paused,
            "pause_reason": each.pause_reason or None,
            "failing_since": _utc(each.failing_since),
            "health": {
                **health[each.id],
                "last_error_at": _utc(health[each.id]["last_error_at"]),
            },
        }
        for each in webhooks
    ]


def _sees_bodies() -> bool:
    """Return whether the caller sees what was sent: values of any company."""
    return request.env.is_system() and bound_company_ids(request.env) is None


def _attempt(row) -> dict:
    return {
        "id": row.id,
        "message_id": row.message_row_id.message_id,
        "at": _utc(row.at),
        "number": row.number,
        "status": row.status or None,
        "error": row.error or None,
        "duration_ms": row.duration_ms,
        "request": row.request if _sees_bodies() else "",
        "answer": row.answer if _sees_bodies() else "",
    }


def _message(row) -> dict:
    position = row.position or None
    return {
        "id": row.message_id,
        "kind": row.kind,
        "subject": f"{row.stream_model}/{row.stream_id}" if position else None,
        "position": position and str(position),
        "state": row.state,
        "attempts": row.attempts,
        "created_at": _utc(row.created_at),
        "next_attempt_at": _utc(row.next_attempt_at),
        "delivered_at": _utc(row.delivered_at),
    }


def _utc(moment: datetime | bool | None) -> datetime | None:
    return moment.replace(tzinfo=timezone.utc) if moment else None
