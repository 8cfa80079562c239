"""Accounts: customers by their commercial entity, with the sums over what is seen.

An account is listed where Odoo lets the person read its contact and the contact is on
record. Its figures are sums over the rows that the person sees, so that it may have
none.
"""

from datetime import date
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import currencies, own_currency
from ..currencies.rates import rates_into
from ..metrics.figures import exactly
from ..metrics.rounding import rounded
from ..projections.table import each
from ..support.answer_context import without_jit
from ..support.process_cache import VersionedCache
from ..support.sql_arrays import integers
from .measures import SORTABLE
from .question import NO_CURRENCY, AccountFilters, Keyset, Question
from .viewing import Viewing

#: Number and figures of the accounts of a list
TOTALS = VersionedCache("totals of accounts", size=256)

#: The rates of all currencies into one
RATES = VersionedCache("rates of accounts", size=32)

#: Orders of accounts
SORTS = ("name", *SORTABLE)


class CqrsAccounts(models.AbstractModel):
    """Reads the accounts of a user. Nothing is written.

    A ``user`` is a ``res.users`` record; the caller sees no more than both see. Amounts
    are ``Decimal``, converted at the rates of the day and rounded once.
    """

    _name = "cqrs.accounts"
    _description = "Accounts"

    @api.model
    @exactly()
    def _read_page(
        self,
        user,
        today: date,
        sort: str = "name",
        descending: bool = False,
        filters: AccountFilters | None = None,
        after: Keyset | None = None,
        limit: int = 80,
        target_currency=None,
    ) -> dict:
        """Return ``{currency, items, next}``.

        Who follows ``next``, a ``Keyset``, is given each account once that keeps its
        place meanwhile. Accounts where the figure is nothing come last, both ways.

        :param sort: one of ``SORTS``
        :param after: begin behind this place
        :param limit: accounts of the page, one at least
        :param target_currency: a ``res.currency``, by default that of the user's
            company
        :raise ValueError: there is no such order
        """
        without_jit(self.env)
        asked = self._question(user, today, filters, target_currency, after)
        if sort not in SORTS:
            raise ValueError(f"no such order: {sort} (there are {', '.join(SORTS)})")
        if measure := SORTABLE.get(sort):
            places = self._by_figure(asked, measure, descending, after, limit + 1)
        else:
            places = self._by_name(asked, descending, after, limit + 1)
        page, following = places[:limit], None
        if len(places) > limit:
            fixed = tuple((id_, str(asked.rates[id_])) for id_ in asked.kept_ids)
            following = page[-1]._replace(rates=fixed)
        return {
            "currency": asked.currency.name,
            "items": self._items(asked, [place.id for place in page]),
            "next": following,
        }

    @api.model
    def _country_ids(self, codes: tuple[str, ...]) -> tuple[int, ...]:
        """Return the ids of countries by their codes; unknown ones have none."""
        countries = self.env["res.country"].sudo()
        return tuple(countries.search([("code", "in", list(codes))]).ids)

    def _question(
        self,
        user,
        today: date,
        filters=None,
        currency=None,
        after: Keyset | None = None,
    ) -> Question:
        context = AnswerContext.of(self.env, user)
        context.check("cqrs.contact")
        own = own_currency(context)
        currency = currency or own
        rates = dict(self._rates(currency, context))
        rates |= {id_: Decimal(rate) for id_, rate in (after.rates if after else ())}
        rates[NO_CURRENCY] = rates[own.id]
        return Question(
            Viewing.of(self.env, user),
            filters or AccountFilters(),
            today,
            currency,
            rates,
            kept_ids=tuple(each.id for each in currencies(context)),
        )

    def _rates(self, currency, context: AnswerContext) -> dict[int, Decimal]:
        """Return ``{id: rate}`` of all currencies there are, at the rates of the day.

        An order may be in one that is not active any more, and to look for those in
        use would take longer than to know all.
        """

        def ask():
            ids = set(
                self.env["res.currency"]
                .sudo()
                .with_context(active_test=False)
                .search([])
                .ids
            )
            found = rates_into(currency, ids, context)
            return {id_: rate for id_, (__, rate) in found.items()}

        key = fields.Date.today(), currency.id
        return RATES.get(self.env, context.currencies_version, key, ask)

    # Figures

    @api.model
    @exactly()
    def _read_totals(
        self,
        user,
        today: date,
        filters: AccountFilters | None = None,
        target_currency=None,
    ) -> dict:
        """Return ``{currency, total, totals}``: of all accounts of a list.

        It takes the time of reading all sums, so that no page has it beside it.

        :param target_currency: as of ``_read_page``
        """
        without_jit(self.env)
        asked = self._question(user, today, filters, target_currency)
        total, totals = self._totals(asked)
        return {"currency": asked.currency.name, "total": total, "totals": totals}

    def _totals(self, asked: Question) -> tuple[int, dict]:
        key = (
            *(self.env.uid, asked.viewing.user.id, asked.viewing.version),
            *(asked.filters, asked.today, asked.currency.id),
            tuple(asked.rates[id_] for id_ in asked.kept_ids),
        )
        return TOTALS.get(
            self.env, _log_version(self.env), key, lambda: self._ask_totals(asked)
        )

    def _ask_totals(self, asked: Question) -> tuple[int, dict]:
        conditions = [
            *self._conditions(asked),
            asked.viewing.reads_contact(SQL("view.id"), of_many=True),
        ]
        listed = SQL(
            "SELECT view.id FROM cqrs_contact view WHERE %s",
            SQL(" AND ").join(conditions),
        )
        names = [measure.name for measure in asked.viewing.measures]
        rows = self.env.execute_query_dict(
            SQL(
                """
                WITH listed AS MATERIALIZED (%(listed)s)
                SELECT COALESCE(currency_id, 0) AS currency_id, %(sums)s
                FROM (%(rows)s) part WHERE account_id IN (SELECT id FROM listed)
                GROUP BY 1
                UNION ALL SELECT NULL, (SELECT count(*) FROM listed)::text %(others)s
                """,
                listed=listed,
                sums=each("NULLIF(sum({0}), 0)::text AS {0}", names),
                rows=self._sums(asked),
                others=SQL(", NULL" * (len(names) - 1)),
            )
        )
        total = next(row[names[0]] for row in rows if row["currency_id"] is None)
        rows = [row for row in rows if row["currency_id"] is not None]
        return int(total), self._shown(asked, rows)

    def _items(self, asked: Question, ids: list[int]) -> list[dict]:
        """Return accounts with their figures, in the order of their ids."""
        rows = self._rows_of_sums(asked, ids) if ids else []
        facts = self._facts(ids)
        by_account = {id_: [] for id_ in ids}
        for row in rows:
            by_account[row["account_id"]].append(row)
        return [
            {**facts[id_], **self._shown(asked, by_account[id_])}
            for id_ in ids
            if id_ in facts
        ]

    def _rows_of_sums(self, asked: Question, ids: list[int]) -> list[dict]:
        """Return the sums of some accounts, exact, by company and currency."""
        # As texts: Odoo reads numeric as float. Most are nothing.
        names = [measure.name for measure in asked.viewing.measures]
        query = SQL(
            "SELECT account_id, company_id, currency_id, %s FROM (%s) part"
            " GROUP BY 1, 2, 3",
            each("NULLIF(sum({0}), 0)::text AS {0}", names),
            self._sums(asked, ids),
        )
        return self.env.execute_query_dict(query)

    def _facts(self, ids: list[int]) -> dict[int, dict]:
        """Return ``{id: facts}`` of accounts that may be read."""
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT contact.id AS odoo_id, contact.name, contact.is_company,
                       NOT contact.active AS archived, contact.company_id, contact.city,
                       country.code AS country_code,
                       COALESCE(country.name ->> %(lang)s, country.name ->> 'en_US')
                           AS country_name,
                       contact.user_id, profile.uuid::text AS uuid,
                       profile.name AS user_name
                FROM cqrs_contact contact
                LEFT JOIN res_country country ON country.id = contact.country_id
                LEFT JOIN cqrs_user_profile profile ON profile.id = contact.user_id
                WHERE contact.id = ANY(%(ids)s)
                """,
                lang=self.env.lang or "en_US",
                ids=integers(ids),
            )
        )
        return {row["odoo_id"]: _fact(row) for row in rows}

    def _shown(self, asked: Question, rows: list[dict]) -> dict:
        """Return the figures of rows of sums, converted, added and rounded once."""
        nothing = rounded(Decimal(0), asked.currency)
        shown, exact = {}, {}
        for name, title, is_amount in asked.viewing.figures:
            total = Decimal(0)
            for row in rows:
                if amount := row[name]:
                    # A currency that nothing is in any more has no rate.
                    currency_id = row["currency_id"] or NO_CURRENCY
                    rate = asked.rates[currency_id] if is_amount else 1
                    total += rate * Decimal(amount)
            if is_amount:
                shown[title] = rounded(total, asked.currency) if total else nothing
                exact[title] = total.normalize()
            else:
                shown[title] = int(total)
        return {**shown, "exact": exact}


def _fact(row: dict) -> dict:
    return {
        "odoo_id": row["odoo_id"],
        "name": row["name"],
        "is_company": row["is_company"],
        "archived": row["archived"],
        "salesperson": row["user_id"]
        and {"id": row["uuid"], "user_id": row["user_id"], "name": row["user_name"]},
        "company_id": row["company_id"],
        "country": row["country_code"]
        and {"code": row["country_code"], "name": row["country_name"]},
        "city": row["city"] or None,
    }


def _log_version(env) -> tuple | None:
    """Return the version of what follows from the log; None where the past is read."""
    context = AnswerContext.of(env)
    return context.closure_version and (
        context.log_version,
        context.left_out,
        tuple(context.broken),
        context.currencies_version,
    )
