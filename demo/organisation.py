"""Builds a generated sales organisation in a database, through the ORM.

    from odoo.addons.crm_cqrs.demo.organisation import PASSWORD, build_organisation

    organisation = build_organisation(env, seed=19)
    env.cr.commit()
    print(organisation.manager_login, PASSWORD)

`plan.py` decides what there is; `companies.py`, `staff.py` and `pipeline.py` make it.
The caller commits. No message is sent, and nothing leaves the machine.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

from odoo import SUPERUSER_ID, fields
from odoo.exceptions import UserError

from .companies import add_currency_rates, two_companies
from .pipeline import Pipeline
from .plan import HEAD_LOGIN, plan
from .staff import PASSWORD, Staff

__all__ = ["PASSWORD", "Organisation", "build_organisation"]

QUIET = {
    "mail_auto_subscribe_no_notify": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "no_reset_password": True,
    "tracking_disable": True,
}


@dataclass(frozen=True)
class Organisation:
    """Who and what was made: logins, and database ids.

    The manager is the salesperson's direct one, the director the manager's topmost one
    below the head; the peer is a salesperson under another manager. All passwords are
    `PASSWORD`. ``user_ids_by_rank`` has the people who left too; their users and
    employees are archived, and they still own what they sold.

    - ``company_ids``: the main company, then the second one
    - ``user_ids_by_rank``: the head; the directors; …; the salespeople
    - ``archived_user_ids``: the salespeople who left
    - ``team_ids``: one per director
    - ``employee_ids``: the head and the directors have one in each company
    - ``lead_ids``: opportunities and leads, by creation date, archived ones included
    """

    head_login: str
    director_login: str
    manager_login: str
    salesperson_login: str
    peer_login: str
    company_ids: tuple[int, ...]
    team_ids: tuple[int, ...]
    user_ids_by_rank: tuple[tuple[int, ...], ...]
    archived_user_ids: tuple[int, ...]
    employee_ids: tuple[int, ...]
    lead_ids: tuple[int, ...]

    @property
    def head_user_id(self):
        return self.user_ids_by_rank[0][0]

    @property
    def user_ids(self):
        return tuple(id_ for rank in self.user_ids_by_rank for id_ in rank)


def build_organisation(
    env,
    *,
    seed=19,
    levels=3,
    users=60,
    opportunities=2000,
    months=18,
    today=None,
    progress=None,
):
    """Build the organisation that the arguments determine, and describe it.

    The database's open stages and lost reasons, in their number, take part in it.

    :param levels: ranks of managers between the head and the salespeople
    :param users: everybody, the head included
    :param opportunities: how many `crm.lead` there will be, a few of them leads
    :param months: how long the history is; it ends the day before `today`
    :param today: a date, by default the present one
    :param progress: called as ``progress(done, total, label)``
    :rtype: Organisation
    :raise UserError: where the database has the organisation already
    :raise ValueError: where the sizes make no organisation
    """
    env = env(user=SUPERUSER_ID, su=True, context={**env.context, **QUIET})
    Users = env["res.users"].with_context(active_test=False)
    if Users.search_count([("login", "=", HEAD_LOGIN)], limit=1):
        raise UserError(
            env._(
                "This database already contains the sales organization of %s.",
                HEAD_LOGIN,
            )
        )
    progress = progress or _no_progress
    stages = _open_stages(env)
    lost_reasons = _lost_reasons(env)
    the_plan = plan(
        seed=seed,
        levels=levels,
        users=users,
        opportunities=opportunities,
        months=months,
        today=today or fields.Date.context_today(env.user),
        stages=len(stages),
        lost_reasons=len(lost_reasons),
    )
    companies = two_companies(env)
    add_currency_rates(*companies, the_plan.rates)
    env = env(context={**env.context, "allowed_company_ids": companies.ids})
    staff = Staff(env, the_plan.people, companies, progress)
    pipeline = Pipeline(
        env, companies, staff, _contacts(env, the_plan.customers), stages, lost_reasons
    )
    lead_ids = pipeline.play(the_plan.deals, progress)
    staff.archive_leavers()
    return _describe(the_plan, companies, staff, lead_ids)


def _open_stages(env):
    """The stages of every team that come before the first won one, in order."""
    stages = env["crm.stage"].search([("team_ids", "=", False)], order="sequence, id")
    won = next((index for index, stage in enumerate(stages) if stage.is_won), 0)
    if not won:
        raise UserError(
            env._(
                "The pipeline needs an open stage followed by a won stage. Add "
                "them, then try again."
            )
        )
    return stages[:won]


def _lost_reasons(env):
    LostReason = env["crm.lost.reason"]
    return LostReason.search([], order="id") or LostReason.create(
        {"name": env._("Too expensive")}
    )


def _contacts(env, customers):
    """The contacts of the customers, each in a company of its own, in that order."""
    Partner = env["res.partner"]
    firms = Partner.create(
        [
            {"name": customer.name, "email": customer.email, "is_company": True}
            for customer in customers
        ]
    )
    return Partner.create(
        [
            {
                "name": customer.contact_name,
                "email": customer.contact_email,
                "parent_id": firm.id,
            }
            for customer, firm in zip(customers, firms, strict=True)
        ]
    )


def _describe(the_plan, companies, staff, lead_ids):
    people = the_plan.people
    deal_counts = Counter(deal.owner for deal in the_plan.deals)
    salespeople = [
        index
        for index, person in enumerate(people)
        if person.rank == people[-1].rank and not person.leaves
    ]
    salesperson = max(salespeople, key=deal_counts.__getitem__)
    manager = people[salesperson].manager
    peer = max(
        (index for index in salespeople if people[index].manager != manager),
        key=deal_counts.__getitem__,
    )
    ranks = defaultdict(list)
    for user, person in zip(staff.users, people, strict=True):
        ranks[person.rank].append(user.id)
    return Organisation(
        head_login=HEAD_LOGIN,
        director_login=people[staff.directors[salesperson]].login,
        manager_login=people[manager].login,
        salesperson_login=people[salesperson].login,
        peer_login=people[peer].login,
        company_ids=tuple(companies.ids),
        team_ids=tuple(dict.fromkeys(team.id for team in staff.teams)),
        user_ids_by_rank=tuple(map(tuple, ranks.values())),
        archived_user_ids=tuple(staff.users.filtered(lambda one: not one.active).ids),
        employee_ids=tuple(staff.employees.ids),
        lead_ids=lead_ids,
    )


def _no_progress(done, total, label):
    pass
