"""Access to the past: today's rights, with the hierarchy of today or of then."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from odoo import Command
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from ..models.access.options import OPTIONS
from ..models.access.owner_scopes import in_scopes
from ..models.access.policy import Hierarchy
from ..models.api.answer_version import answer_version
from ..models.maintenance.replay import replay
from .common import RealCursors, SalesOrganisation, other_company, without_triggers
from .plain_rules import ALL_DOCUMENTS

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
INSTANT = timedelta(microseconds=1)


def day(number):
    return START + timedelta(days=number)


def date_events(env, moment):
    """Let the events that were recorded just now have happened at a moment."""
    env.cr.flush()
    with without_triggers(env.cr):
        env.cr.execute(
            "UPDATE cqrs_event SET occurred_at = %s WHERE occurred_at = now()",
            [moment],
        )
    replay(env, ["cqrs.hierarchy.span"])


class Row(NamedTuple):
    """Owner, team and company of an opportunity; each may be empty."""

    user_id: object
    team_id: object
    company_id: object


def seen(env, user, rows, at=None, caller=None):
    """Return the numbers of the rows that a user sees, by each way of asking."""
    access = env["cqrs.access"]
    if caller:
        access = access.with_user(caller)
    viewers = access._viewers(user.with_env(access.env))
    columns = [
        [record.id or None for record in column] for column in zip(*rows, strict=True)
    ]
    relation = SQL(
        "unnest(%s::integer[], %s::integer[], %s::integer[])"
        " WITH ORDINALITY AS span (user_id, team_id, company_id, number)",
        *columns,
    )

    def numbers(condition):
        query = SQL("SELECT number - 1 FROM %s WHERE %s", relation, condition)
        return {number for (number,) in env.execute_query(query)}

    found = numbers(access._visible(viewers, SQL("span"), at))
    owners = access._visible_owners(viewers, at)
    if owners is not None:
        listed = {id_ for (id_,) in env.execute_query(owners)}
        assert {columns[0][number] for number in found} <= listed
    scopes = access._owner_scopes(viewers, at)
    if scopes is not None:
        assert numbers(in_scopes(scopes, SQL("span"))) == found
    return found


class Past(SalesOrganisation):
    """An organisation whose events happened on the days on which a test says so."""

    def setUp(self):
        super().setUp()
        self.on(0)

    def on(self, number):
        date_events(self.env, day(number))

    def option(self, name, on=True):
        self.env["ir.config_parameter"].set_param(OPTIONS[name], on)

    def sees(self, user, owner, at=None, company=None, caller=None):
        """Return whether a user sees what was an owner's."""
        team = self.env["crm.team"]
        row = Row(owner, team, company or self.env.company)
        return bool(seen(self.env, user, [row], at, caller))


