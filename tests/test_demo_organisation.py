from collections import Counter, defaultdict
from datetime import date, datetime
from unittest.mock import patch

from odoo.exceptions import AccessDenied, UserError
from odoo.tests import TransactionCase, tagged

from ..demo import plan as planning
from ..demo.deals import Kind
from ..demo.organisation import PASSWORD, build_organisation
from ..devtools.demo import GREET, RESUME_CRONS
from .common import INSTALLED, OwnDatabase

SIZES = {"levels": 3, "users": 24, "opportunities": 120, "months": 12}
TODAY = date(2026, 3, 10)
SEED = 3  # of the small ones, one by which everything happens that can

#: A database that was left alone for three days
LEFT_ALONE = r"""
UPDATE ir_cron SET nextcall = nextcall - interval '3 days';
UPDATE cqrs_reconciliation SET looked_at = looked_at - interval '3 days';
-- The demo is installed on the first day of its past.
UPDATE cqrs_run SET finished_at = finished_at - interval '400 days',
    result = regexp_replace(result::text, '\m20\d\d-', '2020-', 'g')::jsonb;
SELECT 1
"""
SHOW_LEVELS = """
health = env["cqrs.health"].read_health()
levels = {
    name: part["level"]
    for name, part in health.items()
    if isinstance(part, dict) and "level" in part
}
print("LEVELS", health["level"], levels)
"""


@tagged("post_install", "-at_install")
class TestADemoIsHealthyFromTheStart(OwnDatabase):
    template = INSTALLED

    def test_it_is_verified_and_up_to_date_when_it_is_opened(self):
        self.query(LEFT_ALONE)
        shown = self.odoo("shell", script=SHOW_LEVELS).stdout
        self.assertIn("LEVELS bad", shown)
        self.query(f"{RESUME_CRONS}; SELECT 1")
        shown = self.odoo("shell", script=GREET + SHOW_LEVELS).stdout
        self.assertIn("LEVELS good", shown)


class OrganisationCase(TransactionCase):
    @classmethod
    def build(cls, seed=SEED, **options):
        return build_organisation(
            cls.env, seed=seed, today=TODAY, **{**SIZES, **options}
        )

    @classmethod
    def plan(cls, **options):
        stages = cls.env["crm.stage"].search(
            [("team_ids", "=", False), ("is_won", "=", False)]
        )
        arguments = {
            "seed": SEED,
            "today": TODAY,
            "stages": len(stages),
            "lost_reasons": cls.env["crm.lost.reason"].search_count([]),
        }
        return planning.plan(**{**SIZES, **arguments, **options})

    def leads(self, organisation):
        return self.env["crm.lead"].browse(organisation.lead_ids)

    def content(self, organisation):
        """What the seed decides, without the database's ids."""
        return [
            (
                lead.name,
                lead.type,
                lead.partner_id.email,
                lead.user_id.login,
                lead.team_id.name,
                lead.stage_id.name,
                lead.won_status,
                lead.probability,
                lead.expected_revenue,
                lead.create_date,
                lead.date_open,
                lead.date_closed,
                lead.date_last_stage_update,
                lead.date_deadline,
            )
            for lead in self.leads(organisation)
        ]


