"""What the generated sales organisation consists of, as plain values.

`plan` decides everything: who works for whom, who sells what to whom, and the history
of each deal. It knows no ORM; `organisation.py` brings the plan into a database. Equal
arguments give equal plans, and the people do not change when the number of deals does,
since each part draws from a generator of its own.
"""

import math
import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice

from . import names
from .deals import DAYS_PER_MONTH, Deal, DealPlanner, working_day

MAIL_DOMAIN = "polaris.example"
HEAD_NAME = "Ingrid Solberg"
HEAD_LOGIN = f"{names.slug(HEAD_NAME)}@{MAIL_DOMAIN}"

DEALS_PER_CUSTOMER = 8
# A rank's share of deals per head, against a salesperson's: managers sell little.
SELLING = {"head": 0.15, "manager": 0.4, "salesperson": 1.0}

# Of the salespeople:
LEAVER_SHARE = 0.05  # archived when they leave
NEWCOMER_SHARE = 0.15  # hired when the organisation exists already
MOVER_SHARE = 0.12  # get another manager


@dataclass(frozen=True)
class Person:
    """``manager`` is an index into the plan's people, ``rank`` 0 for the head.

    ``companies`` are indexes (0 main, 1 second), the first being home. ``manager`` is
    the first one; who moves has ``last_manager`` from the day ``moves`` on.
    """

    name: str
    login: str
    rank: int
    manager: int | None
    companies: tuple[int, ...]
    activity: float
    skill: float
    hired: date | None = None
    moves: date | None = None
    leaves: date | None = None
    last_manager: int | None = None

    @property
    def manager_now(self):
        return self.manager if self.last_manager is None else self.last_manager

    def works_on(self, day):
        return not (
            (self.hired and day < self.hired) or (self.leaves and day >= self.leaves)
        )


@dataclass(frozen=True)
class Customer:
    name: str
    email: str
    contact_name: str
    contact_email: str


@dataclass(frozen=True)
class Plan:
    """People by rank, head first; deals by creation date.

    ``rates`` are (first day of a month, units of the second currency for one of the
    main one). The organisation exists from ``begins`` on, before the first deal, and
    all of it happens before the day ``ends``.
    """

    begins: datetime
    ends: date
    people: tuple[Person, ...]
    customers: tuple[Customer, ...]
    deals: tuple[Deal, ...]
    rates: tuple[tuple[date, float], ...]


def plan(*, seed, levels, users, opportunities, months, today, stages, lost_reasons):
    """Plan an organisation.

    :param levels: ranks of managers between the head and the salespeople, 1 or more
    :param users: everybody, the head included
    :param months: the deals are created in the months before `today` (a date)
    :param stages: how many open stages there are, in order
    :param lost_reasons: how many reasons a deal can be lost for
    :raise ValueError: where the sizes make no organisation
    """
    if levels < 1 or opportunities < 0 or months < 1 or stages < 1 or lost_reasons < 1:
        raise ValueError(
            "An organisation needs a level of managers, a month, an open stage, "
            "a lost reason and no negative number of opportunities."
        )

    def rng(part):
        return random.Random(f"{seed}/{part}")

    days = round(months * DAYS_PER_MONTH)
    staff = _people(rng("people"), _rank_sizes(users, levels))
    staff = _with_careers(rng("careers"), staff, today, days)
    customers = _customers(
        rng("customers"), math.ceil(opportunities / DEALS_PER_CUSTOMER)
    )
    planner = DealPlanner(rng("deals"), staff, customers, today, stages, lost_reasons)
    return Plan(
        begins=datetime.combine(today - timedelta(days=days + 7), time(6)),
        ends=today,
        people=staff,
        customers=customers,
        deals=planner.deals(opportunities, months),
        rates=_rates(rng("rates"), today, months),
    )


def _rank_sizes(users, levels):
    """How many people each rank has: growing by one factor, from the head downwards."""
    fewest = 1 + 2 * (levels + 1)
    if users < fewest:
        raise ValueError(f"{levels} levels of managers need {fewest} users or more.")
    low, high = 1.0, float(users)
    for _step in range(60):
        factor = (low + high) / 2
        if sum(factor**rank for rank in range(levels + 2)) < users:
            low = factor
        else:
            high = factor
    sizes = [1]
    for rank in range(1, levels + 1):
        # No rank is smaller than the one above, so that every manager has somebody to
        # manage; and two directors at least, as there are two companies.
        room = (users - sum(sizes)) // (levels + 2 - rank)
        sizes.append(max(2, sizes[-1], min(round(low**rank), room)))
    return [*sizes, users - sum(sizes)]


