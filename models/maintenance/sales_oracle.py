"""The oracle of contacts, orders and invoices, and of their sums."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, localcontext

from odoo.tools import SQL, split_every

from ..projections import sales_tables
from .oracle import (
    BATCH_SIZE,
    EXACT,
    ORACLES,
    Drift,
    as_oracle,
    compare_rows,
    compare_sums,
    exact_number,
    not_zero,
    text_or_none,
)
from .sample import Sample

_CUSTOMER_DOCUMENTS = ("out_invoice", "out_refund", "out_receipt")


@as_oracle
def _contacts(env, sample: Sample | None) -> Iterator[Drift]:
    ids = _ids(env, "res.partner", "cqrs_contact", sample)
    teams = _teams(env, "res.partner")
    for batch in split_every(BATCH_SIZE, ids, list):
        expected = {
            partner.id: {
                "account_id": partner.commercial_partner_id.id or partner.id,
                "name": partner.name or "",
                "is_company": partner.is_company,
                "active": partner.active,
                "user_id": partner.user_id.id or None,
                "team_id": teams(partner),
                "company_id": partner.company_id.id or None,
                "country_id": partner.country_id.id or None,
                "city": text_or_none(partner.city),
            }
            for partner in _on_record(env, "res.partner", batch)
        }
        yield from _differences(env, "cqrs_contact", expected, batch)
        env.invalidate_all(flush=False)


@as_oracle
def _orders(env, sample: Sample | None) -> Iterator[Drift]:
    ids = _ids(env, "sale.order", "cqrs_order_view", sample)
    for batch in split_every(BATCH_SIZE, ids, list):
        amounts = _amounts(
            env, "sale.order", batch, "amount_untaxed", "amount_total", "date_order"
        )
        expected = {
            order.id: {
                "name": order.name or "",
                "state": order.state,
                "is_confirmed": order.state in ("sale", "done"),
                "user_id": order.user_id.id or None,
                "team_id": order.team_id.id or None,
                "company_id": order.company_id.id or None,
                "currency_id": order.currency_id.id or None,
                "partner_id": order.partner_id.id or None,
                "opportunity_id": "opportunity_id" in order
                and order.opportunity_id.id
                or None,
                "ordered_at": amounts[order.id]["date_order"],
                "untaxed": exact_number(amounts[order.id]["amount_untaxed"]),
                "total": exact_number(amounts[order.id]["amount_total"]),
                "invoice_status": text_or_none(order.invoice_status),
            }
            for order in _on_record(env, "sale.order", batch)
        }
        yield from _differences(env, "cqrs_order_view", expected, batch)
        env.invalidate_all(flush=False)


@as_oracle
def _invoices(env, sample: Sample | None) -> Iterator[Drift]:
    ids = _ids(env, "account.move", "cqrs_invoice_view", sample)
    teams = _teams(env, "account.move")
    has_orders = "sale_line_ids" in env.get("account.move.line", ())
    left = {} if has_orders else _left(env, "account.move", "sale_order_ids")
    for batch in split_every(BATCH_SIZE, ids, list):
        amounts = _invoice_amounts(env, batch)
        expected, lines = {}, {}
        for move in _on_record(env, "account.move", batch):
            amount, is_posted = amounts[move.id], move.state == "posted"
            sign = -1 if move.move_type == "out_refund" else 1
            owner = {
                "user_id": move.invoice_user_id.id or None,
                "team_id": teams(move),
                "company_id": move.company_id.id or None,
                "currency_id": move.company_id.currency_id.id or None,
                "account_id": (move.commercial_partner_id or move.partner_id).id
                or None,
            }
            expected[move.id] = {
                "name": move.name or "",
                "move_type": move.move_type,
                "state": move.state,
                "payment_state": text_or_none(move.payment_state)
                if is_posted
                else None,
                **owner,
                "document_currency_id": move.currency_id.id or None,
                "partner_id": move.partner_id.id or None,
                "invoiced_on": amount["invoice_date"],
                "due_on": amount["invoice_date_due"],
                "untaxed": amount["amount_untaxed_signed"],
                "total": amount["amount_total_signed"],
                "residual": is_posted * amount["amount_residual_signed"],
                "document_total": sign * amount["amount_total"],
                "document_residual": is_posted * sign * amount["amount_residual"],
                "order_ids": sorted(move.invoice_line_ids.sale_line_ids.order_id.ids)
                or None
                if has_orders
                else left.get(move.id),
            }
            if is_posted:
                move.line_ids.fetch(["display_type"])
                of_lines = move.line_ids.filtered(
                    lambda line: line.display_type == "payment_term"
                )
                values = _amounts(
                    env,
                    "account.move.line",
                    of_lines.ids,
                    "amount_residual",
                    "date_maturity",
                )
                residuals = {
                    line.id: exact_number(values[line.id]["amount_residual"])
                    for line in of_lines
                }
                in_order = sorted(
                    (id_ for id_, residual in residuals.items() if residual),
                    key=lambda id_: (values[id_]["date_maturity"] or date.max, id_),
                )
                for id_, former in zip(in_order, [None, *in_order], strict=False):
                    lines[id_] = {
                        "invoice_id": move.id,
                        **owner,
                        "due_on": values[id_]["date_maturity"],
                        "residual": residuals[id_],
                        "is_first": id_ == in_order[0],
                        "former_due_on": former and values[former]["date_maturity"],
                    }
        yield from _differences(env, "cqrs_invoice_view", expected, batch)
        yield from _differences(env, "cqrs_receivable", lines, batch, "invoice_id")
        env.invalidate_all(flush=False)


@as_oracle
def _sales_figures(env, sample: Sample | None) -> Iterator[Drift]:
    owners = sample and sample.owners
    sums = {
        roll_up.name: defaultdict(Counter)
        for roll_up in env["cqrs.sales.figures"]._cqrs_roll_ups
    }

    def add(roll_up, key: tuple, measures: dict):
        sums[roll_up.name][key].update(measures)

    with localcontext(EXACT):
        for order, measures, group, month in _confirmed_orders(env, owners):
            add(sales_tables.MONTH_SALES, (*group, month), measures)
            if order.partner_id:
                add(
                    sales_tables.CONTACT_ORDERS, (order.partner_id.id, *group), measures
                )
        for move, measures, group, month in _posted_invoices(env, owners):
            add(sales_tables.MONTH_SALES, (*group, month), measures)
            account = move.commercial_partner_id or move.partner_id
            if account:
                add(sales_tables.ACCOUNT_INVOICES, (account.id, *group), measures)
        expected = {name: not_zero(each) for name, each in sums.items()}
    for roll_up in env["cqrs.sales.figures"]._cqrs_roll_ups:
        yield from compare_sums(env, "cqrs.sales.figures", roll_up, expected, owners)


def _confirmed_orders(env, owners: list[int] | None) -> Iterator[tuple]:
    teams = _teams(env, "sale.order")
    for batch in split_every(BATCH_SIZE, _all(env, "sale.order"), list):
        amounts = _amounts(env, "sale.order", batch, "amount_untaxed", "date_order")
        for order in _on_record(env, "sale.order", batch):
            if order.state not in ("sale", "done") or not _is_of(order.user_id, owners):
                continue
            day = amounts[order.id]["date_order"]
            untaxed = exact_number(amounts[order.id]["amount_untaxed"])
            group = _group(order, order.user_id, teams, order.currency_id)
            yield order, {"orders": 1, "ordered": untaxed}, group, _month(day)
        env.invalidate_all(flush=False)


def _posted_invoices(env, owners: list[int] | None) -> Iterator[tuple]:
    teams = _teams(env, "account.move")
    for batch in split_every(BATCH_SIZE, _all(env, "account.move"), list):
        amounts = _invoice_amounts(env, batch)
        for move in _on_record(env, "account.move", batch):
            if move.state != "posted" or not _is_of(move.invoice_user_id, owners):
                continue
            amount = amounts[move.id]
            untaxed = amount["amount_untaxed_signed"]
            residual = amount["amount_residual_signed"]
            measures = {
                "invoices": 1,
                "invoiced": untaxed,
                "credited": untaxed if move.move_type == "out_refund" else 0,
                "paid": amount["amount_total_signed"] - residual,
                "open": residual,
            }
            currency = move.company_id.currency_id
            group = _group(move, move.invoice_user_id, teams, currency)
            yield move, measures, group, _month(amount["invoice_date"])
        env.invalidate_all(flush=False)


def _group(record, user, teams: Callable, currency) -> tuple:
    ids = (user.id, teams(record), record.company_id.id, currency.id)
    return tuple(id_ or None for id_ in ids)


def _teams(env, model: str) -> Callable[[object], int | None]:
    """Return the function that gives the team of a record of a model."""
    if model in env and "team_id" in env[model]._fields:
        return lambda record: record.team_id.id or None
    left = _left(env, model, "team_id")
    return lambda record: left.get(record.id)


def _left(env, model: str, path: str) -> dict[int, object]:
    """Return ``{id: value}`` on record of a field that Odoo has no more: it stays."""
    query = SQL(
        "SELECT stream_id, NULLIF(state -> %(path)s, 'null') FROM cqrs_stream"
        " WHERE stream_model = %(model)s AND jsonb_exists(state, %(path)s)",
        model=model,
        path=path,
    )
    return dict(env.execute_query(query))


def _month(day) -> date | None:
    return day and date(day.year, day.month, 1)


def _is_of(user, owners: list[int] | None) -> bool:
    return owners is None or user.id in owners


def _all(env, model: str) -> list[int]:
    if model not in env["cqrs.event"]._captured():
        return []
    return env[model].search([], order="id").ids


def _ids(env, model: str, table: str, sample: Sample | None) -> list[int]:
    """Return the ids of the records to compare: all that have a stream or a row."""
    if sample:
        return sample.streams[model]
    query = SQL(
        "SELECT stream_id FROM cqrs_stream WHERE stream_model = %s"
        " UNION SELECT id FROM %s",
        model,
        SQL.identifier(table),
    )
    return sorted(id_ for (id_,) in env.execute_query(query))


_FIELDS = {
    "res.partner": (
        *("commercial_partner_id", "name", "is_company", "active", "user_id"),
        *("team_id", "company_id", "country_id", "city"),
    ),
    "sale.order": (
        *("name", "state", "user_id", "team_id", "company_id", "currency_id"),
        *("partner_id", "opportunity_id", "invoice_status"),
    ),
    "account.move": (
        *("name", "move_type", "state", "payment_state", "invoice_user_id", "team_id"),
        *("company_id", "commercial_partner_id", "partner_id", "currency_id"),
    ),
}


def _on_record(env, model: str, ids: list[int]):
    """Return those records that are there, and on record."""
    if model not in env["cqrs.event"]._captured():
        return ()
    records = env[model].browse(ids).exists()
    # Only these: other fields may have values that Odoo cannot read.
    records.fetch([name for name in _FIELDS[model] if name in records._fields])
    if model == "account.move":
        records = records.filtered(lambda move: move.move_type in _CUSTOMER_DOCUMENTS)
    return records


def _invoice_amounts(env, ids: list[int]) -> dict[int, dict]:
    names = (
        *("amount_untaxed_signed", "amount_total_signed", "amount_residual_signed"),
        *("amount_total", "amount_residual"),
    )
    amounts = _amounts(
        env, "account.move", ids, *names, "invoice_date", "invoice_date_due"
    )
    return {
        id_: row | {name: exact_number(row[name]) for name in names}
        for id_, row in amounts.items()
    }


def _amounts(env, model: str, ids: list[int], *names: str) -> dict[int, dict]:
    """Return columns as they are stored: the ORM would round numbers.

    Numbers are texts; times that Odoo cannot read are None.
    """
    if model not in env:
        return {}
    env[model].flush_model(names)
    columns = [
        SQL(
            "CASE WHEN extract(year FROM %(c)s) BETWEEN 1 AND 9999 THEN %(c)s END",
            c=SQL.identifier(name),
        )
        if env[model]._fields[name].type in ("date", "datetime")
        else SQL("%s::text", SQL.identifier(name))
        for name in names
    ]
    query = SQL(
        "SELECT id, %s FROM %s WHERE id = ANY(%s)",
        SQL(", ").join(columns),
        SQL.identifier(env[model]._table),
        ids,
    )
    return {
        id_: dict(zip(names, row, strict=True))
        for id_, *row in env.execute_query(query)
    }


_NUMBERS = ("untaxed", "total", "residual", "document_total", "document_residual")


def _differences(
    env, table: str, expected: dict, ids: list[int], column: str = "id"
) -> Iterator[Drift]:
    """Compare the rows of a table of some ids with the expected ones."""
    names = env.execute_query(
        SQL(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass"
            " AND attnum > 0 AND NOT attisdropped AND attname <> ALL(%s)",
            table,
            ["id", "words", "version", "changed_at"],
        )
    )
    names = [name for (name,) in names]
    query = SQL(
        "SELECT id, %s FROM %s WHERE %s = ANY(%s)",
        SQL(", ").join(
            SQL("%s::text" if name in _NUMBERS else "%s", SQL.identifier(name))
            for name in names
        ),
        SQL.identifier(table),
        SQL.identifier(column),
        ids,
    )
    found = {
        id_: {
            name: Decimal(value) if name in _NUMBERS else value
            for name, value in zip(names, row, strict=True)
        }
        for id_, *row in env.execute_query(query)
    }
    yield from compare_rows(table, expected, found)


ORACLES.update(
    {
        "cqrs_contact": _contacts,
        "cqrs_order_view": _orders,
        "cqrs_invoice_view": _invoices,
        "cqrs_sales_figures": _sales_figures,
    }
)
