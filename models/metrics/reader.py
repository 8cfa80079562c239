"""What a person's metrics are, read from the sums at the moment of asking."""

from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from itertools import chain

from odoo import api, fields, models
from odoo.tools import SQL

from ..access.owner_scopes import are_few, in_scopes
from ..currencies.currencies import currencies, currencies_version, own_currency
from ..opportunities.stages import stages
from ..projections.metrics_tables import AMOUNTS, FOLDS, MEASURES, REPAIRS, TAIL
from ..support.answer_context import answered_at, question, without_jit
from ..support.process_cache import keep

COUNTS = tuple(name for name in MEASURES if name not in AMOUNTS)

#: What is added up: of all, and of what the reader owns
_SUMMED = (*MEASURES, *(f"own_{name}" for name in MEASURES))

#: By what the metrics can be read: ``{by: (dimension of the sums, column)}``
GROUPINGS = {
    "stage": ("stage", "stage_id"),
    "salesperson": ("owner", "user_id"),
    "month": ("month", "month"),
}


@contextmanager
def exactly():
    """Within it, a Decimal has room for whatever Odoo's floats may come to.

    28 digits, as by default, and the cents of 1e26 would be an error.
    """
    with localcontext(Context(prec=400)):
        yield


# Most of the time there is none, and to plan its sums takes longer than this.
_HAS_TAIL = f'SELECT EXISTS (SELECT FROM "{TAIL}")'

# As of the closure, xmin is what tells a change from one that was rolled back.
_SUMS_VERSION = f"""
    SELECT concat_ws(' ', fold.version, fold.xmin, repair.version, repair.xmin)
    FROM "{FOLDS}" fold, "{REPAIRS}" repair
"""


@question()
def _has_tail(user):
    return SQL(_HAS_TAIL)


@question()
def _sums_version(user):
    return SQL(_SUMS_VERSION)


