"""The tables of the sums."""

from odoo.tools import SQL

from ..support.versions import CountedVersion
from .sums import RollUp, Tail
from .table import SURROGATE, Column, Table, each

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

CONTACT_KEY = ("partner_id", "user_id", "team_id", "company_id", "currency_id")
#: The measures that are also summed by contact
CONTACT_MEASURES = tuple(name for name in MEASURES if name != "total")


def _contact_sums(name: str, key: tuple[str, ...]) -> Table:
    return Table(
        name,
        columns=(
            Column("id", "bigint", SURROGATE),
            *(
                Column(column, "integer", "NOT NULL" if column == "partner_id" else "")
                for column in key
            ),
            *(
                Column(
                    measure, "numeric" if measure in AMOUNTS else "integer", "NOT NULL"
                )
                for measure in CONTACT_MEASURES
            ),
        ),
        options="WITH (fillfactor = 80)",
    )


# Tables of their own: the first is larger than the others together, and read otherwise.
CONTACT_SUMS = _contact_sums("cqrs_contact_metrics", CONTACT_KEY)
#: Over all owners and teams, for who sees them all
CONTACT_TOTALS_KEY = ("partner_id", "company_id", "currency_id")
CONTACT_TOTAL_SUMS = _contact_sums("cqrs_contact_totals", CONTACT_TOTALS_KEY)


def by_dimension(contributions: SQL) -> SQL:
    """Return the query of the sums of contributions, in each dimension."""
    return SQL(
        """
        SELECT CASE WHEN GROUPING(user_id) = 1 THEN 'all'
                    WHEN GROUPING(stage_id) = 0 THEN 'stage'
                    WHEN GROUPING(month) = 0 THEN 'month'
                    WHEN GROUPING(changed_in) = 0 THEN 'change'
                    ELSE 'owner' END AS dimension,
               %s, COALESCE(month, changed_in) AS month, %s
        FROM (%s) contribution
        GROUP BY company_id, currency_id, GROUPING SETS (
            (user_id, team_id), (user_id, team_id, stage_id),
            (user_id, team_id, month), (user_id, team_id, changed_in),
            (stage_id, month))
        HAVING %s
        """,
        each("{}", KEY[:-1]),
        METRICS.each("sum({0}) AS {0}"),
        contributions,
        METRICS.not_zero,
    )


METRICS = RollUp(SUMS, ("dimension", *KEY), MEASURES, AMOUNTS, by_dimension)
CONTACT_METRICS = RollUp(CONTACT_SUMS, CONTACT_KEY, CONTACT_MEASURES, AMOUNTS)
CONTACT_TOTALS = RollUp(
    CONTACT_TOTAL_SUMS, CONTACT_TOTALS_KEY, CONTACT_MEASURES, AMOUNTS
)

CHANGES = Tail(
    TAIL,
    "cqrs_metrics_lead",
    {
        "type": "text",
        "active": "boolean",
        "won_status": "text",
        "user_id": "integer",
        "team_id": "integer",
        "company_id": "integer",
        "company_id.currency_id": "integer",
        "stage_id": "integer",
        "partner_id": "integer",
        "expected_revenue": "numeric",
        "probability": "numeric",
        "date_deadline": "date",
        "date_closed": "timestamp",
    },
)
