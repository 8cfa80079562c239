"""The people of the generated sales organisation: users, employees, teams."""

from collections import defaultdict
from datetime import datetime, time

from odoo import Command

PASSWORD = "opportunity"
JOB_TITLES = ("Head of Sales", "Sales Director", "Sales Manager", "Team Leader")
SALESPERSON_TITLE = "Account Executive"
MORNING = time(7)


class Staff:
    """Creates everybody and keeps the records.

    - ``users``: by the index of the planned person, as `employees` and `teams`
    - ``employees``: by (index, company's index): one per user and company
    - ``directors``: of each person the index of the director, the first for the head
    - ``teams``: of each person the sales team; there is one per director
    """

    def __init__(self, env, people, companies):
        self.env = env
        self.people = people
        self.companies = companies
        self.directors = _directors(people)
        self.users = {}
        self.employees = {}
        self.teams = []
        self.encrypted = None

    def found(self, progress):
        """Create the people who are there from the beginning, and the teams."""
        first = [i for i, person in enumerate(self.people) if not person.hired]
        progress(0, len(self.people), "people")
        self._create_users(first)
        self._create_employees(first, progress)
        self._create_teams()

    def find(self):
        """Find the people who were created in an earlier part of the build."""
        Users = self.env["res.users"].with_context(active_test=False)
        by_login = {
            user.login: user
            for user in Users.search(
                [("login", "in", [person.login for person in self.people])]
            )
        }
        Employees = self.env["hr.employee"].with_context(active_test=False)
        company_indexes = {id_: i for i, id_ in enumerate(self.companies.ids)}
        for index, person in enumerate(self.people):
            if user := by_login.get(person.login):
                self.users[index] = user.with_env(self.env)
                for employee in Employees.search([("user_id", "=", user.id)]):
                    company = company_indexes[employee.company_id.id]
                    self.employees[index, company] = employee.with_env(self.env)
        teams = {
            team.user_id: team
            for team in self.env["crm.team"].search(
                [("user_id", "in", [user.id for user in self.users.values()])]
            )
        }
        self.teams = [teams[self.users[director]] for director in self.directors]

    def careers(self):
        """Return what happens to people: (moment, what to call)."""
        happenings = []
        for index, person in enumerate(self.people):
            for day, happen in (
                (person.hired, self._hire),
                (person.moves, self._move),
                (person.leaves, self._archive),
            ):
                if day:
                    at = datetime.combine(day, MORNING)
                    happenings.append((at, index, happen))
        # The first hired first: a newcomer may be another's manager in a bigger plan.
        return sorted(happenings, key=lambda one: one[:2])

    def grant_team_privilege(self):
        """Let managers open what the dashboard shows them."""
        lowest = self.people[-1].rank
        managers = self.env["res.users"].union(
            *(user for i, user in self.users.items() if self.people[i].rank < lowest)
        )
        group = self.env.ref("crm_cqrs.group_sale_team")
        managers.write({"group_ids": [Command.link(group.id)]})

    def _hire(self, index):
        self._create_users([index])
        self._create_employees([index], lambda *call: None)
        self.teams[index].write({"member_ids": [Command.link(self.users[index].id)]})

    def _move(self, index):
        person = self.people[index]
        for company in person.companies:
            manager = self.employees[person.last_manager, company]
            self.employees[index, company].parent_id = manager

    def _archive(self, index):
        """Archive who leaves; what they sold stays theirs."""
        employees = [one for (i, _), one in self.employees.items() if i == index]
        employees = self.env["hr.employee"].union(*employees)
        employees.with_context(no_wizard=True).action_archive()
        self.users[index].action_archive()

    def _create_users(self, indexes):
        users = self.env["res.users"].create(
            [self._user_values(self.people[index]) for index in indexes]
        )
        # Deriving a key from a password is slow on purpose, a third of a second. All
        # have the same one, so it is derived once: fit for a demonstration only.
        self.encrypted = self.encrypted or users._crypt_context().hash(PASSWORD)
        for user in users:
            user._set_encrypted_password(user.id, self.encrypted)
        self.env.cr.flush()
        self.users.update(zip(indexes, users, strict=True))

    def _user_values(self, person):
        companies = [self.companies[index].id for index in person.companies]
        groups = [
            self.env.ref("base.group_user").id,
            self.env.ref("sales_team.group_sale_salesman").id,
            self.env.ref("base.group_allow_export").id,
        ]
        return {
            "name": person.name,
            "login": person.login,
            "email": person.login,
            "company_id": companies[0],
            "company_ids": [Command.set(companies)],
            "group_ids": [Command.set(groups)],
            "notification_type": "inbox",  # no mail in the demonstration either
        }

    def _create_employees(self, indexes, progress):
        for rank in sorted({self.people[index].rank for index in indexes}):
            posts = [
                (index, company)
                for index in indexes
                if self.people[index].rank == rank
                for company in self.people[index].companies
            ]
            employees = self.env["hr.employee"].create(
                [
                    {
                        "name": self.people[index].name,
                        "user_id": self.users[index].id,
                        "company_id": self.companies[company].id,
                        "job_title": self._job_title(rank),
                        "parent_id": rank
                        and self.employees[self.people[index].manager, company].id,
                    }
                    for index, company in posts
                ]
            )
            self.employees.update(zip(posts, employees, strict=True))
            self.env.cr.flush()
            progress(posts[-1][0] + 1, len(self.people), "people")

    def _job_title(self, rank):
        if rank == self.people[-1].rank:
            return SALESPERSON_TITLE
        return JOB_TITLES[min(rank, len(JOB_TITLES) - 1)]

    def _create_teams(self):
        member_ids = defaultdict(list)  # by the director's index
        for index, user in self.users.items():
            member_ids[self.directors[index]].append(user.id)
        teams = self.env["crm.team"].create(
            [
                {
                    "name": f"Team {self.users[director].name}",
                    "company_id": self.users[director].company_id.id,
                    "user_id": self.users[director].id,
                    "member_ids": [Command.set(ids)],
                    "use_leads": True,
                    "use_opportunities": True,
                }
                for director, ids in member_ids.items()
            ]
        )
        team_of = dict(zip(member_ids, teams, strict=True))
        self.teams = [team_of[director] for director in self.directors]


def _directors(people):
    directors = []
    for index, person in enumerate(people):
        if person.rank == 0:
            directors.append(1)
        elif person.rank == 1:
            directors.append(index)
        else:
            directors.append(directors[person.manager])
    return directors
