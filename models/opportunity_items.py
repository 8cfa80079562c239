"""What the API says of an opportunity: JSON that PostgreSQL makes, row by row."""

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
            'name', COALESCE(stage.state -> 'name' ->> viewer.lang,
                             stage.state -> 'name' ->> 'en_US')) END
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
    ids: list[int], names: tuple[str, ...], viewer_id: int, lang: str, seen_by: SQL
) -> SQL:
    """Return the query of the JSON of each opportunity, as text, in order of the ids.

    An amount has the digits of its currency, or of that of the viewer's company where
    it has none, in which case it is in that one. The salesperson's manager is that in
    the company of the opportunity, before others.

    :param names: which of ``FIELDS``
    :param lang: of the names of stages
    :param seen_by: the array of the users who see a row ``owned``
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
                       'manager', manager.person) END AS salesperson,
                   %(seen_by)s AS visible_to_user_ids
            FROM (SELECT DISTINCT user_id, company_id FROM page) owned
            -- OFFSET 0: as probes, or the planner would read all profiles.
            LEFT JOIN LATERAL (
                SELECT * FROM cqrs_user_profile profile
                WHERE profile.id = owned.user_id OFFSET 0
            ) profile ON true
            LEFT JOIN LATERAL (
                SELECT json_build_object('name', above.name, 'email', above.email)
                           AS person
                FROM cqrs_user_access access
                JOIN cqrs_user_profile above ON above.id = viewer_id
                WHERE owner_id = owned.user_id AND depth = 1 AND via = 'hierarchy'
                ORDER BY (access.company_id = owned.company_id) DESC, viewer_id
                LIMIT 1
            ) manager ON true
        )
        SELECT row_to_json(item)::text
        FROM page
        JOIN owner ON COALESCE(owner.user_id, 0) = COALESCE(page.user_id, 0)
            AND COALESCE(owner.company_id, 0) = COALESCE(page.company_id, 0)
        CROSS JOIN (
            SELECT %(lang)s AS lang, company.currency_id
            FROM cqrs_user_profile profile
            JOIN res_company company ON company.id = profile.company_id
            WHERE profile.id = %(viewer_id)s
        ) viewer
        JOIN res_currency currency
          ON currency.id = COALESCE(page.currency_id, viewer.currency_id)
        LEFT JOIN cqrs_stream stage
          ON stage.stream_model = 'crm.stage' AND stage.stream_id = page.stage_id
        CROSS JOIN LATERAL (SELECT %(expressions)s) item
        ORDER BY number
        """,
        ids=ids,
        seen_by=seen_by,
        lang=lang,
        viewer_id=viewer_id,
        expressions=SQL(", ").join(
            SQL("%s AS %s", SQL(_EXPRESSIONS[name]), SQL.identifier(name))
            for name in dict.fromkeys(names)
        ),
    )