class CqrsMetrics(models.AbstractModel):
    """Adds the sums of what is folded to those of the tail.

    The former change with a fold or with what somebody may see, and with nothing else:
    a process keeps them for as long. So the metrics of who sees thousands of owners
    cost what the tail does.
    """

    _inherit = "cqrs.metrics"

    @api.model
    @exactly()
    def _read(
        self,
        user,
        by: str | None = None,
        company_id: int | None = None,
        target_currency=None,
    ) -> dict:
        """Return the metrics over all that a user sees; nothing is written.

        Figures are ``pipeline_value``, ``weighted_pipeline``, ``won_revenue`` and
        ``average_value`` (Decimal, in ``currency``), ``active_opportunities``, ``won``,
        ``lost`` (integers) and ``win_rate`` (Decimal from 0 to 1, four digits).
        ``average_value`` of none active, and ``win_rate`` of none won or lost, are
        None.

        Sums are exact in each currency, then converted once, at today's rate;
        ``amounts`` says from what.

        :param user: a ``res.users`` record
        :param by: ``"stage"``, ``"salesperson"`` or ``"month"`` (of closing)
        :param company_id: of the opportunities of this company alone
        :param target_currency: the ``res.currency`` of the figures, by default
            that of the user's company
        :return: ``{user_id, currency, **figures, own: figures, team: figures, amounts:
            [{currency, rate, pipeline_value, weighted_pipeline, won_revenue}],
            opportunities: {total, own, subordinates}, computed_at}``, where *own* is
            what the user owns, *team* the rest, and ``opportunities`` counts those not
            archived; with ``by`` also ``groups: [{<by>: what it is, **figures, own:
            figures, team: figures}]``, in the order of stages, names or months
        :raise ValueError: ``by`` is something else
        """
        if by is not None and by not in GROUPINGS:
            raise ValueError(f"metrics by {by!r}: not one of {', '.join(GROUPINGS)}")
        dimension, column = GROUPINGS.get(by, ("owner", None))
        currency = own_currency(self.env, user)
        rows = self._sums(user, dimension, column, currency, company_id)
        currency = target_currency or currency
        rates = self._rates({row["currency_id"] for row in rows}, user, currency)
        totals = [row for row in rows if not row["is_group"]]
        total, own = _converted(totals, rates, currency)
        metrics = {
            "user_id": user.id,
            "currency": currency.name,
            **_scopes(total, own),
            "amounts": [
                {
                    "currency": rates[row["currency_id"]][0].name,
                    "rate": rates[row["currency_id"]][1],
                    **{
                        name: rounded(row[name], rates[row["currency_id"]][0])
                        for name in AMOUNTS
                    },
                }
                for row in totals
            ],
            "opportunities": {
                "total": total["total"],
                "own": own["total"],
                "subordinates": total["total"] - own["total"],
            },
            "computed_at": answered_at(self.env),
        }
        if by:
            groups = {}
            for row in rows:
                if row["is_group"]:
                    groups.setdefault(row["group"], []).append(row)
            metrics["groups"] = [
                {by: label, **_scopes(*_converted(each, rates, currency))}
                for label, each in self._labelled(by, groups)
            ]
        return metrics

    @api.model
    @exactly()
    def _read_people(
        self,
        user,
        person_ids: list[int],
        company_id: int | None = None,
        target_currency=None,
    ) -> dict[int, dict]:
        """Return the figures of what people and those below them own.

        :param user: whose view it is: a ``res.users`` record
        :param company_id: as ``target_currency``, as of ``_read``
        :return: ``{user id: {currency, **figures, own: figures, team: figures}}``, of
            all the people, where *own* is what the person owns, *team* what everyone
            does who is below the person in the hierarchy
        """
        currency = own_currency(self.env, user)
        without_jit(self.env)
        own = SQL("person_id = user_id")
        self.env.cr.execute(
            SQL(
                """
                SELECT person_id, COALESCE(currency_id, %(currency)s) AS currency_id,
                       %(sums)s
                FROM (%(visible)s) visible
                JOIN (SELECT viewer_id AS person_id, owner_id,
                             array_agg(company_id) AS company_ids
                      FROM cqrs_user_access
                      WHERE viewer_id = ANY(%(people)s) AND via = 'hierarchy'
                      GROUP BY viewer_id, owner_id) below
                  ON owner_id = user_id
                 AND (owner_id = person_id OR visible.company_id IS NULL
                      OR visible.company_id = ANY(company_ids))
                GROUP BY person_id, 2
                ORDER BY person_id, 2
                """,
                currency=currency.id,
                sums=SQL(", ").join(_sum(name, own) for name in MEASURES),
                visible=self._visible_rows(user, "owner", company_id),
                people=person_ids,
            )
        )
        rows = _exact(self.env.cr.dictfetchall())
        currency = target_currency or currency
        rates = self._rates({row["currency_id"] for row in rows}, user, currency)
        people = {person_id: [] for person_id in person_ids}
        for row in rows:
            people[row["person_id"]].append(row)
        return {
            person_id: {
                "currency": currency.name,
                **_scopes(*_converted(each, rates, currency)),
            }
            for person_id, each in people.items()
        }

    @api.model
    def _count(
        self,
        user,
        measure: str,
        stage_ids: tuple[int, ...] | None = None,
        owned: SQL | None = None,
        company_id: int | None = None,
    ) -> int:
        """Return the sum of a count over what a user sees.

        :param measure: of ``MEASURES``
        :param stage_ids: in these stages alone
        :param owned: condition on the owner of a row ``view``
        :param company_id: of this company alone
        """
        by_stage = stage_ids is not None
        if owned is None:
            grouping = GROUPINGS["stage"] if by_stage else ("owner", None)
            return sum(
                row[measure]
                for row in self._sums(user, *grouping, company_id=company_id)
                if not by_stage or (row["is_group"] and row["group"] in stage_ids)
            )
        without_jit(self.env)
        [(count,)] = self.env.execute_query(
            SQL(
                """
                SELECT COALESCE(sum(%s), 0)::integer FROM (%s) view
                WHERE %s AND %s
                """,
                SQL.identifier(measure),
                self._visible_rows(user, "stage" if by_stage else "owner", company_id),
                owned,
                SQL("stage_id = ANY(%s)", list(stage_ids)) if by_stage else SQL("TRUE"),
            )
        )
        return count

    def _sums(
        self,
        user,
        dimension: str,
        column: str | None,
        currency=None,
        company_id: int | None = None,
    ) -> list[dict]:
        """Return the sums in each currency, over all and of each group.

        ``{currency_id, is_group, group, **MEASURES, own_<measure>: that of the user's
        own}``; amounts are Decimal. Sums that are all zero have no row.

        :param currency: that of what has none
        :param company_id: of this company alone
        """
        without_jit(self.env)
        viewers = self.env["cqrs.access"]._viewers(user)

        def sum_folded():
            rows = self._seen(viewers, self._folded(dimension), company_id)
            return self._sum(user, column, rows)

        basis = self._basis(viewers)
        key = basis and (*basis, user.id, dimension, column, company_id)
        folded = keep(self.env, "sums", key, sum_folded)
        tail = self._contributions(SQL.identifier(TAIL))
        changed = (
            self._sum(user, column, self._seen(viewers, tail, company_id))
            if _has_tail(self.env, user)
            else ()
        )
        return _added(chain(folded, changed), currency)

    def _basis(self, viewers) -> tuple | None:
        """Return what the folded sums that somebody sees follow from.

        None: there is no telling, as where the past is read.
        """
        seen = self.env["cqrs.access"]._basis(viewers)
        version = _sums_version(self.env, self.env.user)
        return (*seen, version) if seen and version else None

    def _sum(self, user, column: str | None, rows: SQL) -> list[dict]:
        grouped = SQL.identifier(column) if column else SQL("NULL")
        own = SQL("user_id = %s", user.id)
        self.env.cr.execute(
            SQL(
                """
                SELECT currency_id, %(is_group)s AS is_group, %(group)s AS "group",
                       %(sums)s
                FROM (%(rows)s) metrics
                GROUP BY currency_id %(sets)s
                """,
                is_group=SQL("GROUPING(%s) = 0", grouped) if column else SQL("FALSE"),
                group=grouped,
                sums=SQL(", ").join(_sum(name, own) for name in MEASURES),
                rows=rows,
                sets=SQL(", GROUPING SETS ((), (%s))", grouped) if column else SQL(),
            )
        )
        return _exact(self.env.cr.dictfetchall())

    def _visible_rows(self, user, dimension: str, company_id: int | None = None) -> SQL:
        """Return the query of those of ``_rows`` that a user sees."""
        viewers = self.env["cqrs.access"]._viewers(user)
        return self._seen(viewers, self._rows(dimension), company_id)

    def _seen(self, viewers, rows: SQL, company_id: int | None = None) -> SQL:
        """Return the query of those of some rows that one of the viewers sees.

        :param company_id: of this company alone
        """
        access, part = self.env["cqrs.access"], SQL("part")
        seen = access._owner_scopes(viewers)
        # Few owners' sums are looked up, by the index of them.
        condition = (
            in_scopes(seen, part) if are_few(seen) else access._visible(viewers, part)
        )
        if company_id is not None:
            condition = SQL("company_id = %s AND %s", company_id, condition)
        return SQL("SELECT * FROM (%s) part WHERE %s", rows, condition)

    def _rates(self, currency_ids: set[int], user, target_currency) -> dict[int, tuple]:
        """Return ``{id: (currency, rate today)}``, on the day of UTC, whoever asks.

        The rate is Odoo's, in the user's company. A process keeps it for as long as
        what it follows from is the same. A currency has ``name`` and
        ``decimal_places``.

        :param target_currency: the currency to convert to
        """
        known = {currency.id: currency for currency in currencies(self.env, user)}
        company_id = next(iter(known.values())).company_id

        def ask():
            return self._ask_rates(currency_ids, company_id, target_currency.id)

        # Some may be of a company that has another one today.
        if not currency_ids <= known.keys():
            return ask()
        return keep(
            self.env,
            "rates",
            (
                currencies_version(self.env, user),
                fields.Date.today(),
                target_currency.id,
                frozenset(currency_ids),
            ),
            lambda: {id_: (known[id_], rate) for id_, (__, rate) in ask().items()},
        )

    def _ask_rates(
        self, currency_ids, company_id: int, target_currency_id: int
    ) -> dict:
        company = self.env["res.company"].sudo().browse(company_id)
        model = self.env["res.currency"].sudo()
        target_currency, today, rates = (
            model.browse(target_currency_id),
            fields.Date.today(),
            {},
        )
        for currency in model.browse(currency_ids):
            rate = model._get_conversion_rate(currency, target_currency, company, today)
            # To the fifteen digits that a float holds of any decimal: 0.922, where its
            # shortest text is 0.9219999999999999.
            rates[currency.id] = currency, Decimal(f"{rate:.15g}")
        return rates

    def _labelled(self, by: str, groups: dict) -> list[tuple]:
        """Return ``(what the group is, its rows)`` of each, in their order.

        What has no stage, salesperson or month comes last, as None.
        """
        labels = getattr(self, f"_label_{by}")([key for key in groups if key])
        if None in groups:
            labels[None] = None
        return [(label, groups[key]) for key, label in labels.items()]

    def _label_stage(self, ids: list[int]) -> dict[int, dict]:
        names = stages(self.env)
        # One that nobody knows comes behind those of the pipeline.
        known = [id_ for id_ in names if id_ in ids]
        return {
            id_: {"id": id_, "name": names.get(id_)}
            for id_ in dict.fromkeys([*known, *sorted(ids)])
        }

    def _label_salesperson(self, ids: list[int]) -> dict[int, dict]:
        self.env.cr.execute(
            SQL(
                """
                SELECT uuid AS id, salesperson.id AS user_id, name, email
                FROM unnest(%s::integer[]) AS salesperson (id)
                LEFT JOIN cqrs_user_profile profile USING (id)
                ORDER BY name, salesperson.id
                """,
                ids,
            )
        )
        return {row["user_id"]: row for row in self.env.cr.dictfetchall()}

    def _label_month(self, months: list) -> dict:
        # strftime() gives the year 1 one digit.
        return {month: month.isoformat()[:7] for month in sorted(months)}


