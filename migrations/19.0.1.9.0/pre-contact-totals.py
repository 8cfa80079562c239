"""Sums by contact over all owners: those of each owner, added up.

A table that is there is not made anew from the log, for which writers would wait.
"""


def migrate(cr, version):
    cr.execute("SELECT to_regclass('cqrs_contact_metrics')")
    if not cr.fetchone()[0]:
        return
    cr.execute(
        """
        CREATE TABLE IF NOT EXISTS cqrs_contact_totals (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            partner_id integer NOT NULL, company_id integer, currency_id integer,
            active integer NOT NULL, won integer NOT NULL, lost integer NOT NULL,
            pipeline_value numeric NOT NULL, weighted_pipeline numeric NOT NULL,
            won_revenue numeric NOT NULL
        ) WITH (fillfactor = 80);
        DELETE FROM cqrs_contact_totals;
        INSERT INTO cqrs_contact_totals (
            partner_id, company_id, currency_id, active, won, lost,
            pipeline_value, weighted_pipeline, won_revenue)
        SELECT partner_id, company_id, currency_id, sum(active), sum(won), sum(lost),
               sum(pipeline_value), sum(weighted_pipeline), sum(won_revenue)
        FROM cqrs_contact_metrics
        GROUP BY partner_id, company_id, currency_id
        HAVING (sum(active), sum(won), sum(lost), sum(pipeline_value),
                sum(weighted_pipeline), sum(won_revenue)) <> (0, 0, 0, 0, 0, 0);
        ANALYZE cqrs_contact_totals
        """
    )
