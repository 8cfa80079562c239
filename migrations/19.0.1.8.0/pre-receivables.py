"""Receivables know when the one before them in their document is due."""


def migrate(cr, version):
    cr.execute("SELECT to_regclass('cqrs_receivable')")
    if cr.fetchone()[0]:
        cr.execute(
            """
            ALTER TABLE cqrs_receivable ADD COLUMN IF NOT EXISTS former_due_on date;
            UPDATE cqrs_receivable receivable SET former_due_on = former.due_on
            FROM (SELECT id, lag(due_on) OVER (PARTITION BY invoice_id
                                               ORDER BY due_on, id) AS due_on
                  FROM cqrs_receivable) former
            WHERE former.id = receivable.id AND former.due_on IS NOT NULL
            """
        )