@tagged("post_install", "-at_install")
class TestWhosePastOneMaySee(Past, TransactionCase):
    def test_then_and_now_are_one_where_nobody_moved(self):
        for at in (day(0), datetime.now(timezone.utc), None):
            with self.subTest(at=at):
                self.assertTrue(self.sees(self.manager, self.seller, at))
                self.assertTrue(self.sees(self.head, self.seller, at))
                self.assertTrue(self.sees(self.seller, self.seller, at))
                self.assertFalse(self.sees(self.other_manager, self.seller, at))
                self.assertFalse(self.sees(self.seller, self.manager, at))

    def test_who_has_left_the_team_is_seen_by_a_setting_alone(self):
        self.seller_employee.parent_id = self.other_manager_employee
        self.on(10)
        # Only owners who are visible on both days.
        self.assertFalse(self.sees(self.manager, self.seller))
        self.assertFalse(self.sees(self.manager, self.seller, day(9)))
        self.assertTrue(self.sees(self.other_manager, self.seller))
        self.assertFalse(self.sees(self.other_manager, self.seller, day(9)))
        self.assertTrue(self.sees(self.other_manager, self.seller, day(10)))
        self.option("past_teams")
        self.assertFalse(self.sees(self.manager, self.seller))
        self.assertTrue(self.sees(self.manager, self.seller, day(10) - INSTANT))
        self.assertFalse(self.sees(self.manager, self.seller, day(10)))
        self.assertFalse(self.sees(self.other_manager, self.seller, day(9)))
        self.assertFalse(self.sees(self.head, self.seller))
        self.assertTrue(self.sees(self.head, self.seller, day(9)))

    def test_who_looks_as_another_sees_no_more_than_both_did(self):
        self.option("past_teams")
        self.seller_employee.parent_id = self.other_manager_employee
        self.on(10)
        self.other_manager_employee.parent_id = self.head_employee
        self.on(20)
        as_other = {"caller": self.other_manager}
        # The other manager has not been above the seller from the beginning.
        self.assertTrue(self.sees(self.head, self.seller, day(0)))
        self.assertFalse(self.sees(self.head, self.seller, day(0), **as_other))
        # The head was not above the seller for some time.
        self.assertFalse(self.sees(self.head, self.seller, day(10), **as_other))
        self.assertTrue(self.sees(self.head, self.seller, day(20), **as_other))

    def test_rights_and_companies_are_those_of_today(self):
        other = other_company(self.env)
        self.on(5)
        self.assertTrue(self.sees(self.manager, self.seller, day(1)))
        self.manager.write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        self.on(10)
        self.assertFalse(self.sees(self.manager, self.seller, day(1)))
        self.assertTrue(self.sees(self.manager, self.manager, day(1), other))
        self.head.group_ids = self.env.ref("base.group_user")
        self.on(15)
        self.assertFalse(self.sees(self.head, self.seller, day(1)))

    def test_a_company_that_an_owner_had_then(self):
        other = other_company(self.env)
        self.option("past_teams")
        self.manager.company_ids |= other
        self.on(5)
        self.assertFalse(self.sees(self.manager, self.seller, day(5), other))
        self.seller.write(
            {"company_ids": [Command.link(other.id)], "company_id": other.id}
        )
        self.seller_employee.company_id = other
        self.on(10)
        self.assertTrue(self.sees(self.manager, self.seller, day(10), other))
        self.assertFalse(self.sees(self.manager, self.seller, day(10)))
        self.assertTrue(self.sees(self.manager, self.seller, day(9)))

    def test_who_was_archived_then_was_no_viewer(self):
        self.option("past_teams")
        self.manager_employee.active = False
        self.on(10)
        self.manager_employee.active = True
        self.on(20)
        self.assertTrue(self.sees(self.manager, self.seller, day(9)))
        self.assertFalse(self.sees(self.manager, self.seller, day(10)))
        self.assertTrue(self.sees(self.manager, self.seller, day(20)))

    def test_who_was_deleted_then_is_no_link(self):
        self.option("past_teams")
        link = self.employee("link", self.manager_employee)
        self.seller_employee.parent_id = link
        self.on(5)
        link.unlink()
        self.on(10)
        self.assertTrue(self.sees(self.manager, self.seller, day(9)))
        self.assertFalse(self.sees(self.manager, self.seller, day(10)))

    def test_a_cycle_is_cut(self):
        self.option("past_teams")
        self.head_employee.parent_id = self.seller_employee
        self.on(5)
        self.head_employee.parent_id = False
        self.on(10)
        self.assertTrue(self.sees(self.seller, self.head, day(5)))
        self.assertTrue(self.sees(self.head, self.seller, day(5)))
        self.assertFalse(self.sees(self.seller, self.head, day(10)))

    def test_a_view_is_lent_today(self):
        self.seller_employee.parent_id = self.other_manager_employee
        self.on(10)
        self.option("past_teams")
        self.assertFalse(self.sees(self.peer, self.seller, day(0)))
        self.env["cqrs.delegation"].create(
            {
                "lender_id": self.manager.id,
                "delegate_id": self.peer.id,
                "date_to": datetime.now().date() + timedelta(days=1),
            }
        )
        self.assertTrue(self.sees(self.peer, self.seller, day(0)))
        self.assertFalse(self.sees(self.peer, self.seller, day(10)))

    def test_who_sees_their_own_alone_sees_no_more_then(self):
        access = self.env["cqrs.access"]
        viewers = [
            replace(viewer, own_only=True) for viewer in access._viewers(self.manager)
        ]
        for owner, expected in ((self.manager, 1), (self.seller, 0)):
            query = SQL(
                "SELECT FROM (SELECT %s AS user_id, NULL::integer AS team_id,"
                " %s AS company_id) span WHERE %s",
                owner.id,
                self.env.company.id,
                access._visible(viewers, SQL("span"), day(0)),
            )
            self.env.cr.execute(query)
            self.assertEqual(self.env.cr.rowcount, expected)
        self.assertEqual(access._hierarchy_of(viewers, day(0)), Hierarchy())

    def test_department_managers_of_then(self):
        self.option("past_teams")
        part = self.env["hr.department"].create({"name": "cqrs part"})
        whole = self.env["hr.department"].create(
            {"name": "cqrs whole", "manager_id": self.other_manager_employee.id}
        )
        self.peer_employee.parent_id = False
        self.seller_employee.write({"department_id": part.id, "parent_id": False})
        self.on(5)
        part.parent_id = whole
        self.on(10)
        part.parent_id = False
        part.manager_id = self.peer_employee
        # Odoo puts the members below their new manager.
        self.seller_employee.parent_id = False
        self.on(15)
        self.assertFalse(self.sees(self.other_manager, self.seller, day(10)))
        self.option("department_managers")
        for at, manager, peer in (
            (5, False, False),
            (10, True, False),
            (15, False, True),
        ):
            with self.subTest(at):
                self.assertEqual(
                    self.sees(self.other_manager, self.seller, day(at)), manager
                )
                self.assertEqual(self.sees(self.peer, self.seller, day(at)), peer)
        part.unlink()
        self.on(20)
        self.assertFalse(self.sees(self.peer, self.seller, day(20)))
        self.assertTrue(self.sees(self.peer, self.seller, day(19)))

    def test_the_past_is_remembered_until_it_is_another(self):
        self.option("past_teams")
        self.assertTrue(self.sees(self.manager, self.seller, day(10)))
        self.seller_employee.parent_id = False
        self.on(10)
        self.assertFalse(self.sees(self.manager, self.seller, day(10)))

    def test_an_answer_is_another_with_the_setting(self):
        before = answer_version(self.env, self.manager)
        self.option("past_teams")
        self.assertNotEqual(answer_version(self.env, self.manager), before)

    def test_since_when_there_is_a_hierarchy(self):
        self.assertEqual(self.env["cqrs.access"]._hierarchy_since(), day(0))
        self.env.cr.execute("DELETE FROM cqrs_employee_span")
        self.assertIsNone(self.env["cqrs.access"]._hierarchy_since())

    # The tree of a moment

    def level(self, user, parent, at=None):
        """Return the names below a person, with how many reports each has."""
        level = self.env["cqrs.reports"]._read_level(user, parent, at=at)
        return {node["name"]: node["reports_count"] for node in level["items"]}

    def test_the_people_who_were_below(self):
        self.seller_employee.parent_id = self.other_manager_employee
        self.on(10)
        before = day(10) - INSTANT
        self.assertEqual(self.level(self.head, self.head), {"Manager": 0})
        self.assertEqual(self.level(self.manager, self.manager), {})
        # Whoever is not seen today is not named.
        self.assertEqual(self.level(self.head, self.head, before), {"Manager": 0})
        self.assertEqual(self.level(self.manager, self.manager, before), {})
        self.option("past_teams")
        self.assertEqual(self.level(self.head, self.head, before), {"Manager": 1})
        self.assertEqual(self.level(self.manager, self.manager, before), {"Seller": 0})
        self.assertEqual(self.level(self.head, self.head, day(10)), {"Manager": 0})
        self.assertEqual(
            self.level(self.other_manager, self.other_manager, before), {"Peer": 0}
        )

    def test_the_figures_of_the_people_who_were_below(self):
        self.opportunity(self.seller, 300)
        self.opportunity(self.peer, 70)
        self.option("past_teams")
        self.seller_employee.parent_id = self.other_manager_employee
        self.on(10)

        def figures(at):
            level = self.env["cqrs.reports"]._read_level(
                self.head, self.head, has_metrics=True, at=at
            )
            nodes = [level["parent"], *level["items"]]
            return [node["metrics"]["pipeline_value"] for node in nodes]

        # What is seen of them is asked by whoever reads the figures.
        self.assertEqual(figures(None), [0, 0])
        self.head.group_ids |= self.env.ref(ALL_DOCUMENTS)
        self.on(20)
        self.assertEqual(figures(None), [0, 0])
        self.assertEqual(figures(day(9)), [300, 300])

    # The intervals

    def test_a_change_that_is_dated_earlier_begins_where_the_former_did(self):
        """As of a transaction that began earlier, and came later."""
        self.option("past_teams")
        self.seller_employee.parent_id = self.other_manager_employee
        self.on(10)
        self.seller_employee.parent_id = self.head_employee
        self.on(8)
        self.assertTrue(self.sees(self.manager, self.seller, day(10) - INSTANT))
        self.assertTrue(self.sees(self.head, self.seller, day(10)))
        self.assertFalse(self.sees(self.manager, self.seller, day(10)))
        self.assertFalse(self.sees(self.other_manager, self.seller, day(10)))
        self.env.cr.execute(
            "SELECT version, since, until = 'infinity' FROM cqrs_employee_span"
            " WHERE id = %s ORDER BY since",
            [self.seller_employee.id],
        )
        self.assertEqual(
            self.env.cr.fetchall(), [(1, day(0), False), (3, day(10), True)]
        )

    def test_a_department_without_manager_and_parent_has_a_row(self):
        department = self.env["hr.department"].create({"name": "New"})
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT version, until FROM cqrs_department_span WHERE id = %s",
            [department.id],
        )
        self.assertEqual([row[0] for row in self.env.cr.fetchall()], [1])

    def test_what_is_no_place_makes_no_row(self):
        query = "SELECT array_agg((xmin, s) ORDER BY s)::text FROM cqrs_employee_span s"
        self.env.cr.execute(query)
        before = self.env.cr.fetchone()
        self.seller_employee.name = "Another"
        self.seller_employee.work_email = "another@example.com"
        self.env.cr.flush()
        self.env.cr.execute(query)
        self.assertEqual(self.env.cr.fetchone(), before)

    def test_now_is_what_the_closure_says(self):
        """Depth and paths, too, of everybody below anybody."""
        self.seller_employee.parent_id = self.employee("link", self.manager_employee)
        part = self.env["hr.department"].create(
            {"name": "cqrs part", "manager_id": self.peer_employee.id}
        )
        self.seller_employee.department_id = part
        self.env.cr.flush()
        now = datetime.now(timezone.utc)
        for via in ("hierarchy", "department"):
            query = SQL(
                "SELECT viewer_id, owner_id, company_id, depth, paths"
                " FROM cqrs_user_access WHERE via = %s AND depth > 0",
                via,
            )
            closure = set(self.env.execute_query(query))
            viewer_ids = list({row[0] for row in closure})
            query = SQL(
                """
                SELECT viewer_id, owner_id, company_id, min(depth), count(*)
                FROM (%s) below GROUP BY viewer_id, owner_id, company_id
                """,
                self.env["cqrs.access"]._below(viewer_ids, via, now),
            )
            self.assertEqual(set(self.env.execute_query(query)), closure)
            self.assertTrue(closure)


