"""The log of some companies, as whoever administers them reads it.

Rights are those of the moment of reading: companies and group are asked for each page.
A page looks through the log, and gives what the companies may know of it::

    page = read_company_log(env, after=checkpoint, limit=100)
    checkpoint = page.checkpoint
"""

from collections.abc import Iterator
from dataclasses import dataclass

from odoo import api

from ..event_store.reader import (
    BEGINNING,
    EVERYTHING,
    Checkpoint,
    Event,
    Filters,
    read_page,
)

#: Events of the log that a page looks through at a time, and at most
SCAN = 1000
SCAN_AT_MOST = 20_000


@dataclass(frozen=True)
class Page:
    """The next events of the companies.

    :ivar checkpoint: the one to read on from, also where no event came
    :ivar is_last: the log ends here for now
    :ivar checkpoints: for each event, the one to read on from after it
    """

    events: list[Event]
    checkpoint: Checkpoint
    is_last: bool
    checkpoints: list[Checkpoint]


def read_company_log(
    env, after: Checkpoint | None, limit: int, filters: Filters = EVERYTHING
) -> Page:
    """Return the next events of the companies of ``env``.

    A page may have fewer events than asked for before the log ends, or none.

    :param filters: conditions on the events as the companies may know them: that one is
        among those asked for tells no more of it
    :raise AccessError: ``env.user`` may not read the log
    """
    env["cqrs.event"].check_access("read")
    part = env["cqrs.event"]._part()
    events, checkpoints = [], []
    log, is_last, scanned = after or BEGINNING, False, 0
    while not is_last and len(events) < limit and scanned < SCAN_AT_MOST:
        # Conditions that are the same for all who may know of an event.
        page = read_page(env, log, SCAN, filters.of_any_content, part)
        log, is_last, scanned = page.checkpoint, page.is_last, scanned + SCAN
        for event in page.events:
            if not filters.ask_for(event):
                continue
            if len(events) == limit:
                log, is_last = checkpoints[-1], False
                break
            events.append(event)
            checkpoints.append(page.checkpoint_at(event))
    return Page(events, log, is_last, checkpoints)


def follow_company_log(
    registry,
    user_id: int,
    context: dict,
    after: Checkpoint | None,
    page_size: int,
    filters: Filters = EVERYTHING,
) -> Iterator[Page]:
    """Yield pages of the companies' events up to the end of the log.

    Each page has a read-only transaction of its own, and the rights of its moment.

    :param context: of the environment, with what bounds the user
    """
    while True:
        registry = registry.check_signaling()
        with registry.cursor(readonly=True) as cr:
            env = api.Environment(cr, user_id, context)
            page = read_company_log(env, after, page_size, filters)
        yield page
        if page.is_last:
            return
        after = page.checkpoint
