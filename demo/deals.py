"""The planned deals: who sells what to whom, and what becomes of it."""

import enum
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import accumulate

from . import names

PRODUCT_MEDIANS = tuple(names.PRODUCTS.items())
DAYS_PER_MONTH = 365.25 / 12

LEAD_SHARE = 0.06  # created as a lead; half of them become opportunities
UNASSIGNED_SHARE = 0.05  # created without an owner; half of them get one
STALLED_SHARE = 0.22  # decided late, or never
OVERDUE_SHARE = 0.125  # of the open ones: nobody moves the closing date any more
PLANNED_SHARE = 0.8  # of the open ones: have an activity planned
DUPLICATE_SHARE = 0.015  # entered twice, and merged; in addition to the count
MISTAKE_SHARE = 0.015  # deleted; in addition to the count

SESSIONS = 3  # a day: the times at which people note what has happened
SESSION_SECONDS = 12000

ACTIVITIES = {  # by activity type: what is to be done
    "mail.mail_activity_data_call": ("Follow up the quotation", "Ask about the budget"),
    "mail.mail_activity_data_meeting": ("Demonstration", "Meet the buyer"),
    "mail.mail_activity_data_email": ("Send the references", "Send the offer"),
    "mail.mail_activity_data_todo": ("Prepare the quotation", "Check the terms"),
}


class Kind(enum.Enum):
    """What can happen to a deal, and the type of the change's value."""

    CONVERTED = "lead becomes an opportunity"  # None
    STAGE = "moved on, or back"  # index of an open stage
    OWNER = "assigned or reassigned"  # index of a person
    VALUE = "renegotiated"  # float, not rounded
    DEADLINE = "expected closing moved"  # date
    WON = "won"  # None
    LOST = "lost"  # index of a lost reason
    REOPENED = "lost, then taken up again"  # None
    ARCHIVED = "given up without a decision: archived, not lost"  # None
    RESTORED = "archived, then taken up again"  # None
    MERGED = "entered twice: merged into the other deal"  # the name of that one
    DELETED = "entered by mistake: deleted"  # None


CLOSING = {Kind.WON, Kind.LOST, Kind.ARCHIVED}
REOPENING = {Kind.REOPENED, Kind.RESTORED}
GONE = {Kind.MERGED, Kind.DELETED}


@dataclass(frozen=True)
class Change:
    """``at`` is naive UTC; ``by`` is the index of the person who does it."""

    at: datetime
    kind: Kind
    value: object
    by: int


@dataclass(frozen=True)
class Activity:
    """Planned at ``at`` by the owner, who still has to do it."""

    at: datetime
    by: int
    type: str
    summary: str
    due: date


@dataclass(frozen=True)
class Deal:
    """``owner``, ``by``, ``customer`` and ``company`` are indexes.

    ``created`` is naive UTC, ``by`` who enters it.
    """

    name: str
    is_lead: bool
    created: datetime
    by: int
    company: int
    owner: int | None
    customer: int
    value: float
    deadline: date
    changes: tuple[Change, ...]
    activity: Activity | None = None

    @property
    def is_gone(self):
        """Whether the deal is deleted, or merged into another, in the end."""
        return any(change.kind in GONE for change in self.changes)

    @property
    def is_open(self):
        """Whether the deal is an undecided opportunity in the end."""
        is_opportunity = not self.is_lead
        is_decided = False
        for change in self.changes:
            is_opportunity = is_opportunity or change.kind is Kind.CONVERTED
            if change.kind in CLOSING | GONE:
                is_decided = True
            elif change.kind in REOPENING:
                is_decided = False
        return is_opportunity and not is_decided

    @property
    def last_owner(self):
        owners = [change.value for change in self.changes if change.kind is Kind.OWNER]
        return owners[-1] if owners else self.owner

    @property
    def last_deadline(self):
        days = [change.value for change in self.changes if change.kind is Kind.DEADLINE]
        return days[-1] if days else self.deadline


