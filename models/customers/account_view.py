"""Accounts as records of the ORM: the figures of what the reader sees, by currency."""

from odoo import fields, models
from odoo.tools import SQL

from ..metrics.ages import AGES, age_of
from ..projections.contact import is_account
from ..support.bound_companies import BOUND
from .measures import KINDS, MEASURES
from .rows import ALL_ROWS, COUNTED, TIMES
from .viewing import Viewing

#: ``{field of an age: its name in AGES}``: the open part of that age
AGE_FIELDS = {f"open_{name.removeprefix('0_')}": name for name in AGES}

#: ``{kind: (field of the first time, field of the last)}``
SPANS = {
    "opportunities": ("first_deal", "last_deal"),
    "orders": ("first_order", "last_order"),
    "invoices": ("first_invoice", "last_invoice"),
}

#: ``{field: the kind of rows that it follows from}``
_KIND_OF = {
    **{measure.shown: measure.kind for measure in MEASURES},
    **dict.fromkeys(AGE_FIELDS, "invoices"),
    **{name: kind for kind, names in SPANS.items() for name in names},
}

#: Another reader has other figures, and another day other ages.
_READERS = {"readonly": True, "depends_context": ("uid", "tz", BOUND)}
_AMOUNT = {"currency_field": "currency_id", "aggregator": None, **_READERS}


