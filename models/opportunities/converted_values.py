"""The value of each opportunity in the currency of the figures.

An opportunity has its value in the currency of its company, figures are in one. The
records behind a figure show both, and what they add up to is the figure.
"""

import re
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import currencies
from .conversion import NONE, Conversion, currencies_in_use

_BY_VALUE = re.compile(r"value( asc| desc)?(, *id( asc| desc)?)?", re.IGNORECASE)

#: Key of the context: values are compared within one currency
_IN_ONE = "cqrs_in_one_currency"


class CqrsOpportunityView(models.Model):
    """Converts values at the rates of the metrics, unrounded.

    The context chooses the figures: ``cqrs_currency`` is the code of their currency, by
    default that of the current company, as everywhere in Odoo; ``cqrs_person`` is the
    id of the user whose figures they are, by default the present one.
    """

    _inherit = "cqrs.opportunity.view"

    figures_currency_id = fields.Many2one(
        "res.currency", "Currency of the Figures", compute="_compute_converted"
    )
    converted_value = fields.Monetary(
        compute="_compute_converted",
        currency_field="figures_currency_id",
        help="Value in the currency of the figures, at today's rate.",
    )
    weighted_value = fields.Monetary(
        compute="_compute_converted",
        currency_field="figures_currency_id",
        help="Value in the currency of the figures, times probability.",
    )

    @api.depends("value", "currency_id", "probability")
    @api.depends_context("uid", "company", "cqrs_currency", "cqrs_person")
    def _compute_converted(self):
        conversion = self._conversion()
        self.figures_currency_id = conversion.currency.id
        for opportunity in self:
            rate = conversion.rates.get(opportunity.currency_id.id or NONE, Decimal(0))
            value = opportunity.value * float(rate)
            weighted = value * opportunity.probability * 0.01
            # To assign them would round them, and the client adds up what it shows.
            for name, amount in (("converted", value), ("weighted", weighted)):
                self._fields[f"{name}_value"]._update_cache(opportunity, amount)

    def _field_to_sql(self, alias, field_expr, query=None):
        if field_expr == "figures_currency_id":
            return SQL("%s::integer", self._conversion().currency.id)
        if field_expr == "converted_value":
            return self._converted(alias)
        if field_expr == "weighted_value":
            # As the metrics have it: a division may round.
            return SQL(
                "(%s * COALESCE(%s, 0)::numeric * 0.01)",
                self._converted(alias),
                SQL.identifier(alias, "probability"),
            )
        return super()._field_to_sql(alias, field_expr, query)

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        if field_name != "value":
            return super()._order_field_to_sql(
                alias, field_name, direction, nulls, query
            )
        is_one = len(currencies_in_use(self.env)) == 1
        if not is_one and not self.env.context.get(_IN_ONE):
            return self._order_field_to_sql(
                alias, "converted_value", direction, nulls, query
            )
        # In one currency an index has them in this order.
        parts = [_unit(alias), SQL.identifier(alias, "value")]
        query._order_groupby.extend(parts)
        return SQL(", ").join(SQL("%s %s", part, direction) for part in parts)

    def _search(self, domain, offset=0, limit=None, order=None, **options):
        query = super()._search(domain, offset, limit, order, **options)
        currency_ids = currencies_in_use(self.env)
        if limit and len(currency_ids) > 1 and _BY_VALUE.fullmatch(order or ""):
            # No index has converted values: look at the first of each currency.
            raw = self.with_context(**{_IN_ONE: True})
            firsts = (
                SQL(
                    "(SELECT %s FROM %s WHERE %s AND %s = %s ORDER BY %s LIMIT %s)",
                    SQL.identifier(query.table, "id"),
                    query.from_clause,
                    query.where_clause or SQL("TRUE"),
                    _unit(query.table),
                    currency_id,
                    raw._order_to_sql(order, query),
                    offset + limit,
                )
                for currency_id in currency_ids
            )
            query.add_where(
                SQL(
                    "%s IN (%s)",
                    SQL.identifier(query.table, "id"),
                    SQL(" UNION ALL ").join(list(firsts)),
                )
            )
        return query

    def _converted(self, alias: str) -> SQL:
        return SQL(
            "(%s * CASE %s %s END)",
            SQL.identifier(alias, "value"),
            _unit(alias),
            SQL(" ").join(
                SQL("WHEN %s THEN %s", id_, rate)
                for id_, rate in self._conversion().rates.items()
            ),
        )

    def _conversion(self) -> Conversion:
        """Return the conversion of all values into the currency of the figures."""
        person = self._person()
        known = currencies(AnswerContext.of(self.env, person))
        code = (
            self.env.context.get("cqrs_currency") or self.env.company.currency_id.name
        )
        target = next((each for each in known if each.name == code), None)
        return Conversion.of(self.env, person, target)

    def _person(self):
        """Return the user whose figures are asked for, where they may be seen."""
        asked = self.env.context.get("cqrs_person")
        if type(asked) is not int or asked == self.env.uid:
            return self.env.user
        access = self.env(su=False)["cqrs.access"]
        found = access._people(self.env.user, SQL("id = %s", asked))
        return self.env["res.users"].browse(found[:1]) or self.env.user


def _unit(alias: str) -> SQL:
    """Return the currency of a row, as the indexes have it."""
    return SQL("COALESCE(%s, 0)", SQL.identifier(alias, "currency_id"))
