"""The pipeline of the past by plain loops, and organisations whose events are dated."""

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace

from odoo.tests import TransactionCase

from ..models.past.changed_deals import PLACES
from ..models.past.changes import SUMS
from ..models.past.flow import COUNTED
from ..models.past.windows import Scope, Window
from . import plain_flow
from .common import without_triggers
from .plain_rules import PlainRules

UTC = timezone.utc
#: When the histories begin
START = datetime(2024, 3, 4, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: A beginning and an end of what is asked for, after that
LATER = START + 60 * MINUTE
END = START + 120 * MINUTE


class Dated(TransactionCase):
    """An organisation whose events are dated by the test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The log began before that.
        with without_triggers(cls.env.cr):
            cls.env.cr.execute(
                "UPDATE cqrs_event SET occurred_at = %s WHERE position = ("
                " SELECT position FROM cqrs_event ORDER BY epoch, txid, position"
                " LIMIT 1)",
                [START - 60 * MINUTE],
            )

    def happened(self, time, model="crm.lead"):
        """Let what has been recorded since the last call have been at a time.

        That changes a past which is settled, so what is kept of it has to go.
        """
        for kept in (SUMS, PLACES, COUNTED):
            kept.store(self.env).clear()
        self.env.cr.flush()
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                "UPDATE cqrs_event SET occurred_at = %s"
                " WHERE occurred_at = now() AND stream_model = %s",
                [time, model],
            )

    def closed(self, lead, time):
        """Let a lead that has just been won or lost have been so at a time."""
        lead.date_closed = time.astimezone(UTC).replace(tzinfo=None)

    def waterfall(self, user, start, end, scope=None, **kwargs):
        window = Window(start, end, **kwargs)
        return self.env["cqrs.changes"]._read(user, window, scope or Scope())

    def deals(self, user, kind, start, end, scope=None, **kwargs):
        changes, window, after = self.env["cqrs.changes"], Window(start, end), None
        pages = []
        while not pages or after:
            pages.append(
                changes._read_opportunities(
                    user, kind, window, scope or Scope(), after=after, **kwargs
                )
            )
            after = pages[-1]["next"]
        return {**pages[0], "items": [item for page in pages for item in page["items"]]}


class Past:
    """The states of leads and the hierarchy, noted as they became so, in Python alone.

    :ivar states: ``{lead id: [(since, state, or how it ended)]}``; ``since`` is the
        latest time so far
    :ivar bosses: ``[(since, who stood above whom)]``
    """

    def __init__(self, env):
        self.env = env(context={**env.context, "active_test": False})
        self.states = defaultdict(list)
        self.bosses = []
        #: ``{lead id: (version, the latest time of an event)}``
        self.versions = {}

    def note(self, leads, time, ended=""):
        """Note what leads are since a time, or that the missing ones have ended."""
        self.env.cr.execute(
            "SELECT stream_id, version FROM cqrs_stream"
            " WHERE stream_model = 'crm.lead' AND stream_id = ANY(%s)",
            [leads.ids],
        )
        for id_, version in self.env.cr.fetchall():
            known, latest = self.versions.get(id_, (0, time))
            if version > known:
                self.versions[id_] = version, max(latest, time)
        there = leads.with_env(self.env).exists()
        for lead in there:
            self._put(lead.id, time, _state(lead))
        for id_ in set(leads.ids) - set(there.ids):
            if id_ in self.states and not isinstance(self.states[id_][-1][1], str):
                self._put(id_, time, ended)

    def note_bosses(self, time):
        since = max([time, *(each[0] for each in self.bosses)])
        self.bosses.append((since, PlainRules(self.env)._bosses))

    def _put(self, id_, time, state):
        known = self.states[id_]
        if known and known[-1][1] == state:
            return
        # An event that comes later begins no earlier.
        known.append((max(time, self.versions[id_][1]), state))

    def at(self, id_, moment):
        """Return the state of a lead at a moment, None or how it ended if none."""
        until = [state for since, state in self.states[id_] if since <= moment]
        return until[-1] if until else None

    def bosses_at(self, moment):
        return [bosses for since, bosses in self.bosses if since <= moment][-1]

    def histories(self, rate):
        """Return what ``plain_flow.walk`` takes of each lead; values at a rate."""
        for states in self.states.values():
            # Of several states of one moment the last one counts.
            history = {since: _flowing(state, rate) for since, state in states}
            yield list(history.items())


def _state(lead):
    return SimpleNamespace(
        user_id=lead.user_id,
        team_id=lead.team_id,
        company_id=lead.company_id,
        currency=lead.company_id.currency_id,
        stage=lead.stage_id.id,
        value=Decimal(repr(lead.expected_revenue)),
        closing=lead.date_deadline or None,
        closed=lead.date_closed or None,
        type=lead.type,
        active=lead.active,
        status=lead.won_status if lead.won_status in ("won", "lost") else "pending",
    )


def _flowing(state, rate):
    """Return a state as that of a flow; None of one that has ended."""
    if isinstance(state, str):
        return None
    return plain_flow.State(
        user=state.user_id.id or None,
        team=state.team_id.id or None,
        company=state.company_id.id or None,
        stage=state.stage or None,
        type=state.type,
        active=state.active,
        status=state.status,
        value=state.value * rate(state.currency),
        closing=state.closing,
        row=state,
    )


class Plain:
    """The changes by the words of the rules, over two states of each lead."""

    def __init__(self, past, user, scope, rate):
        self.past, self.user, self.scope, self.rate = past, user, scope, rate
        self.rules = PlainRules(past.env)

    def changes(self, start, end, team):
        """Return ``(start, {kind: {lead id: amount}}, end)``; levels by lead, too."""
        levels, kinds = ({}, {}), defaultdict(dict)
        for id_ in self.past.states:
            before, after = self.past.at(id_, start), self.past.at(id_, end)
            was = self.is_open(before, start, team)
            is_ = self.is_open(after, end, team)
            if was:
                levels[0][id_] = self.value(before)
            if is_:
                levels[1][id_] = self.value(after)
            left = came = None
            if was and not is_:
                left = self.left(after, end, team)
            elif not was and (is_ or self.is_won(after, start, end, team)):
                came = self.came(before, start, team)
                left = None if is_ else "won"
            if left in ("merged", "deleted", "reassigned_out"):
                kinds[left][id_] = -self.value(before)
                continue
            if left:
                kinds[left][id_] = -self.value(after)
            if came:
                kinds[came][id_] = self.value(after)
            elif was:
                change = self.value(after) - self.value(before)
                if change:
                    name = "increased" if change > 0 else "decreased"
                    kinds[name][id_] = change
        return levels[0], dict(kinds), levels[1]

    def value(self, state):
        return state.value * self.rate(state.currency)

    def is_there(self, state):
        return state is not None and not isinstance(state, str)

    def is_ours(self, state, moment, team):
        scope, rules = self.scope, self.rules
        if not rules.sees(self.user, state):
            return False
        if team == "then":
            then = PlainRules(self.past.env)
            then.__dict__["_bosses"] = self.past.bosses_at(moment)
            if not then.sees(self.user, state):
                return False
        return (
            (
                scope.user_ids is None
                or state.user_id.id in [id_ or False for id_ in scope.user_ids]
            )
            and (
                scope.company_ids is None
                or not state.company_id
                or state.company_id.id in scope.company_ids
            )
            and (scope.team_ids is None or state.team_id.id in scope.team_ids)
        )

    def is_in_stage(self, state):
        return self.scope.stage_ids is None or state.stage in self.scope.stage_ids

    def is_in_period(self, day):
        period = self.scope.closing
        if period is None:
            return True
        return day is not None and (
            (period.first is None or period.first <= day)
            and (period.until is None or day < period.until)
        )

    def is_open(self, state, moment, team):
        return (
            self.is_there(state)
            and self.is_ours(state, moment, team)
            and (state.type, state.active, state.status)
            == ("opportunity", True, "pending")
            and self.is_in_stage(state)
            and self.is_in_period(state.closing)
        )

    def is_won(self, state, start, end, team):
        """Say whether an opportunity is won, and has been closed in the window."""
        if not self.is_there(state) or not state.closed:
            return False
        closed = state.closed.replace(tzinfo=UTC)
        zone = self.scope.closing.zone if self.scope.closing else UTC
        return (
            self.is_ours(state, end, team)
            and (state.type, state.status) == ("opportunity", "won")
            and start <= closed < end
            and self.is_in_stage(state)
            and self.is_in_period(closed.astimezone(zone).date())
        )

    def left(self, after, end, team):
        if isinstance(after, str):
            return after
        if not self.is_ours(after, end, team):
            return "reassigned_out"
        if after.status in ("won", "lost"):
            return after.status
        if not after.active:
            return "archived"
        if after.type == "lead":
            return "to_lead"
        return "pushed_out" if self.is_in_stage(after) else "stage_out"

    def came(self, before, start, team):
        if before is None:
            return "created"
        if not self.is_ours(before, start, team):
            return "reassigned_in"
        if before.type == "lead":
            return "from_lead"
        if not before.active:
            return "restored"
        if before.status != "pending":
            return "reopened"
        return "pulled_in" if self.is_in_stage(before) else "stage_in"
