"""Accounts: customers by their commercial entity, with the sums over what is seen.

An account is listed where Odoo lets the person read its contact and the contact is on
record. Its figures are sums over the rows that the person sees, so that it may have
none.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import currencies, own_currency
from ..currencies.rates import rates_into
from ..metrics.figures import exactly
from ..metrics.rounding import rounded
from ..opportunities.filters import MAX_TEXT, Term, owned
from ..opportunities.text import folded
from ..support.answer_context import without_jit
from ..support.process_cache import VersionedCache
from ..support.sql_arrays import integers
from .measures import SORTABLE, Measure
from .viewing import Viewing

#: Number and figures of the accounts of a list
TOTALS = VersionedCache("totals of accounts", size=256)

#: The rates of all currencies into one
RATES = VersionedCache("rates of accounts", size=32)

#: Orders of accounts
SORTS = ("name", *SORTABLE)

# As the index has them (``projections/contact.py``).
_IS_ACCOUNT = SQL("view.id = view.account_id")
_NAME = SQL("left(view.name, 200)")

#: Stands for no currency among ids
NO_CURRENCY = 0


class Keyset(NamedTuple):
    """The place of an account in a list.

    :ivar key: the name, or the figure as a text; None where it is nothing
    :ivar rates: those of the list's first page: ``((currency id, rate), …)``
    """

    key: str | None
    id: int
    rates: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class AccountFilters:
    """Conditions on accounts; all of them hold together.

    :ivar user_ids: the account's salesperson is one of these; None among them is nobody
    :ivar company_ids: rows of these companies alone count, or of no company
    :ivar country_ids: in these countries
    :ivar text: each of its terms begins a word of the account's name
    :ivar has_overdue: an invoice that is seen is overdue; False for the others
    :ivar archived: as of ``Filters``
    :raise ValueError: the text is longer than ``MAX_TEXT``
    """

    user_ids: tuple[int | None, ...] | None = None
    company_ids: tuple[int, ...] | None = None
    country_ids: tuple[int, ...] | None = None
    text: str | None = None
    has_overdue: bool | None = None
    archived: bool | None = False

    @property
    def are_plain(self) -> bool:
        """Whether they let through all accounts that are not archived."""
        return self == AccountFilters(company_ids=self.company_ids)

    def __post_init__(self):
        if self.text and len(self.text) > MAX_TEXT:
            raise ValueError(f"a text to search for has at most {MAX_TEXT} characters")


@dataclass(frozen=True)
class Question:
    """The question that a list of accounts answers.

    :ivar today: the viewer's day, before which what is not paid is overdue
    :ivar rates: ``{currency id: rate}`` into ``currency``, with ``NO_CURRENCY``
    :ivar kept_ids: the currencies whose rates a list keeps from page to page
    """

    viewing: Viewing
    filters: AccountFilters
    today: date
    currency: object
    rates: dict[int, Decimal]
    kept_ids: tuple[int, ...]


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
            Viewing(self.env, user),
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

    # Places

    def _by_name(
        self, asked: Question, descending: bool, after: Keyset | None, limit: int
    ) -> list[Keyset]:
        conditions = [
            *self._conditions(asked),
            asked.viewing.reads_contact(SQL("view.id")),
        ]
        if after:
            conditions.append(
                SQL(
                    f"(%s, view.id) {'<' if descending else '>'} (%s, %s)",
                    _NAME,
                    after.key,
                    after.id,
                )
            )
        way = SQL("DESC" if descending else "ASC")
        rows = self.env.execute_query(
            SQL(
                """
                SELECT %(name)s, view.id FROM cqrs_contact view WHERE %(conditions)s
                ORDER BY %(name)s %(way)s, view.id %(way)s LIMIT %(limit)s
                """,
                name=_NAME,
                conditions=SQL(" AND ").join(conditions),
                way=way,
                limit=limit,
            )
        )
        return [Keyset(*row) for row in rows]

    def _by_figure(
        self,
        asked: Question,
        measure: Measure,
        descending: bool,
        after: Keyset | None,
        limit: int,
    ) -> list[Keyset]:
        arguments = asked, measure, descending
        places = []
        if after is None or after.key is not None:
            places = self._readable(self._ranked, arguments, after, limit)
            after = None
        if (missing := limit - len(places)) > 0:
            places += self._readable(self._unranked, arguments, after, missing)
        return places

    def _readable(
        self, query: Callable, arguments: tuple, after: Keyset | None, limit: int
    ) -> list[Keyset]:
        """Return the first places of a query that are of contacts to be shown.

        :param query: called with the arguments, a place and a number, returns the query
            of the next so many ``(key, id, is_shown)``
        """
        places = []
        # Those that are not shown are few, and asked for after the sort.
        number = limit
        while len(places) < limit:
            rows = self.env.execute_query(query(*arguments, after, number))
            places += [Keyset(key, id_) for key, id_, is_shown in rows if is_shown]
            if len(rows) < number:
                break
            after = Keyset(*rows[-1][:2])
            number *= 2
        return places[:limit]

    def _ranked(
        self,
        asked: Question,
        measure: Measure,
        descending: bool,
        after: Keyset | None,
        limit: int,
    ) -> SQL:
        """Return the query of the next accounts that have a figure."""
        way = SQL("DESC" if descending else "ASC")
        conditions = SQL(" AND ").join(self._conditions(asked))
        bounds = [SQL("TRUE")]
        if after:
            bounds.append(
                SQL(
                    f"(key, account_id) {'<' if descending else '>'} (%s::float8, %s)",
                    float(after.key),
                    after.id,
                )
            )
        if not asked.filters.are_plain:
            # Few accounts may be left, which the first by the figure need not be.
            bounds.append(
                SQL(
                    "account_id IN (SELECT view.id FROM cqrs_contact view WHERE %s)",
                    conditions,
                )
            )
        return SQL(
            """
            SELECT place.key::text, place.id,
                   EXISTS (SELECT FROM cqrs_contact view
                           WHERE view.id = place.id AND %(conditions)s OFFSET 0)
                   AND %(is_read)s
            FROM (
                SELECT key, account_id AS id FROM (%(figures)s) figure
                WHERE %(bounds)s
                ORDER BY key %(way)s, account_id %(way)s LIMIT %(limit)s
            ) place
            ORDER BY place.key %(way)s, place.id %(way)s
            """,
            conditions=conditions,
            is_read=asked.viewing.reads_contact(SQL("place.id")),
            figures=self._converted(asked, measure),
            bounds=SQL(" AND ").join(bounds),
            way=way,
            limit=limit,
        )

    def _unranked(
        self,
        asked: Question,
        measure: Measure,
        descending: bool,
        after: Keyset | None,
        limit: int,
    ) -> SQL:
        """Return the query of the next accounts where the figure is nothing."""
        conditions = self._conditions(asked)
        if after:
            conditions.append(SQL(f"view.id {'<' if descending else '>'} %s", after.id))
        return SQL(
            """
            SELECT NULL, place.id, %(is_read)s
            FROM (
                SELECT view.id FROM cqrs_contact view
                LEFT JOIN (%(figures)s) figure ON figure.account_id = view.id
                WHERE figure.account_id IS NULL AND %(conditions)s
                ORDER BY view.id %(way)s LIMIT %(limit)s
            ) place
            ORDER BY place.id %(way)s
            """,
            is_read=asked.viewing.reads_contact(SQL("place.id")),
            figures=self._converted(asked, measure),
            conditions=SQL(" AND ").join(conditions),
            way=SQL("DESC" if descending else "ASC"),
            limit=limit,
        )

    def _converted(self, asked: Question, measure: Measure) -> SQL:
        """Return the query of ``(account_id, key)``, a figure in one currency.

        It is in double precision, a third of the time of an exact one, and in whole
        units of the currency's digits, so that the order in which amounts are added
        moves no account. Nothing is none, whether or not a change is folded into the
        sums yet.
        """
        column = SQL.identifier("part", measure.name)
        key = SQL("sum(%s)::float8", column)
        if measure.is_amount:
            key = SQL(
                "floor(sum(%s) * %s::float8 + 0.5)",
                _in_doubles(column, asked),
                10**asked.currency.decimal_places,
            )
        return SQL(
            "SELECT account_id, %(key)s AS key FROM (%(rows)s) part"
            " GROUP BY 1 HAVING %(key)s <> 0",
            key=key,
            rows=self._sums(asked, measures=(measure.name,)),
        )

    def _sums(
        self,
        asked: Question,
        account_ids: list[int] | None = None,
        measures: tuple[str, ...] | None = None,
    ) -> SQL:
        return self.env["cqrs.sales.figures"]._account_sums(
            asked.viewing.user,
            asked.today,
            account_ids=account_ids,
            company_ids=asked.filters.company_ids,
            measures=measures,
        )

    def _conditions(self, asked: Question) -> list[SQL]:
        """Return the conditions on a row ``view`` of ``cqrs_contact``."""
        filters = asked.filters
        conditions = [_IS_ACCOUNT]
        if filters.archived is not None:
            conditions.append(SQL("view.active = %s", not filters.archived))
        if filters.user_ids is not None:
            conditions.append(owned(filters.user_ids))
        if filters.country_ids is not None:
            conditions.append(
                SQL("view.country_id = ANY(%s)", integers(filters.country_ids))
            )
        if text := (filters.text or "").strip():
            terms = [Term((term,)).condition for term in folded(self.env, text)]
            conditions += terms or [SQL("FALSE")]
        if filters.has_overdue is not None:
            conditions.append(self._has_overdue(asked, filters.has_overdue))
        return conditions

    def _has_overdue(self, asked: Question, is_so: bool) -> SQL:
        if SORTABLE["overdue"] not in asked.viewing.measures:
            return SQL("FALSE")
        return SQL(
            "%s view.id IN (SELECT account_id FROM (%s) late WHERE late.key > 0)",
            SQL() if is_so else SQL("NOT"),
            self._converted(asked, SORTABLE["overdue"]),
        )

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
                UNION ALL SELECT NULL, %(counts)s
                """,
                listed=listed,
                sums=_each("sum({0})::text AS {0}", names),
                rows=self._sums(asked),
                counts=_each("(SELECT count(*) FROM listed)::text", names),
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
        # As texts: Odoo reads numeric as float.
        names = [measure.name for measure in asked.viewing.measures]
        query = SQL(
            "SELECT account_id, company_id, currency_id, %s FROM (%s) part"
            " GROUP BY 1, 2, 3",
            _each("sum({0})::text AS {0}", names),
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
        shown, exact = {}, {}
        for measure in asked.viewing.measures:
            amounts = [
                (row["currency_id"] or NO_CURRENCY, Decimal(row[measure.name]))
                for row in rows
                if row[measure.name] is not None
            ]
            if measure.is_amount:
                # A currency that nothing is in any more has no rate.
                total = sum(
                    (asked.rates[id_] * amount for id_, amount in amounts if amount),
                    Decimal(0),
                )
                shown[measure.shown] = rounded(total, asked.currency)
                exact[measure.shown] = total.normalize()
            else:
                shown[measure.shown] = int(sum(amount for __, amount in amounts))
        return {**shown, "exact": exact}


def _in_doubles(column: SQL, asked: Question) -> SQL:
    """Return the expression of a converted amount, the common currencies first."""
    # A join with the rates takes as long as all the rest.
    common = dict.fromkeys((NO_CURRENCY, *asked.kept_ids))
    ways = [
        SQL("WHEN %s THEN %s::float8 * %s::float8", id_, column, asked.rates[id_])
        for id_ in common
    ]
    rare = {id_: float(rate) for id_, rate in asked.rates.items() if id_ not in common}
    return SQL(
        "CASE COALESCE(part.currency_id, 0) %s"
        " ELSE %s::float8 * (%s::jsonb ->> part.currency_id::text)::float8 END",
        SQL(" ").join(ways),
        column,
        json.dumps(rare),
    )


def _each(form: str, names) -> SQL:
    return SQL(", ".join(form.format(name) for name in names))


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