class CqrsAccountView(models.Model):
    """A row for each account, company and currency in which the reader sees anything.

    The rows depend on the reader: they are sums over the opportunities, orders and
    invoices that ``env.user`` sees, of the contacts that Odoo lets them read. Fields of
    what they may not read in Odoo are hidden from them. Amounts are exact, not
    converted: each in ``currency_id``. An ``id`` stays as long as no company and no
    currency is added.
    """

    _name = "cqrs.account.view"
    _inherit = "cqrs.shows.model"
    _description = "Account (Read Model)"
    _auto = False
    _rec_name = "account_id"
    _order = "id"

    account_id = fields.Many2one("res.partner", "Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)

    vars().update(
        {
            measure.shown: fields.Monetary(help=measure.description, **_AMOUNT)
            if measure.is_amount
            else fields.Integer(help=measure.description, **_READERS)
            for measure in MEASURES
        }
    )
    open_not_due = fields.Monetary("Not Due", **_AMOUNT)
    open_30 = fields.Monetary("Overdue up to 30 Days", **_AMOUNT)
    open_31_60 = fields.Monetary("Overdue 31 to 60 Days", **_AMOUNT)
    open_61_90 = fields.Monetary("Overdue 61 to 90 Days", **_AMOUNT)
    open_over_90 = fields.Monetary("Overdue over 90 Days", **_AMOUNT)
    first_deal = fields.Datetime("First Opportunity", **_READERS)
    last_deal = fields.Datetime("Last Opportunity", **_READERS)
    first_order = fields.Datetime(**_READERS)
    last_order = fields.Datetime(**_READERS)
    first_invoice = fields.Date(**_READERS)
    last_invoice = fields.Date(**_READERS)

    def _has_field_access(self, field, operation):
        kind = _KIND_OF.get(field.name)
        if kind and not self.env.su:
            access = self.env["cqrs.access"]
            if not access._may_read(self.env.uid, KINDS[kind]):
                return False
        return super()._has_field_access(field, operation)

    def _viewing(self) -> Viewing:
        return Viewing(self.env(su=False), self.env.user)

    # Odoo asks, while it loads, whether there is a query in the place of a table.
    _table_query = SQL("SELECT")

    @property
    def _table_sql(self) -> SQL:
        # The figures follow from other records, whose changes the cache is not told.
        self.invalidate_model(flush=False)
        return SQL("(%s)", self._rows())

    def _rows(self) -> SQL:
        """Return the query of the rows that ``env.user`` is shown."""
        self.env["base"]._cqrs_capture_pending()
        viewing = self._viewing()
        parts = [self._sums(viewing)]
        parts += [_span(viewing, kind) for kind in viewing.viewers]
        if "invoices" in viewing.viewers:
            parts.append(self._ages(viewing))
        figures = SQL(", ").join(
            SQL("%s AS %s", _AGGREGATES[name], SQL.identifier(name))
            for name in _KIND_OF
        )
        return SQL(
            """
            SELECT (account_id::bigint * (SELECT max(id) + 1 FROM res_company)
                    + COALESCE(company_id, 0)) * (SELECT max(id) + 1 FROM res_currency)
                   + COALESCE(currency_id, 0) AS id,
                   account_id, company_id, currency_id, %(figures)s
            FROM (%(parts)s) part
            WHERE account_id IN (SELECT view.id FROM cqrs_contact view
                                 WHERE %(is_account)s AND %(is_read)s)
            GROUP BY account_id, company_id, currency_id
            HAVING num_nonnulls(%(any)s) > 0
            """,
            figures=figures,
            parts=SQL(" UNION ALL ").join(parts),
            is_account=is_account(SQL("view")),
            is_read=viewing.reads_contact(SQL("view.id"), of_many=True),
            # Whether or not a change is folded into the sums yet
            any=SQL(", ").join(_SOMETHING[name] for name in _KIND_OF),
        )

    def _sums(self, viewing: Viewing) -> SQL:
        rows = self.env["cqrs.sales.figures"]._account_sums(
            viewing.user, fields.Date.context_today(self)
        )
        given = {
            measure.shown: SQL.identifier(measure.name) for measure in viewing.measures
        }
        return _part(rows, given)

    def _ages(self, viewing: Viewing) -> SQL:
        age = age_of(SQL("due_on"), fields.Date.context_today(self))
        rows = SQL(
            "SELECT *, %s AS age FROM (%s) line",
            age,
            self.env["cqrs.metrics"]._rows_seen(
                viewing.viewers["invoices"], SQL("SELECT * FROM cqrs_receivable")
            ),
        )
        given = {
            field: SQL("CASE WHEN age = %s THEN residual END", name)
            for field, name in AGE_FIELDS.items()
        }
        return _part(rows, given)


def _span(viewing: Viewing, kind: str) -> SQL:
    """Return the part of the first and the last time of a kind of rows."""
    rows = SQL(
        "SELECT %s AS account_id, view.company_id, view.currency_id, %s AS at"
        " FROM %s WHERE %s AND %s",
        SQL("view.account_id" if kind == "invoices" else "contact.account_id"),
        TIMES[kind],
        ALL_ROWS[kind],
        COUNTED[kind],
        viewing.sees(kind),
    )
    return _part(rows, dict.fromkeys(SPANS[kind], SQL("at")))


def _part(rows: SQL, given: dict[str, SQL]) -> SQL:
    """Return the query of some figures of rows, the others NULL."""
    columns = SQL(", ").join(
        SQL("(%s)::%s AS %s", given.get(name, SQL("NULL")), type_, SQL.identifier(name))
        for name, type_ in _TYPES.items()
    )
    return SQL(
        "SELECT account_id, company_id, currency_id, %s FROM (%s) found", columns, rows
    )


def _type(name: str) -> SQL:
    if name in SPANS["invoices"]:
        return SQL("date")
    return SQL("timestamp" if name.startswith(("first_", "last_")) else "numeric")


_TYPES = {name: _type(name) for name in _KIND_OF}


def _aggregate(name: str) -> SQL:
    if name.startswith("first_"):
        return SQL("min(%s)", SQL.identifier(name))
    if name.startswith("last_"):
        return SQL("max(%s)", SQL.identifier(name))
    return SQL("sum(%s)", SQL.identifier(name))


_COUNTS = {measure.shown for measure in MEASURES if not measure.is_amount}
_AGGREGATES = {
    name: SQL("%s::integer", _aggregate(name)) if name in _COUNTS else _aggregate(name)
    for name in _KIND_OF
}
_SOMETHING = {
    name: SQL("NULLIF(%s, 0)", _aggregate(name))
    if _TYPES[name] == SQL("numeric")
    else _aggregate(name)
    for name in _KIND_OF
}
