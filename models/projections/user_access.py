from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL

from ..support import conflicts
from ..support.indexes import create_missing
from ..support.versions import TokenVersion
from .table import SURROGATE, Column, Table, upsert

#: The version of who stands above whom
ACCESS = TokenVersion("cqrs_access_version")

#: The fields of an employee that decide a place in the hierarchy
PLACE = (
    "user_id",
    "parent_id",
    "company_id",
    "current_version_id.department_id",
    "active",
)

NO_STREAMS = SQL(
    """
    SELECT NULL::integer AS stream_id, NULL::jsonb AS state, NULL::jsonb AS former
    WHERE false
    """
)


def differs(fields_: tuple[str, ...]) -> SQL:
    """Return the condition that one of the fields of a ``stream`` has changed."""
    sides = [
        SQL(", ").join(SQL("%s -> %s", SQL(side), name) for name in fields_)
        for side in ("state", "former")
    ]
    return SQL("((%s) IS DISTINCT FROM (%s))", *sides)


#: The hierarchy that the closure is computed on: the states of ``hr.employee``, as far
#: as they decide it
EMPLOYEES = Table(
    "cqrs_employee",
    columns=(
        Column("id", "integer", "PRIMARY KEY", value=SQL("stream_id")),
        Column("user_id", "integer"),
        Column("parent_id", "integer"),
        Column("company_id", "integer"),
        Column("department_id", "integer", source="current_version_id.department_id"),
        Column("active", "boolean", default="false"),
    ),
)

_USER = partial(fields.Many2one, "res.users", readonly=True)
_NUMBER = partial(fields.Integer, readonly=True, aggregator=None)
_VIAS = [("hierarchy", "Hierarchy"), ("department", "Department")]

CLOSURE = Table(
    "cqrs_user_access",
    columns=(
        Column("id", "bigint", SURROGATE),
        Column("viewer_id", "integer", "NOT NULL", field=_USER()),
        Column("owner_id", "integer", "NOT NULL", field=_USER()),
        Column(
            "company_id",
            "integer",
            field=fields.Many2one("res.company", readonly=True),
        ),
        Column(
            "via",
            "text",
            'COLLATE "C" NOT NULL',
            field=fields.Selection(_VIAS, readonly=True),
        ),
        Column("depth", "integer", "NOT NULL", field=_NUMBER()),
        Column("paths", "integer", "NOT NULL", field=_NUMBER()),
    ),
    key=("viewer_id", "owner_id"),
)


