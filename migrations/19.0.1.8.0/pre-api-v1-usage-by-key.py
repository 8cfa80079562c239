"""The use of API v1 is counted by API key, too."""


def migrate(cr, version):
    cr.execute(
        """
        ALTER TABLE IF EXISTS cqrs_api_usage
            ADD COLUMN IF NOT EXISTS key_id integer,
            DROP CONSTRAINT IF EXISTS cqrs_api_usage_day_route_user_id_key
        """
    )
