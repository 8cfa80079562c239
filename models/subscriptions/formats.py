"""Numbers, days and periods as a reader's language writes them; amounts stay exact."""

import ast
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import babel.dates
from markupsafe import Markup

from odoo.tools.misc import babel_locale_parse, format_date, format_time, get_lang

from odoo.addons.base.models.res_lang import intersperse

MINUS = "\u2212"
NBSP = "\u00a0"

#: Times of a former amount, from which on a change is not told as a part of it
MOST_TIMES = 10

#: Keeps digits, sign and symbol in their order within a text that runs to the left
_AMOUNT = Markup('<span dir="ltr" style="white-space:nowrap">%s</span>')


class Change(NamedTuple):
    """The difference between a figure and a former one.

    :ivar text: with its sign
    :ivar sign: -1, 0 or 1
    """

    text: str
    sign: int


class Formats:
    """Formats of a reader, in one currency.

    :param env: that of the reader, with the language
    :param currency: a ``res.currency`` record
    :param zone: in which times are told
    """

    def __init__(self, env, currency, zone):
        self.env = env
        self.currency = currency
        self.zone = zone
        self._lang = get_lang(env)

    def number(self, value: Decimal | int, digits: int = 0) -> str:
        """Return a number, rounded half up to some digits."""
        unit = Decimal(1).scaleb(-digits)
        text = f"{abs(Decimal(value)).quantize(unit, ROUND_HALF_UP):f}"
        whole, __, fraction = text.partition(".")
        grouping = ast.literal_eval(self._lang.grouping)
        whole, __ = intersperse(whole, grouping, self._lang.thousands_sep or "")
        number = self._lang.decimal_point.join(filter(None, (whole, fraction)))
        return f"{MINUS if value < 0 else ''}{number}"

    def plain_money(self, amount: Decimal) -> str:
        """Return an amount in the currency, exact to its digits."""
        number = self.number(amount, self.currency.decimal_places)
        # One that is not active any more is told by its code.
        symbol = self.currency.active and self.currency.symbol or self.currency.name
        parts = (symbol, number)
        if self.currency.position == "after":
            parts = (number, symbol)
        return NBSP.join(parts)

    def money(self, amount: Decimal | None) -> Markup | str:
        return "–" if amount is None else _AMOUNT % self.plain_money(amount)

    def percent(self, ratio: Decimal, digits: int = 0) -> str:
        return self.env._(
            "%(number)s%%", number=self.number(100 * Decimal(ratio), digits)
        )

    def moment(self, moment: datetime) -> str:
        """Return a day with its weekday, and the time."""
        local = moment.astimezone(self.zone)
        return self.env._(
            "%(day)s, %(time)s",
            day=format_date(self.env, local.date(), date_format="full"),
            time=format_time(self.env, local.time(), time_format="short"),
        )

    def change_of_money(self, value, before) -> Change | None:
        """Return the change of an amount, and the part of the former one that it is."""
        if value is None or before is None:
            return None
        difference = value - before
        text = _signed(difference, self.plain_money(abs(difference)))
        if before and difference and abs(difference) < MOST_TIMES * abs(before):
            part = self.percent(abs(difference / before), 1)
            text = self.env._("%(amount)s (%(part)s)", amount=text, part=part)
        return Change(text, _sign(difference))

    def change_of_number(self, value: int | None, before: int | None) -> Change | None:
        if value is None or before is None:
            return None
        difference = value - before
        text = _signed(difference, self.number(abs(difference)))
        return Change(text, _sign(difference))

    def change_of_ratio(self, value, before) -> Change | None:
        """Return the change of a ratio, in points of a hundred."""
        if value is None or before is None:
            return None
        difference = 100 * (value - before)
        number = _signed(difference, self.number(abs(difference), 1))
        return Change(self.env._("%s points", number), _sign(difference))

    def signed_money(self, amount: Decimal) -> str:
        return _signed(amount, self.plain_money(abs(amount)))

    def period(self, period: dict) -> str:
        """Return the name of a period, as the figures describe it."""
        first: date = period["from"].astimezone(self.zone).date()
        last: date = period["until"].astimezone(self.zone).date() - timedelta(days=1)
        unit = (period["name"] or "").removeprefix("this_").removeprefix("previous_")
        if unit == "quarter":
            return self.env._(
                "Q%(quarter)s %(year)s",
                quarter=period["quarter"],
                year=period["year"],
            )
        if unit == "year":
            return period["year"]
        if unit == "month":
            locale = babel_locale_parse(self._lang.code)
            return babel.dates.format_date(first, "LLLL yyyy", locale=locale)
        texts = [format_date(self.env, each) for each in dict.fromkeys((first, last))]
        return " – ".join(texts)


def _sign(number) -> int:
    return (number > 0) - (number < 0)


def _signed(number, text: str) -> str:
    return {1: "+", 0: "±", -1: MINUS}[_sign(number)] + text
