"""The measures of opportunities of the past: rows of spans, as rows of the sums."""

from odoo.tools import SQL

#: Opportunities behind the figures: all, reconstructed ones, and pending ones of these
COUNTS = ("opportunities", "reconstructed", "unknown")

#: The columns of the measures and counts of a row of spans with a ``sign``. Archived
#: opportunities that are neither won nor lost are in no figure.
SPAN_MEASURES = SQL(
    """
    sign * active::integer AS total,
    CASE WHEN active AND status = 'pending' THEN sign ELSE 0 END AS active,
    CASE status WHEN 'won' THEN sign ELSE 0 END AS won,
    CASE status WHEN 'lost' THEN sign ELSE 0 END AS lost,
    CASE WHEN active AND status = 'pending' THEN sign * value ELSE 0 END
        AS pipeline_value,
    -- Not divided by 100: a division may round.
    CASE WHEN active AND status = 'pending'
        THEN sign * value * COALESCE(probability, 0) * 0.01 ELSE 0
    END AS weighted_pipeline,
    CASE status WHEN 'won' THEN sign * value ELSE 0 END AS won_revenue,
    CASE WHEN active OR status <> 'pending' THEN sign ELSE 0 END AS opportunities,
    CASE WHEN NOT is_recorded AND (active OR status <> 'pending') THEN sign ELSE 0 END
        AS reconstructed,
    CASE WHEN NOT is_recorded AND active AND status = 'pending' THEN sign ELSE 0 END
        AS unknown
    """
)
