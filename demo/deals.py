"""The planned deals: who sells what to whom, and what becomes of it."""

import enum
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate

from . import names

PRODUCT_MEDIANS = tuple(names.PRODUCTS.items())
DAYS_PER_MONTH = 365.25 / 12

LEAD_SHARE = 0.06  # created as a lead; half of them become opportunities
UNASSIGNED_SHARE = 0.05  # created without an owner; half of them get one
STALLED_SHARE = 0.22  # never decided


class Kind(enum.Enum):
    """What can happen to a deal, and the type of the change's value."""

    CONVERTED = "lead becomes an opportunity"  # None
    STAGE = "moved on"  # index of an open stage
    OWNER = "assigned or reassigned"  # index of a person
    VALUE = "renegotiated"  # float, not rounded
    DEADLINE = "expected closing moved"  # date
    WON = "won"  # None
    LOST = "lost"  # index of a lost reason
    REOPENED = "lost, then taken up again"  # None
    ARCHIVED = "given up without a decision: archived, not lost"  # None


@dataclass(frozen=True)
class Change:
    at: datetime
    kind: Kind
    value: object


@dataclass(frozen=True)
class Deal:
    """``owner``, ``customer`` and ``company`` are indexes; ``created`` is naive UTC."""

    name: str
    is_lead: bool
    created: datetime
    company: int
    owner: int | None
    customer: int
    value: float
    deadline: date
    changes: tuple[Change, ...]


class DealPlanner:
    """Draws the deals one after the other from one generator."""

    def __init__(self, rng, staff, customers, today, stages, lost_reasons):
        self.rng = rng
        self.staff = staff
        self.customers = range(len(customers))
        self.customer_names = [customer.name for customer in customers]
        self.customer_weights = list(
            accumulate(min(rng.paretovariate(1.5), 8) for _customer in customers)
        )
        self.today = today
        self.stages = stages
        self.lost_reasons = lost_reasons
        self.sellers = range(len(staff))
        self.seller_weights = list(accumulate(person.activity for person in staff))
        self.colleagues = defaultdict(list)  # by company: who is at home there
        self.team = defaultdict(list)  # by manager: the direct reports
        for index, person in enumerate(staff):
            self.colleagues[person.companies[0]].append(index)
            self.team[person.manager].append(index)
        self.titles = Counter()

    def deals(self, count, months):
        days = round(months * DAYS_PER_MONTH)
        # The exponent makes business grow: later days are likelier.
        ages = sorted(
            (int(days * (1 - self.rng.random() ** 0.8)) for _deal in range(count)),
            reverse=True,
        )
        return tuple(self._deal(max(age, 1)) for age in ages)

    def _deal(self, age):
        rng = self.rng
        seller = rng.choices(self.sellers, cum_weights=self.seller_weights)[0]
        company = self.staff[seller].companies[0]
        owner = None if rng.random() < UNASSIGNED_SHARE else seller
        customer = rng.choices(self.customers, cum_weights=self.customer_weights)[0]
        product, median = rng.choice(PRODUCT_MEDIANS)
        value = median * rng.lognormvariate(0, 0.9)
        created = self._moment(self.today - timedelta(days=age))
        cycle = rng.lognormvariate(math.log(55), 0.6)
        is_lead = rng.random() < LEAD_SHARE
        if is_lead and rng.random() < 0.5:
            story = []
        else:
            story = list(self._story(seller, value, is_lead))
        if owner is None and rng.random() < 0.5:
            story.append((0.03, Kind.OWNER, seller))
        elif rng.random() < 0.12:
            story.append((rng.uniform(0.05, 0.9), Kind.OWNER, self._heir(seller)))
        deadline = created.date() + timedelta(days=round(cycle * rng.uniform(0.8, 1.2)))
        if rng.random() < 0.2:
            slipped = deadline + timedelta(days=rng.randint(10, 60))
            story.append((rng.uniform(0.5, 0.95), Kind.DEADLINE, slipped))
        return Deal(
            name=self._title(product, customer),
            is_lead=is_lead,
            created=created,
            company=company,
            owner=owner,
            customer=customer,
            value=value,
            deadline=deadline,
            changes=self._dated(created, cycle, story),
        )

    def _story(self, seller, value, is_lead):
        """Yield what happens: (when, in parts of the sales cycle; kind; value)."""
        rng = self.rng
        if is_lead:
            yield 0.02, Kind.CONVERTED, None
        stalls = rng.random() < STALLED_SHARE
        wins = not stalls and rng.random() < self.staff[seller].skill
        last = self.stages - 1 if wins else rng.randrange(self.stages)
        reached = [
            stage
            for stage in range(1, last + 1)
            if stage == last or rng.random() < 0.85  # some skip a stage
        ]
        times = sorted(rng.uniform(0.05, 0.95) for _stage in reached)
        for when, stage in zip(times, reached, strict=True):
            yield when, Kind.STAGE, stage
        if rng.random() < 0.15:
            yield rng.uniform(0.2, 0.9), Kind.VALUE, value * rng.uniform(0.7, 1.3)
        if wins:
            yield 1, Kind.WON, None
        elif not stalls:
            yield 1, Kind.LOST, rng.randrange(self.lost_reasons)
            if rng.random() < 0.05:
                yield 1.3, Kind.REOPENED, None
        elif rng.random() < 0.15:
            yield 3, Kind.ARCHIVED, None

    def _heir(self, seller):
        """Who takes a deal over: mostly a colleague under the same manager."""
        team = self.team[self.staff[seller].manager]
        if self.rng.random() < 0.25 or len(team) == 1:
            team = self.colleagues[self.staff[seller].companies[0]]
        return self.rng.choice([index for index in team if index != seller])

    def _title(self, product, customer):
        title = f"{product} for {self.customer_names[customer]}"
        self.titles[title] += 1
        phase = self.titles[title]
        return title if phase == 1 else f"{title}, phase {phase}"

    def _dated(self, created, cycle, story):
        """The story's changes that have happened by now, in order, none at once."""
        changes = []
        latest = created
        for when, kind, value in sorted(story, key=lambda step: step[0]):
            day = created.date() + timedelta(days=int(when * cycle))
            at = max(self._moment(day), latest + timedelta(minutes=1))
            if at.date() >= self.today:
                break
            changes.append(Change(at, kind, value))
            latest = at
        return tuple(changes)

    def _moment(self, day):
        """A time in business hours; a weekend's day becomes its Friday."""
        day -= timedelta(days=max(0, day.weekday() - 4))
        return datetime.combine(day, time(8)) + timedelta(
            seconds=self.rng.randrange(10 * 3600)
        )