def rounded(amount: Decimal, currency) -> Decimal:
    return _rounded_like(Decimal(1).scaleb(-currency.decimal_places), amount)


def _sum(name: str, own: SQL) -> SQL:
    # Odoo's cursor turns numeric into float, and leaves text alone.
    text = SQL("::text") if name in AMOUNTS else SQL()
    return SQL(
        """
        COALESCE(sum(%(name)s), 0)%(text)s AS %(name)s,
        COALESCE(sum(%(name)s) FILTER (WHERE %(own)s), 0)%(text)s AS %(own_name)s
        """,
        name=SQL.identifier(name),
        own_name=SQL.identifier(f"own_{name}"),
        own=own,
        text=text,
    )


def _exact(rows: list[dict]) -> list[dict]:
    """Return the rows of sums, their amounts made Decimal of text."""
    for row in rows:
        for name in AMOUNTS:
            row[name] = Decimal(row[name])
            row[f"own_{name}"] = Decimal(row[f"own_{name}"])
    return rows


def _added(rows, currency=None) -> list[dict]:
    """Return the sums of rows of the same currency and group, in order of currency.

    A change not yet folded takes from one group what it gives another: what adds up to
    nothing has no row.
    """
    sums = {}
    for row in rows:
        currency_id = row["currency_id"] or (currency and currency.id)
        key = currency_id, row["is_group"], row["group"]
        present = sums.get(key, {})
        sums[key] = row | {
            "currency_id": currency_id,
            **{name: row[name] + present.get(name, 0) for name in _SUMMED},
        }
    return [
        sums[key]
        for key in sorted(sums, key=lambda key: key[0] or 0)
        if any(sums[key][name] for name in MEASURES)
    ]


def _converted(rows: list[dict], rates: dict, currency) -> tuple[dict, dict]:
    """Return the measures of all and of the own, over every currency, in one."""

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


def _scopes(total: dict, own: dict) -> dict:
    # What is left of the total, not a sum of its own: the two always add up.
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
