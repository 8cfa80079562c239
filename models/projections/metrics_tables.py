"""The tables of the sums, and what their columns are called."""

from odoo.tools import SQL

ROLL_UP = "cqrs_metrics"
TAIL = "cqrs_metrics_tail"
#: Count the folds, and the repairs: each writes the sums. Apart, so that a fold during
#: a long replay does not make that one start over.
FOLDS = "cqrs_metrics_folds"
REPAIRS = "cqrs_metrics_repairs"

KEY = ("user_id", "team_id", "company_id", "currency_id", "stage_id", "month")
#: ``total`` counts what is not archived, ``active`` what of it is pending
MEASURES = (
    "total",
    "active",
    "won",
    "lost",
    "pipeline_value",
    "weighted_pipeline",
    "won_revenue",
)
AMOUNTS = ("pipeline_value", "weighted_pipeline", "won_revenue")


def _list(form: str, names=MEASURES) -> SQL:
    """Return the form for each of the names, e.g. ``"sum({0}) AS {0}"``."""
    return SQL(", ".join(form.format(name) for name in names))


#: Condition on a group of rows that add up to something
NOT_ZERO = SQL("(%s) <> (%s)", _list("sum({0})"), _list("0"))
