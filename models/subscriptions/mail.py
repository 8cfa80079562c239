"""The mail of a subscription, as its recipient reads it."""

from datetime import time, timezone
from decimal import Decimal
from textwrap import shorten
from urllib.parse import urlencode

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import hash_sign, verify_hash_signed
from odoo.tools.misc import format_date, format_time, get_lang

from ..history.field_sentences import isolated
from ..past.certainty import DELETED
from ..support.time_limit import TooSlow, time_limit
from .contents import Contents
from .formats import Formats
from .question import Question
from .words import ORDER, kind_label, reason_label, reasons

#: Scope of the signature of a link by which one unsubscribes
SCOPE = "crm_cqrs.unsubscribe"
UNSUBSCRIBE_PATH = "/crm_cqrs/unsubscribe"
DASHBOARD_PATH = "/odoo/sales-dashboard"

#: Characters of a search in a subject
MAX_SEARCH = 80
#: The longest that the figures of a search may take
SEARCH_SECONDS = 60

#: Colours on white that are told apart, and from the text, by everybody: more than 4.5
_TONES = {-1: "#b3261e", 0: "#5f6368", 1: "#1a7f37"}
_ARROWS = {-1: "▼", 0: "", 1: "▲"}


class CqrsSubscription(models.Model):
    _inherit = "cqrs.subscription"

    def _made_mail(self) -> tuple:
        """Return the outcome, and the mail in Odoo's queue, if one was made."""
        self.ensure_one()
        mails = self.env["mail.mail"]
        user = self.user_id
        if not user.active:
            return "archived", mails
        if not user.email:
            return "no_address", mails
        question = Question.of(self.address)
        last = self.mailed_at and self.mailed_at.replace(tzinfo=timezone.utc)
        contents = self._contents_in_time(user, question, last)
        if contents is None:
            return "no_right", mails
        reader = self.with_context(**self._context_of(user))
        values = reader._values(question, contents)
        body = self.env["ir.qweb"]._render(
            "crm_cqrs.subscription_mail",
            values,
            lang=reader.env.lang,
            minimal_qcontext=True,
        )
        sender = user.company_id.partner_id
        unsubscribe = values["unsubscribe_url"]
        return "mailed", mails.create(
            {
                "subject": values["subject"],
                "email_from": sender.email_formatted or self.env.user.email_formatted,
                "email_to": user.email_formatted,
                "body_html": body,
                "auto_delete": True,
                "headers": repr(
                    {
                        "List-Unsubscribe": f"<{unsubscribe}>",
                        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                        # No answer of somebody who is away.
                        "Auto-Submitted": "auto-generated",
                        "X-Auto-Response-Suppress": "OOF",
                    }
                ),
            }
        )

    def _contents_in_time(self, user, question: Question, last) -> Contents | None:
        """Return ``_contents``; a search may ask for anything, but not for ever.

        :raise UserError: it takes too long
        """
        if not question.search:
            return self._contents(user, question, last)
        try:
            with time_limit(self.env.cr, SEARCH_SECONDS):
                return self._contents(user, question, last)
        except TooSlow as exc:
            raise UserError(
                self.env._(
                    "The search of this view reads too many opportunities: it took"
                    " longer than %s seconds. Narrow it by a salesperson, a team or a"
                    " stage, and subscribe again.",
                    SEARCH_SECONDS,
                )
            ) from exc

    def _values(self, question: Question, contents: Contents) -> dict:
        """Return the values of the template; texts are in the language of ``env``."""
        env, now = self.env, contents.now
        formats = Formats(env, contents.currency, contents.calendar.zone)
        is_rtl = get_lang(env).direction == "rtl"
        day = format_date(env, now.astimezone(formats.zone).date())
        name = contents.person.name if contents.person != self.user_id else None
        # A name may have lines; a subject has one.
        title = (
            env._("Dashboard of %s", isolated(env, " ".join(name.split())))
            if name
            else env._("Your dashboard")
        )
        pipeline = formats.plain_money(contents.figures["pipeline_value"])
        return {
            "subject": env._(
                "%(title)s, %(day)s: %(pipeline)s",
                title=self._titled(title, contents.search),
                day=day,
                pipeline=isolated(env, pipeline),
            ),
            "lang": env.lang.replace("_", "-"),
            "direction": "rtl" if is_rtl else "ltr",
            "start": "right" if is_rtl else "left",
            "end": "left" if is_rtl else "right",
            "tones": _TONES,
            "arrows": _ARROWS,
            "title": title,
            "as_of": formats.moment(now),
            "scope": {
                "own": env._("Own opportunities"),
                "team": env._("Opportunities of others"),
            }.get(question.scope),
            "search": contents.search,
            "since": contents.since and formats.moment(contents.since),
            "is_first": not self.mailed_at,
            "tiles": self._tiles(contents, formats),
            "changes": contents.changes and self._changes(contents, formats),
            "changes_of_all": question.scope == "team",
            "notes": self._notes(contents, formats),
            "attention": self._attention(contents, formats),
            "url": f"{self.get_base_url()}{DASHBOARD_PATH}?{urlencode(self.address)}",
            "why": self._why(),
            "unsubscribe_url": self._unsubscribe_url(),
        }

    def _titled(self, title: str, search: list[str]) -> str:
        """Return a title with what is searched for, in one line of a fair length."""
        if not search:
            return title
        text = shorten(", ".join(search), MAX_SEARCH, placeholder="…")
        return self.env._(
            "%(title)s (%(search)s)", title=title, search=isolated(self.env, text)
        )

    def _tiles(self, contents: Contents, formats: Formats) -> list[dict]:
        env, figures, closed = self.env, contents.figures, contents.closed
        before, closed_before = contents.before or {}, contents.closed_before or {}
        period = contents.period and formats.period(contents.period)
        levels = [
            ("pipeline_value", env._("Pipeline")),
            ("weighted_pipeline", env._("Weighted Pipeline")),
        ]
        tiles = [
            {
                "label": label,
                "value": formats.money(figures[name]),
                "change": formats.change_of_money(figures[name], before.get(name)),
            }
            for name, label in levels
        ]
        rate = closed["win_rate"]
        return [
            *tiles,
            {
                "label": env._("Won, %s", period) if period else env._("Won"),
                "value": formats.money(closed["won_revenue"]),
                "change": formats.change_of_money(
                    closed["won_revenue"], closed_before.get("won_revenue")
                ),
            },
            {
                "label": env._("Win Rate, %s", period) if period else env._("Win Rate"),
                "value": "–" if rate is None else formats.percent(rate, 1),
                "change": formats.change_of_ratio(rate, closed_before.get("win_rate")),
            },
            {
                "label": env._("Active Opportunities"),
                "value": formats.number(figures["active_opportunities"]),
                "change": formats.change_of_number(
                    figures["active_opportunities"], before.get("active_opportunities")
                ),
            },
        ]

    def _changes(self, contents: Contents, formats: Formats) -> list[dict]:
        """Return the rows of the waterfall: an end, each kind of change, an end."""
        changes = contents.changes
        rows = sorted(changes["changes"], key=lambda row: ORDER.index(row["kind"]))
        return [
            {
                "label": kind_label(self.env, row["kind"]),
                "amount": formats.plain_money(row["amount"])
                if is_end
                else formats.signed_money(row["amount"]),
                "count": formats.number(row["count"]),
                "is_end": is_end,
            }
            for row, is_end in (
                ({"kind": "start", **changes["start"]}, True),
                *((row, False) for row in rows),
                ({"kind": "end", **changes["end"]}, True),
            )
        ]

    def _notes(self, contents: Contents, formats: Formats) -> list[str]:
        """Return how far the figures are to be trusted, in sentences."""
        notes = [self._note_of_the_past(contents, formats)]
        if contents.is_of_today and contents.changes is not None:
            notes.append(
                self.env._(
                    "Changes are those of the opportunities that the search finds"
                    " today."
                )
            )
        if contents.left_out:
            notes.append(
                self.env._(
                    "%s record(s) could not be read and are missing from these"
                    " figures.",
                    formats.number(contents.left_out),
                )
            )
        return [*filter(None, notes)]

    def _note_of_the_past(self, contents: Contents, formats: Formats) -> str | None:
        changes = contents.changes
        if changes is None:
            return self.env._(
                "No history reaches back yet: changes are told from the next mail on."
            )
        if changes["reconstructed"]:
            return self.env._(
                "%s of the opportunities behind these changes are reconstructed from"
                " before recording began.",
                formats.percent(max(changes["reconstructed"], Decimal("0.01"))),
            )
        if DELETED in changes["missing"]:
            return self.env._(
                "Opportunities deleted before recording began are missing."
            )
        return None

    def _attention(self, contents: Contents, formats: Formats) -> dict:
        env, found = self.env, contents.attention
        today = contents.now.astimezone(formats.zone).date()
        return {
            "kinds": [
                {
                    "label": reason_label(env, each["kind"]),
                    "count": formats.number(each["count"]),
                    "amount": formats.plain_money(each["amount"]),
                }
                for each in found["kinds"]
                if each["count"]
            ],
            "count": formats.number(found["any"]["count"]),
            "amount": formats.plain_money(found["any"]["amount"]),
            "deals": [
                {
                    "name": deal["name"] or env._("(no name)"),
                    "url": f"{self.get_base_url()}/odoo/crm.lead/{deal['odoo_id']}",
                    "amount": formats.plain_money(deal["converted_value"]["amount"]),
                    "salesperson": (deal["salesperson"] or {}).get("name"),
                    "reasons": reasons(env, deal, today, formats),
                }
                for deal in contents.deals
            ],
        }

    def _why(self) -> str:
        env = self.env
        day = dict(self._weekdays())[self.weekday]
        hour = format_time(env, time(self.hour), time_format="short")
        if self.owner_id and self.owner_id != self.user_id:
            return env._(
                "You get this mail each week (%(day)s, %(hour)s), since %(name)s has"
                " subscribed you. It has what you may see yourself.",
                day=day,
                hour=hour,
                name=isolated(env, self.owner_id.name),
            )
        return env._(
            "You get this mail each week (%(day)s, %(hour)s), since you have subscribed"
            " to it.",
            day=day,
            hour=hour,
        )

    # The link by which one unsubscribes

    def _unsubscribe_url(self) -> str:
        token = hash_sign(self.env(su=True), SCOPE, [self.id, self.user_id.id])
        return f"{self.get_base_url()}{UNSUBSCRIBE_PATH}?{urlencode({'token': token})}"

    def _of_token(self, token: str):
        """Return the subscription of a link's token, which may be gone: then none.

        A link never expires: programs of mail offer it as long as they keep the mail.

        :return: None for another text than this database has signed
        """
        try:
            values = verify_hash_signed(self.env(su=True), SCOPE, token)
            id_, user_id = values
        except (ValueError, TypeError, IndexError):
            return None
        found = self.sudo().browse(id_).exists()
        return found.filtered(lambda each: each.user_id.id == user_id)
