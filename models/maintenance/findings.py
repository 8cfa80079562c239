"""Findings: the contradictions that a verification names."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

BROKEN_CHAIN = "broken_chain"
WRONG_ORDER = "wrong_order"
WRONG_EPOCH = "wrong_epoch"
VERSION_GAP = "version_gap"
DOUBLED_VERSION = "doubled_version"
WRONG_STATE = "wrong_state"
UNRECORDED_CHANGE = "unrecorded_change"
MISSING_TRIGGER = "missing_trigger"
PROJECTION_DRIFT = "projection_drift"
UNREADABLE_VALUE = "unreadable_value"
BROKEN_PROJECTION = "broken_projection"
BROKEN_SEAL = "broken_seal"
WRONG_SEAL = "wrong_seal"
ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class Finding:
    """A contradiction in the log, or between the log and a table.

    :ivar kind: ``broken_chain``: an event was altered or inserted; ``wrong_order``: an
        event does not stand at its version's place in the order of readers, or beyond
        the end of the log; ``wrong_epoch``: an event has an epoch that was not current,
        or the epochs are not numbered as they were begun; ``version_gap``: an event was
        removed; ``doubled_version``: two tables of the log have an event of this
        version; ``wrong_state``: ``cqrs_stream`` is not the fold of the events;
        ``unrecorded_change``: a record differs from its recorded state;
        ``missing_trigger``: a trigger that guards the log, or that notes changed
        currencies, is missing; ``projection_drift``: a read model differs from its
        replay, from Odoo's own records (``oracle.py``), or sums of the past from it;
        ``unreadable_value``: a record has a value that Odoo cannot read
        (``readable_values.py``); ``broken_projection``: a read model cannot be written,
        or a record was not applied to it (``failures.py``); ``broken_seal``: events are
        not those that a seal covers; ``wrong_seal``: a seal was altered, removed or
        forged; ``rolled_back``: the log ends before a seal that is held outside the
        database
    :ivar stream_model: the captured model, None if the finding is not about a stream
    :ivar stream_id: the record, None if the finding is not about one; it then may say
        that there are more findings of this kind than are given
    :ivar version: the version of the event, or of the recorded state
    :ivar detail: a sentence for people
    """

    kind: str
    stream_model: str | None
    stream_id: int | None
    version: int | None
    detail: str


#: Findings of each check and model; a person looks into the first ones
LIMIT = 1000


def enough() -> int:
    """Return the number of rows that a check reads: one more than are listed."""
    return LIMIT + 1


def first(env, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the first findings of a check; a last one says if these are not all."""
    yield from islice(findings, LIMIT)
    if more := next(findings, None):
        detail = env._(
            "There are more findings of this kind. Only the first %s are listed.", LIMIT
        )
        yield Finding(more.kind, more.stream_model, None, None, detail)
