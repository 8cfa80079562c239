from datetime import time, timezone

import babel.dates

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from odoo.tools.misc import (
    babel_locale_parse,
    format_datetime,
    format_time,
    get_lang,
)

from ..support.exact_json import dumps
from ..support.periods import UTC, zone_named
from .question import MAX_LENGTH, Question
from .schedule import next_due

#: People whom somebody subscribes at once, at most
MAX_RECIPIENTS = 100
#: Subscriptions that somebody may have made, at most: nobody floods colleagues
MAX_MADE = 500


class CqrsSubscription(models.Model):
    """A view of the dashboard that is mailed to one person each week.

    The figures are those that the person may see when the mail is written. Whoever
    subscribes several people makes a subscription for each.
    """

    _name = "cqrs.subscription"
    _description = "Subscription to the Dashboard"
    _order = "next_at, id"
    _rec_name = "title"

    user_id = fields.Many2one(
        "res.users", "Recipient", required=True, index=True, ondelete="cascade"
    )
    owner_id = fields.Many2one(
        "res.users", "Subscribed by", index="btree_not_null", ondelete="set null"
    )
    address = fields.Json("View", required=True)
    weekday = fields.Selection("_weekdays", "Day", required=True)
    hour = fields.Integer(required=True, help="In the time zone of the recipient.")
    stopped = fields.Selection(
        [
            ("recipient", "Unsubscribed"),
            ("owner", "Stopped"),
            ("copied", "This database is a copy"),
        ]
    )
    handled_at = fields.Datetime(
        required=True,
        default=fields.Datetime.now,
        help="Nothing is due before: subscribed, mailed, or given up.",
    )
    retry_at = fields.Datetime("Next Try")
    tries = fields.Integer("Failed Tries")
    next_at = fields.Datetime(
        "Next Mail", compute="_compute_next_at", store=True, index=True
    )
    mailed_at = fields.Datetime("Last Mail")
    mailed_before_at = fields.Datetime("Mail Before That")
    outcome = fields.Selection(
        [
            ("mailed", "Mailed"),
            ("no_right", "Not mailed: the recipient may not see this view"),
            ("archived", "Not mailed: the recipient is archived"),
            ("no_address", "Not mailed: the recipient has no e-mail address"),
            ("failed", "Not mailed: an error"),
        ],
        "Last Outcome",
    )
    error = fields.Char()
    mail_id = fields.Many2one(
        "mail.mail",
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_system",
    )
    title = fields.Char("Dashboard", compute="_compute_title")
    schedule = fields.Char(compute="_compute_schedule")
    state = fields.Char(compute="_compute_state")

    _an_hour = models.Constraint(
        "CHECK (hour BETWEEN 0 AND 23)", "The hour of a mail is from 0 to 23."
    )
    _once = models.UniqueIndex(
        "(user_id, weekday, hour, md5(address::text))",
        "This view is mailed to this person at this hour already.",
    )

    @api.model
    def _weekdays(self) -> list[tuple[str, str]]:
        locale = babel_locale_parse(get_lang(self.env).code)
        names = babel.dates.get_day_names("wide", "stand-alone", locale)
        return [(str(number), names[number]) for number in range(7)]

    # Who moves to another zone gets the next mail at the hour of that one.
    @api.depends("weekday", "hour", "handled_at", "retry_at", "user_id.partner_id.tz")
    def _compute_next_at(self):
        for each in self:
            after = each.handled_at.replace(tzinfo=timezone.utc)
            zone = zone_named(each.sudo().user_id.tz) or UTC
            due = next_due(after, int(each.weekday), each.hour, zone)
            each.next_at = each.retry_at or due.replace(tzinfo=None)

    @api.depends("address", "user_id")
    @api.depends_context("lang")
    def _compute_title(self):
        for each in self:
            question = Question.of(each.address or {})
            name = self._person_name(question) or each.sudo().user_id.name
            scopes = {"own": self.env._("Own"), "team": self.env._("Others")}
            parts = [
                self.env._("Dashboard of %s", name),
                scopes.get(question.scope),
                question.currency,
                *each._search_texts(question),
            ]
            each.title = " · ".join(filter(None, parts))

    def _search_texts(self, question: Question) -> list[str]:
        """Return what is searched for, as the recipient reads it."""
        user = self.sudo().user_id
        if not question.search or not user:
            return []
        env = self._env_of(user)
        try:
            return self._searched(
                env(context=env.context | {"lang": self.env.lang}), question
            ).texts
        except (AccessError, UserError):
            return [self.env._("Search")]

    def _person_name(self, question: Question) -> str | None:
        """Return the name of the person whose dashboard it is; None for the reader."""
        if question.person is None:
            return None
        rows = self.env.execute_query(
            SQL("SELECT name FROM cqrs_user_profile WHERE uuid = %s", question.person)
        )
        return rows[0][0] if rows else self.env._("a former user")

    @api.depends("weekday", "hour")
    @api.depends_context("lang")
    def _compute_schedule(self):
        days = dict(self._weekdays())
        for each in self:
            each.schedule = self.env._(
                "%(day)s, %(hour)s",
                day=days.get(each.weekday, ""),
                hour=format_time(self.env, time(each.hour), time_format="short"),
            )

    @api.depends("outcome", "stopped", "error", "mailed_at")
    @api.depends_context("lang", "tz")
    def _compute_state(self):
        def words(name):
            return dict(self._fields[name]._description_selection(self.env))

        outcomes, reasons = words("outcome"), words("stopped")
        for each in self:
            mail = each.sudo().mail_id
            if each.stopped:
                each.state = reasons[each.stopped]
            elif mail.state == "outgoing":
                each.state = self.env._("Waiting to be sent")
            elif mail.state == "exception" or each.outcome == "failed":
                reason = mail.failure_reason or each.error
                each.state = self.env._("Could not be sent: %s", reason)
            elif each.outcome == "mailed":
                moment = format_datetime(self.env, each.mailed_at, dt_format="short")
                each.state = self.env._("Mailed on %s", moment)
            else:
                each.state = outcomes.get(each.outcome) or self.env._("No mail yet")

    # What people do

    @api.model
    def action_subscribe(
        self, address: dict, weekday: int, hour: int, user_ids: list[int]
    ) -> list[dict]:
        """Mail a view to some people, each week at an hour of a day where they are.

        :param address: parameters of the dashboard's address
        :param weekday: 0 is Monday
        :return: those of ``read_subscriptions``
        :raise UserError: nobody is named, somebody may not see the view, or somebody
            else has unsubscribed
        """
        question = self._checked(address)
        users = self.env["res.users"].browse(user_ids).exists()
        if not 1 <= len(users) <= MAX_RECIPIENTS:
            raise UserError(
                self.env._("Choose from 1 to %s recipients.", MAX_RECIPIENTS)
            )
        if weekday not in range(7) or hour not in range(24):
            raise UserError(self.env._("Choose a day and an hour."))
        made = [("owner_id", "=", self.env.uid), ("stopped", "=", False)]
        if self.sudo().search_count(made) + len(users) > MAX_MADE:
            raise UserError(
                self.env._(
                    "You have made %s subscriptions. Stop some of them first.",
                    MAX_MADE,
                )
            )
        for user in self.env.user | users:
            self._check_recipient(user, question)
        of_view = self.sudo().search(self._of_view(question))
        for user in users:
            theirs = of_view.filtered_domain([("user_id", "=", user.id)])
            if user != self.env.user and "recipient" in theirs.mapped("stopped"):
                raise UserError(
                    self.env._(
                        "%s has unsubscribed from this view. Choose another recipient.",
                        user.name,
                    )
                )
            at = [("weekday", "=", str(weekday)), ("hour", "=", hour)]
            if present := theirs.filtered_domain(at):
                present.filtered("stopped")._start()
            else:
                self.sudo().create(
                    {
                        "user_id": user.id,
                        "owner_id": self.env.uid,
                        "address": question.address,
                        "weekday": str(weekday),
                        "hour": hour,
                    }
                )._wake()
        return self.read_subscriptions(address)

    @api.model
    def read_subscriptions(self, address: dict) -> list[dict]:
        """Return the subscriptions to a view that one has, or has made for others.

        :return: ``[{id, user: name, is_mine, schedule, state, is_stopped}]``, those of
            oneself first
        """
        mine = ["|", ("user_id", "=", self.env.uid), ("owner_id", "=", self.env.uid)]
        found = self.search(self._of_view(self._checked(address)) + mine)
        return [
            {
                "id": each.id,
                "user": each.sudo().user_id.name,
                "is_mine": each.user_id == self.env.user,
                "schedule": each.schedule,
                "state": each.state,
                "is_stopped": bool(each.stopped),
            }
            for each in found.sorted(lambda each: each.user_id != self.env.user)
        ]

    def action_unsubscribe(self):
        """Send no more of these mails: one's own, or those that one has subscribed."""
        self.check_access("read")
        mine = self.filtered(lambda each: each.user_id == self.env.user)
        mine.sudo()._stop("recipient")
        (self - mine).filtered(lambda each: not each.stopped).sudo()._stop("owner")

    def action_resume(self):
        """Send one's own mails again."""
        if any(each.user_id != self.env.user for each in self):
            raise AccessError(
                self.env._("Only the recipient can subscribe to these mails again.")
            )
        self.check_access("read")
        self.sudo()._start()

    def _stop(self, reason: str):
        """Send no more mails, nor one that waits to be sent.

        :param reason: one of ``stopped``
        """
        self.write({"stopped": reason})
        self.mail_id.filtered(lambda mail: mail.state != "sent").unlink()

    def _start(self):
        """Send mails again, the next one at the next hour of the schedule."""
        self.write(
            {
                "stopped": False,
                "handled_at": fields.Datetime.now(),
                "retry_at": False,
            }
        )
        self._wake()

    def _wake(self):
        """Have the cron run when the next mails are due."""
        cron = self.env.ref("crm_cqrs.ir_cron_subscriptions", raise_if_not_found=False)
        if cron and self:
            cron.sudo()._trigger(at=sorted(set(self.mapped("next_at"))))

    # Checks

    def _checked(self, address: dict) -> Question:
        """Return the question of an address.

        :raise UserError: it is none
        """
        try:
            question = Question.of(address)
            length = len(dumps(question.address))
        except (AttributeError, RecursionError, ValueError) as exc:
            raise UserError(self.env._("There is no such view.")) from exc
        if length > MAX_LENGTH:
            raise UserError(
                self.env._("This view is too long for a mail. Choose fewer filters.")
            )
        return question

    def _of_view(self, question: Question) -> list:
        """Return the domain of the subscriptions to a view."""
        text = dumps(question.address)
        self.flush_model(["address"])
        ids = self.env.execute_query(
            SQL("SELECT id FROM cqrs_subscription WHERE address = %s::jsonb", text)
        )
        return [("id", "in", [id_ for (id_,) in ids])]

    def _check_recipient(self, user, question: Question):
        """Check that a user may get a view.

        :raise UserError:
        """
        if not user.active or user.share:
            raise UserError(
                self.env._(
                    "%s is not an active internal user. Choose another recipient.",
                    user.name,
                )
            )
        if not self.env["cqrs.access"]._may_read_leads(user.id):
            raise UserError(
                self.env._(
                    "%s does not have access to CRM. Ask an administrator for access "
                    "first.",
                    user.name,
                )
            )
        if not self._person_for(user, question):
            raise UserError(
                self.env._(
                    "%(recipient)s may not see the dashboard of %(name)s. Choose "
                    "another recipient.",
                    recipient=user.name,
                    name=self._person_name(question),
                )
            )
        self._searched(self._env_of(user), question)

    def _person_for(self, user, question: Question):
        """Return the ``res.users`` record whose dashboard a user gets; or none.

        :param user: a ``res.users`` record, who may look as that person
        """
        if question.person is None:
            return user
        access = self.env(user=user.id, su=False)["cqrs.access"]
        return access._person(access.env.user, question.person)
