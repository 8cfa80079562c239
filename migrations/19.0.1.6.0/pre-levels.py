"""Levels of the past have months, and spans other indexes: made anew where they are."""


def migrate(cr, version):
    cr.execute(
        """
        DROP TABLE IF EXISTS cqrs_past_level, cqrs_past_level_state;
        DROP INDEX IF EXISTS cqrs_opportunity_span_closing, cqrs_opportunity_span_won
        """
    )
