"""The retirement of API v1: announced, switched off, switched on again; each on record.

What is in force follows from the steps alone. They are Odoo records on record in the
log (``sources/cqrs_api_v1_step.py``), so each is an event with its time and user.
"""

from datetime import datetime
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..settings import V1_DEFAULT_SUNSET, V1_DEPRECATED_SINCE
from .usage import RECENT_DAYS

ANNOUNCED = "announced"
OFF = "off"
ON = "on"


class Retirement(NamedTuple):
    """The state of API v1; times are in UTC without a zone.

    :ivar since: when it was deprecated, or will be (``Deprecation``, RFC 9745)
    :ivar sunset: when it is announced to end (``Sunset``, RFC 8594)
    :ivar is_off: its routes answer 410
    """

    since: datetime
    sunset: datetime
    is_off: bool


class CqrsApiV1Step(models.Model):
    """A step of the retirement of API v1. Steps are added, never changed.

    Before one is announced here, v1 has the dates that this addon gives it.
    ``callers`` and ``is_compared`` are what the checklist said at that moment: how many
    users and keys had called v1 lately, and whether the last comparison had left no
    difference unexplained.
    """

    _name = "cqrs.api.v1.step"
    _description = "API v1 Retirement Step"
    _order = "id desc"
    _rec_name = "step"

    step = fields.Selection(
        [(ANNOUNCED, "Announced"), (OFF, "Switched Off"), (ON, "Switched On Again")],
        required=True,
        readonly=True,
    )
    since = fields.Datetime("Deprecated Since", readonly=True)
    sunset = fields.Datetime("End Date", readonly=True)
    user_id = fields.Many2one(
        "res.users", "Taken By", readonly=True, default=lambda self: self.env.uid
    )
    callers = fields.Integer("Recent Callers", readonly=True, aggregator=None)
    is_compared = fields.Boolean(
        "Compared Without Unexplained Difference", readonly=True
    )

    @api.model
    def _retirement(self) -> Retirement:
        """Return how v1 stands: what the last announcement and switch say.

        Each request to v1 asks, by one statement on a few rows. A cache would have to
        be emptied in all processes, and could be filled again by a request that began
        before the step.
        """
        self.sudo().flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (step = %(announced)s) step, since, sunset
                FROM cqrs_api_v1_step ORDER BY step = %(announced)s, id DESC
                """,
                announced=ANNOUNCED,
            )
        )
        steps = {step: dates for step, *dates in rows}
        since, sunset = steps.get(ANNOUNCED, (V1_DEPRECATED_SINCE, V1_DEFAULT_SUNSET))
        return Retirement(since, sunset, OFF in steps)

    def write(self, vals):
        if self:
            raise self._refusal()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise self._refusal()

    def _refusal(self) -> UserError:
        return UserError(
            self.env._("The steps of a retirement stay as they are. Take another one.")
        )

    @api.model
    def action_announce(self, since: str, sunset: str):
        """Announce when v1 ends: from now on its answers say so.

        :param since: in UTC, as Odoo writes it, as is ``sunset``
        :raise UserError: the end is past, or not after the beginning
        """
        self._check_administrator()
        try:
            since = fields.Datetime.to_datetime(since)
            sunset = fields.Datetime.to_datetime(sunset)
        except (TypeError, ValueError):
            since = sunset = None
        if not since or not sunset:
            raise UserError(self.env._("Choose both dates."))
        if sunset <= max(since, fields.Datetime.now()):
            raise UserError(
                self.env._(
                    "The end date must be in the future, and after the day since which "
                    "API v1 is deprecated."
                )
            )
        return self._take(ANNOUNCED, since=since, sunset=sunset)

    @api.model
    def action_switch_off(self):
        """Switch v1 off: its routes answer 410 and name their successors."""
        self._check_administrator()
        if self._retirement().is_off:
            raise UserError(self.env._("API v1 is switched off already."))
        return self._take(OFF)

    @api.model
    def action_switch_on(self):
        """Switch v1 on again."""
        self._check_administrator()
        if not self._retirement().is_off:
            raise UserError(self.env._("API v1 is not switched off."))
        return self._take(ON)

    def _take(self, step: str, **values) -> bool:
        steps = self.sudo()
        steps.create(
            {
                "step": step,
                "user_id": self.env.uid,
                "callers": len(steps.env["cqrs.api.usage"]._recent_callers()),
                "is_compared": steps._is_compared(),
                **values,
            }
        )
        return True

    @api.model
    def _is_compared(self) -> bool:
        """Return whether the last comparison left no difference unexplained."""
        run = self.env["cqrs.run"]._last_comparison()
        return bool(run) and not run.findings

    @api.model
    def read_checklist(self) -> dict:
        """Return how far the retirement is.

        :return: ``{read_at, since, sunset, is_announced, is_off, recent_days, callers,
            comparison, steps}``; times as Odoo writes them, in UTC. ``callers``:
            ``[{user, key, routes, requests, last_day}]``, the key None for a session;
            ``comparison``: ``{id, state, progress, finished_at, findings, outcome,
            people, dashboards, is_everybody}`` of the last run, under way or done, None
            for none; ``steps``: ``[{step, user, create_date, since, sunset, callers,
            is_compared}]``, the last one first
        """
        self._check_administrator()
        env = self.sudo().env
        retirement = self._retirement()
        # All of them: a person takes a handful in the life of a database.
        steps = self.sudo().search([])  # pylint: disable=no-search-all
        run = env["cqrs.run"]._last_comparison(is_over=False)
        return {
            "read_at": fields.Datetime.now(),
            "since": retirement.since,
            "sunset": retirement.sunset,
            "is_announced": ANNOUNCED in steps.mapped("step"),
            "is_off": retirement.is_off,
            "recent_days": RECENT_DAYS,
            "callers": [
                {
                    "user": _name(env["res.users"].browse(each["user_id"])),
                    "key": _name(env["res.users.apikeys"].browse(each["key_id"] or ())),
                    "routes": each["routes"],
                    "requests": each["requests"],
                    "last_day": each["last_day"],
                }
                for each in env["cqrs.api.usage"]._recent_callers()
            ],
            "comparison": run and run._comparison_as_shown() or None,
            "steps": [
                {
                    "id": step.id,
                    "step": step.step,
                    "user": _name(step.user_id),
                    "create_date": step.create_date,
                    "since": step.since,
                    "sunset": step.sunset,
                    "callers": step.callers,
                    "is_compared": step.is_compared,
                }
                for step in steps
            ],
        }

    def _check_administrator(self):
        if not self.env.is_system():
            raise AccessError(self.env._("Only administrators can do this."))


def _name(record) -> str | None:
    """Return the name of a record, also of one that was deleted; None for none."""
    if not record:
        return None
    known = record.exists()
    return known.display_name if known else f"#{record.id}"
