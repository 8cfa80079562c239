"""What an answer is made of, as one text that changes whenever the answer may."""

import hashlib

from odoo import fields
from odoo.modules.module import Manifest
from odoo.tools import SQL

from ..currencies.currencies import currencies_version
from ..projections.failures import reading_failures
from ..support.answer_context import question

# The events that a snapshot sees, in so little that it is read at once: the last one,
# in the order of transaction ids, and the transactions before it that are still open.
# Whatever is added later belongs to one of these, or to one with a greater id. The
# greatest position would not do: a transaction that took a lower one may commit later.
#
# A replica does not know which ones are open (its snapshots list none), only from which
# id on there may be some. There it is that id, and the number of events from there on,
# none of which goes away; without any, none is open before the last one.
_LAST = """
    SELECT json_build_array(event_id, txid, pg_is_in_recovery(), pg_current_snapshot())
    FROM cqrs_event ORDER BY epoch DESC, txid DESC, position DESC LIMIT 1
"""
_FROM_OPEN = SQL(
    """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text, count(*) FROM cqrs_event
    WHERE epoch = (SELECT max(epoch) FROM cqrs_epoch)
      AND txid >= pg_snapshot_xmin(pg_current_snapshot())
    """
)


@question(is_of_version=True)
def _last(user):
    return SQL(_LAST)


def answer_version(env, user) -> str:
    """Return a text that differs wherever two answers of one route may differ.

    Equal texts mean: the same to the byte, but for the time at which it was made, and
    for what a replay has repaired meanwhile, which is no event. It reads the log's end,
    never a read model.

    :param env: the caller's environment
    :param user: the ``res.users`` record whose view is asked for
    """
    access = env["cqrs.access"]
    ingredients = (
        # All read models follow from the events, and so do the people's rights and
        # companies, and the names of stages.
        _log(env, user),
        # Who asks is bound to what they see themselves, whoever they look as.
        env.uid,
        user.id,
        # Neither delegations, which also begin and end by the day, nor the options
        # of the settings, nor what groups give access to are events.
        [
            (access._may_read_leads(each.id), access._lenders(each))
            for each in env.user | user
        ],
        access._reading_group_ids(),
        access._options(),
        # Names of stages, and sentences.
        env.lang,
        # Amounts are converted to the currency of the viewer's company, or to any that
        # is active, by rates that are no events either, and of the day.
        currencies_version(env, user),
        fields.Date.today(),
        # What the read models leave out.
        reading_failures(env),
        # What makes the answer.
        Manifest.for_addon("crm_cqrs").version,
    )
    return hashlib.sha256(repr(ingredients).encode()).hexdigest()[:32]


def _log(env, user) -> tuple:
    """Return what stands for the events that the transaction sees."""
    last = _last(env, user)
    if last is None:
        return ()
    event_id, txid, is_replica, snapshot = last
    # xmin:xmax:those open between them (xmin is the first of these, where any is)
    first_open, __, open_ids = snapshot.split(":")
    if is_replica and int(first_open) <= int(txid):
        return event_id, *env.execute_query(_FROM_OPEN)
    open_before = sorted(
        int(id_) for id_ in open_ids.split(",") if id_ and int(id_) < int(txid)
    )
    return event_id, *open_before
