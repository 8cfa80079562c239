from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL

from ..support import conflicts
from ..support.versions import TokenVersion
from .table import Column, Table, listed, upsert
from .user_access import NO_STREAMS, differs

#: The version of who people are
PEOPLE = TokenVersion("cqrs_people")

_TEXT = partial(fields.Char, readonly=True)
_EMPLOYEE = partial(fields.Many2one, "hr.employee", readonly=True)
# Groups of a user are for administrators; a manager sees the rows of people below.
_RIGHT = partial(fields.Boolean, readonly=True, groups="base.group_system")

TABLE = Table(
    "cqrs_user_profile",
    columns=(
        Column("id", "integer", "PRIMARY KEY"),
        Column(
            "uuid",
            "uuid",
            "NOT NULL CONSTRAINT cqrs_user_profile_uuid UNIQUE",
            field=_TEXT("UUID"),
        ),
        Column("name", "text", "NOT NULL", field=_TEXT()),
        Column("email", "text", field=_TEXT()),
        Column("login", "text", "NOT NULL", field=_TEXT()),
        Column("active", "boolean", "NOT NULL", field=fields.Boolean(readonly=True)),
        Column(
            "company_id",
            "integer",
            field=fields.Many2one("res.company", readonly=True),
        ),
        Column("company_ids", "integer[]"),
        Column("employee_id", "integer", field=_EMPLOYEE()),
        Column("manager_employee_id", "integer", field=_EMPLOYEE()),
        Column("is_salesperson", "boolean", "NOT NULL", field=_RIGHT()),
        Column("sees_all", "boolean", "NOT NULL", field=_RIGHT("Sees All Documents")),
    ),
)


