from ..event_store.source import Rule, Source, declare

# Left out: the lines, and what Odoo derives from them besides the amounts.
declare(
    Source(
        model="sale.order",
        noun="Order",
        only_declared=True,
        fields=(
            "name",
            "state",
            "locked",
            "partner_id",
            "user_id",
            "team_id",
            "company_id",
            "currency_id",
            "opportunity_id",
            "date_order",
            "amount_untaxed",
            "amount_total",
            "invoice_status",
            "client_order_ref",
            "create_date",
        ),
        personal=("client_order_ref",),
        rules=(
            Rule("Confirmed", "state", "sale"),
            Rule("Cancelled", "state", "cancel"),
            Rule("Sent", "state", "sent"),
            Rule("ResetToDraft", "state", "draft"),
            Rule("Reassigned", "user_id"),
            Rule("CustomerChanged", "partner_id"),
            Rule("AmountChanged", "amount_total"),
            Rule("InvoiceStatusChanged", "invoice_status"),
        ),
    )
)
