"""The rows behind an account: its deals, orders and invoices."""

from odoo.tools import SQL

_TABLES = {"opportunities": "cqrs_opportunity_view", "orders": "cqrs_order_view"}


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
