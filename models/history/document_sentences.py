"""Sentences about orders and invoices, by the types of their events."""


def document_sentences(env, event) -> list[str]:
    """Return the sentence for an event of an order or invoice, if its type says it.

    :param event: a ``cqrs.event``
    """
    if event.stream_model == "sale.order":
        words = _order_words(env, event)
    elif event.stream_model == "account.move":
        words = _invoice_words(env, event)
    else:
        return []
    return [text for suffix, text in words.items() if event.type.endswith(suffix)][:1]


def _state(event) -> str | None:
    return (event.after or {}).get("state")


def _order_words(env, event) -> dict[str, str]:
    is_confirmed = _state(event) in ("sale", "done")
    return {
        "Created": env._("Order confirmed") if is_confirmed else env._("Quoted"),
        "Sent": env._("Quotation sent"),
        "Confirmed": env._("Order confirmed"),
        "Cancelled": env._("Cancelled"),
        "ResetToDraft": env._("Reset to draft"),
    }


def _invoice_words(env, event) -> dict[str, str]:
    is_posted = _state(event) == "posted"
    return {
        "Created": env._("Posted") if is_posted else env._("Drafted"),
        "Posted": env._("Posted"),
        # Before "Paid", with which it ends as well.
        "PartlyPaid": env._("Partly paid"),
        "Paid": env._("Paid"),
        "InPayment": env._("Payment in progress"),
        "PaymentUndone": env._("Payment undone"),
        "Reversed": env._("Reversed by a credit note"),
        "Cancelled": env._("Cancelled"),
        "ResetToDraft": env._("Reset to draft"),
    }
