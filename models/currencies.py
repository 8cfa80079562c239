"""Currencies, and by what Odoo converts them on a day."""

from typing import NamedTuple

from odoo import fields
from odoo.tools import SQL

from .questions import once, question


class Currency(NamedTuple):
    """A currency, as it is for a company.

    :ivar is_own: it is the company's
    :ivar rate: which Odoo converts by today, in that company, as text
    """

    id: int
    name: str
    decimal_places: int
    is_own: bool
    company_id: int
    rate: str | None


_QUERY = """
    SELECT json_agg(json_build_array(
        currency.id, currency.name, decimal_places,
        currency.id = company.currency_id, company.id,
        (SELECT rate.rate::text FROM res_currency_rate rate
         WHERE rate.currency_id = currency.id
           AND (rate.company_id IS NULL OR rate.company_id
                = split_part(company.parent_path, '/', 1)::integer)
         ORDER BY rate.name > %(day)s, rate.company_id, abs(rate.name - %(day)s)
         LIMIT 1)) ORDER BY currency.id)
    FROM res_currency currency
    JOIN res_company company
      ON company.id = (SELECT company_id FROM res_users WHERE id = %(user)s)
    WHERE currency.active OR currency.id = company.currency_id
"""


@question(
    *("res.currency", "res.currency.rate", "res.company", "res.users"),
    is_personal=True,
    is_of_version=True,
)
def _currencies(user):
    return SQL(_QUERY, user=user.id, day=fields.Date.today())


def currencies(env, user) -> tuple[Currency, ...]:
    """Return those that are active, and that of the user's company, as they are in it.

    By one statement: Odoo would read all that it knows of each, and of the company.

    :param user: a ``res.users`` record
    """
    return once(
        env,
        ("currencies", user.id),
        lambda: tuple(Currency(*row) for row in _currencies(env, user)),
    )


def own_currency(env, user) -> Currency:
    """Return the currency of the user's company."""
    return next(each for each in currencies(env, user) if each.is_own)
