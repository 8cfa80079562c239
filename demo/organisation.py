"""Builds a generated sales organisation in a database, through the ORM.

    from odoo.addons.crm_cqrs.demo.organisation import PASSWORD, build_organisation

    organisation = build_organisation(env, seed=19)
    env.cr.commit()
    print(organisation.manager_login, PASSWORD)

`plan.py` decides what there is; `companies.py`, `staff.py` and `pipeline.py` make it.
The caller commits. No message is sent, and nothing leaves the machine.

Where a clock can be turned, everything happens at its time, each moment in a
transaction of its own: ``before_the_addon`` is what happens in Odoo before this addon
is installed, ``after_the_installation`` all that follows (see ``devtools/demo.py``).
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from odoo import SUPERUSER_ID, fields
from odoo.exceptions import UserError
from odoo.tools import groupby

from .clock import Present
from .companies import add_currency_rate, find_companies, two_companies
from .deals import DAYS_PER_MONTH
from .pipeline import Pipeline
from .plan import HEAD_LOGIN, plan
from .staff import PASSWORD, Staff

__all__ = [
    "PASSWORD",
    "Organisation",
    "after_the_installation",
    "before_the_addon",
    "build_organisation",
    "catch_up",
]

TRACKED = {
    "mail_auto_subscribe_no_notify": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "no_reset_password": True,
}
QUIET = {**TRACKED, "mail_notrack": True, "tracking_disable": True}

MONTHS_BEFORE = 3  # how long Odoo is in use before the addon is installed
FORGET_AFTER = 200  # moments: what was played is not needed in memory


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


def build_organisation(env, *, progress=None, **sizes):
    """Build the organisation that the arguments determine, and describe it.

    The database's open stages and lost reasons, in their number, take part in it.

    :param sizes: seed, levels, users, opportunities, months, today, see `_plan`
    :param progress: called as ``progress(done, total, label)``
    :rtype: Organisation
    :raise UserError: where the database has the organisation already
    :raise ValueError: where the sizes make no organisation
    """
    builder = _Builder(env, QUIET, Present(), progress, sizes)
    builder.found()
    builder.staff.grant_team_privilege()
    builder.play(builder.happenings())
    return builder.describe()


def before_the_addon(env, clock, **sizes):
    """Build what happens before the addon is installed, as Odoo tracks it.

    :param clock: a `ClockFile`; it then stands at the time of the installation
    :param sizes: see `build_organisation`; ``today`` is the real day, not the clock's
    """
    builder = _Builder(env, TRACKED, clock, None, sizes)
    clock.turn_to(builder.the_plan.begins)
    builder.found()
    clock.end_moment(builder.env)
    installed_at = builder.installed_at()
    builder.play([one for one in builder.happenings() if one[0] < installed_at])
    clock.turn_to(installed_at)


def after_the_installation(env, clock, **sizes):
    """Build all that happens since, up to the day before today, and describe it.

    :param sizes: the same as before the installation
    :rtype: Organisation
    """
    builder = _Builder(env, QUIET, clock, None, sizes)
    builder.find()
    clock.end_moment(builder.env)
    installed_at = builder.installed_at()
    clock.turn_to(installed_at + timedelta(minutes=10))
    builder.staff.grant_team_privilege()
    clock.end_moment(builder.env)
    builder.play([one for one in builder.happenings() if one[0] >= installed_at])
    clock.turn_to(datetime.combine(builder.the_plan.ends, time(0)) - timedelta(hours=1))
    catch_up(builder.env)
    return builder.describe()


def catch_up(env):
    """Do what scheduled actions have done on a server that ran all the time."""
    env["cqrs.opportunity.span"]._follow_all()
    env["cqrs.metrics"]._fold()
    env["cqrs.dashboard.metrics"]._refresh()
    env["cqrs.seal"]._seal()


def _plan(
    env,
    stages,
    lost_reasons,
    *,
    seed=19,
    levels=3,
    users=60,
    opportunities=2000,
    months=18,
    today=None,
):
    """Plan an organisation for this database.

    :param levels: ranks of managers between the head and the salespeople
    :param users: everybody, the head included
    :param opportunities: how many `crm.lead` there will be, a few of them leads
    :param months: how long the history is; it ends the day before `today`
    :param today: a date, by default the present one
    """
    return plan(
        seed=seed,
        levels=levels,
        users=users,
        opportunities=opportunities,
        months=months,
        today=today or fields.Date.context_today(env.user),
        stages=len(stages),
        lost_reasons=len(lost_reasons),
    )


class _Builder:
    """Plays the plan of an organisation into a database."""

    def __init__(self, env, context, clock, progress, sizes):
        self.env = env(user=SUPERUSER_ID, su=True, context={**env.context, **context})
        self.clock = clock
        self.progress = progress or _no_progress
        self.stages = _open_stages(self.env)
        self.lost_reasons = _lost_reasons(self.env)
        self.the_plan = _plan(self.env, self.stages, self.lost_reasons, **sizes)

    def found(self):
        """Make the companies, the first people, the teams and the customers."""
        Users = self.env["res.users"].with_context(active_test=False)
        if Users.search_count([("login", "=", HEAD_LOGIN)], limit=1):
            raise UserError(
                self.env._(
                    "This database already contains the sales organization of %s.",
                    HEAD_LOGIN,
                )
            )
        self._spare_work()
        self._employ(two_companies(self.env))
        self.staff.found(self.progress)
        self._sell(_contacts(self.env, self.the_plan.customers))

    def _spare_work(self):
        """Switch off what Odoo does for each lead to no purpose here."""
        parameters = self.env["ir.config_parameter"]
        # Scoring learns from leads that are younger than this. Nothing here asks it,
        # and counting is half of the cost of a deal won or lost.
        day = fields.Date.to_string(self.the_plan.ends)
        parameters.set_param("crm.pls_start_date", day)
        # Enrichment asks Odoo's servers, where no demonstration should.
        parameters.set_param("crm.iap.lead.enrich.setting", "manual")

    def find(self):
        """Find what an earlier part of the build has made."""
        self._employ(find_companies(self.env))
        self.staff.find()
        self._sell(_find_contacts(self.env, self.the_plan.customers))
        self.pipeline.find(self.the_plan.deals)

    def _employ(self, companies):
        context = {**self.env.context, "allowed_company_ids": companies.ids}
        self.env = self.env(context=context)
        self.companies = companies.with_env(self.env)
        self.staff = Staff(self.env, self.the_plan.people, self.companies)

    def _sell(self, contacts):
        self.pipeline = Pipeline(
            self.env,
            self.companies,
            self.staff,
            contacts,
            self.stages,
            self.lost_reasons,
            self.clock,
        )

    def installed_at(self):
        """The moment at which the addon is installed, in the history of a clock."""
        begins = self.the_plan.begins
        day = begins.date() + timedelta(days=round(MONTHS_BEFORE * DAYS_PER_MONTH))
        return datetime.combine(day, time(5))

    def happenings(self):
        """Return (moment, part, what happens in it), in order of time."""
        begins = self.the_plan.begins
        happenings = [
            (max(begins, datetime.combine(day, time(6))), "rate", (day, rate))
            for day, rate in self.the_plan.rates
        ]
        happenings += [
            (at, "career", (happen, index))
            for at, index, happen in self.staff.careers()
        ]
        happenings += [
            (at, "deal", (deal, what))
            for at, deal, what in self.pipeline.happenings(self.the_plan.deals)
        ]
        return sorted(happenings, key=lambda one: one[0])

    def play(self, happenings):
        """Have everything happen, moment by moment."""
        total = len(self.the_plan.deals)
        moments = groupby(happenings, key=lambda one: one[0])
        for number, (at, batch) in enumerate(moments, start=1):
            self.clock.turn_to(at)
            deals = []
            for __, part, what in batch:
                if part == "rate":
                    add_currency_rate(self.companies, *what)
                elif part == "career":
                    happen, index = what
                    happen(index)
                else:
                    deals.append(what)
            self.pipeline.happen(deals)
            self.clock.end_moment(self.env)
            if not number % FORGET_AFTER:
                self.progress(len(self.pipeline.lead_ids), total, "opportunities")
                self.env.invalidate_all()
        self.progress(total, total, "opportunities")

    def describe(self):
        return _describe(self.the_plan, self.companies, self.staff, self.pipeline)


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


def _find_contacts(env, customers):
    """The same, made in an earlier part of the build."""
    emails = [customer.contact_email for customer in customers]
    found = env["res.partner"].search([("email", "in", emails)])
    by_email = {contact.email: contact.id for contact in found}
    return env["res.partner"].browse(by_email[email] for email in emails)


def _describe(the_plan, companies, staff, pipeline):
    people = the_plan.people
    deals = [deal for deal in the_plan.deals if not deal.is_gone]
    deal_counts = Counter(deal.owner for deal in deals)
    salespeople = [
        index
        for index, person in enumerate(people)
        if person.rank == people[-1].rank and not person.leaves
    ]
    salesperson = max(salespeople, key=deal_counts.__getitem__)
    manager = people[salesperson].manager_now
    peer = max(
        (index for index in salespeople if people[index].manager_now != manager),
        key=deal_counts.__getitem__,
    )
    ranks = defaultdict(list)
    for index, person in enumerate(people):
        ranks[person.rank].append(staff.users[index].id)
    return Organisation(
        head_login=HEAD_LOGIN,
        director_login=people[staff.directors[salesperson]].login,
        manager_login=people[manager].login,
        salesperson_login=people[salesperson].login,
        peer_login=people[peer].login,
        company_ids=tuple(companies.ids),
        team_ids=tuple(dict.fromkeys(team.id for team in staff.teams)),
        user_ids_by_rank=tuple(map(tuple, ranks.values())),
        archived_user_ids=tuple(
            staff.users[index].id
            for index, person in enumerate(people)
            if person.leaves
        ),
        employee_ids=tuple(employee.id for employee in staff.employees.values()),
        lead_ids=tuple(pipeline.lead_ids[deal.name] for deal in deals),
    )


def _no_progress(done, total, label):
    pass
