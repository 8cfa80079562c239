import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from ..models.maintenance.oracle import drifts
from .common import RealCursors

WRITERS = 30


@tagged("post_install", "-at_install")
class TestPeopleChangedInParallel(RealCursors):
    """Transactions that are all open at once, none of which rests on another.

    Real cursors, and no retry: what a bare Odoo does at once is done at once here. The
    code of other modules changes the arguments of a call (``hr_skills``), so that a
    call which is run again fails.
    """

    def setUp(self):
        super().setUp()
        self.made = {"hr.employee": set(), "hr.department": set(), "res.users": set()}
        self.addCleanup(self.remove)
        with self.transaction() as env:
            head = self.make(env, "hr.employee", name="cqrs head")
            manager = self.make(
                env, "hr.employee", name="cqrs manager", parent_id=head.id
            )
            other = self.make(env, "hr.employee", name="cqrs other")
            self.manager_id, self.other_id = manager.id, other.id
            department = self.make(
                env, "hr.department", name="cqrs", manager_id=manager.id
            )
            self.department_id = department.id
            users = [self.user(env, f"cqrs parallel {n}") for n in range(WRITERS)]
            self.user_ids = [user.id for user in users]
            self.employee_ids = [
                self.make(
                    env,
                    "hr.employee",
                    name=user.name,
                    user_id=user.id,
                    parent_id=manager.id,
                ).id
                for user in users[: WRITERS // 2]
            ]

    def remove(self):
        with self.transaction() as env:
            users = env["res.users"].browse(self.made.pop("res.users")).exists()
            partners = users.partner_id
            for model, ids in self.made.items():
                # Not those whose transaction was rolled back.
                env[model].browse(ids).exists().unlink()
            users.unlink()
            partners.unlink()

    @contextmanager
    def transaction(self):
        with super().transaction() as env:
            # Whoever waits for somebody who waits for all would do so for ever.
            env.cr.execute("SET lock_timeout = '20s'")
            yield env

    def make(self, env, model, **values):
        record = env[model].create(values)
        self.made[model].add(record.id)
        return record

    def user(self, env, login):
        salesperson = env.ref("sales_team.group_sale_salesman")
        return self.make(
            env,
            "res.users",
            name=login,
            login=login,
            group_ids=[Command.set(salesperson.ids)],
        )

    def at_once(self, *works):
        """Do each ``work(env)`` in a transaction; none commits before all are done."""
        all_done = threading.Barrier(len(works))

        def do(work):
            try:
                with self.transaction() as env:
                    # A snapshot of its own, before anybody has committed.
                    env.cr.execute("SELECT")
                    all_done.wait(60)
                    work(env)
                    env.cr.flush()
                    all_done.wait(60)
            except BaseException:
                all_done.abort()
                raise

        with ThreadPoolExecutor(len(works)) as pool:
            futures = [pool.submit(do, work) for work in works]
        errors = [future.exception() for future in futures]
        # The others only say that one has failed.
        others = threading.BrokenBarrierError
        self.assertEqual([e for e in errors if e and not isinstance(e, others)], [])
        self.assertEqual(errors, [None] * len(works))
        with self.transaction() as env:
            self.assertEqual(list(drifts(env)), [])

    def below(self, env, manager_id):
        env.cr.execute(
            "SELECT count(*) FROM cqrs_employee WHERE parent_id = %s", [manager_id]
        )
        return env.cr.fetchone()[0]

    def test_created_below_one_manager(self):
        def hire(user_id):
            return lambda env: self.make(
                env,
                "hr.employee",
                name="cqrs hired",
                user_id=user_id,
                parent_id=self.manager_id,
                department_id=self.department_id,
            )

        self.at_once(*map(hire, self.user_ids[WRITERS // 2 :]))
        with self.transaction() as env:
            self.assertEqual(self.below(env, self.manager_id), WRITERS)

    def test_moved_below_another_manager(self):
        def move(employee_id):
            def work(env):
                env["hr.employee"].browse(employee_id).parent_id = self.other_id

            return work

        self.at_once(*map(move, self.employee_ids))
        with self.transaction() as env:
            self.assertEqual(self.below(env, self.other_id), WRITERS // 2)

    def test_employees_without_a_user_meet_nobody(self):
        def create(env):
            self.make(env, "hr.employee", name="cqrs", parent_id=self.manager_id)

        def move(env):
            env["hr.employee"].browse(self.manager_id).parent_id = self.other_id

        self.at_once(create, move, create)

    def test_departments_and_users(self):
        def department(number):
            return lambda env: self.make(
                env,
                "hr.department",
                name=f"cqrs {number}",
                parent_id=self.department_id,
                manager_id=self.manager_id,
            )

        def user(env):
            # One: a second one waits in bare Odoo, which subscribes it to a digest.
            self.user(env, "cqrs parallel new")

        def rename(user_id):
            def work(env):
                env["res.users"].browse(user_id).name = f"cqrs renamed {user_id}"

            return work

        self.at_once(
            *map(department, range(5)),
            user,
            *map(rename, self.user_ids[:5]),
        )

    def test_beside_an_import_with_savepoints(self):
        """Those below its managers neither fail nor wait until it ends."""

        def hire(user_id):
            def work(env):
                self.make(
                    env,
                    "hr.employee",
                    name="cqrs hired",
                    user_id=user_id,
                    parent_id=self.manager_id,
                )

            return work

        with self.transaction() as imported:
            for number in range(10):
                with imported.cr.savepoint():
                    user = self.user(imported, f"cqrs parallel imported {number}")
                    self.make(
                        imported,
                        "hr.employee",
                        name="cqrs imported",
                        user_id=user.id,
                        parent_id=self.manager_id,
                        department_id=self.department_id,
                    )
            self.at_once(*map(hire, self.user_ids[WRITERS // 2 :]))
        with self.transaction() as env:
            self.assertEqual(list(drifts(env)), [])
            self.assertEqual(self.below(env, self.manager_id), WRITERS + 10)
            # Whoever relies on a manager says so once in a transaction.
            env.cr.execute(
                "SELECT max(count) FROM (SELECT count(*) FROM cqrs_conflict_reliance"
                " GROUP BY key, txid) each"
            )
            self.assertEqual(env.cr.fetchone(), (1,))

    def test_an_update_fails_on_nobody_who_worked_meanwhile(self):
        with self.transaction() as update:
            update.cr.execute("SELECT")
            with self.transaction() as env:
                employees = env["hr.employee"].browse(self.employee_ids)
                employees.parent_id = self.other_id
                group = env.ref("sales_team.group_sale_salesman_all_leads")
                group.user_ids = [Command.link(self.user_ids[-1])]
                env["crm.lead"].create({"name": "cqrs meanwhile"}).unlink()
            names = [name for name in update if name.startswith("cqrs.")]
            self.assertIn("cqrs.user.access", names)
            # As while Odoo loads modules; what waits for their end is not done.
            queue = patch.object(
                update.registry, "_post_init_queue", deque(), create=True
            )
            with queue:
                for name in names:
                    update[name].init()
            update.cr.rollback()

    def test_what_everybody_has_seen_is_forgotten(self):
        def reliances():
            with self.transaction() as env:
                env["cqrs.user.access"]._gc_versions()
                env.cr.execute(
                    "SELECT count(*) FROM cqrs_conflict_reliance WHERE key = %s",
                    [f"employee/{self.manager_id}"],
                )
                return env.cr.fetchone()[0]

        reliances()
        with self.transaction() as older:
            # It does not see the employee, and may yet move the manager.
            older.cr.execute("SELECT")
            with self.transaction() as env:
                self.make(
                    env,
                    "hr.employee",
                    name="cqrs hired",
                    user_id=self.user_ids[-1],
                    parent_id=self.manager_id,
                )
            self.assertEqual(reliances(), 1)
        with self.transaction() as env:
            # Those of the cluster's other databases may hold it too.
            env.cr.execute(
                """
                SELECT EXISTS (
                    SELECT FROM pg_stat_activity session
                    JOIN cqrs_conflict_reliance reliance
                        ON age(session.backend_xid) >= age(reliance.txid::xid)
                        OR session.datname = current_database()
                        AND age(session.backend_xmin) >= age(reliance.txid::xid)
                    WHERE reliance.key = %s AND session.pid <> pg_backend_pid())
                """,
                [f"employee/{self.manager_id}"],
            )
            [is_held] = env.cr.fetchone()
        self.assertLessEqual(reliances(), is_held)
