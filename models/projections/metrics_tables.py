"""The tables of the sums."""

from odoo.tools import SQL

from ..support.versions import CountedVersion
from .table import SURROGATE, Column, Table

ROLL_UP = "cqrs_metrics"
TAIL = "cqrs_metrics_tail"
#: Versions by folds and by repairs, which both write the sums. Two tables, so that a
#: fold during a long replay does not make the replay start over.
FOLDS = CountedVersion("cqrs_metrics_folds")
REPAIRS = CountedVersion("cqrs_metrics_repairs")

KEY = ("user_id", "team_id", "company_id", "currency_id", "stage_id", "month")
#: ``total`` counts opportunities that are not archived, ``active`` the pending ones
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


def each(form: str, names=MEASURES) -> SQL:
    """Return the form for each of the names, e.g. ``"sum({0}) AS {0}"``."""
    return SQL(", ".join(form.format(name) for name in names))


#: Condition on a group of rows whose sums are not all zero
NOT_ZERO = SQL("(%s) <> (%s)", each("sum({0})"), each("0"))

SUMS = Table(
    ROLL_UP,
    columns=(
        Column("id", "bigint", SURROGATE),
        Column("dimension", "text", 'COLLATE "C" NOT NULL'),
        *(Column(name, "date" if name == "month" else "integer") for name in KEY),
        *(
            Column(name, "numeric" if name in AMOUNTS else "integer", "NOT NULL")
            for name in MEASURES
        ),
    ),
    options="WITH (fillfactor = 70)",
)

# The tail has no index: it is short, and read as a whole. Dead rows, which folding
# leaves, are to be cleared before there are many.
CHANGES = Table(
    TAIL,
    columns=(
        Column("occurred_at", "timestamptz", "NOT NULL"),
        Column("former", "cqrs_metrics_lead"),
        Column("state", "cqrs_metrics_lead"),
    ),
    options="WITH (autovacuum_vacuum_scale_factor = 0,"
    " autovacuum_vacuum_threshold = 2000)",
)
