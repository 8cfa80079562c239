"""Currencies, and the version of currencies and rates."""

import logging
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..support.process_cache import VersionedCache
from ..support.triggers import DELETE, INSERT, TRUNCATE, UPDATE, Trigger, not_holding
from ..support.versions import TOKEN, TokenVersion

_logger = logging.getLogger(__name__)

#: The version of currencies, and of their rates but for those of another day
CURRENCIES = TokenVersion("cqrs_currencies")

#: The currencies of a company
KNOWN = VersionedCache("currencies", size=64)


class Currency(NamedTuple):
    """A currency, as it is for a company.

    :ivar is_own: it is the company's
    """

    id: int
    name: str
    decimal_places: int
    is_own: bool
    company_id: int


_QUERY = """
    SELECT currency.id, currency.name, decimal_places,
           currency.id = company.currency_id, company.id
    FROM res_currency currency
    JOIN res_company company
      ON company.id = (SELECT company_id FROM res_users WHERE id = %s)
    WHERE currency.active OR currency.id = company.currency_id
    ORDER BY currency.id
"""


_LEAVE_TOKEN = f"""
BEGIN
    EXECUTE format('INSERT INTO %I.cqrs_currencies SELECT {TOKEN}',
                   TG_TABLE_SCHEMA);
    RETURN NULL;
END """

#: The triggers that tell of a change
TRIGGERS = tuple(
    Trigger(
        table, "cqrs_leave_token", INSERT + UPDATE + DELETE + TRUNCATE, _LEAVE_TOKEN
    )
    for table in ("res_currency", "res_currency_rate", "res_company")
)


class ResCurrency(models.Model):
    """Leaves a token at each change of currencies, rates or companies.

    Such a change is no event; a trigger notes it, also if SQL makes it.
    """

    _inherit = "res.currency"

    # Runs as its owner: a role that may write a rate needs no other right. The search
    # path is set because a dump is restored without one.
    _FUNCTION = SQL(
        """
        CREATE OR REPLACE FUNCTION cqrs_leave_currency_token() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %s
        """,
        _LEAVE_TOKEN,
    )
    _TRIGGER = """
        DROP TRIGGER IF EXISTS %(name)s ON %(table)s;
        CREATE TRIGGER %(name)s
            AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %(table)s
            FOR EACH STATEMENT EXECUTE FUNCTION cqrs_leave_currency_token();
        INSERT INTO cqrs_currencies SELECT %(token)s
    """

    def init(self):
        result = super().init()
        cr = self.env.cr
        cr.execute(CURRENCIES.definition)
        cr.execute(self._FUNCTION)
        # Any module's update runs this; to replace the triggers would block writers.
        for trigger in not_holding(self.env, TRIGGERS):
            # It leaves a token for the changes made without it.
            cr.execute(
                SQL(
                    self._TRIGGER,
                    name=SQL.identifier(trigger.name),
                    table=SQL.identifier(trigger.table),
                    token=SQL(TOKEN),
                )
            )
        return result

    def _register_hook(self):
        super()._register_hook()
        for trigger in not_holding(self.env, TRIGGERS):
            _logger.warning(
                "Changed currencies and rates may not show on dashboards: the trigger"
                " %(name)s of %(table)s is missing, disabled or changed. Put it back"
                " with 'odoo-bin -d %(database)s -u crm_cqrs --stop-after-init'.",
                {
                    "name": trigger.name,
                    "table": trigger.table,
                    "database": self.env.cr.dbname,
                },
            )

    @api.autovacuum
    def _gc_cqrs_tokens(self):
        CURRENCIES.sum_up(self.env.cr)


def currencies(context) -> tuple[Currency, ...]:
    """Return the active currencies and that of the user's company, as of that company.

    By one statement: Odoo would read all that it knows of each, and of the company.

    :param context: an ``AnswerContext``
    """
    env, user = context.env, context.user
    return KNOWN.get(
        env,
        context.currencies_version,
        (),
        lambda: tuple(
            Currency(*row) for row in env.execute_query(SQL(_QUERY, user.id))
        ),
    )


def own_currency(context) -> Currency:
    """Return the currency of the user's company."""
    return next(each for each in currencies(context) if each.is_own)
