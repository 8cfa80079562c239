"""The people through whose eyes somebody sees opportunities, orders and invoices."""

from dataclasses import replace

from odoo import api, models
from odoo.tools import SQL, ormcache

from ..support.bound_companies import within_bounds
from ..support.process_cache import VersionedCache
from .answer_context import AnswerContext
from .policy import Viewer

VIEWERS = VersionedCache("viewers", size=1024)

LEADS = "crm.lead"
ORDERS = "sale.order"
INVOICES = "account.move"

#: The models of documents, which may be missing
DOCUMENTS = (ORDERS, INVOICES)

#: Groups to whose members Odoo shows all invoices of their companies
ACCOUNTING = ("account.group_account_invoice", "account.group_account_readonly")

#: Groups to whose members Odoo shows customers' invoices
OF_INVOICES = (*ACCOUNTING, "sales_team.group_sale_salesman")

#: Read models that answers with documents need, beside those that every answer needs
NEEDED = {
    ORDERS: ("cqrs.order.view", "cqrs.sales.figures"),
    INVOICES: ("cqrs.invoice.view", "cqrs.sales.figures"),
}


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _may_read_leads(self, user_id: int) -> bool:
        return self._may_read(user_id, LEADS)

    @api.model
    @ormcache("user_id", "model")
    def _may_read(self, user_id: int, model: str) -> bool:
        """Return whether Odoo lets a user read a model at all, by whichever group.

        Nobody may if the model is not there. Odoo empties this cache whenever groups,
        access rights or modules change.
        """
        user = self.env["res.users"].browse(user_id).exists()
        if not user or model not in self.env:
            return False
        # Others may read bills, expenses or receipts of the till, which Odoo keeps in
        # the same model and shows them by rules.
        if model == INVOICES and not any(map(user.has_group, OF_INVOICES)):
            return False
        rights = self.env["ir.model.access"].with_user(user)
        return rights.check(model, "read", raise_exception=False)

    @api.model
    @ormcache()
    def _reading_group_ids(self) -> tuple[int, ...]:
        """Return the ids of the groups that themselves let one read leads."""
        rights = self.env["ir.model.access"].sudo()
        domain = [("model_id.model", "=", "crm.lead"), ("perm_read", "=", True)]
        # A right without a group is everybody's.
        everybody_id = self.env.ref("base.group_user").id
        ids = {each.group_id.id or everybody_id for each in rights.search(domain)}
        return tuple(sorted(ids))

    def _reads_leads(self, user_id: SQL) -> SQL:
        """Return the condition that a user may read leads, by the recorded groups.

        It agrees with ``_may_read_leads``, and asks for many users at once.
        """
        ids = self._reading_group_ids()
        definitions = self.env["res.groups"]._get_group_definitions()
        return SQL(
            """
            EXISTS (SELECT FROM cqrs_stream reader
                    WHERE stream_model = 'res.users' AND stream_id = %s
                      AND state -> 'group_ids' @> ANY(%s::jsonb[]))
            """,
            user_id,
            [str(id_) for id_ in (*ids, *definitions.get_subset_ids(ids))],
        )

    @api.model
    def _viewers(self, user) -> list[Viewer]:
        """Return the viewers through whose eyes the user sees opportunities.

        They are those of ``_people_viewers``, but none if the user, or the caller, may
        not read leads in Odoo.

        :param user: a ``res.users`` record
        """
        ids = {user.id} if self.env.su else {user.id, self.env.uid}
        if not all(map(self._may_read_leads, ids)):
            return []
        return self._people_viewers(user)

    @api.model
    def _people_viewers(self, user) -> list[Viewer]:
        """Return the user and the lenders of the user; none for a user without profile.

        The hierarchy itself is no secret: everybody in it may look at the people below,
        also without a right to read leads.

        If another user asks, that user bounds the view of each of them; the superuser
        asks without such a bound.

        :param user: a ``res.users`` record
        """
        return AnswerContext.of(self.env, user).viewers

    def _read_viewers(self, context: AnswerContext) -> list[Viewer]:
        user = context.user
        viewers = self._viewers_through(user, self._lenders(user))
        return self._bounded(user, viewers, self._people_viewers)

    @api.model
    def _document_viewers(self, user, model: str) -> list[Viewer]:
        """Return the viewers through whose eyes the user sees records of a model.

        They are those of opportunities, of whom each may read the model in Odoo; none
        if the user, or the caller, may not, or if the model is not there. Who does the
        accounting sees all invoices.

        :param user: a ``res.users`` record
        :raise Unreadable: a read model of these records is broken
        :param model: ``LEADS``, whose are ``_viewers``, or one of ``DOCUMENTS``
        """
        if model == LEADS:
            return self._viewers(user)
        viewers = self._viewers_of_model(user, model)
        if viewers:
            AnswerContext.of(self.env).check(*NEEDED.get(model, ()))
        return viewers

    @api.model
    def _viewers_of_model(self, user, model: str) -> list[Viewer]:
        """Return the viewers as ``_document_viewers`` does, for readers of the log.

        They need no read model of the records themselves.
        """
        ids = {user.id} if self.env.su else {user.id, self.env.uid}
        if not all(self._may_read(id_, model) for id_ in ids):
            return []

        def viewers_of(each):
            return self._of_documents(
                model, self._viewers_through(each, self._lenders(each, model))
            )

        return self._bounded(user, viewers_of(user), viewers_of)

    def _of_documents(self, model: str, viewers: list[Viewer]) -> list[Viewer]:
        """Return the viewers, of whom accountants see all invoices."""
        if model != INVOICES:
            return viewers
        return [
            replace(viewer, sees_all=viewer.sees_all or self._is_accountant(viewer.id))
            for viewer in viewers
        ]

    def _is_accountant(self, user_id: int) -> bool:
        """Return whether Odoo shows a user all invoices, where there are invoices."""
        user = self.env["res.users"].sudo().browse(user_id)
        return INVOICES in self.env and any(map(user.has_group, ACCOUNTING))

    @api.model
    def _rights(self, user) -> list:
        """Return the rights and delegations that a user's view depends on.

        That is a version of it: such changes may be no events. It reads no more than
        what an entity tag is made of.
        """
        return [
            (id_, self._read_rights(id_)) for id_ in (user.id, *self._lending(user))
        ]

    @api.model
    @ormcache("user_id")
    def _read_rights(self, user_id: int) -> tuple[bool, ...]:
        """Return which models a user may read, and whether all invoices."""
        readable = [self._may_read(user_id, model) for model in (LEADS, *DOCUMENTS)]
        return (*readable, self._is_accountant(user_id))

    def _bounded(self, user, viewers: list[Viewer], viewers_of) -> list[Viewer]:
        """Return the viewers, each bounded by those of the caller, if not the user."""
        if self.env.su or user == self.env.user:
            return viewers
        bounds = tuple(viewers_of(self.env.user))
        return [replace(viewer, bounded_by=bounds) for viewer in viewers]

    def _viewers_through(self, user, lender_ids: list[int]) -> list[Viewer]:
        ids = (user.id, *lender_ids)
        version = AnswerContext.of(self.env).people_version
        return VIEWERS.get(self.env, version, ids, lambda: self._ask_viewers_of(ids))

    def _ask_viewers_of(self, ids: tuple[int, ...]) -> list[Viewer]:
        """Return the first, and the others in the companies that the first works in."""
        query = SQL(
            """
            SELECT id, company_ids, is_salesperson, sees_all
            FROM cqrs_user_profile WHERE active AND id = ANY(%s)
            """,
            list(ids),
        )
        profiles = {id_: rest for id_, *rest in self.env.execute_query(query)}
        if ids[0] not in profiles:
            return []
        own_company_ids, *__ = profiles[ids[0]]
        # Whoever it is whose view is asked for: the caller is bound.
        own_company_ids = within_bounds(self.env, tuple(own_company_ids))
        viewers = []
        for id_ in ids:
            if id_ in profiles:
                company_ids, is_salesperson, sees_all = profiles[id_]
                viewers.append(
                    Viewer(
                        id=id_,
                        company_ids=tuple(
                            company_id
                            for company_id in company_ids
                            if company_id in own_company_ids
                        ),
                        is_salesperson=is_salesperson,
                        sees_all=sees_all,
                    )
                )
        return viewers

    @api.model
    def _lenders(self, user, model: str = LEADS) -> list[int]:
        """Return the ids of the users who at present lend the user their view.

        Lenders who may not read the model in Odoo are left out, and a user who may not
        has none.
        """
        lender_ids = self._lending(user)
        if not lender_ids or not self._may_read(user.id, model):
            return []
        return [id_ for id_ in lender_ids if self._may_read(id_, model)]

    def _lending(self, user) -> list[int]:
        """Return the ids of the users who at present lend, whatever they may read."""
        return []
