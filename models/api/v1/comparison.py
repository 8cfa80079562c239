"""v1 beside v2: both dashboards of a person, read in one snapshot, and why they differ.

A difference is explained only if it is proved: what v1 has, less what the named rules
take from it, converted as v2 converts it, is exactly what v2 says; and v1's own
figures are those of the same rows. Whatever is left over is unexplained.
"""

import json
from collections import defaultdict
from dataclasses import asdict
from decimal import Decimal

from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ...access.answer_context import AnswerContext, Unreadable
from ...access.viewers import LEADS
from ...currencies.currencies import own_currency
from ...currencies.rates import rates_into
from ...metrics.figures import exactly
from ...metrics.rounding import rounded
from ...opportunities.conversion import Conversion
from ...support.answer_context import begin_reading, reading_anew
from ...support.exact_json import dumps
from .differences import (
    LEFT_OUT,
    OTHER_COMPANY,
    SAME,
    UNEXPLAINED,
    Differences,
    first,
    found,
    sums,
)
from .reader import AMOUNTS, PAGE_SIZE
from .work import Work, worked

#: The figures that both have
COUNTS = ("active_opportunities", "total", "own", "subordinates")
FIGURES = (*AMOUNTS, *COUNTS)

#: Figures that v2 alone has: amounts, others, and parts of the pipeline
FURTHER_AMOUNTS = ("weighted_pipeline", "average_value")
FURTHER = ("won", "lost", "win_rate")
PARTS = ("due", "overdue")

#: Differing opportunities that are listed, of each reason
LISTED = 20

#: Reasons beside those of ``differences.py``: v2 answers in the chosen company's
#: currency; v1 compares values of several currencies as bare numbers; an opportunity
#: takes the place of another one on the first page
CURRENCY = "currency"
ORDER = "order"
PLACE = "place"


