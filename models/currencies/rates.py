"""The rates of the day, by which sums are converted."""

from decimal import Decimal

from odoo import fields

from ..support.process_cache import VersionedCache
from .currencies import currencies

RATES = VersionedCache("rates", size=64)


def rates_into(target_currency, currency_ids: set[int], context) -> dict[int, tuple]:
    """Return ``{id: (currency, rate)}``, the rates of currencies into another one.

    The rate is Odoo's, in the user's company, on the present day in UTC for every
    caller. A currency has ``name`` and ``decimal_places``.

    :param context: an ``AnswerContext``
    """
    known = {currency.id: currency for currency in currencies(context)}
    company_id = next(iter(known.values())).company_id

    def ask():
        return _odoo_rates(target_currency.id, currency_ids, context.env, company_id)

    # Some may be of a company that has another one today.
    if not currency_ids <= known.keys():
        return ask()
    return RATES.get(
        context.env,
        context.currencies_version,
        (fields.Date.today(), target_currency.id, frozenset(currency_ids)),
        lambda: {id_: (known[id_], rate) for id_, (__, rate) in ask().items()},
    )


def _odoo_rates(target_id: int, currency_ids: set[int], env, company_id: int) -> dict:
    company = env["res.company"].sudo().browse(company_id)
    model = env["res.currency"].sudo()
    target, today, rates = model.browse(target_id), fields.Date.today(), {}
    for currency in model.browse(currency_ids):
        rate = model._get_conversion_rate(currency, target, company, today)
        # To the fifteen digits that a float holds of any decimal: 0.922, where its
        # shortest text is 0.9219999999999999.
        rates[currency.id] = currency, Decimal(f"{rate:.15g}")
    return rates
