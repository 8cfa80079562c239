"""Figures of sums: arithmetic on ``Decimal``, which knows neither tables nor users.

Sums are exact in each currency, and exact when they are converted at the day's rate and
added. Only what is shown is rounded: a total once, half up; its parts so that they add
up to it. Beside its rounded amounts each object of figures has them as ``exact``.

>>> from types import SimpleNamespace
>>> euro, yen = SimpleNamespace(decimal_places=2), SimpleNamespace(decimal_places=0)
>>> nothing = dict.fromkeys(SUMMED, Decimal(0))
>>> row = {**nothing, "currency_id": 1, "pipeline_value": Decimal("30.5"), "active": 4}
>>> total, own = converted([row], {1: (yen, Decimal("0.01"))})
>>> shown = scopes(total, own, euro)
>>> str(shown["pipeline_value"]), str(shown["average_value"]), shown["win_rate"]
('0.31', '0.08', None)
>>> str(shown["exact"]["pipeline_value"]), str(shown["team"]["pipeline_value"])
('0.305', '0.31')

It costs some microseconds for each currency and group, however many opportunities there
are.
"""

from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from ..projections.metrics_tables import AMOUNTS, MEASURES
from .rounding import apportioned, rounded

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
        row = row | {"currency_id": currency_id}
        key = place_of(row)
        present = sums.get(key, {})
        sums[key] = row | {name: row[name] + present.get(name, 0) for name in SUMMED}
    return [
        sums[key]
        for key in sorted(sums, key=lambda key: key[0] or 0)
        # Parts of sums, signed, may be nothing over all and something of the own.
        if any(sums[key][name] for name in SUMMED)
    ]


def place_of(row: dict) -> tuple:
    """Return what a row of sums is of: the currency, and the group if it is of one."""
    return row["currency_id"], row["is_group"], row["group"]


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
            for name in (*SUMMED, "unknown")
        }
        for currency_id in {*sums, *others}
    }


def converted(rows: list[dict], rates: dict) -> tuple[dict, dict]:
    """Return the exact measures of all and of the own, over every currency, in one.

    :param rates: ``{currency id: (currency, rate)}``
    """

    def over_all(name: str):
        if name.removeprefix("own_") in COUNTS:
            return sum(row[name] for row in rows)
        amounts = (row[name] * rates[row["currency_id"]][1] for row in rows)
        return sum(amounts, Decimal(0))

    return (
        {name: over_all(name) for name in MEASURES},
        {name: over_all(f"own_{name}") for name in MEASURES},
    )


def scopes(total: dict, own: dict, currency) -> dict:
    """Return the figures of all, with ``own`` and ``team``, which add up to them.

    :param total: exact measures, as ``own``
    :param currency: that of the figures
    """
    whole = {name: rounded(total[name], currency) for name in AMOUNTS}
    return _apportioned([(total, own)], whole, currency)[0]


def parts(whole: dict, groups: list[tuple[dict, dict]], currency) -> list[dict]:
    """Return the figures of groups, as ``scopes`` does, which add up to a whole.

    So do those of ``own`` and ``team``. Groups that are not parts of it, since some of
    them overlap or some are missing, are rounded one by one.

    :param whole: its figures
    :param groups: the exact measures of all and of the own, for each group
    """
    exact_ = whole["exact"]
    if any(
        exact_[name] != sum(total[name] for total, __ in groups) for name in AMOUNTS
    ):
        return [scopes(*group, currency) for group in groups]
    return _apportioned(groups, whole, currency)


def _apportioned(groups: list[tuple[dict, dict]], whole: dict, currency) -> list[dict]:
    teams = [
        {name: total[name] - own[name] for name in MEASURES} for total, own in groups
    ]
    shown = [({}, {}, {}) for __ in groups]
    for name in AMOUNTS:
        of_own = [own[name] for __, own in groups]
        of_teams = [team[name] for team in teams]
        amounts = apportioned(of_own, of_teams, whole[name], currency)
        for (all_, own, team), own[name], team[name] in zip(
            shown, *amounts, strict=True
        ):
            all_[name] = own[name] + team[name]
    return [
        {
            **_figures(total, amounts[0], currency),
            "own": _figures(own, amounts[1], currency),
            "team": _figures(team, amounts[2], currency),
        }
        for (total, own), team, amounts in zip(groups, teams, shown, strict=True)
    ]


def _figures(sums: dict, shown: dict, currency) -> dict:
    active, won, lost = sums["active"], sums["won"], sums["lost"]
    return {
        **shown,
        "average_value": rounded(sums["pipeline_value"] / active, currency)
        if active
        else None,
        "active_opportunities": active,
        "won": won,
        "lost": lost,
        "win_rate": _ratio(won, won + lost) if won + lost else None,
        "exact": exact_amounts(sums),
    }


def exact_amounts(sums: dict) -> dict:
    """Return the amounts of sums, unrounded."""
    # Without the zeros behind the last digit, of which a product has many.
    return {name: sums[name].normalize() for name in AMOUNTS}


def without(value, names: tuple[str, ...]):
    """Return an answer in which some figures are None, wherever they stand."""
    if isinstance(value, list):
        return [without(each, names) for each in value]
    if isinstance(value, dict):
        return {
            name: None if name in names else without(each, names)
            for name, each in value.items()
        }
    return value


def is_nothing(figures: dict) -> bool:
    """Return whether figures count no opportunity."""
    return not any(figures[name] for name in ("active_opportunities", "won", "lost"))


def _ratio(part: int, whole: int) -> Decimal:
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP)
