"""Currencies, and the version of them and of their rates."""

import logging
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..support import versions
from ..support.answer_context import question
from ..support.process_cache import keep
from ..support.triggers import DELETE, INSERT, TRUNCATE, UPDATE, Trigger, not_holding

_logger = logging.getLogger(__name__)


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
    EXECUTE format('INSERT INTO %I.cqrs_currencies SELECT {versions.NEW}',
                   TG_TABLE_SCHEMA);
    RETURN NULL;
END """

#: What the database must have to tell of a change
TRIGGERS = tuple(
    Trigger(
        table, "cqrs_leave_token", INSERT + UPDATE + DELETE + TRUNCATE, _LEAVE_TOKEN
    )
    for table in ("res_currency", "res_currency_rate", "res_company")
)


class ResCurrency(models.Model):
    """Each change of what amounts are converted by leaves a token.

    No event tells of it. A trigger does, whoever changes it and however.
    """

    _inherit = "res.currency"

    # As its owner: whoever may write a rate need not be allowed more. A dump is
    # restored without a search path.
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
        cr.execute(versions.table("cqrs_currencies"))
        cr.execute(self._FUNCTION)
        # Another module's update comes here too, and shall not keep out who writes
        # these.
        for trigger in not_holding(self.env, TRIGGERS):
            # With a token for what has changed without it.
            cr.execute(
                SQL(
                    self._TRIGGER,
                    name=SQL.identifier(trigger.name),
                    table=SQL.identifier(trigger.table),
                    token=SQL(versions.NEW),
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
        versions.sum_up(self.env, "cqrs_currencies")


_VERSION = f"""
    SELECT concat_ws(' ', company_id, {versions.total("cqrs_currencies")})
    FROM res_users WHERE id = %s
"""


@question(
    *("res.currency", "res.currency.rate", "res.company", "res.users"),
    is_personal=True,
    is_of_version=True,
)
def currencies_version(user):
    """Ask for what is another one wherever ``currencies``, or their rates, may be.

    But for the rates of another day.
    """
    return SQL(_VERSION, user.id)


def currencies(env, user) -> tuple[Currency, ...]:
    """Return those that are active, and that of the user's company, as they are in it.

    By one statement: Odoo would read all that it knows of each, and of the company.
    A process keeps them for as long as nothing of them changes.

    :param user: a ``res.users`` record
    """
    return keep(
        env,
        "currencies",
        (currencies_version(env, user),),
        lambda: tuple(
            Currency(*row) for row in env.execute_query(SQL(_QUERY, user.id))
        ),
    )


def own_currency(env, user) -> Currency:
    """Return the currency of the user's company."""
    return next(each for each in currencies(env, user) if each.is_own)
