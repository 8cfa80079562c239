"""Access to orders and invoices on Odoo's own screens, as record rules.

Their models may be missing, come later, or go. So nothing here extends them: a rule's
domain is one of our own, which gives a condition in SQL on the row itself
(``Domain.custom``). The domain that Odoo keeps for each user holds no ids, and the
condition is made anew at each search. The rules are made wherever modules are installed
or updated, by the process that does so; with its model, or with this addon, a rule
goes.

Rules of several groups add up, and these are for reading alone: who may change a
document is Odoo's own decision. They follow Odoo's rule for salespeople, so they show
invoices and credit notes, not receipts or vendor bills.
"""

from dataclasses import dataclass
from functools import partial

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from .policy import Row
from .record_rules import TEAM
from .viewers import INVOICES, ORDERS

OWN = "sales_team.group_sale_salesman"

#: ``{rule: (name, its group)}``
KINDS = {
    "team": ("Own and Team's Documents", TEAM),
    "lent": ("Documents Lent by a Delegation", OWN),
}

#: A process that has not loaded this code yet does not know the domain: there a rule
#: lets nothing through, and Odoo's own rules hold.
_DOMAIN = (
    "user.env['cqrs.document.rule']._domain({model!r}, {kind!r})"
    " if 'cqrs.document.rule' in user.env else [(0, '=', 1)]"
)


@dataclass(frozen=True)
class Ruled:
    """A model whose rows are documents, or parts of them.

    :ivar document: the model of the documents
    :ivar owner: the document's field of its salesperson
    :ivar link: the field of the document, where the rows are parts of one
    """

    document: str
    owner: str
    link: str | None = None


RULED = {
    "sale.order": Ruled(ORDERS, "user_id"),
    "sale.order.line": Ruled(ORDERS, "user_id", link="order_id"),
    "sale.report": Ruled(ORDERS, "user_id"),
    "account.move": Ruled(INVOICES, "invoice_user_id"),
    "account.move.line": Ruled(INVOICES, "invoice_user_id", link="move_id"),
    "account.invoice.report": Ruled(INVOICES, "invoice_user_id"),
}


class CqrsDocumentRule(models.AbstractModel):
    _name = "cqrs.document.rule"
    _description = "Record Rules of Orders and Invoices"

    def _register_hook(self):
        super()._register_hook()
        if ORDERS not in self.env:
            self._remove()
        # Other processes load what this one has installed, and need not write.
        elif self.env.registry.updated_modules:
            self._make_missing()

    def _remove(self):
        """Remove the rules: they add to Odoo's rules for salespeople.

        These come and go with orders. Without them, the first rule of a group would
        hide what everybody sees.
        """
        ours = [("domain_force", "like", self._name)]
        self.env["ir.rule"].sudo().search(ours).unlink()

    def _make_missing(self):
        """Make the rules of the models that are there; what is there stays as it is."""
        models_here = self.env["ir.model"].sudo()
        self.env["ir.rule"].sudo()._load_records(
            [
                {
                    "xml_id": f"crm_cqrs.{model.replace('.', '_')}_rule_{kind}",
                    "noupdate": True,
                    "values": {
                        "name": name,
                        "model_id": models_here._get_id(model),
                        "domain_force": _DOMAIN.format(model=model, kind=kind),
                        "groups": [(4, self.env.ref(group).id)],
                        "perm_write": False,
                        "perm_create": False,
                        "perm_unlink": False,
                    },
                }
                for model in RULED
                if model in self.env
                for kind, (name, group) in KINDS.items()
            ],
            update=True,
        )

    @api.model
    def _domain(self, model: str, kind: str) -> Domain:
        """Return the domain of a rule: what its users see through somebody's eyes.

        :param model: one of ``RULED``
        :param kind: one of ``KINDS``
        """
        return Domain.custom(to_sql=partial(_condition, model, kind))


def _condition(name: str, kind: str, model, alias: str, query) -> SQL:
    """Return the condition on a row; the environment is that of the search."""
    access = model.env["cqrs.access"]
    ruled, user = RULED[name], model.env.user
    if kind == "team":
        viewers = access._own_view(user, ruled.document)
    else:
        viewers = access._lent_views(user, ruled.document)
    if not viewers:
        return SQL("FALSE")
    row = SQL.identifier(alias)
    if not ruled.link:
        return _seen(model, ruled, viewers, row)
    document = model.env[ruled.document]
    return SQL(
        "EXISTS (SELECT FROM %(table)s document"
        " WHERE document.id = %(row)s.%(link)s AND %(seen)s)",
        table=SQL.identifier(document._table),
        row=row,
        link=SQL.identifier(ruled.link),
        seen=_seen(document, ruled, viewers, SQL("document")),
        to_flush=model._fields[ruled.link],
    )


def _seen(document, ruled: Ruled, viewers, row: SQL) -> SQL:
    """Return the condition that the viewers see a row with the document's columns."""

    def column(name):
        # Invoices have a sales team only where orders are.
        if name not in document._fields:
            return SQL("NULL::integer")
        return SQL("%s.%s", row, SQL.identifier(name), to_flush=document._fields[name])

    columns = Row(*map(column, (ruled.owner, "team_id", "company_id")))
    seen = document.env["cqrs.access"]._visible(viewers, columns)
    if ruled.document != INVOICES:
        return seen
    return SQL(
        "(%s IN ('out_invoice', 'out_refund') AND %s)", column("move_type"), seen
    )