class CqrsApiV1Comparison(models.AbstractModel):
    """Compares the dashboards of v1 and of v2. Nothing is written.

    It is for administrators. All that it says of a person is said as that person is
    answered by the API: in their language, with their rights.
    """

    _name = "cqrs.api.v1.comparison"
    _description = "API v1 beside API v2"

    @api.model
    def read_comparison(self, user_id: int, company_id: int | None = None) -> dict:
        """Return the comparison for a person; amounts are texts.

        :param company_id: that v2 is asked for, in its currency; None for all
        :return: as of ``_compare``, without the dashboards; each listed opportunity has
            the sentences of ``cqrs.access`` as ``access``
        :raise UserError: the person may read no opportunities, or a read model is
            broken
        """
        self._check_administrator()
        user = self.env["res.users"].sudo().browse(user_id).exists()
        company = self.env["res.company"].sudo().browse(company_id or ()).exists()
        if not user or not self.env["cqrs.access"].sudo()._viewers(user):
            raise UserError(
                self.env._("Choose a user who has access to opportunities.")
            )
        if company_id and company not in user.company_ids:
            raise UserError(self.env._("Choose a company that the user works in."))
        try:
            compared = self._compare(user, company)
        except Unreadable as error:
            raise UserError(
                self.env._(
                    "A read model is broken (%(names)s), so API v2 has no answer. "
                    "Rebuild it in CRM > Configuration > Event Store.",
                    names=error,
                )
            ) from error
        for side in ("v1", "v2"):
            del compared[side]["dashboard"]
        access = self.env["cqrs.access"].sudo()
        for each in compared["opportunities"]:
            each["access"] = access._explain(user, each["id"])["reasons"]
        return json.loads(dumps(compared), parse_float=str)

    @api.model
    def read_companies(self, user_id: int) -> list[dict]:
        """Return ``{id, name}`` of the companies that a person works in."""
        self._check_administrator()
        user = self.env["res.users"].sudo().browse(user_id).exists()
        return user.company_ids.read(["name"])

    @api.model
    @exactly()
    def _compare(self, user, company) -> dict:
        """Return both dashboards, and what differs, with the reasons.

        :param company: ``res.company`` that v2 is asked for; empty for all
        :return: ``{user_id, name, company_id, company, v1, v2, figures, page,
            opportunities, counts, is_explained, unexplained}``. ``v1`` and ``v2`` are
            ``{dashboard, work}``; ``figures``: ``[{name, v1, v2, reasons: {reason:
            amount}, is_explained}]``, amounts in the currency of v1; ``further``: ``[{
            name, v2, currency}]`` of figures that v1 has not; ``page``: ``[{id,
            name, in_v1, in_v2, reason, fields}]`` of the first pages;
            ``opportunities``: the same of all that are seen, ``LISTED`` of each
            reason, of which ``counts`` has the numbers; ``unexplained``: names of
            figures, ``page`` and ``opportunities``, as far as no rule explains them
        :raise Unreadable: a read model is broken
        """
        env = self._environment_of(user)
        with reading_anew(env):
            access = env["cqrs.access"]
            # Both ask for them, and whoever is first would pay for both.
            viewers = access._viewers(user)
            v1, v1_work = worked(env, lambda: _read(env, self._read_v1))
            v2, v2_work = worked(env, lambda: _read(env, self._read_v2, company))
            begin_reading(env, is_whole=True)
            rows = Differences(
                access, viewers, tuple(company.ids) if company else None
            ).rows
            context = AnswerContext.of(env)
            figures = self._figures(env, rows, v1, v2)
            page = self._page(env, rows, v1, v2, company)
            opportunities = self._opportunities(env, rows, context)
        counts = {each["reason"]: each.pop("count") for each in opportunities}
        unexplained = [each["name"] for each in figures if not each["is_explained"]]
        if any(each["reason"] == UNEXPLAINED for each in page):
            unexplained.append("page")
        if UNEXPLAINED in counts:
            unexplained.append("opportunities")
        return {
            "user_id": user.id,
            "name": user.name,
            "company_id": company.id or None,
            "company": company.name or None,
            "v1": {"dashboard": v1, "work": _shown(v1_work)},
            "v2": {"dashboard": v2, "work": _shown(v2_work)},
            "figures": figures,
            "further": _further(v2["metrics"]),
            "page": page,
            "opportunities": opportunities,
            "counts": counts,
            "unexplained": unexplained,
            "is_explained": not unexplained,
        }

    def _environment_of(self, user):
        """Return the environment in which the API answers a user."""
        user = user.with_user(user).sudo(False)
        return self.env(user=user.id, su=False, context=dict(user.context_get()))

    def _read_v1(self, env):
        return env["cqrs.api.v1"]._read_dashboard()

    def _read_v2(self, env, company):
        context = AnswerContext.of(env)
        if context.broken:
            raise Unreadable(context.broken)
        return env["cqrs.dashboard"]._read_dashboard(
            env.user,
            tuple(company.ids) if company else None,
            company.currency_id.with_env(env) if company else None,
            context.calendar,
        )

    # The figures

    def _figures(self, env, rows: SQL, v1: dict, v2: dict) -> list[dict]:
        """Return each figure of both, and what the rules take from that of v1."""
        context = AnswerContext.of(env)
        sums_of = self._sums(env, rows, own_currency(context).id)
        used = {row["currency_id"] for some in sums_of.values() for row in some}
        known = env["res.currency"].sudo().with_context(active_test=False)
        currencies = [
            known.search([("name", "=", each["metrics"]["currency"])])
            for each in (v1, v2)
        ]
        rates = [rates_into(currency, used, context) for currency in currencies]
        taken = [reason for reason in (OTHER_COMPANY, LEFT_OUT) if sums_of[reason]]
        # What nothing explains stays, as v1 has it: v2 then says something else.
        staying = [reason for reason in sums_of if reason not in taken]

        def summed(name: str, reasons, side: int):
            parts = [
                (row[name], rates[side][row["currency_id"]][1])
                for reason in reasons
                for row in sums_of[reason]
            ]
            if name in COUNTS:
                return sum(count for count, __ in parts)
            amount = sum((amount * rate for amount, rate in parts), Decimal(0))
            return rounded(amount, currencies[side])

        figures = []
        for name in FIGURES:
            shown = [_figure(dashboard, name) for dashboard in (v1, v2)]
            expected = [summed(name, sums_of, 0), summed(name, staying, 1)]
            less = {reason: -summed(name, [reason], 0) for reason in taken}
            reasons = {reason: amount for reason, amount in less.items() if amount}
            is_amount = name in AMOUNTS
            if is_amount and currencies[0] != currencies[1] and any(shown):
                reasons[CURRENCY] = None
            figures.append(
                {
                    "name": name,
                    "v1": shown[0],
                    "v2": shown[1],
                    "currencies": [each.name for each in currencies]
                    if is_amount
                    else None,
                    "reasons": reasons,
                    "is_explained": shown == expected,
                }
            )
        for name in ("name", "email"):
            shown = [dashboard["user"][name] for dashboard in (v1, v2)]
            figures.append(
                {
                    "name": name,
                    "v1": shown[0],
                    "v2": shown[1],
                    "currencies": None,
                    "reasons": {},
                    "is_explained": shown[0] == shown[1],
                }
            )
        return figures

    def _sums(self, env, rows: SQL, currency_id: int) -> dict[str, list[dict]]:
        """Return the sums of what v1 has, in each currency, by reason.

        :param currency_id: of opportunities without a company
        """
        found_ = defaultdict(list)
        for row in env.execute_query_dict(sums(rows, env.uid, currency_id)):
            row["subordinates"] = row["total"] - row["own"]
            row |= {name: Decimal(row[name]) for name in AMOUNTS}
            found_[row["reason"]].append(row)
        return found_

    # The first page

    def _page(self, env, rows: SQL, v1: dict, v2: dict, company) -> list[dict]:
        """Return the opportunities that only one first page has, or that differ."""
        items = [
            {item["odoo_id"]: item for item in dashboard["opportunities"]["items"]}
            for dashboard in (v1, v2)
        ]
        currency = company.currency_id.with_env(env) if company else None
        rates = Conversion.of(env, env.user, currency).rates
        stays = SQL("in_v1 AND reason NOT IN (%s, %s)", OTHER_COMPANY, LEFT_OUT)

        def ids(condition: SQL, by: dict | None) -> list[int]:
            query = first(rows, condition, by, PAGE_SIZE)
            return [id_ for (id_,) in env.execute_query(query)]

        whole, left, sorted_ = (
            ids(SQL("in_v1"), None),
            ids(stays, None),
            ids(stays, rates),
        )
        is_proved = whole == [*items[0]] and sorted_ == [*items[1]]
        differing = []
        for id_ in dict.fromkeys([*items[0], *items[1]]):
            one, other = (some.get(id_) for some in items)
            reason, fields = None, []
            if one and other:
                fields = [
                    name for name in one if one[name] != _part(other[name], one[name])
                ]
                reason = UNEXPLAINED if fields else None
            elif not is_proved:
                reason = UNEXPLAINED
            elif (id_ in left) == (other is not None):
                reason = PLACE
            else:
                reason = ORDER
            if reason:
                differing.append(
                    {
                        "id": id_,
                        "name": (one or other)["name"],
                        "in_v1": bool(one),
                        "in_v2": bool(other),
                        "reason": reason,
                        "fields": fields,
                    }
                )
        if not is_proved and not differing:
            # Another order of the same ones.
            differing.append(
                {
                    "id": None,
                    "name": None,
                    "in_v1": True,
                    "in_v2": True,
                    "reason": UNEXPLAINED,
                    "fields": ["order"],
                }
            )
        gone = {each["id"] for each in differing if each["reason"] == PLACE}
        if gone:
            query = SQL(
                "SELECT id, reason FROM (%s) row WHERE id = ANY(%s)", rows, [*gone]
            )
            why = dict(env.execute_query(query))
            for each in differing:
                if each["reason"] == PLACE and why.get(each["id"], SAME) != SAME:
                    each["reason"] = why[each["id"]]
        return differing

    # All opportunities

    def _opportunities(self, env, rows: SQL, context) -> list[dict]:
        """Return the opportunities that only one has, or that differ, and why."""
        listed = env.execute_query_dict(found(rows, LISTED))
        own = own_currency(context)
        companies = env["res.company"].sudo()
        for each in listed:
            del each["number"]
            company = companies.browse(each.pop("company_id") or ())
            currency_id = each.pop("currency_id") or own.id
            each["value"] = Decimal(each["value"])
            each["company"] = company.exists().name or None
            each["currency"] = env["res.currency"].sudo().browse(currency_id).name
        return listed

    def _check_administrator(self):
        if not self.env.is_system():
            raise AccessError(self.env._("Only administrators can do this."))

    # Everybody

    @api.model
    def _people(self) -> list[int]:
        """Return the ids of the users who have a dashboard, in order."""
        access = self.env["cqrs.access"]
        rows = self.env.execute_query(
            SQL("SELECT id FROM cqrs_user_profile WHERE active ORDER BY id")
        )
        return [id_ for (id_,) in rows if access._may_read(id_, LEADS)]


