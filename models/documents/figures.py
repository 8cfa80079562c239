"""The figures of orders and invoices, beside those of the opportunities."""

from odoo import api, models

from ..access.viewers import DOCUMENTS
from ..metrics.documents import GROUPS
from ..support.exact_json import JsonText, dumps
from ..support.periods import Calendar, Period

#: ``{figure of the sums: its name beside those of opportunities}``, where it differs
RENAMED = {"overdue": "overdue_invoices"}


class CqrsDocumentFigures(models.AbstractModel):
    """Reads the sums of orders and invoices that a user sees. Nothing is written."""

    _name = "cqrs.document.figures"
    _description = "Figures of Orders and Invoices"

    @api.model
    def _add_to(
        self,
        metrics: dict,
        user,
        by: tuple[str, ...] = (),
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        calendar: Calendar | None = None,
        period: Period | None = None,
    ) -> dict:
        """Return the metrics with the figures of orders and invoices among them.

        What is not there, or not to be read by the user in Odoo, is absent. The groups
        by one of ``GROUPS`` are ``document_groups``.

        :param metrics: an answer of ``cqrs.metrics``, its parts maybe JSON already
        :param by: as for ``cqrs.metrics``, as all the others
        """
        access = self.env["cqrs.access"]
        if not any(access._document_viewers(user, model) for model in DOCUMENTS):
            return metrics
        found = self.env["cqrs.sales.figures"]._read_documents(
            user,
            by=by[0] if len(by) == 1 and by[0] in GROUPS else None,
            company_ids=company_ids,
            target_currency=target_currency,
            calendar=calendar,
            period=period,
        )
        # Both are in the currency that was asked for.
        del found["currency"]
        added = _renamed(found)
        for scope in ("own", "team"):
            added[scope] = _joined(metrics[scope], _renamed(found[scope]))
        if "groups" in added:
            groups = added.pop("groups")
            added["document_groups"] = [_renamed(group) for group in groups]
        return metrics | added


def _renamed(figures: dict) -> dict:
    return {RENAMED.get(name, name): value for name, value in figures.items()}


def _joined(members: dict | JsonText, others: dict) -> dict | JsonText:
    """Return an object with the members of both."""
    if isinstance(members, JsonText):
        return JsonText(f"{members.text[:-1]}, {dumps(others)[1:]}")
    return members | others
