"""The people of the generated sales organisation: users, employees, teams."""

from collections import defaultdict

from odoo import Command

PASSWORD = "opportunity"
JOB_TITLES = ("Head of Sales", "Sales Director", "Sales Manager", "Team Leader")
SALESPERSON_TITLE = "Account Executive"


class Staff:
    """Creates everybody and keeps the records.

    - ``users``: in the order of the planned people
    - ``employees``: one per user and company, by rank
    - ``directors``: of each person the index of the director, the first for the head
    - ``teams``: of each person the sales team; there is one per director
    """

    def __init__(self, env, people, companies, progress):
        self.env = env
        self.people = people
        self.companies = companies
        self.directors = _directors(people)
        progress(0, len(people), "people")
        self.users = self._create_users()
        self.employees = self._create_employees(progress)
        self.teams = self._create_teams()

    def archive_leavers(self):
        """Archive who leaves; what they sold stays theirs, open deals included."""
        leavers = self.users.browse(
            user.id
            for user, person in zip(self.users, self.people, strict=True)
            if person.leaves
        )
        employees = self.employees.filtered(lambda one: one.user_id in leavers)
        employees.with_context(no_wizard=True).action_archive()
        leavers.action_archive()
        self.env.cr.flush()

    def _create_users(self):
        users = self.env["res.users"].create(
            [self._user_values(person) for person in self.people]
        )
        # Deriving a key from a password is slow on purpose, a third of a second. All
        # have the same one, so it is derived once: fit for a demonstration only.
        encrypted = users._crypt_context().hash(PASSWORD)
        for user in users:
            user._set_encrypted_password(user.id, encrypted)
        self.env.cr.flush()
        return users

    def _user_values(self, person):
        companies = [self.companies[index].id for index in person.companies]
        groups = [
            self.env.ref("base.group_user").id,
            self.env.ref("sales_team.group_sale_salesman").id,
        ]
        if person.rank < self.people[-1].rank:
            # What managers see on the dashboard opens for them.
            groups.append(self.env.ref("crm_cqrs.group_sale_team").id)
        return {
            "name": person.name,
            "login": person.login,
            "email": person.login,
            "company_id": companies[0],
            "company_ids": [Command.set(companies)],
            "group_ids": [Command.set(groups)],
            "notification_type": "inbox",  # no mail in the demonstration either
        }

    def _create_employees(self, progress):
        employee_of = {}  # (person's index, company's index) -> hr.employee
        for rank in range(self.people[-1].rank + 1):
            posts = [
                (index, company)
                for index, person in enumerate(self.people)
                if person.rank == rank
                for company in person.companies
            ]
            employees = self.env["hr.employee"].create(
                [
                    {
                        "name": self.people[index].name,
                        "user_id": self.users[index].id,
                        "company_id": self.companies[company].id,
                        "job_title": self._job_title(rank),
                        "parent_id": rank
                        and employee_of[self.people[index].manager, company].id,
                    }
                    for index, company in posts
                ]
            )
            employee_of.update(zip(posts, employees, strict=True))
            self.env.cr.flush()
            progress(posts[-1][0] + 1, len(self.people), "people")
        return self.env["hr.employee"].union(*employee_of.values())

    def _job_title(self, rank):
        if rank == self.people[-1].rank:
            return SALESPERSON_TITLE
        return JOB_TITLES[min(rank, len(JOB_TITLES) - 1)]

    def _create_teams(self):
        member_ids = defaultdict(list)  # by the director's index
        for director, user in zip(self.directors, self.users, strict=True):
            member_ids[director].append(user.id)
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
        return [team_of[director] for director in self.directors]


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
