from . import (
    visible,
    filters,
    invoices,
    invoice_totals,
    figures,
    deals,
    drill_down,
)
