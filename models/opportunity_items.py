"""What the API says of an opportunity: JSON that PostgreSQL makes."""

import json

from odoo.tools import SQL

# As in ISO 8601; the tables have times in UTC, without a zone.
_TIME = """to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""

#: The fields, and the expression of each over the relations of ``items``
_EXPRESSIONS = {
    "odoo_id": "page.id",
    "name": "page.name",
    "value": "round(page.value, currency.decimal_places)",
    "currency": "currency.name",
    "stage": """
        CASE WHEN page.stage_id IS NOT NULL THEN json_build_object(
            'id', page.stage_id,
            'name', stage.names ->> page.stage_id::text) END
    """,
    "status": "page.status",
    "salesperson": "owner.salesperson",
    "partner": """
        CASE WHEN page.partner_id IS NOT NULL THEN json_build_object(
            'id', page.partner_id, 'name', page.partner_name) END
    """,
    "visible_to_user_ids": "owner.visible_to_user_ids",
    "version": "page.version",
    "probability": "page.probability",
    "archived": "NOT page.active",
    "team_id": "page.team_id",
    "company_id": "page.company_id",
    "closing_date": "page.closing_date",
    "closed_at": _TIME.format("page.closed_at"),
    "created_at": _TIME.format("page.created_at"),
    "changed_at": _TIME.format("page.changed_at"),
}
FIELDS = tuple(_EXPRESSIONS)


def items(
    ids: list[int],
    names: tuple[str, ...],
    stages: dict[int, str | None],
    currency_id: int,
    above: SQL,
) -> SQL:
    """Return the query of the JSON array, as text, of opportunities in order of ids.

    An amount has the digits of its currency. The salesperson's manager is that in the
    company of the opportunity, before others.

    :param names: which of ``FIELDS``
    :param stages: the name of each
    :param currency_id: that of what has none
    :param above: the query of who stands above the owner of a row ``owned``
    """
    return SQL(
        """
        WITH page AS MATERIALIZED (
            SELECT view.*, number
            FROM unnest(%(ids)s::integer[]) WITH ORDINALITY AS place (id, number)
            JOIN cqrs_opportunity_view view ON view.id = place.id
        ),
        -- Once for each, however many of the page are theirs.
        owner AS MATERIALIZED (
            SELECT owned.user_id, owned.company_id,
                   CASE WHEN owned.user_id IS NOT NULL THEN json_build_object(
                       'id', profile.uuid,
                       'user_id', owned.user_id,
                       'name', profile.name,
                       'email', profile.email,
                       'manager', above.manager) END AS salesperson,
                   COALESCE(above.viewer_ids, '{}') AS visible_to_user_ids
            FROM (SELECT DISTINCT user_id, company_id FROM page) owned
            -- OFFSET 0: as probes, or the planner would read all profiles.
            LEFT JOIN LATERAL (
                SELECT * FROM cqrs_user_profile profile
                WHERE profile.id = owned.user_id OFFSET 0
            ) profile ON true
            CROSS JOIN LATERAL (
                SELECT (array_agg(json_build_object('name', name, 'email', email)
                                  ORDER BY (company_id = owned.company_id) DESC,
                                           viewer_id)
                        FILTER (WHERE depth = 1))[1] AS manager,
                       array_agg(DISTINCT viewer_id ORDER BY viewer_id)
                       FILTER (WHERE sees) AS viewer_ids
                FROM (%(above)s) above
            ) above
        )
        SELECT COALESCE(json_agg(item ORDER BY number), '[]')::text
        FROM page
        JOIN owner ON COALESCE(owner.user_id, 0) = COALESCE(page.user_id, 0)
            AND COALESCE(owner.company_id, 0) = COALESCE(page.company_id, 0)
        CROSS JOIN (SELECT %(stages)s::jsonb AS names) stage
        JOIN res_currency currency
          ON currency.id = COALESCE(page.currency_id, %(currency_id)s)
        CROSS JOIN LATERAL (SELECT %(expressions)s) item
        """,
        ids=ids,
        above=above,
        stages=json.dumps(stages),
        currency_id=currency_id,
        expressions=SQL(", ").join(
            SQL("%s AS %s", SQL(_EXPRESSIONS[name]), SQL.identifier(name))
            for name in dict.fromkeys(names)
        ),
    )