class CqrsUserProfile(models.Model):
    """One row for each internal user, under the id of its ``res.users``.

    ``uuid`` identifies the user in outside systems: the ``event_id`` of the first event
    of the user's stream, so that a rebuild or a restored dump gives the same.
    ``employee_id`` is the employee in the user's main company, else the one with the
    lowest id. Managers and subordinates are rows of ``cqrs.user.access``. Users with
    *All Documents* and administrators have ``sees_all``; users with a sales group, by
    whichever group implies it, have ``is_salesperson``.
    """

    _name = "cqrs.user.profile"
    _inherit = "cqrs.projection"
    _description = "User Profile"
    _auto = False
    _order = "name, id"
    _cqrs_consumes = ("res.users", "res.groups", "hr.employee")
    _cqrs_rank = 1
    _cqrs_tables = (TABLE,)
    _cqrs_versions = (PEOPLE,)

    vars().update(TABLE.orm_fields)

    @api.model
    def _serialize(self, streams):
        """Let giving a group conflict with a change of the groups that it implies."""
        keys = []
        if groups := streams.get("res.groups"):
            keys.append(
                SQL(
                    """
                    SELECT 'groups', true FROM (%s) stream
                    WHERE former IS NOT NULL AND %s
                    """,
                    groups,
                    differs(("implied_ids",)),
                )
            )
        if users := streams.get("res.users"):
            keys.append(
                SQL(
                    "SELECT 'groups', false FROM (%s) stream WHERE %s",
                    users,
                    differs(("group_ids", "share")),
                )
            )
        if keys:
            conflicts.conflict_over(self.env.cr, SQL(" UNION ALL ").join(keys))

    @api.model
    def _apply(self, streams):
        affected = []
        if groups := streams.get("res.groups"):
            affected.append(
                SQL(
                    """
                    SELECT stream_id, false FROM cqrs_stream
                    WHERE stream_model = 'res.users'
                      AND EXISTS (SELECT FROM (%s) stream WHERE %s)
                    """,
                    groups,
                    differs(("implied_ids",)),
                )
            )
        if users := streams.get("res.users"):
            affected.append(SQL("SELECT stream_id, false FROM (%s) stream", users))
        if employees := streams.get("hr.employee"):
            affected.append(
                # The row is written in any case: each of two employees of a user may
                # make itself the profile's employee, and the two must conflict.
                SQL(
                    """
                    SELECT (side ->> 'user_id')::integer, true
                    FROM (%s) stream CROSS JOIN unnest(ARRAY[state, former]) AS side
                    WHERE %s
                    """,
                    employees,
                    differs(("user_id", "parent_id", "company_id", "active")),
                )
            )
        [(is_changed,)] = self.env.execute_query(
            SQL(
                """
                WITH RECURSIVE affected AS (
                    SELECT id, bool_or(is_written) AS is_written
                    FROM (%(affected)s) stream (id, is_written)
                    WHERE id IS NOT NULL GROUP BY id
                ),
                granting (right_, id) AS (
                    VALUES ('is_salesperson', %(salesperson)s),
                           ('sees_all', %(all_documents)s),
                           ('sees_all', %(administrator)s)
                    UNION
                    SELECT right_, stream_id
                    FROM cqrs_stream JOIN granting
                      ON state -> 'implied_ids' @> to_jsonb(granting.id)
                    WHERE stream_model = 'res.groups'
                ),
                profile AS (
                    SELECT affected.id, creation.event_id AS uuid,
                           COALESCE(NULLIF("user"."partner_id.name", ''), login, '')
                               AS name,
                           COALESCE(NULLIF("user"."partner_id.email", ''), login)
                               AS email,
                           COALESCE(login, '') AS login,
                           COALESCE("user".active, false) AS active,
                           "user".company_id,
                           ARRAY(SELECT jsonb_array_elements_text("user".company_ids)
                                 ::integer) AS company_ids,
                           employee.id AS employee_id,
                           employee.parent_id AS manager_employee_id,
                           EXISTS (SELECT FROM granting
                                   WHERE right_ = 'is_salesperson'
                                     AND group_ids @> to_jsonb(granting.id))
                               AS is_salesperson,
                           EXISTS (SELECT FROM granting
                                   WHERE right_ = 'sees_all'
                                     AND group_ids @> to_jsonb(granting.id))
                               AS sees_all
                    FROM affected
                    JOIN cqrs_stream stream
                      ON stream.stream_model = 'res.users'
                     AND stream.stream_id = affected.id
                    JOIN cqrs_event creation
                      ON creation.stream_model = 'res.users'
                     AND creation.stream_id = affected.id AND creation.version = 1
                    CROSS JOIN jsonb_to_record(stream.state) AS "user" (
                        "partner_id.name" text, "partner_id.email" text, login text,
                        active boolean, share boolean, company_id integer,
                        company_ids jsonb, group_ids jsonb)
                    LEFT JOIN LATERAL (
                        SELECT e.id, e.parent_id FROM cqrs_employee e
                        WHERE e.user_id = affected.id
                        ORDER BY e.active DESC,
                                 (e.company_id IS NOT DISTINCT FROM
                                     "user".company_id) DESC,
                                 e.id
                        LIMIT 1
                    ) employee ON true
                    WHERE state IS NOT NULL AND share IS NOT TRUE
                ),
                gone AS (
                    DELETE FROM cqrs_user_profile
                    WHERE id IN (SELECT id FROM affected)
                      AND id NOT IN (SELECT id FROM profile)
                    RETURNING id
                ),
                changed AS (
                    SELECT %(columns)s FROM profile
                    EXCEPT SELECT %(columns)s FROM cqrs_user_profile
                    WHERE id IN (SELECT id FROM affected)
                ),
                written AS (
                    %(put)s
                )
                SELECT EXISTS (SELECT FROM gone) OR EXISTS (SELECT FROM changed)
                    OR %(groups_changed)s
                """,
                columns=listed(TABLE.names),
                put=self._PUT,
                affected=SQL(" UNION ALL ").join(affected),
                # The rights that groups give beyond the profile's columns follow from
                # these changes, too.
                groups_changed=SQL(" OR ").join(
                    SQL("EXISTS (SELECT FROM (%s) stream WHERE %s)", *each)
                    for each in (
                        (groups or NO_STREAMS, SQL("true")),
                        (users or NO_STREAMS, differs(("group_ids",))),
                    )
                ),
                salesperson=self.env.ref("sales_team.group_sale_salesman").id,
                all_documents=self.env.ref(
                    "sales_team.group_sale_salesman_all_leads"
                ).id,
                administrator=self.env.ref("base.group_system").id,
            )
        )
        if is_changed:
            PEOPLE.change(self.env.cr)

    _PUT = upsert(
        TABLE,
        SQL(
            """
            SELECT %(columns)s FROM changed
            UNION
            SELECT %(columns)s FROM profile JOIN affected USING (id)
            WHERE is_written
            """,
            columns=listed(TABLE.names),
        ),
    )

    @api.autovacuum
    def _gc_tokens(self):
        PEOPLE.sum_up(self.env.cr)