@tagged("post_install", "-at_install")
class TestDemoOrganisation(OrganisationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with patch.object(cls.registry["mail.mail"], "create") as cls.create_mail:
            cls.organisation = cls.build()
        cls.users = cls.env["res.users"].browse(cls.organisation.user_ids)
        cls.main, cls.second = cls.env["res.company"].browse(
            cls.organisation.company_ids
        )

    def user(self, login):
        return self.users.filtered(lambda user: user.login == login)

    def test_head_three_levels_of_managers_and_salespeople(self):
        sizes = [len(rank) for rank in self.organisation.user_ids_by_rank]
        self.assertEqual(sizes, [1, 2, 3, 6, 12])
        self.assertEqual(sum(sizes), SIZES["users"])
        self.assertEqual(self.users[0].login, "ingrid.solberg@polaris.example")
        employees = self.env["hr.employee"].browse(self.organisation.employee_ids)
        depths = Counter()
        for employee in employees:
            above = employee
            depth = 0
            while above.parent_id:
                self.assertEqual(above.parent_id.company_id, employee.company_id)
                above = above.parent_id
                depth += 1
            self.assertEqual(above.user_id, self.users[0])
            depths[depth] += 1
        # The head and the two directors have an employee in either company.
        self.assertEqual(dict(depths), {0: 2, 1: 4, 2: 3, 3: 6, 4: 12})

    def test_every_manager_has_a_report(self):
        *managers, _salespeople = self.organisation.user_ids_by_rank
        for user in self.env["res.users"].browse(
            id_ for rank in managers for id_ in rank
        ):
            reports = self.env["hr.employee"].search(
                [("parent_id.user_id", "=", user.id)]
            )
            self.assertGreater(len(reports), 0, user.login)

    def test_only_head_and_directors_work_in_both_companies(self):
        both = self.users.filtered(lambda user: len(user.company_ids) == 2)
        head, directors, *_others = self.organisation.user_ids_by_rank
        self.assertEqual(tuple(both.ids), head + directors)
        self.assertEqual(both.company_ids, self.main + self.second)

    def test_nobody_may_see_all_leads_by_group(self):
        for user in self.users:
            self.assertTrue(user.has_group("sales_team.group_sale_salesman"))
            self.assertFalse(user.has_group("sales_team.group_sale_salesman_all_leads"))

    def test_managers_have_the_team_privilege(self):
        *managers, __ = self.organisation.user_ids_by_rank
        with_team = [
            user.id for user in self.users if user.has_group("crm_cqrs.group_sale_team")
        ]
        self.assertEqual(with_team, [id_ for rank in managers for id_ in rank])

    def test_named_logins_are_a_line_of_command_and_a_peer(self):
        organisation = self.organisation
        Employee = self.env["hr.employee"]
        salesperson = self.user(organisation.salesperson_login)
        line = []
        employee = Employee.search([("user_id", "=", salesperson.id)])
        while employee.parent_id:
            employee = employee.parent_id
            line.append(employee.user_id.login)
        manager, _sales_manager, director, head = line
        self.assertEqual(manager, organisation.manager_login)
        self.assertEqual(director, organisation.director_login)
        self.assertEqual(head, organisation.head_login)
        peer = Employee.search(
            [("user_id", "=", self.user(organisation.peer_login).id)]
        )
        self.assertNotIn(peer.parent_id.user_id.login, line)

    def test_people_log_in_with_the_password(self):
        user = self.user(self.organisation.manager_login)
        user = user.with_user(user)
        credential = {"type": "password", "login": user.login, "password": PASSWORD}
        auth = user._check_credentials(credential, {"interactive": False})
        self.assertEqual(auth["uid"], user.id)
        with self.assertRaises(AccessDenied):
            user._check_credentials(
                {**credential, "password": "another"}, {"interactive": False}
            )

    def test_who_left_is_archived_and_keeps_the_deals(self):
        leavers = self.env["res.users"].browse(self.organisation.archived_user_ids)
        self.assertEqual(len(leavers), 1)
        self.assertFalse(leavers.active)
        employees = self.env["hr.employee"].with_context(active_test=False)
        employee = employees.search([("user_id", "=", leavers.id)])
        self.assertFalse(employee.active)
        self.assertIn(leavers, self.leads(self.organisation).user_id)

    def test_two_companies_two_currencies_and_rates_that_agree(self):
        leads = self.leads(self.organisation)
        self.assertEqual(leads.company_id, self.main + self.second)
        here, there = self.main.currency_id, self.second.currency_id
        self.assertNotEqual(here, there)
        for day in (date(2025, 6, 15), TODAY):
            converted = here._convert(1000, there, self.main, day, round=False)
            back = there._convert(converted, here, self.second, day, round=False)
            self.assertNotEqual(converted, 1000)
            self.assertAlmostEqual(back, 1000, places=6)

    def test_every_status_is_there(self):
        statuses = Counter(
            (lead.type, lead.won_status, lead.active)
            for lead in self.leads(self.organisation)
        )
        self.assertEqual(sum(statuses.values()), SIZES["opportunities"])
        for status in (
            ("lead", "pending", True),
            ("opportunity", "pending", True),
            ("opportunity", "won", True),
            ("opportunity", "lost", False),
        ):
            self.assertGreater(statuses[status], 0, status)
        lost = self.leads(self.organisation).filtered(
            lambda lead: lead.won_status == "lost"
        )
        self.assertTrue(all(lead.lost_reason_id for lead in lost))

    def test_who_moved_has_the_other_manager_and_newcomers_have_one(self):
        people = self.plan().people
        for index, person in enumerate(people):
            if not (person.moves or person.hired):
                continue
            employees = self.env["hr.employee"].with_context(active_test=False)
            employee = employees.search([("user_id.login", "=", person.login)])
            manager = people[person.manager_now]
            self.assertEqual(employee.parent_id.user_id.login, manager.login, index)
        self.assertTrue(any(person.moves for person in people))
        self.assertTrue(any(person.hired for person in people))

    def test_most_open_deals_have_an_activity_planned(self):
        leads = self.leads(self.organisation).filtered(
            lambda lead: (
                lead.type == "opportunity"
                and lead.active
                and lead.won_status == "pending"
            )
        )
        planned = leads.filtered("activity_ids")
        self.assertGreater(len(planned), len(leads) / 2)
        self.assertLess(len(planned), len(leads))
        for lead in planned:
            self.assertEqual(lead.activity_ids.user_id, lead.user_id)

    def test_who_did_it_is_who_worked_on_the_deal(self):
        self.env.cr.execute(
            """SELECT type, count(*), count(DISTINCT user_id) FROM cqrs_event
                WHERE stream_model = 'crm.lead' AND stream_id = ANY(%s)
                  AND user_id = ANY(%s)
                GROUP BY type""",
            [list(self.organisation.lead_ids), list(self.organisation.user_ids)],
        )
        writers = {
            type_: (count, users) for type_, count, users in self.env.cr.fetchall()
        }
        self.assertGreaterEqual(
            writers["OpportunityCreated"][0], len(self.organisation.lead_ids) * 0.9
        )
        self.assertGreater(writers["OpportunityCreated"][1], 5)
        self.assertGreater(writers["OpportunityReassigned"][1], 1)

    def test_amounts_add_up_to_the_plan(self):
        planned = defaultdict(float)
        for deal in self.plan().deals:
            if deal.is_gone:
                continue
            value, status = deal.value, "pending"
            for change in deal.changes:
                if change.kind is Kind.VALUE:
                    value = change.value
                elif change.kind is Kind.WON:
                    status = "won"
                elif change.kind is Kind.LOST:
                    status = "lost"
                elif change.kind is Kind.REOPENED:
                    status = "pending"
            planned[deal.company, status] += round(value, 2)
        built = defaultdict(float)
        for lead in self.leads(self.organisation):
            company = self.organisation.company_ids.index(lead.company_id.id)
            built[company, lead.won_status] += lead.expected_revenue
            currency = lead.company_currency
            self.assertEqual(
                lead.expected_revenue, currency.round(lead.expected_revenue)
            )
        self.assertEqual(set(built), set(planned))
        for key, amount in planned.items():
            self.assertAlmostEqual(built[key], amount, places=2)

    def test_dates_lie_in_the_past_months_and_in_order(self):
        for lead in self.leads(self.organisation):
            self.assertGreater(lead.create_date, datetime(2025, 3, 5))
            for moment in (
                lead.date_open,
                lead.date_closed,
                lead.date_last_stage_update,
            ):
                if moment:
                    self.assertGreaterEqual(moment, lead.create_date)
                    self.assertLess(moment, datetime(2026, 3, 10))
            if lead.active:
                self.assertEqual(bool(lead.date_closed), lead.won_status == "won")
            if lead.date_closed:
                days = (lead.date_closed - lead.create_date).days
                self.assertEqual(lead.day_close, days)

    def test_owners_sell_in_their_company_and_team(self):
        for lead in self.leads(self.organisation):
            self.assertEqual(lead.team_id.company_id, lead.company_id)
            if lead.user_id:
                self.assertEqual(lead.user_id.company_id, lead.company_id)
                self.assertIn(
                    lead.user_id,
                    lead.team_id.with_context(
                        active_test=False
                    ).crm_team_member_all_ids.user_id,
                )

    def test_nobody_is_written_to(self):
        self.create_mail.assert_not_called()
        leads = self.leads(self.organisation)
        merged = {
            change.value
            for deal in self.plan().deals
            for change in deal.changes
            if change.kind is Kind.MERGED
        }
        self.assertTrue(merged)
        # Odoo notes a merger, and who plans an activity follows the lead.
        noted = leads.filtered("message_ids")
        self.assertEqual(set(noted.mapped("name")), merged)
        self.assertFalse(leads.message_ids.notification_ids)
        followed = leads.filtered("message_follower_ids")
        self.assertEqual(followed, leads.filtered("activity_ids"))

    def test_no_service_is_asked_about_the_customers(self):
        leads = self.leads(self.organisation)
        if "iap_enrich_done" in leads._fields:
            self.assertEqual(set(leads.mapped("iap_enrich_done")), {True})
        self.assertFalse(self.second.email or self.second.website)

    def test_second_call_is_refused_whatever_its_seed(self):
        with self.assertRaisesRegex(UserError, "ingrid.solberg@polaris.example"):
            self.build(seed=SEED + 1)


@tagged("post_install", "-at_install")
class TestDemoOrganisationRepeated(OrganisationCase):
    def test_a_seed_decides_the_content(self):
        sizes = {"levels": 1, "users": 6, "opportunities": 60}
        contents = []
        for seed in (SEED, SEED, SEED + 1):
            savepoint = self.env.cr.savepoint()
            contents.append(self.content(self.build(seed=seed, **sizes)))
            savepoint.close(rollback=True)
        first, again, other = contents
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_each_change_is_flushed_by_itself(self):
        cursor_class = type(self.env.cr)
        flush = cursor_class.flush
        seen = defaultdict(list)  # lead id -> its states, one after the other

        def observed_flush(cr):
            flush(cr)
            cr.execute(
                """SELECT id, type, active, user_id, stage_id, won_status,
                          expected_revenue, date_deadline
                     FROM crm_lead
                    WHERE id > %s""",
                [newest],
            )
            for lead_id, *state in cr.fetchall():
                if seen[lead_id][-1:] != [state]:
                    seen[lead_id].append(state)

        leads = self.env["crm.lead"].with_context(active_test=False)
        newest = leads.search([], order="id desc", limit=1).id or 0
        with patch.object(cursor_class, "flush", observed_flush):
            organisation = self.build()
        deals = self.plan().deals
        kinds = {change.kind for deal in deals for change in deal.changes}
        self.assertEqual(kinds, set(Kind))
        gone = self.env["crm.lead"].with_context(active_test=False)
        names = [deal.name for deal in deals if deal.is_gone]
        self.assertFalse(gone.search([("name", "in", names)]))
        deals = [deal for deal in deals if not deal.is_gone]
        self.assertEqual(
            [len(seen[lead_id]) - 1 for lead_id in organisation.lead_ids],
            [len(deal.changes) for deal in deals],
        )

    def test_the_smallest_organisation_and_one_too_small(self):
        calls = []
        organisation = self.build(
            levels=1,
            users=5,
            opportunities=0,
            progress=lambda *call: calls.append(call),
        )
        ranks = organisation.user_ids_by_rank
        self.assertEqual([len(rank) for rank in ranks], [1, 2, 2])
        self.assertEqual(organisation.manager_login, organisation.director_login)
        self.assertEqual(calls[0], (0, 5, "people"))
        self.assertEqual(calls[-1], (0, 0, "opportunities"))
        with self.assertRaisesRegex(ValueError, "1 levels of managers need 5 users"):
            self.plan(levels=1, users=4)

    def test_no_rank_is_smaller_than_the_one_above(self):
        for users in range(13, 60):
            people = self.plan(levels=5, users=users, opportunities=0).people
            sizes = Counter(person.rank for person in people)
            self.assertEqual(sum(sizes.values()), users)
            self.assertEqual(list(sizes.values()), sorted(sizes.values()))

    def test_a_plan_is_the_same_everywhere(self):
        plan = self.plan()
        won = [
            deal
            for deal in plan.deals
            if any(change.kind is Kind.WON for change in deal.changes)
        ]
        self.assertEqual(plan.people[5].login, "sofia.suzuki@polaris.example")
        self.assertEqual(len(won), 34)
        self.assertAlmostEqual(sum(deal.value for deal in won), 1744763.6, places=2)

    def test_names_are_unique_at_any_size(self):
        plan = self.plan(users=6500, opportunities=11000)
        for values in (
            [person.login for person in plan.people],
            [customer.name for customer in plan.customers],
            [customer.contact_email for customer in plan.customers],
            [deal.name for deal in plan.deals],
        ):
            self.assertEqual(len(values), len(set(values)))
