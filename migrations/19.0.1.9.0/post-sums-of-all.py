"""Sums of all owners by stage and month: of the opportunities, without the tail."""

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL


def migrate(cr, version):
    metrics = api.Environment(cr, SUPERUSER_ID, {})["cqrs.metrics"]
    cr.execute("DELETE FROM cqrs_metrics WHERE dimension = 'all'")
    cr.execute(
        SQL(
            """
            INSERT INTO cqrs_metrics (
                dimension, company_id, currency_id, stage_id, month,
                total, active, won, lost,
                pipeline_value, weighted_pipeline, won_revenue)
            SELECT 'all', company_id, currency_id, stage_id, month,
                   sum(total), sum(active), sum(won), sum(lost),
                   sum(pipeline_value), sum(weighted_pipeline), sum(won_revenue)
            FROM (
                SELECT company_id, currency_id, stage_id,
                       date_trunc('month', CASE status
                           WHEN 'pending' THEN closing_date::timestamp ELSE closed_at
                       END)::date AS month,
                       active::integer AS total,
                       pending::integer AS active,
                       (status = 'won')::integer AS won,
                       (status = 'lost')::integer AS lost,
                       CASE WHEN pending THEN value ELSE 0 END AS pipeline_value,
                       CASE WHEN pending THEN value * COALESCE(probability, 0) * 0.01
                            ELSE 0 END AS weighted_pipeline,
                       CASE status WHEN 'won' THEN value ELSE 0 END AS won_revenue
                FROM cqrs_opportunity_view
                CROSS JOIN LATERAL (
                    SELECT active AND status = 'pending') state (pending)
                UNION ALL
                SELECT company_id, currency_id, stage_id, month,
                       - total, - active, - won, - lost,
                       - pipeline_value, - weighted_pipeline, - won_revenue
                FROM (%s) contribution
            ) part
            GROUP BY company_id, currency_id, stage_id, month
            HAVING (sum(total), sum(active), sum(won), sum(lost), sum(pipeline_value),
                    sum(weighted_pipeline), sum(won_revenue)) <> (0, 0, 0, 0, 0, 0, 0)
            """,
            metrics._contributions(SQL.identifier("cqrs_metrics_tail")),
        )
    )
