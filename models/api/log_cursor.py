"""Cursors of the log: checkpoints that say which database has given them.

A checkpoint has numbers of transactions, which mean something else in another database.
It is no secret, and gives no right: so it is marked, not signed.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..feed.feed import FeedCheckpoint
from ..support.binding import mark_of, this_database

_BETWEEN = "~"


class LogCursor(NamedTuple):
    """A cursor of ``/api/v2/events``.

    >>> LogCursor.parse("czEuNTAw.5f2a~0123456789ab").mark
    '0123456789ab'

    :ivar mark: of the database that has given it; empty in those of versions before
        19.0.1.8, which clients still have
    """

    checkpoint: FeedCheckpoint
    mark: str

    @classmethod
    def parse(cls, text: str) -> "LogCursor":
        """Return the cursor in a text of ``cursor_texts``.

        :raise ValueError: the text is not one
        """
        checkpoint, __, mark = text.partition(_BETWEEN)
        return cls(FeedCheckpoint.parse(checkpoint), mark)


def cursor_texts(env) -> Callable[[object], str]:
    """Return the function that makes checkpoints, or their texts, cursors."""
    mark = mark_of(this_database(env))
    return lambda checkpoint: f"{checkpoint}{_BETWEEN}{mark}"