def _read(env, read, *arguments) -> dict:
    """Return what the API answers, as its clients read it."""
    env.invalidate_all(flush=False)
    # v1 and v2 each read their facts, as in requests of their own.
    begin_reading(env, is_whole=True)
    return json.loads(dumps(read(env, *arguments)), parse_float=Decimal)


def _part(value, example):
    """Return what a value has under the names that another has: v2 says more."""
    if not isinstance(value, dict) or not isinstance(example, dict):
        return value
    return {name: value.get(name) for name in example}


def _figure(dashboard: dict, name: str):
    of = "opportunities" if name in ("total", "own", "subordinates") else "metrics"
    return dashboard[of][name]


def _further(metrics: dict) -> list[dict]:
    """Return the figures that v2 alone has."""
    currency = metrics["currency"]
    values = [(name, metrics[name], currency) for name in FURTHER_AMOUNTS]
    values += [(name, metrics[name], None) for name in FURTHER]
    values += [(name, metrics[name]["amount"], currency) for name in PARTS]
    return [dict(zip(("name", "v2", "currency"), each, strict=True)) for each in values]


def _shown(work: Work) -> dict:
    return {
        name: round(1000 * value, 1) if isinstance(value, float) else value
        for name, value in zip(
            ("ms", "database_ms", "statements", "blocks"),
            asdict(work).values(),
            strict=True,
        )
    }
