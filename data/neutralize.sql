-- Nothing is sent from a neutralized database, and nobody could: no secret is left, nor
-- are the headers that may hold credentials. No API key that came along opens the API.
-- Nobody is mailed a dashboard. A former version has no such tables.
DO $$
BEGIN
    IF to_regclass('cqrs_webhook') IS NOT NULL THEN
        DELETE FROM cqrs_webhook_secret;
        UPDATE cqrs_webhook
        SET is_paused = true, pause_reason = 'copied', headers = NULL;
    END IF;
    IF to_regclass('cqrs_api_key_database') IS NOT NULL THEN
        DELETE FROM cqrs_api_key_database;
    END IF;
    IF to_regclass('cqrs_subscription') IS NOT NULL THEN
        UPDATE mail_mail SET state = 'cancel'
        WHERE state = 'outgoing'
          AND id IN (SELECT mail_id FROM cqrs_subscription);
        UPDATE cqrs_subscription SET stopped = 'copied' WHERE stopped IS NULL;
    END IF;
END
$$;
