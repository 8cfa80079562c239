"""The parameters that several operations have: user, company, currency."""

import re

from werkzeug.exceptions import NotFound

from odoo.http import request

from ..models.support.json_schema import UUID
from .errors import NotFoundOrHidden
from .query import MAX_ID, Parameter, list_of, person_id, whole_number


def known_person(user, uuid: str, parameter: str):
    """Return the ``res.users`` record of a uuid that a parameter names.

    :raise NotFound: ``user`` may not look as that user, or there is none
    """
    person = request.env["cqrs.access"]._person(user, uuid)
    if not person:
        raise NotFoundOrHidden("person", parameter)
    return person


def viewed_user(uuid: str | None):
    """Return the ``res.users`` record whose view is asked for.

    :raise NotFound: the caller may not look as that user, or there is none
    """
    user = request.env.user
    if uuid is None:
        return user
    return known_person(user, uuid, "user")


def company_ids(text: str) -> tuple[int, ...] | None:
    """Return the ids of companies that the caller may work in; None for all of them.

    :raise NotFound: one of them is not among those
    """
    ids = set(_COMPANIES["parse"](text))
    known = request.env["cqrs.access"]._company_ids(request.env.user)
    if not ids <= known:
        raise NotFoundOrHidden("company")
    return None if ids == known else tuple(sorted(ids))


def currency(text: str):
    """Return the ``res.currency`` record of an active currency.

    :raise NotFound: there is none
    """
    if not re.fullmatch(_CODE, text):
        raise ValueError("Expected a currency, as EUR.")
    found = request.env["res.currency"].sudo().search([("name", "=", text)])
    if not found:
        raise NotFound(f"There is no active currency {text}.")
    return found


_COMPANIES = list_of(**whole_number(MAX_ID))

_CODE = "[A-Z]{3}"

COMPANY = Parameter(
    "company",
    **_COMPANIES | {"parse": company_ids},
    description=(
        "The companies alone whose opportunities count, by their ids in Odoo: ones that"
        " you may work in. Those without a company always count. By default all count"
        " that are seen."
    ),
)

CURRENCY = Parameter(
    "currency",
    currency,
    {"type": "string", "pattern": f"^{_CODE}$"},
    "The currency of the sums, by its code of ISO 4217: one that is active in Odoo. By"
    " default that of the viewer's company.",
)

USER = Parameter(
    "user",
    person_id,
    UUID,
    "The person to look as: somebody below you, or anyone whose opportunities you may"
    " see. You see no more than both of you do.",
)
