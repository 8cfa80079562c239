"""Values of opportunities in one currency, by which they compare."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..projections.opportunity_view import ORDERS
from ..support.process_cache import VersionedCache

IN_USE = VersionedCache("currencies of opportunities", size=2)

#: Stands for no currency among ids
NONE = 0

# As many steps through an index as there are currencies.
_CURRENCIES = SQL(
    """
    WITH RECURSIVE used (id) AS (
        (SELECT %(unit)s FROM cqrs_opportunity_view ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT (SELECT %(unit)s FROM cqrs_opportunity_view
                WHERE %(unit)s > used.id ORDER BY 1 LIMIT 1)
        FROM used WHERE used.id IS NOT NULL
    )
    SELECT id FROM used WHERE id IS NOT NULL
    """,
    unit=ORDERS["value"].unit,
)


@dataclass(frozen=True)
class Conversion:
    """Conversion of the values of all opportunities into one currency.

    :ivar currency: has ``name`` and ``decimal_places``
    :ivar rates: by the id of the currency, or ``NONE``
    """

    currency: object
    rates: dict[int, Decimal]

    @classmethod
    def of(
        cls, env, user, currency=None, fixed: Iterable[tuple[int, str]] = ()
    ) -> "Conversion":
        """Return the conversion for a user, at the rates of the day.

        :param currency: ``res.currency``, that of the user's company by default
        :param fixed: rates to take in the place of those
        """
        context = AnswerContext.of(env, user)
        own = own_currency(context)
        currency = currency or own
        used = currencies_in_use(env) or (NONE,)
        rates = rates_into(currency, {id_ or own.id for id_ in used}, context)
        today = {id_: rates[id_ or own.id][1] for id_ in used}
        return cls(currency, today | {id_: Decimal(rate) for id_, rate in fixed})


def currencies_in_use(env) -> tuple[int, ...]:
    """Return the ids of the currencies of all opportunities, maybe with ``NONE``."""
    context = AnswerContext.of(env)
    # Where the past is read there is no version.
    version = context.closure_version and (
        context.log_version,
        context.left_out,
        tuple(context.broken),
        context.currencies_version,
    )
    return IN_USE.get(
        env,
        version,
        (),
        lambda: tuple(id_ for (id_,) in env.execute_query(_CURRENCIES)),
    )