@tagged("post_install", "-at_install")
class TestHierarchiesOfTransactions(RealCursors):
    def test_each_transaction_begins_where_the_former_ended(self):
        with self.transaction() as env:
            employees = env["hr.employee"].create(
                [{"name": f"cqrs then {n}"} for n in range(3)]
            )
            ids = employees.ids
        self.addCleanup(self.remove, ids)
        for boss in (1, 2, False):
            with self.transaction() as env:
                employee = env["hr.employee"].browse(ids[0])
                employee.parent_id = boss and ids[boss]
                employee.name = f"below {boss}"
        query = (
            "SELECT parent_id, since = (SELECT occurred_at FROM cqrs_event event"
            " WHERE stream_model = 'hr.employee' AND stream_id = span.id"
            " AND event.version = span.version),"
            " until = lead(since, 1, 'infinity') OVER (ORDER BY version)"
            " FROM cqrs_employee_span span WHERE id = %s ORDER BY version"
        )
        with self.transaction() as env:
            env.cr.execute(query, [ids[0]])
            self.assertEqual(
                env.cr.fetchall(),
                [(boss, True, True) for boss in (None, ids[1], ids[2], None)],
            )
            env["hr.employee"].browse(ids[0]).unlink()
        with self.transaction() as env:
            env.cr.execute(query, [ids[0]])
            *others, (__, __, is_last) = env.cr.fetchall()
            self.assertEqual((len(others), is_last), (3, False))

    def remove(self, ids):
        with self.transaction() as env:
            env["hr.employee"].browse(ids).exists().unlink()