class CqrsUserAccess(models.Model):
    """The closure viewer → owner of the hierarchy, by company.

    Access is stored per owner: people who see an owner see the owner's opportunities
    (``access.py`` says when). A row with ``via`` *hierarchy* says that ``viewer_id``
    stands above ``owner_id`` among the employees of ``company_id``: ``depth`` users
    higher (1 is the direct manager), by ``paths`` chains. A user's own row has depth 0
    and holds in every company. A row with ``via`` *department* says that the viewer
    manages the department of the owner's employee, or one above it, ``depth``
    departments higher (1 is the owner's own).

    * An employee without a user is a link in the chain.
    * So is an employee without a company: no row could name one.
    * An archived employee is still a link and still an owner, never a viewer.
    * A cycle is cut where a chain comes back to an employee.
    """

    _name = "cqrs.user.access"
    _inherit = "cqrs.projection"
    _description = "User Access"
    _auto = False
    _order = "viewer_id, depth, owner_id, id"
    _cqrs_consumes = ("hr.employee", "hr.department", "res.users")
    _cqrs_tables = (EMPLOYEES, CLOSURE)
    _cqrs_versions = (ACCESS,)

    vars().update(CLOSURE.orm_fields)

    _INDEXES = SQL(
        """
        CREATE INDEX IF NOT EXISTS cqrs_employee_parent ON cqrs_employee (parent_id);
        CREATE INDEX IF NOT EXISTS cqrs_employee_user ON cqrs_employee (user_id);
        CREATE INDEX IF NOT EXISTS cqrs_employee_department
            ON cqrs_employee (department_id);
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_user_access_key
            ON cqrs_user_access (viewer_id, owner_id, COALESCE(company_id, 0), via);
        CREATE INDEX IF NOT EXISTS cqrs_user_access_owner
            ON cqrs_user_access (owner_id, via)
            INCLUDE (viewer_id, company_id, depth);
        CREATE INDEX IF NOT EXISTS cqrs_user_access_reports
            ON cqrs_user_access (viewer_id) WHERE depth = 1;
        INSERT INTO cqrs_access_version
        SELECT 0 WHERE NOT EXISTS (SELECT FROM cqrs_access_version)
        """
    )

    # For employees and departments recorded before there were keys
    _KEYS = SQL(
        """
        SELECT 'employee/' || id FROM cqrs_employee
        UNION ALL
        SELECT 'department/' || stream_id FROM cqrs_stream
        WHERE stream_model = 'hr.department'
        UNION ALL
        VALUES ('hierarchy'), ('groups')
        """
    )

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(self.env.cr, self._INDEXES)
        conflicts.make_tables(self.env.cr)
        conflicts.add_keys(self.env.cr, self._KEYS)
        return result

    @api.model
    def _serialize(self, streams):
        """Let two changes of the hierarchy conflict if one relies on the other.

        Our snapshot does not show what another transaction is about to commit: two
        moves, each legal alone, can make a cycle; somebody can be put below a manager
        who is being moved. The access to an owner rests on everyone above the owner, on
        the owner's department, on those that it is part of, and on their managers. An
        employee without a user, and with nobody below who has one, owns nothing.
        """
        keys = SQL(
            """
            WITH RECURSIVE employee AS MATERIALIZED (
                SELECT stream_id AS id,
                       (side ->> 'user_id')::integer AS user_id,
                       (side ->> 'parent_id')::integer AS parent_id,
                       (side ->> 'current_version_id.department_id')::integer
                           AS department_id
                FROM (%(employees)s) stream
                CROSS JOIN unnest(ARRAY[state, former]) AS side
                WHERE %(is_moved)s
            ),
            changed_department AS MATERIALIZED (
                SELECT stream_id AS id,
                       (side ->> 'parent_id')::integer AS parent_id,
                       (side ->> 'manager_id')::integer AS manager_id
                FROM (%(departments)s) stream
                CROSS JOIN unnest(ARRAY[state, former]) AS side
                WHERE %(is_department_changed)s
            ),
            below AS (
                SELECT id, user_id FROM employee
                UNION
                SELECT e.id, e.user_id
                FROM below JOIN cqrs_employee e ON e.parent_id = below.id
            ),
            above AS (
                SELECT parent_id AS id FROM employee
                WHERE EXISTS (SELECT FROM below WHERE user_id IS NOT NULL)
                UNION
                -- Whoever is above those who are moved is among the first.
                SELECT next.parent_id FROM above CROSS JOIN LATERAL (
                    SELECT parent_id FROM cqrs_employee e WHERE e.id = above.id OFFSET 0
                ) next
            ),
            department AS (
                SELECT department_id AS id FROM employee WHERE user_id IS NOT NULL
                UNION SELECT parent_id FROM changed_department
                UNION
                SELECT (state ->> 'parent_id')::integer
                FROM department JOIN cqrs_stream
                  ON stream_model = 'hr.department' AND stream_id = department.id
            ),
            manager AS (
                SELECT (state ->> 'manager_id')::integer AS id
                FROM department JOIN cqrs_stream
                  ON stream_model = 'hr.department' AND stream_id = department.id
                UNION SELECT manager_id FROM changed_department
            )
            SELECT 'employee/' || id, true FROM employee
            UNION ALL SELECT 'department/' || id, true FROM changed_department
            UNION ALL SELECT 'employee/' || id, false FROM above WHERE id IS NOT NULL
            UNION ALL SELECT 'employee/' || id, false FROM manager WHERE id IS NOT NULL
            UNION ALL
            SELECT 'department/' || id, false FROM department WHERE id IS NOT NULL
            UNION ALL
            SELECT 'hierarchy', false
            WHERE EXISTS (SELECT FROM below WHERE user_id IS NOT NULL)
               OR EXISTS (SELECT FROM changed_department)
            """,
            employees=streams.get("hr.employee") or NO_STREAMS,
            departments=streams.get("hr.department") or NO_STREAMS,
            is_moved=differs(PLACE),
            # A new department has a key, too, on which others may rely.
            is_department_changed=SQL(
                "(former IS NULL OR %s)", differs(("parent_id", "manager_id"))
            ),
        )
        is_changed = conflicts.conflict_over(self.env.cr, keys)
        if is_changed or self._changed_users(streams.get("res.users")):
            ACCESS.change(self.env.cr)

    def _count_repair(self, live):
        # A repair relies on every change of the hierarchy, and every change on it.
        conflicts.change(self.env.cr, ["hierarchy"])
        return super()._count_repair(live)

    @api.autovacuum
    def _gc_versions(self):
        ACCESS.sum_up(self.env.cr)
        conflicts.forget_ended_reliances(self.env.cr)

    @api.model
    def _apply(self, streams):
        employee_ids, user_ids = self._fold_employees(streams.get("hr.employee"))
        user_ids |= self._changed_users(streams.get("res.users"))
        user_ids |= self._users_of_departments(
            streams.get("hr.department"), employee_ids
        )
        if employee_ids or user_ids:
            self._refresh_closure(employee_ids, user_ids)

    def _apply_nothing(self):
        result = super()._apply_nothing()
        self._refresh_closure(set(), set())
        return result

    def _fold_employees(self, streams: SQL | None) -> tuple[set[int], set[int]]:
        """Fold employees into the hierarchy.

        :return: the ids of the employees whose place has changed, and of the users
            whose employee they were before
        """
        if streams is None:
            return set(), set()
        rows = self.env.execute_query(
            SQL(
                """
                WITH stream AS MATERIALIZED (%s),
                former AS (
                    SELECT * FROM cqrs_employee
                    WHERE id IN (SELECT stream_id FROM stream)
                ),
                gone AS (
                    DELETE FROM cqrs_employee e USING stream
                    WHERE e.id = stream.stream_id AND state IS NULL
                    RETURNING id
                ),
                placed AS (
                    %s
                    RETURNING id
                )
                SELECT id, former.user_id
                FROM (SELECT id FROM gone UNION ALL SELECT id FROM placed) touched
                LEFT JOIN former USING (id)
                """,
                streams,
                upsert(
                    EMPLOYEES,
                    EMPLOYEES.rows(where=SQL("state IS NOT NULL")),
                    changed_only=True,
                ),
            )
        )
        return {row[0] for row in rows}, {row[1] for row in rows if row[1]}

    def _changed_users(self, streams: SQL | None) -> set[int]:
        """Return the users who have become internal users, or are none any more."""
        if streams is None:
            return set()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT stream_id FROM (%s) stream
                WHERE (state IS NOT NULL AND state -> 'share' IS DISTINCT FROM 'true')
                    <> (former IS NOT NULL
                        AND former -> 'share' IS DISTINCT FROM 'true')
                """,
                streams,
            )
        )
        return {row[0] for row in rows}

    def _users_of_departments(
        self, streams: SQL | None, employee_ids: set[int]
    ) -> set[int]:
        """Return the users in a department that changed, or in one below.

        A department changes with the employee who manages it.
        """
        if streams is None and not employee_ids:
            return set()
        rows = self.env.execute_query(
            SQL(
                """
                WITH RECURSIVE below AS (
                    SELECT stream_id AS id FROM cqrs_stream
                    WHERE stream_model = 'hr.department'
                      AND (state ->> 'manager_id')::integer = ANY(%(employees)s)
                    %(changed)s
                    UNION
                    SELECT stream_id FROM cqrs_stream
                    JOIN below ON (state ->> 'parent_id')::integer = below.id
                    WHERE stream_model = 'hr.department'
                )
                SELECT DISTINCT user_id
                FROM cqrs_employee JOIN below ON department_id = below.id
                WHERE user_id IS NOT NULL
                """,
                employees=sorted(employee_ids),
                changed=streams
                and SQL(
                    "UNION SELECT stream_id FROM (%s) stream WHERE %s",
                    streams,
                    differs(("parent_id", "manager_id")),
                )
                or SQL(),
            )
        )
        return {row[0] for row in rows}

    def _refresh_closure(self, employee_ids: set[int], user_ids: set[int]):
        """Recompute the rows of some owners, and write those that differ.

        The owners are the given users, and the users of the given employees and of
        everyone below them. Rows written: at most ``owners × depth``.
        """
        # PostgreSQL estimates recursions too high and would compile the query, which
        # takes longer than to run it.
        self.env.cr.execute("SET LOCAL jit = off")
        self.env.cr.execute(
            SQL(
                """
                WITH RECURSIVE subtree AS (
                    SELECT id, user_id FROM cqrs_employee WHERE id = ANY(%(employees)s)
                    UNION
                    SELECT below.id, below.user_id
                    FROM cqrs_employee below
                    JOIN subtree ON below.parent_id = subtree.id
                ),
                owner AS (
                    SELECT user_id FROM subtree WHERE user_id IS NOT NULL
                    UNION SELECT unnest(%(users)s::integer[])
                ),
                chain AS (
                    SELECT user_id AS owner_id, company_id, parent_id,
                           NULL::integer AS viewer_id, false AS active,
                           0 AS depth, ARRAY[id] AS path
                    FROM cqrs_employee
                    WHERE user_id = ANY(ARRAY(SELECT user_id FROM owner))
                      AND company_id IS NOT NULL
                    UNION ALL
                    SELECT chain.owner_id, chain.company_id, above.parent_id,
                           above.user_id, above.active,
                           chain.depth + (above.user_id IS NOT NULL)::integer,
                           chain.path || above.id
                    -- By the index: a join would hash all employees, or worse.
                    FROM chain CROSS JOIN LATERAL (
                        SELECT * FROM cqrs_employee WHERE id = chain.parent_id OFFSET 0
                    ) above
                    WHERE above.id <> ALL(chain.path)
                ),
                department AS (
                    SELECT stream_id AS id,
                           (state ->> 'parent_id')::integer AS parent_id,
                           (state ->> 'manager_id')::integer AS manager_id
                    FROM cqrs_stream
                    WHERE stream_model = 'hr.department' AND state IS NOT NULL
                ),
                part_of AS (
                    SELECT user_id AS owner_id, company_id, department_id,
                           1 AS depth, ARRAY[department_id] AS path
                    FROM cqrs_employee JOIN owner USING (user_id)
                    WHERE department_id IS NOT NULL AND company_id IS NOT NULL
                    UNION ALL
                    SELECT part_of.owner_id, part_of.company_id, department.parent_id,
                           part_of.depth + 1, part_of.path || department.parent_id
                    FROM part_of JOIN department ON department.id = department_id
                    WHERE department.parent_id <> ALL(part_of.path)
                ),
                wanted AS (
                    SELECT viewer_id, owner_id, company_id, 'hierarchy' AS via,
                           min(depth) AS depth, count(*)::integer AS paths
                    FROM chain
                    WHERE active AND viewer_id IS NOT NULL AND viewer_id <> owner_id
                    GROUP BY viewer_id, owner_id, company_id
                    UNION ALL
                    SELECT manager.user_id, owner_id, part_of.company_id, 'department',
                           min(depth), count(*)::integer
                    FROM part_of
                    JOIN department ON department.id = part_of.department_id
                    JOIN cqrs_employee manager ON manager.id = department.manager_id
                    WHERE manager.active AND manager.user_id <> owner_id
                    GROUP BY manager.user_id, owner_id, part_of.company_id
                    UNION ALL
                    SELECT stream_id, stream_id, NULL, 'hierarchy', 0, 1
                    FROM cqrs_stream
                    WHERE stream_model = 'res.users' AND state IS NOT NULL
                      AND state -> 'share' IS DISTINCT FROM 'true'
                      AND stream_id = ANY(ARRAY(SELECT user_id FROM owner))
                ),
                -- Most rows stay: to meet them in the INSERT would lock each.
                present AS MATERIALIZED (
                    SELECT * FROM cqrs_user_access
                    WHERE owner_id = ANY(ARRAY(SELECT user_id FROM owner))
                ),
                gone AS (
                    DELETE FROM cqrs_user_access WHERE id = ANY(ARRAY(
                        SELECT id FROM present LEFT JOIN wanted
                          ON wanted.viewer_id = present.viewer_id
                         AND wanted.owner_id = present.owner_id
                         AND COALESCE(wanted.company_id, 0)
                             = COALESCE(present.company_id, 0)
                         AND wanted.via = present.via
                        WHERE wanted.viewer_id IS NULL))
                )
                INSERT INTO cqrs_user_access
                    (viewer_id, owner_id, company_id, via, depth, paths)
                SELECT viewer_id, owner_id, company_id, via, depth, paths FROM wanted
                EXCEPT
                SELECT viewer_id, owner_id, company_id, via, depth, paths FROM present
                ON CONFLICT (viewer_id, owner_id, COALESCE(company_id, 0), via)
                DO UPDATE SET depth = EXCLUDED.depth, paths = EXCLUDED.paths
                """,
                employees=sorted(employee_ids),
                users=sorted(user_ids),
            )
        )
