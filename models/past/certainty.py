"""The certainty of an answer of the past: what it rests on, and what it lacks."""

from datetime import datetime, timezone
from decimal import ROUND_DOWN, Decimal

#: Words for what answers lack that reach back before the first event. Deleted
#: opportunities have left nothing; probabilities and closing dates are not tracked by
#: Odoo, so that whatever needs them is null.
DELETED = "deleted"
PROBABILITY = "probability"
CLOSING_DATE = "closing_date"
MISSING = (DELETED, PROBABILITY, CLOSING_DATE)

_STEP = Decimal("0.0001")


def share(reconstructed: int, count: int) -> Decimal:
    """Return the reconstructed part of some opportunities, from 0 to 1.

    It is 0 only if there is none, and 1 only if all are.

    >>> share(1, 3)
    Decimal('0.3333')
    >>> share(1, 1_000_000), share(999_999, 1_000_000)
    (Decimal('0.0001'), Decimal('0.9999'))
    >>> share(0, 0), share(0, 5), share(5, 5)
    (Decimal('0'), Decimal('0'), Decimal('1'))
    """
    if not reconstructed:
        return Decimal(0)
    if reconstructed >= count:
        return Decimal(1)
    return max(_STEP, (Decimal(reconstructed) / count).quantize(_STEP, ROUND_DOWN))


def certainty(
    recorded_since: datetime | None, since: datetime, count: int, reconstructed: int
) -> dict:
    """Return the fields by which an answer says what it rests on.

    ``recorded_since`` is the time of the first event, in UTC, ``reconstructed`` the
    share of the opportunities behind the figures that is reconstructed, and ``missing``
    names what the answer lacks. Deleted opportunities are missing from every moment
    before the first event, so that totals may be too low; probabilities and closing
    dates are unknown where an opportunity is reconstructed: a figure that needs one of
    them is null then.

    >>> first = datetime(2026, 3, 1, tzinfo=timezone.utc)
    >>> answer = certainty(first, datetime(2026, 1, 1, tzinfo=timezone.utc), 4, 3)
    >>> answer["reconstructed"], answer["missing"]
    (Decimal('0.7500'), ['deleted', 'probability', 'closing_date'])
    >>> answer["recorded_since"] == first
    True
    >>> certainty(first, datetime(2026, 1, 1, tzinfo=timezone.utc), 4, 0)["missing"]
    ['deleted']
    >>> certainty(first, datetime(2026, 4, 1, tzinfo=timezone.utc), 4, 0)["missing"]
    []

    *What it costs*: nothing; the readers count reconstructed rows with their figures.

    :param recorded_since: the time of the first event, aware
    :param since: the earliest moment that the answer tells of, aware
    :param count: the number of opportunities behind the figures
    :param reconstructed: the number of those whose row is not recorded
    """
    is_before = recorded_since is None or since < recorded_since
    missing = [DELETED] if is_before else []
    if reconstructed:
        missing += [PROBABILITY, CLOSING_DATE]
    return {
        "recorded_since": recorded_since and recorded_since.astimezone(timezone.utc),
        "reconstructed": share(reconstructed, count),
        "missing": missing,
    }
