"""What the read models take, and what a failed look of the reconciler leaves."""

# Where it is so already, as in an interrupted update, nothing is locked.
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

_FAILURE = """
    ALTER TABLE IF EXISTS cqrs_reconciliation ADD COLUMN IF NOT EXISTS failure text
"""


def migrate(cr, version):
    cr.execute(_MAY_BE_EMPTY)
    cr.execute(_FAILURE)
