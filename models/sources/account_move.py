from odoo.tools import SQL

from ..event_store.source import Collected, Rule, Source, declare

POSTED = (("state", "posted"),)

# Entries of payments, of the bank and of vendors are rows of the same model.
declare(
    Source(
        model="account.move",
        noun="Invoice",
        noun_field="move_type",
        nouns=(("out_refund", "CreditNote"), ("out_receipt", "Receipt")),
        condition=SQL("t.move_type IN ('out_invoice', 'out_refund', 'out_receipt')"),
        only_declared=True,
        fields=(
            "name",
            "move_type",
            "state",
            "payment_state",
            "invoice_date",
            "invoice_date_due",
            "partner_id",
            "commercial_partner_id",
            "invoice_user_id",
            "team_id",
            "company_id",
            "company_id.currency_id",
            "currency_id",
            "amount_untaxed",
            "amount_total",
            "amount_residual",
            "amount_untaxed_signed",
            "amount_total_signed",
            "amount_residual_signed",
            "amount_total_in_currency_signed",
            "reversed_entry_id",
            "ref",
            "create_date",
        ),
        personal=("ref",),
        collected=(
            # The instalments: what is due when. Their residuals add up to the
            # invoice's.
            Collected(
                name="receivable_lines",
                child="account.move.line",
                parent="move_id",
                fields=(
                    "display_type",
                    "date_maturity",
                    "amount_residual",
                    "amount_residual_currency",
                ),
                value=SQL(
                    """
                    (SELECT jsonb_agg(jsonb_build_object(
                        'id', line.id,
                        'date_maturity', line.date_maturity,
                        'amount_residual', line.amount_residual,
                        'amount_residual_currency', line.amount_residual_currency
                     ) ORDER BY line.id)
                     FROM account_move_line line
                     WHERE line.move_id = t.id AND line.display_type = 'payment_term')
                    """
                ),
            ),
            Collected(
                name="sale_order_ids",
                child="account.move.line",
                parent="move_id",
                fields=("sale_line_ids",),
                value=SQL(
                    """
                    (SELECT jsonb_agg(DISTINCT sold.order_id ORDER BY sold.order_id)
                     FROM account_move_line line
                     JOIN sale_order_line_invoice_rel link
                        ON link.invoice_line_id = line.id
                     JOIN sale_order_line sold ON sold.id = link.order_line_id
                     WHERE line.move_id = t.id)
                    """
                ),
                # An order takes its lines with it.
                cascades=(
                    ("sale.order.line.order_id", "account.move.line.sale_line_ids"),
                ),
            ),
        ),
        # A draft may say that it is paid: its residual is 0.
        rules=(
            Rule("Posted", "state", "posted"),
            Rule("Cancelled", "state", "cancel"),
            Rule("ResetToDraft", "state", "draft"),
            Rule("Reversed", "payment_state", "reversed", POSTED),
            Rule("Paid", "payment_state", "paid", POSTED),
            Rule("InPayment", "payment_state", "in_payment", POSTED),
            Rule("PartlyPaid", "payment_state", "partial", POSTED),
            Rule("PaymentUndone", "payment_state", "not_paid", POSTED),
            Rule("PaymentChanged", "amount_residual", None, POSTED),
            Rule("Reassigned", "invoice_user_id"),
            Rule("CustomerChanged", "partner_id"),
            Rule("AmountChanged", "amount_total"),
        ),
    )
)
