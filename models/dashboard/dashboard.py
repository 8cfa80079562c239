"""The dashboard of the API, read from the projections alone."""

import json
from datetime import date

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..opportunities.as_json import (
    CONVERTED,
    FIELDS,
    PACE_FIELDS,
    SALES_FIELDS,
    items,
    owners,
    with_owners,
)
from ..opportunities.conversion import Conversion
from ..opportunities.filters import Filters
from ..opportunities.pace import told
from ..opportunities.stages import stages
from ..support.exact_json import JsonText
from ..support.periods import Calendar
from ..support.process_cache import VersionedCache

#: The owners of opportunities that were asked for, each in a company
OWNERS = VersionedCache("owners", size=2)

#: Opportunities on the dashboard's first page
PAGE_SIZE = 80

#: The fields of an opportunity on the dashboard
DASHBOARD_FIELDS = (
    "odoo_id",
    "name",
    "value",
    "currency",
    "stage",
    "status",
    "salesperson",
    "partner",
    "visible_to_user_ids",
    "version",
)


class CqrsDashboard(models.AbstractModel):
    """Reads a user's dashboard, in the shape of API v2.

    Its texts are in the language of ``env``. A ``user`` is a ``res.users`` record, that
    of ``env`` by default; another user's dashboard shows no more than ``env.user``
    sees. Amounts are ``Decimal``; times are aware ``datetime`` in UTC.
    Nothing is written.
    """

    _name = "cqrs.dashboard"
    _description = "Dashboard"

    @api.model
    def _read_dashboard(
        self,
        user=None,
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        calendar: Calendar | None = None,
    ) -> dict:
        """Return ``{user, metrics, opportunities, hierarchy, meta}``.

        :param company_ids: of ``Filters``
        :param target_currency: the ``res.currency`` of the metrics
        :param calendar: of ``cqrs.metrics``
        """
        user = user or self.env.user
        profile = self._read_profile(user)
        metrics = self.env["cqrs.metrics"]._read_as_json(
            user,
            company_ids=company_ids,
            target_currency=target_currency,
            calendar=calendar,
        )
        counts = json.loads(metrics.pop("opportunities").text)
        metrics = self.env["cqrs.document.figures"]._add_to(
            metrics,
            user,
            company_ids=company_ids,
            target_currency=target_currency,
            calendar=calendar,
        )
        page = self.env["cqrs.opportunities"]._read_page(
            user,
            filters=Filters(company_ids=company_ids),
            limit=PAGE_SIZE,
            currency=target_currency,
        )
        return {
            "user": profile,
            "metrics": metrics,
            "opportunities": {
                **counts,
                "items": self._opportunities(page.ids, user, DASHBOARD_FIELDS),
            },
            "hierarchy": profile["hierarchy"],
            "meta": self._meta(),
        }

    @api.model
    def _opportunities(
        self,
        ids: list[int],
        user,
        names: tuple[str, ...] = FIELDS,
        target_currency=None,
        conversion: Conversion | None = None,
        today: date | None = None,
    ) -> JsonText:
        """Return the array of opportunities as the API shows them, in this order.

        :param ids: of opportunities that the user sees
        :param names: of the fields to give
        :param target_currency: the ``res.currency`` of converted values, by default
            that of the user's company
        :param conversion: into it, if it is known
        :param today: the day that it is for the caller, by default in the caller's zone
        """
        currency = own_currency(AnswerContext.of(self.env, user))
        sales = None
        if not SALES_FIELDS.isdisjoint(names):
            documents = self.env["cqrs.document.figures"]
            absent = SALES_FIELDS.difference(documents._names_of_deals(user))
            names = tuple(name for name in names if name not in absent)
            sales = documents._of_deals(ids, user, target_currency)
        if conversion is None and CONVERTED in names:
            conversion = Conversion.of(self.env, user, target_currency)
        pace = None
        if not PACE_FIELDS.isdisjoint(names):
            asking = AnswerContext.of(self.env)
            pace = told(self.env, today or asking.today(asking.calendar))
        query = items(
            ids, names, stages(self.env), currency.id, conversion, pace, sales=sales
        )
        [(text,)] = self.env.execute_query(query)
        return self._with_owners(text)

    def _with_owners(self, text: str) -> JsonText:
        """Return the array with the fields that follow from owners."""
        # One value for each version, to which every reader adds.
        version = AnswerContext.of(self.env).people_version
        groups = self.env["cqrs.access"]._reading_group_ids()
        known = OWNERS.get(self.env, version, groups, dict)
        return JsonText(with_owners(text, known, self._ask_owners))

    def _ask_owners(self, owned: set[str]) -> dict[str, dict[str, str]]:
        above = self.env["cqrs.access"]._from_above(SQL("owned"))
        return {row.pop("owned"): row for row in self._rows(owners(list(owned), above))}

    def _meta(self) -> dict:
        context = AnswerContext.of(self.env)
        return {
            "position": context.position,
            "left_out": context.left_out,
            "generated_at": context.answered_at,
        }

    def _rows(self, query: SQL) -> list[dict]:
        self.env.cr.execute(query)
        return self.env.cr.dictfetchall()
