"""Plain loops: who sees which order and invoice, and their sums.

Reads Odoo's own records, one at a time, and shares no code with the addon's models.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal

from odoo import fields
from odoo.models import BaseModel

from ..plain_rules import PlainRules

ORDERS = "sale.order"
INVOICES = "account.move"
LEADS = "crm.lead"
TYPES = ("out_invoice", "out_refund", "out_receipt")
ACCOUNTING = ("account.group_account_invoice", "account.group_account_readonly")
#: The days that ageing is cut at; before the first it is not due
AGES = (0, 30, 60, 90)


@dataclass(frozen=True)
class Row:
    """The columns of an order or an invoice that the rules ask for."""

    user_id: BaseModel
    team_id: BaseModel
    company_id: BaseModel


class PlainSales(PlainRules):
    """The rules at the moment of asking; made anew after each change.

    :ivar orders: all, cancelled ones too
    :ivar documents: customers' invoices, credit notes and receipts, drafts too
    """

    def __init__(self, env):
        super().__init__(env)
        self.orders = self.env[ORDERS].search([], order="id")
        self.documents = self.env[INVOICES].search(
            [("move_type", "in", TYPES)], order="id"
        )

    def records(self, model):
        return {ORDERS: self.orders, INVOICES: self.documents}[model]

    def seen_of(self, user, model):
        """Return the orders, or the invoices, that a user sees."""
        return [each for each in self.records(model) if self.sees_it(user, each)]

    def sees_it(self, user, record):
        """Say whether a user sees an order or an invoice."""
        row = row_of(record)
        return (
            user.active
            and self.may_read(user, record._name)
            and (
                self._sees_it(user, row, record._name)
                or any(
                    self.may_work_in(user, row)
                    and self.may_read(lender, record._name)
                    and self._sees_it(lender, row, record._name)
                    for lender in self.lenders[user]
                )
            )
        )

    def may_read(self, user, model):
        """Say whether Odoo lets a user read a model at all."""
        return not user.share and self.env[model].with_user(user).has_access("read")

    def _sees_it(self, user, row, model):
        return self._sees(user, row) or (
            model == INVOICES
            and self.may_work_in(user, row)
            and any(map(user.has_group, ACCOUNTING))
        )


def row_of(record):
    owner = record.invoice_user_id if record._name == INVOICES else record.user_id
    return Row(owner, record.team_id, record.company_id)


def account_of(record):
    """Return the customer whose figures a record counts in.

    That of a document is as it was when it was posted; others go with their contact.
    """
    if record._name == INVOICES:
        return record.commercial_partner_id
    return record.partner_id.commercial_partner_id or record.partner_id


def exact(number):
    """Return the decimal that a float stands for, as Odoo's cursor gives numbers."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number or 0)


def sums_of(records, today=None):
    """Sum up orders and documents, one at a time, exactly.

    :param today: what is due before it is overdue
    :return: ``{(account, company, currency): {measure: Decimal}}``, measures that are
        nothing left out; each amount in the currency that it is booked in
    """
    today = today or fields.Date.today()
    found = defaultdict(lambda: defaultdict(Decimal))
    for record in records:
        account, company = account_of(record), record.company_id
        if record._name == ORDERS:
            if record.state == "sale":
                sums = found[account.id, company.id, record.currency_id.id]
                sums["orders"] += 1
                sums["ordered"] += exact(record.amount_untaxed)
            continue
        if record.state != "posted":
            continue
        sums = found[account.id, company.id, company.currency_id.id]
        untaxed = exact(record.amount_untaxed_signed)
        residual = exact(record.amount_residual_signed)
        sums["invoices"] += 1
        sums["invoiced"] += untaxed
        if record.move_type == "out_refund":
            sums["credited"] += untaxed
        sums["paid"] += exact(record.amount_total_signed) - residual
        sums["open"] += residual
        for line in open_lines(record):
            if line.date_maturity < today:
                sums["overdue"] += exact(line.amount_residual)
    return {
        key: {name: value for name, value in sums.items() if value}
        for key, sums in found.items()
        if any(sums.values())
    }


def open_lines(document):
    """Return the lines of a posted document that are not paid."""
    return [
        line
        for line in document.line_ids
        if line.account_id.account_type == "asset_receivable" and line.amount_residual
    ]


def ages_of(documents, today=None):
    """Return ``{(company currency, days overdue from): Decimal}`` of open lines.

    The key of what is not due has None in the place of the days.
    """
    today = today or fields.Date.today()
    found = defaultdict(Decimal)
    for document in documents:
        if document.state != "posted":
            continue
        for line in open_lines(document):
            days = (today - line.date_maturity).days
            age = max((edge for edge in AGES if days > edge), default=None)
            currency = document.company_id.currency_id
            found[currency.id, age] += exact(line.amount_residual)
    return {key: value for key, value in found.items() if value}


#: ``{days overdue from: field of cqrs.account.view}``
AGE_FIELDS = {
    None: "open_not_due",
    0: "open_30",
    30: "open_31_60",
    60: "open_61_90",
    90: "open_over_90",
}


def _of_leads(leads):
    sums = Counter()
    for lead in leads:
        value = exact(lead.expected_revenue)
        if lead.won_status == "won":
            sums.update(won=1, won_revenue=value)
        elif lead.won_status == "lost":
            sums.update(lost=1)
        elif lead.active:
            sums.update(active_opportunities=1, pipeline_value=value)
    return {name: Decimal(value) for name, value in sums.items() if value}


def accounts_of(seen, today):
    """Return what ``cqrs.account.view`` is to show of records.

    :param seen: ``{model: records}``; those of no company belong to none
    :return: as ``sums_of``, with the ages, and the first and the last day or time as
        texts
    """
    groups = defaultdict(lambda: defaultdict(list))
    for model, records in seen.items():
        for record in records:
            company = record.company_id
            currency = record.currency_id if model == ORDERS else company.currency_id
            key = account_of(record).id, company.id, currency.id
            groups[key][model].append(record)
    found = {}
    for key, records in groups.items():
        documents = records[ORDERS] + records[INVOICES]
        sums = dict(sums_of(documents, today).get(key, {}))
        sums |= _of_leads(records[LEADS])
        for (__, age), amount in ages_of(records[INVOICES], today).items():
            sums[AGE_FIELDS[age]] = amount
        for name, times in (
            ("deal", [lead.create_date for lead in records[LEADS]]),
            ("order", [o.date_order for o in records[ORDERS] if o.state == "sale"]),
            (
                "invoice",
                [i.invoice_date for i in records[INVOICES] if i.state == "posted"],
            ),
        ):
            if times:
                sums[f"first_{name}"] = str(min(times))
                sums[f"last_{name}"] = str(max(times))
        if sums:
            found[key] = sums
    return found
