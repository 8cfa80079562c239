"""The kinds of problems that the API answers with (RFC 9457)."""

from dataclasses import dataclass
from http import HTTPStatus

#: The ``type`` of a problem is this and the name of its kind
BASE = "/api/v2/problems/"


@dataclass(frozen=True)
class ProblemKind:
    """A kind of problem; ``text`` says what happened and what to do about it."""

    status: int
    title: str
    text: str


KINDS = {
    "bad-request": ProblemKind(
        400,
        "Bad Request",
        "The request cannot be understood; do not repeat it as it is.",
    ),
    "bad-parameter": ProblemKind(
        400,
        "Bad Parameter",
        "A parameter of the query is unknown, given twice, or has an invalid value. The"
        " member parameter names it, and detail says what is expected.",
    ),
    "database-not-named": ProblemKind(
        400,
        "Database Not Named",
        "This server has several databases, and the request does not say which. Send"
        " its name in the header X-Odoo-Database, or use the host name of yours.",
    ),
    "other-database": ProblemKind(
        400,
        "Other Database",
        "The cursor was given by another database: by one of which this is a copy, or"
        " by this one before it was renamed. Read anew from the beginning, or from the"
        " cursor end. After a rename an administrator can confirm that it is the same"
        " database, with odoo-bin cqrs renamed; then its cursors are accepted again.",
    ),
    "unauthorized": ProblemKind(
        401,
        "Unauthorized",
        "The credentials are missing or no longer valid, or the user is not an internal"
        " one. Log in to Odoo, or send an API key as Authorization: Bearer.",
    ),
    "no-sales-access": ProblemKind(
        403,
        "No Access to Sales",
        "Odoo lets you read no opportunities (or no invoices, where you ask for these),"
        " not even those of your team. Any group in the member groups would; an"
        " administrator can add you to one.",
    ),
    "session-of-another-database": ProblemKind(
        403,
        "Session of Another Database",
        "The session in the cookie is of another database than the one that the header"
        " X-Odoo-Database names. Send one of them alone: fetch() sends no cookie with"
        " credentials set to omit.",
    ),
    "wrong-scope": ProblemKind(
        403,
        "Wrong Scope",
        "The API key is valid, but has another scope than the one that the member scope"
        " names. Make one of that scope.",
    ),
    "no-company-of-key": ProblemKind(
        403,
        "No Company of the API Key",
        "The API key is bound to companies, and its user may work in none of them any"
        " more. Its user or an administrator can bind it to others, under Preferences >"
        " Security or Settings > API Keys; or make a new key.",
    ),
    "database-not-found": ProblemKind(
        404,
        "Database Not Found",
        "There is no database of the name in the header X-Odoo-Database here, or none"
        " for this host name. Correct the name.",
    ),
    "not-found": ProblemKind(
        404,
        "Not Found",
        "There is nothing under this path, or nothing that you may see: the answer does"
        " not tell which.",
    ),
    "before-history": ProblemKind(
        404,
        "Before History",
        "What you ask for was before anything was recorded or could be reconstructed."
        " The member since says from when on there is history.",
    ),
    "method-not-allowed": ProblemKind(
        405,
        "Method Not Allowed",
        "Nothing is done by this method here. The header Allow lists those that are"
        " taken.",
    ),
    "v1-switched-off": ProblemKind(
        410,
        "API v1 Switched Off",
        "An administrator has switched the deprecated routes off. The member successor"
        " and the header Link name the route that replaces this one.",
    ),
    "invalid-values": ProblemKind(
        422,
        "Invalid Values",
        "The body has a member that is unknown, missing, or has a value that cannot be"
        " taken; detail says what is expected. The member parameter names it, if it is"
        " one alone.",
    ),
    "too-many-requests": ProblemKind(
        429,
        "Too Many Requests",
        "You have made all the requests that the header RateLimit-Policy grants you."
        " Ask again after the seconds in Retry-After.",
    ),
    "internal-error": ProblemKind(
        500,
        "Internal Server Error",
        "An unexpected error occurred. An administrator finds it in Odoo's log by the"
        " member trace_id.",
    ),
    "unavailable": ProblemKind(
        503,
        "Service Unavailable",
        "The database cannot answer at present. Ask again after the seconds in"
        " Retry-After.",
    ),
    "read-model-broken": ProblemKind(
        503,
        "Read Model Broken",
        "A table that the answer depends on cannot be written or read. Changes are"
        " still recorded, and nothing is lost. An administrator rebuilds it under CRM >"
        " Configuration > Event Store, or with odoo-bin cqrs replay. Ask again after"
        " the seconds in Retry-After.",
    ),
    "position-not-reached": ProblemKind(
        503,
        "Position Not Reached",
        "The event of min_position is not visible yet: the database that answers lags"
        " behind the one that was written to. Ask again after the seconds in"
        " Retry-After. A position that no event has is never reached.",
    ),
}

#: The kind of what an error says no more of than its status
BY_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    404: "not-found",
    405: "method-not-allowed",
    422: "invalid-values",
    429: "too-many-requests",
    500: "internal-error",
    503: "unavailable",
}


def kind_of(status: int) -> str | None:
    return BY_STATUS.get(status)


def describe(name: str | None, status: int) -> dict:
    """Return ``type``, ``title`` and ``status`` of a problem.

    :param name: one of ``KINDS``; None where there is no more to say than the status
    """
    if name is None:
        title = HTTPStatus(status).phrase
        return {"type": "about:blank", "title": title, "status": status}
    return {"type": f"{BASE}{name}", "title": KINDS[name].title, "status": status}
