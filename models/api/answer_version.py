"""The version of an answer: one text that changes whenever the answer may."""

import hashlib
from dataclasses import replace

from odoo import fields
from odoo.modules.module import Manifest

from ..access.answer_context import AnswerContext
from ..support.binding import remembered_database
from ..support.bound_companies import bound_company_ids


def answer_version(env, user, zone=None) -> str:
    """Return a text that differs wherever two answers of one route may differ.

    Answers with equal texts are the same to the byte, except for the time at which they
    were made, and for repairs by a replay, which are no events. It reads the log's end,
    never a read model.

    :param env: the caller's environment
    :param user: the ``res.users`` record whose view is asked for
    :param zone: the zone of days, by default that of the caller
    """
    access = env["cqrs.access"]
    asking, context = AnswerContext.of(env), AnswerContext.of(env, user)
    calendar = replace(asking.calendar, zone=zone) if zone else asking.calendar
    ingredients = (
        # A copy has all that follows, to the last id.
        remembered_database(env),
        # All read models follow from the events, and so do the people's rights and
        # companies, and the names of stages.
        asking.log_version,
        # The caller sees no more than the caller's own view, also as somebody else.
        env.uid,
        user.id,
        # An API key may be bound to some companies.
        bound_company_ids(env),
        # Delegations, which also begin and end by the day, options of the settings and
        # the access that groups give are no events.
        [access._rights(each) for each in env.user | user],
        access._reading_group_ids(),
        access._options(),
        # Names of stages and sentences are translated.
        env.lang,
        # Amounts are converted to the currency of the viewer's company, or to another
        # active one, by the rates of the day, which are no events either.
        context.currencies_version,
        fields.Date.today(),
        # Days and years are the caller's, or begin in the zone asked for. Both may
        # change without an event, and what is overdue at midnight.
        calendar,
        asking.today(calendar),
        # The records that the read models leave out.
        (asking.broken, asking.left_out),
        # The code.
        Manifest.for_addon("crm_cqrs").version,
    )
    return hashlib.sha256(repr(ingredients).encode()).hexdigest()[:32]
