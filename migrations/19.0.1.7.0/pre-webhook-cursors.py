"""Messages of webhooks know where the log goes on; endpoints, until when they rest."""


def migrate(cr, version):
    cr.execute(
        """
        ALTER TABLE IF EXISTS cqrs_webhook_checkpoint
            ADD COLUMN IF NOT EXISTS not_before timestamptz;
        ALTER TABLE IF EXISTS cqrs_webhook_message
            ADD COLUMN IF NOT EXISTS cursor_before text;
        DROP INDEX IF EXISTS cqrs_webhook_message_of_event
        """
    )
