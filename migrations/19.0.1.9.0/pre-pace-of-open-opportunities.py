"""The pace of open opportunities has what they are worth, and whose they are.

It is taken from the view, so that an update finds the table as it is declared and does
not fill it anew from the log. Rows with unseen events get theirs from the follower.
"""


def migrate(cr, version):
    cr.execute(
        """
        SELECT FROM pg_class WHERE oid = to_regclass('cqrs_opportunity_pace')
            AND NOT EXISTS (SELECT FROM cqrs_projection_failure
                            WHERE projection = 'cqrs.opportunity.view')
        """
    )
    if not cr.rowcount:
        # A view with failures is no source: the update takes the log.
        return
    cr.execute(
        """
        ALTER TABLE cqrs_opportunity_pace
            ADD COLUMN IF NOT EXISTS team_id integer,
            ADD COLUMN IF NOT EXISTS company_id integer,
            ADD COLUMN IF NOT EXISTS currency_id integer,
            ADD COLUMN IF NOT EXISTS stage_id integer,
            ADD COLUMN IF NOT EXISTS closing_date date,
            ADD COLUMN IF NOT EXISTS value numeric;
        UPDATE cqrs_opportunity_pace pace
        SET team_id = view.team_id, company_id = view.company_id,
            currency_id = view.currency_id, stage_id = view.stage_id,
            closing_date = view.closing_date, value = view.value
        FROM cqrs_opportunity_view view
        WHERE view.id = pace.id AND pace.stage_since IS NOT NULL
        """
    )
