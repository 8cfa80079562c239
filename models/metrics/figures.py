"""Figures of sums: arithmetic on ``Decimal``, which knows neither tables nor users.

Sums are exact in each currency. Each amount is rounded to its currency, converted at
the day's rate, rounded to the target currency and then added, so that a total is the
sum of its parts as they are shown. Ratios are rounded once, at the end.

>>> from types import SimpleNamespace
>>> euro, yen = SimpleNamespace(decimal_places=2), SimpleNamespace(decimal_places=0)
>>> str(rounded(Decimal("10.005"), euro)), str(rounded(Decimal("10.5"), yen))
('10.01', '11')
>>> nothing = dict.fromkeys(SUMMED, Decimal(0))
>>> row = {**nothing, "currency_id": 1, "pipeline_value": Decimal("30"), "active": 4}
>>> total, own = converted([row], {1: (yen, Decimal("0.01"))}, euro)
>>> shown = scopes(total, own)
>>> str(shown["pipeline_value"]), str(shown["average_value"]), shown["win_rate"]
('0.30', '0.08', None)
>>> str(shown["team"]["pipeline_value"])
'0.30'

It costs some microseconds for each currency and group, however many opportunities there
are.
"""

from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from ..projections.metrics_tables import AMOUNTS, MEASURES

COUNTS = tuple(name for name in MEASURES if name not in AMOUNTS)

#: The measures that are added up: of all opportunities, and of the reader's own
SUMMED = (*MEASURES, *(f"own_{name}" for name in MEASURES))


@contextmanager
def exactly():
    """Give Decimals room for every sum of Odoo's floats within the block.

    With the usual 28 digits, rounding 1e26 to cents would be an error.
    """
    with localcontext(Context(prec=400)):
        yield


def rounded(amount: Decimal, currency) -> Decimal:
    """Return the amount in the digits of a currency."""
    return _rounded_like(Decimal(1).scaleb(-currency.decimal_places), amount)


def exact(rows: list[dict]) -> list[dict]:
    """Return the rows of sums, their amounts made Decimal of text."""
    for row in rows:
        for name in AMOUNTS:
            row[name] = Decimal(row[name])
            row[f"own_{name}"] = Decimal(row[f"own_{name}"])
    return rows


def added(rows, currency=None) -> list[dict]:
    """Return the sums of rows of the same currency and group, in order of currency.

    A change that is not folded yet moves amounts from one group to another: a group
    that adds up to nothing has no row.

    :param currency: the currency of rows without one
    """
    sums = {}
    for row in rows:
        currency_id = row["currency_id"] or (currency and currency.id)
        key = currency_id, row["is_group"], row["group"]
        present = sums.get(key, {})
        sums[key] = row | {
            "currency_id": currency_id,
            **{name: row[name] + present.get(name, 0) for name in SUMMED},
        }
    return [
        sums[key]
        for key in sorted(sums, key=lambda key: key[0] or 0)
        if any(sums[key][name] for name in MEASURES)
    ]


def less(
    sums: dict[int, dict], others: dict[int, dict], sign: int = 1
) -> dict[int, dict]:
    """Return the sums in each currency without the others, ``{currency id: sums}``.

    :param sign: -1 adds the others
    """
    return {
        currency_id: {
            name: sums.get(currency_id, {}).get(name, 0)
            - sign * others.get(currency_id, {}).get(name, 0)
            for name in SUMMED
        }
        for currency_id in {*sums, *others}
    }


def converted(rows: list[dict], rates: dict, currency) -> tuple[dict, dict]:
    """Return the measures of all and of the own, over every currency, in one.

    :param rates: ``{currency id: (currency, rate)}``
    :param currency: the target currency
    """

    def over_all(name: str):
        column = name.removeprefix("own_")
        if column in COUNTS:
            return sum(row[name] for row in rows)
        amount = rounded(Decimal(0), currency)
        for row in rows:
            from_currency, rate = rates[row["currency_id"]]
            amount += rounded(rounded(row[name], from_currency) * rate, currency)
        return amount

    return (
        {name: over_all(name) for name in MEASURES},
        {name: over_all(f"own_{name}") for name in MEASURES},
    )


def scopes(total: dict, own: dict) -> dict:
    """Return the figures of all, with ``own`` and ``team``, which add up to them."""
    team = {name: total[name] - own[name] for name in MEASURES}
    return {**_figures(total), "own": _figures(own), "team": _figures(team)}


def _figures(sums: dict) -> dict:
    pipeline, active = sums["pipeline_value"], sums["active"]
    won, closed = sums["won"], sums["won"] + sums["lost"]
    return {
        **{name: sums[name] for name in AMOUNTS},
        "average_value": _rounded_like(pipeline, pipeline / active) if active else None,
        "active_opportunities": active,
        "won": won,
        "lost": sums["lost"],
        "win_rate": _rounded_like(Decimal("0.0001"), Decimal(won) / closed)
        if closed
        else None,
    }


def _rounded_like(example: Decimal, amount: Decimal) -> Decimal:
    return amount.quantize(example, ROUND_HALF_UP)