def _people(rng, rank_sizes):
    full_names = names.people(rng)
    staff = [_person(rng, HEAD_NAME, 0, None, (0, 1), SELLING["head"])]
    above = [0]
    for rank, size in enumerate(rank_sizes[1:], start=1):
        is_salesperson = rank == len(rank_sizes) - 1
        selling = SELLING["salesperson" if is_salesperson else "manager"]
        crowding = [rng.uniform(0.5, 2) for _manager in above]
        managers = above + rng.choices(above, crowding, k=size - len(above))
        first = len(staff)
        for position, manager in enumerate(managers):
            if rank == 1:
                companies = (position % 2, 1 - position % 2)
            else:
                companies = staff[manager].companies[:1]
            name = next(full_names)
            staff.append(_person(rng, name, rank, manager, companies, selling))
        above = list(range(first, len(staff)))
    return staff


def _person(rng, name, rank, manager, companies, selling):
    return Person(
        name=name,
        login=f"{names.slug(name)}@{MAIL_DOMAIN}",
        rank=rank,
        manager=manager,
        companies=companies,
        # Few sell much: a Pareto tail, cut so that nobody owns the whole pipeline.
        activity=selling * min(rng.paretovariate(1.2), 15),
        skill=rng.uniform(0.3, 0.65),
    )


def _with_careers(rng, staff, today, days):
    """The staff, some of whom are hired later, get another manager, or leave.

    No manager is ever without a report, and nobody changes the director.
    """
    staff = list(staff)

    def day(earliest, latest):
        share = rng.uniform(earliest, latest)
        return working_day(today - timedelta(days=max(1, round(days * (1 - share)))))

    salespeople = [i for i, one in enumerate(staff) if one.rank == staff[-1].rank]
    team_sizes = Counter(person.manager for person in staff)
    candidates = rng.sample(salespeople, len(salespeople))
    for share, fields in (
        (LEAVER_SHARE, lambda: {"leaves": day(0.4, 0.9)}),
        (NEWCOMER_SHARE, lambda: {"hired": day(0.2, 0.85)}),
    ):
        wanted = max(1, round(len(salespeople) * share))
        for index in list(candidates):
            if wanted and team_sizes[staff[index].manager] > 1:
                staff[index] = replace(staff[index], **fields())
                team_sizes[staff[index].manager] -= 1
                candidates.remove(index)
                wanted -= 1
    # And a manager, with all the people below, unless there is but one rank of them.
    managers = [i for i, one in enumerate(staff) if 1 < one.rank < staff[-1].rank]
    wanted = max(1, round(len(salespeople) * MOVER_SHARE))
    for group, count in ((managers, 1), (candidates, wanted)):
        moved = 0
        for index in rng.sample(group, len(group)):
            person = staff[index]
            others = [
                other
                for other, peer in enumerate(staff)
                if peer.rank == person.rank - 1
                and other != person.manager
                and _director(staff, other) == _director(staff, index)
            ]
            if moved < count and others and team_sizes[person.manager] > 1:
                staff[index] = replace(
                    person, moves=day(0.25, 0.95), last_manager=rng.choice(others)
                )
                team_sizes[person.manager] -= 1
                moved += 1
    return tuple(staff)


def _director(staff, index):
    """The one of the first rank below the head that a person works under."""
    while staff[index].rank > 1:
        index = staff[index].manager
    return index


def _customers(rng, count):
    firms = list(islice(names.firms(rng), count))
    contacts = list(islice(names.people(rng), count))
    customers = []
    for firm, contact in zip(firms, contacts, strict=True):
        domain = f"{names.slug(firm).replace('.', '-')}.example"
        customers.append(
            Customer(
                name=firm,
                email=f"info@{domain}",
                contact_name=contact,
                contact_email=f"{names.slug(contact)}@{domain}",
            )
        )
    return tuple(customers)


def _rates(rng, today, months):
    """A rate on the first of each month, wandering slowly around 0.92."""
    rate = 0.92
    dated = []
    for back in range(months, -1, -1):
        year, month = divmod(today.year * 12 + today.month - 1 - back, 12)
        dated.append((date(year, month + 1, 1), round(rate, 4)))
        rate *= math.exp(rng.gauss((0.92 - rate) / 4, 0.012))
    return tuple(dated)
