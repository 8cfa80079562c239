"""The columns of the personal parts; the events that are there keep their form."""

# Without a default, so no row is rewritten. Where they are there already, as in an
# interrupted update, nothing is locked.
_COLUMNS = """
    DO $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM pg_attribute
            WHERE attrelid = 'cqrs_event'::regclass AND attname = 'commitment'
              AND NOT attisdropped)
        THEN
            ALTER TABLE cqrs_event ADD COLUMN personal jsonb,
                                   ADD COLUMN commitment bytea;
        END IF;
    END $$
"""


def migrate(cr, version):
    cr.execute(_COLUMNS)