def working_day(day):
    """The day, or the Friday before a weekend."""
    return day - timedelta(days=max(0, day.weekday() - 4))


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
        self.sessions = {}  # day -> its moments

    def deals(self, count, months):
        """The deals by creation; ``count`` of them are there in the end."""
        days = round(months * DAYS_PER_MONTH)
        # The exponent makes business grow: later days are likelier.
        ages = sorted(
            (int(days * (1 - self.rng.random() ** 0.8)) for _deal in range(count)),
            reverse=True,
        )
        deals = self._some_overdue([self._deal(max(age, 1)) for age in ages])
        deals = [self._with_activity(deal) for deal in deals]
        deals += self._mistakes(round(count * MISTAKE_SHARE), days)
        deals += self._duplicates(deals[:count], round(count * DUPLICATE_SHARE))
        return tuple(sorted(deals, key=lambda deal: (deal.created, deal.name)))

    def _deal(self, age):
        rng = self.rng
        created = self._session(self.today - timedelta(days=age))
        seller = self._seller(created.date())
        owner = None if rng.random() < UNASSIGNED_SHARE else seller
        customer = rng.choices(self.customers, cum_weights=self.customer_weights)[0]
        product, median = rng.choice(PRODUCT_MEDIANS)
        value = median * rng.lognormvariate(0, 0.9)
        cycle = rng.lognormvariate(math.log(55), 0.6)
        deadline = round(cycle * rng.uniform(0.8, 1.2))
        is_lead = rng.random() < LEAD_SHARE
        if is_lead and rng.random() < 0.5:
            story = []
        else:
            story = sorted(
                (
                    (when * cycle, kind, what)
                    for when, kind, what in self._story(seller, value, is_lead)
                ),
                key=lambda step: step[0],
            )
            story += self._closing_dates(created.date(), deadline, story, value)
        story += self._owners(created, owner, seller, cycle, story)
        return Deal(
            name=self._title(product, customer),
            is_lead=is_lead,
            created=created,
            by=self._boss(seller) if owner is None else seller,
            company=self.staff[seller].companies[0],
            owner=owner,
            customer=customer,
            value=value,
            deadline=created.date() + timedelta(days=deadline),
            changes=self._dated(created, owner, seller, story),
        )

    def _seller(self, day):
        """Return the person who enters a deal, among those who work here that day."""
        while True:
            seller = self.rng.choices(self.sellers, cum_weights=self.seller_weights)[0]
            if self.staff[seller].works_on(day):
                return seller

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
        if reached and rng.random() < 0.07:  # some go back, and come again
            at = rng.randrange(len(reached))
            before = reached[at - 1] if at else 0
            reached[at + 1 : at + 1] = [before, reached[at]]
        times = sorted(rng.uniform(0.05, 0.95) for _stage in reached)
        for when, stage in zip(times, reached, strict=True):
            yield when, Kind.STAGE, stage
        for _negotiation in range(rng.choices((0, 1, 2), (0.7, 0.23, 0.07))[0]):
            yield rng.uniform(0.2, 0.9), Kind.VALUE, value * rng.uniform(0.7, 1.3)
        if wins:
            yield 1, Kind.WON, None
        elif not stalls:
            yield 1, Kind.LOST, rng.randrange(self.lost_reasons)
            if rng.random() < 0.08:
                yield 1.3, Kind.REOPENED, None
                if rng.random() < 0.5:
                    yield 2, Kind.WON, None
        elif rng.random() < 0.5:
            yield rng.uniform(2, 4), Kind.LOST, rng.randrange(self.lost_reasons)
        elif rng.random() < 0.4:
            yield 3, Kind.ARCHIVED, None
            if rng.random() < 0.3:
                yield 3.5, Kind.RESTORED, None

    def _closing_dates(self, day, deadline, story, value):
        """When the expected closing is moved: while the deal is open, before it is due.

        In days since the creation, as ``deadline`` and the story. Who moves it looks at
        the value again, too, now and then.
        """
        rng = self.rng
        age = (self.today - day).days
        opens, moves = 0, []
        turns = [step for step in story if step[1] in CLOSING | REOPENING]
        while opens is not None:
            closes = turns[0][0] if turns else math.inf
            if opens:
                deadline = max(deadline, math.ceil(opens)) + rng.randint(20, 60)
                moves.append((opens + 1, deadline))
            elif rng.random() < 0.08:  # it goes better than expected
                when = deadline * rng.uniform(0.2, 0.6)
                sooner = round(deadline * rng.uniform(0.65, 0.9))
                if when < min(sooner, closes) and sooner < deadline:
                    deadline = sooner
                    moves.append((when, deadline))
            while (when := deadline - rng.uniform(0, 6)) < min(closes, age):
                deadline += rng.choice((30, 30, 45, 60, 90))
                moves.append((max(when, 0.5), deadline))
            opens = turns[1][0] if len(turns) > 1 else None
            turns = turns[2:]
        changes = []
        for when, after in moves:
            changes.append((when, Kind.DEADLINE, day + timedelta(days=after)))
            if rng.random() < 0.2:
                changes.append((when, Kind.VALUE, value * rng.uniform(0.75, 1.2)))
        return changes

    def _owners(self, created, owner, seller, cycle, story):
        """When the deal changes hands, in days since its creation."""
        rng = self.rng
        day = created.date()
        if owner is None:
            return [(0.03 * cycle, Kind.OWNER, seller)] if rng.random() < 0.5 else []
        when = rng.uniform(0.05, 0.9) * cycle if rng.random() < 0.12 else math.inf
        if leaves := self.staff[seller].leaves:
            # Most of what who leaves has open goes to others in the last days.
            until = (leaves - day).days - rng.randint(1, 7)
            closes = min(
                (at for at, kind, _value in story if kind in CLOSING), default=math.inf
            )
            if until < min(when, closes) and rng.random() < 0.85:
                when = max(until, 0)
        if when > (self.today - day).days:
            return []
        return [(when, Kind.OWNER, self._heir(seller, day + timedelta(days=when)))]

    def _heir(self, seller, day):
        """Who takes a deal over: mostly a colleague under the same manager."""
        groups = [self.colleagues[self.staff[seller].companies[0]]]
        if self.rng.random() >= 0.25:
            groups.insert(0, self.team[self.staff[seller].manager])
        for group in groups:
            heirs = [
                index
                for index in group
                if index != seller
                and not self.staff[index].leaves
                and self.staff[index].works_on(day)
            ]
            if heirs:
                return self.rng.choice(heirs)
        return self._boss(seller)

    def _boss(self, index):
        manager = self.staff[index].manager
        return index if manager is None else manager

    def _title(self, product, customer):
        title = f"{product} for {self.customer_names[customer]}"
        self.titles[title] += 1
        phase = self.titles[title]
        return title if phase == 1 else f"{title}, phase {phase}"

    def _dated(self, created, owner, seller, story):
        """The story's changes that have happened by now, in order, none at once."""
        changes = []
        latest = created
        for when, kind, value in sorted(story, key=lambda step: step[0]):
            at = self._session(created.date() + timedelta(days=int(when)))
            if at <= latest:
                at = self._session_after(latest)
            if at.date() >= self.today:
                break
            if kind is Kind.OWNER:
                by = self._boss(value)
                owner = value
            else:
                by = self._worker(seller if owner is None else owner, at.date())
            changes.append(Change(at, kind, value, by))
            latest = at
        return tuple(changes)

    def _worker(self, index, day):
        """The person, or the manager of one who has left."""
        return index if self.staff[index].works_on(day) else self._boss(index)

    def _some_overdue(self, deals):
        """The deals, without the last moves of the closing date of some open ones."""
        deals = list(deals)
        open_deals = [index for index, deal in enumerate(deals) if deal.is_open]
        wanted = round(OVERDUE_SHARE * len(open_deals))
        for index in self.rng.sample(open_deals, len(open_deals)):
            neglected = self._neglected(deals[index])
            if wanted and neglected.last_deadline < self.today:
                deals[index] = neglected
                wanted -= 1
        return deals

    def _neglected(self, deal):
        """The deal without the moves of its closing date to today or later."""
        kept = [
            change
            for change in deal.changes
            if change.kind is not Kind.DEADLINE or change.value < self.today
        ]
        return replace(deal, changes=tuple(kept))

    def _with_activity(self, deal):
        """The deal, mostly with what its owner plans to do for it if it is open."""
        rng = self.rng
        owner = deal.last_owner
        if (
            not deal.is_open
            or owner is None
            or not self.staff[owner].works_on(self.today)
            or rng.random() > PLANNED_SHARE
        ):
            return deal
        latest = deal.changes[-1].at if deal.changes else deal.created
        at = self._session(self.today - timedelta(days=rng.randint(1, 20)))
        if at <= latest:
            at = self._session_after(latest)
        if at.date() >= self.today:
            return deal
        type_, summaries = rng.choice(tuple(ACTIVITIES.items()))
        due = max(self.today + timedelta(days=rng.randint(-8, 25)), at.date())
        activity = Activity(at, owner, type_, rng.choice(summaries), due)
        return replace(deal, activity=activity)

    def _mistakes(self, count, days):
        """Deals that are deleted some days or weeks after they were entered."""
        deals = []
        for _deal in range(count):
            age = self.rng.randint(3, max(days - 1, 3))
            deal = self._deal(age)
            when = deal.created + timedelta(days=self.rng.randint(1, min(60, age - 2)))
            at = self._session(when.date())
            if at <= deal.created:
                at = self._session_after(deal.created)
            before = [change for change in deal.changes if change.at < at]
            deletion = Change(at, Kind.DELETED, None, self._boss(deal.by))
            deals.append(replace(deal, changes=(*before, deletion)))
        return deals

    def _duplicates(self, deals, count):
        """Deals that were entered anew some days later, and merged into the first."""
        duplicates = []
        for deal in self.rng.sample(deals, len(deals)):
            if len(duplicates) == count:
                break
            if deal.is_lead or deal.owner is None:
                continue
            days = timedelta(days=self.rng.randint(1, 5))
            created = self._session_after(
                max(deal.created, self._session(deal.created.date() + days))
            )
            days = timedelta(days=self.rng.randint(0, 4))
            at = self._session_after(max(created, self._session(created.date() + days)))
            closed = [c.at for c in deal.changes if c.kind in CLOSING]
            if at.date() >= self.today or (closed and closed[0] <= at):
                continue
            # Who merges is the manager, who sees both.
            merger = Change(at, Kind.MERGED, deal.name, self._boss(deal.owner))
            duplicates.append(
                replace(
                    deal,
                    name=f"{deal.name} (2)",
                    created=created,
                    by=self._boss(deal.owner),
                    value=deal.value * self.rng.uniform(0.9, 1.1),
                    changes=(merger,),
                    activity=None,
                )
            )
        return duplicates

    def _session(self, day):
        """One of the day's moments in business hours; a weekend's day is its Friday."""
        return self.rng.choice(self._moments(working_day(day)))

    def _session_after(self, moment):
        """The next moment after another."""
        day = moment.date()
        while True:
            if later := [one for one in self._moments(day) if one > moment]:
                return later[0]
            day += timedelta(days=1 if day.weekday() < 4 else 7 - day.weekday())

    def _moments(self, day):
        if day not in self.sessions:
            self.sessions[day] = [
                datetime.combine(day, time(8))
                + timedelta(
                    seconds=number * SESSION_SECONDS
                    + self.rng.randrange(SESSION_SECONDS)
                )
                for number in range(SESSIONS)
            ]
        return self.sessions[day]
