"""Read models take what Odoo's own tables may lack: a person's company."""

# Where it may be empty already, as in an interrupted update, nothing is locked.
_MAY_BE_EMPTY = """
    DO $$
    DECLARE relation regclass;
    BEGIN
        FOR relation IN
            SELECT attrelid FROM pg_attribute
            WHERE attrelid IN (to_regclass('cqrs_user_profile'),
                               to_regclass('cqrs_employee'))
              AND attname = 'company_id' AND attnotnull
        LOOP
            EXECUTE format('ALTER TABLE %s ALTER company_id DROP NOT NULL', relation);
        END LOOP;
    END $$
"""


def migrate(cr, version):
    cr.execute(_MAY_BE_EMPTY)
