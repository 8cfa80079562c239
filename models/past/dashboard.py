"""The dashboard as of a moment of the past."""

from odoo import api, models

from ..dashboard.dashboard import DASHBOARD_FIELDS, PAGE_SIZE
from ..opportunities.filters import Filters
from ..support.periods import Calendar
from .as_of import AsOf

#: The members by which an answer tells of its moment
_FACTS = ("as_of", "settled", "recorded_since", "reconstructed", "missing")


class CqrsPast(models.AbstractModel):
    _inherit = "cqrs.past"

    @api.model
    def _read_dashboard(
        self,
        user,
        as_of: AsOf,
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        calendar: Calendar | None = None,
    ) -> dict:
        """Return the dashboard as ``cqrs.dashboard`` has that of now.

        Profile and hierarchy are those of today.
        """
        dashboard = self.env["cqrs.dashboard"]
        profile = dashboard._read_profile(user)
        metrics = self._read_metrics(
            user,
            as_of,
            company_ids=company_ids,
            target_currency=target_currency,
            calendar=calendar,
        )
        facts = {name: metrics.pop(name) for name in _FACTS}
        counts = metrics.pop("opportunities")
        page = self._read_page(
            user,
            as_of,
            filters=Filters(company_ids=company_ids),
            limit=PAGE_SIZE,
            currency=target_currency,
        )
        items = self._items(page.ids, user, as_of, DASHBOARD_FIELDS)
        return {
            **facts,
            "user": profile,
            "metrics": metrics,
            "opportunities": {**counts, "items": items},
            "hierarchy": profile["hierarchy"],
            "meta": dashboard._meta(),
        }
