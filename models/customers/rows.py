"""The rows behind an account: its deals, orders and invoices."""

from odoo.tools import SQL

_TABLES = {"opportunities": "cqrs_opportunity_view", "orders": "cqrs_order_view"}


#: Relations of all rows ``view`` of a kind that are of an account; those of ``contact``
ALL_ROWS = {
    **{
        kind: SQL(
            "cqrs_contact contact JOIN %s view ON view.partner_id = contact.id",
            SQL.identifier(table),
        )
        for kind, table in _TABLES.items()
    },
    "invoices": SQL("cqrs_invoice_view view"),
}

#: When something of each kind happened, over its row
TIMES = {
    "opportunities": SQL("view.created_at"),
    "orders": SQL("view.ordered_at"),
    "invoices": SQL("view.invoiced_on"),
}

#: Conditions on the rows that count for the first and the last
COUNTED = {
    "opportunities": SQL("TRUE"),
    "orders": SQL("view.is_confirmed"),
    "invoices": SQL("view.state = 'posted'"),
}


def rows_of(kind: str, account_id: int) -> SQL:
    """Return the relation ``view`` of an account's rows of a kind.

    An opportunity's account, and an order's, is that of its contact, as it is now; an
    invoice's is the one that it was made with.
    """
    if kind == "invoices":
        # OFFSET 0: by the index on the account.
        return SQL(
            "(SELECT * FROM cqrs_invoice_view WHERE account_id = %s OFFSET 0) view",
            account_id,
        )
    return SQL(
        "(%s) contact CROSS JOIN LATERAL ("
        "SELECT * FROM %s WHERE partner_id = contact.id OFFSET 0) view",
        contacts_of(account_id),
        SQL.identifier(_TABLES[kind]),
    )


def contacts_of(account_id: int) -> SQL:
    """Return the query of the contacts of an account, and the account itself."""
    # Two indexes: few contacts have an account beside themselves.
    return SQL(
        """
        SELECT * FROM cqrs_contact WHERE id = %(id)s AND account_id = %(id)s
        UNION ALL
        SELECT * FROM cqrs_contact WHERE account_id = %(id)s AND id <> account_id
        """,
        id=account_id,
    )
