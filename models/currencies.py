"""Currencies, and by what Odoo converts them on a day."""

from typing import NamedTuple

from odoo import fields
from odoo.tools import SQL

from .once import once


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
    SELECT currency.id, currency.name, decimal_places,
           currency.id = company.currency_id, company.id,
           (SELECT rate.rate::text FROM res_currency_rate rate
            WHERE rate.currency_id = currency.id
              AND (rate.company_id IS NULL OR rate.company_id
                   = split_part(company.parent_path, '/', 1)::integer)
            ORDER BY rate.name > %(day)s, rate.company_id, abs(rate.name - %(day)s)
            LIMIT 1)
    FROM res_currency currency
    JOIN res_company company
      ON company.id = (SELECT company_id FROM res_users WHERE id = %(user)s)
    WHERE currency.active OR currency.id IN (SELECT currency_id FROM res_company)
    ORDER BY currency.id
"""


def currencies(env, user) -> tuple[Currency, ...]:
    """Return those that are active or some company's, for the user's company.

    By one statement: Odoo would read all that it knows of each, and of the company.

    :param user: a ``res.users`` record
    """

    def ask():
        for model in ("res.currency", "res.currency.rate", "res.company", "res.users"):
            env[model].flush_model()
        query = SQL(_QUERY, user=user.id, day=fields.Date.today())
        return tuple(Currency(*row) for row in env.execute_query(query))

    return once(env, ("currencies", user.id), ask)
