"""The part of the log that an environment may know (``part.py``)."""

from odoo import models

from ..support.bound_companies import bound_company_ids, within_bounds
from .part import OF_COMPANIES, Part


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    def _part(self) -> Part | None:
        """Return the part of the log that this environment may know, None for all.

        Administrators know all of it, but for one whose API key is bound to companies;
        everybody else knows that of the companies that are switched on.
        """
        if self.env.su:
            ids = self.env.context.get(OF_COMPANIES)
            return None if ids is None else self._part_of(ids, is_shared=True)
        bound = bound_company_ids(self.env)
        if self.env.is_system() and bound is None:
            return None
        # Odoo refuses companies of the context in which the user may not work.
        return self._part_of(within_bounds(self.env, self.env.companies._ids))

    def _part_of(self, company_ids, is_shared: bool = False) -> Part:
        """Return the part of the log of some companies."""
        models_ = sorted(
            name
            for name, source in self._sources().items()
            if source.has_company
            and "company_id" in source.paths
            and self.env[name]._fields["company_id"].comodel_name == "res.company"
        )
        return Part(tuple(sorted(company_ids)), tuple(models_), is_shared)
