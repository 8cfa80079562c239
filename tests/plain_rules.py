"""Who sees which opportunity, by the rules in plain words and loops.

Reads Odoo's own records, one at a time, and shares no code with ``cqrs.access``. For
the tests that hold every reader against it.
"""

from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

OWN = "sales_team.group_sale_salesman"
TEAM = "crm_cqrs.group_sale_team"
ALL_DOCUMENTS = "sales_team.group_sale_salesman_all_leads"
ADMINISTRATOR = "base.group_system"


class PlainRules:
    """The rules at the moment of asking; made anew after each change.

    :ivar users: internal users, archived ones too
    :ivar leads: leads and opportunities, archived ones too
    """

    def __init__(self, env):
        self.env = env = env(su=True, context={"active_test": False})
        self.users = env["res.users"].search([("share", "=", False)])
        self.leads = env["crm.lead"].search([], order="id")
        self.opportunities = self.leads.filtered(lambda it: it.type == "opportunity")
        self.parameters = env["ir.config_parameter"]

    def is_on(self, option, name, company):
        """Say whether an option is on for the rows of a company, or of none."""
        get = self.parameters.get_param
        own = company.id and get(f"crm_cqrs.company.{company.id}.{option}")
        return own == "on" or (own != "off" and get(f"crm_cqrs.{name}") == "True")

    # What the dashboard shows

    def seen(self, user):
        """Return the opportunities that a user sees."""
        return [lead for lead in self.opportunities if self.sees(user, lead)]

    def sees(self, user, lead):
        """Say whether a user sees a lead, by themselves or by what is lent to them."""
        return (
            user.active
            and self.reads_leads(user)
            and (
                self._sees(user, lead)
                or any(
                    self.may_work_in(user, lead) and self._sees(lender, lead)
                    for lender in self.lenders[user]
                )
            )
        )

    def reads_leads(self, user):
        """Say whether Odoo lets an internal user read leads at all."""
        return user in self._readers

    def _sees(self, user, lead):
        return self.may_work_in(user, lead) and (
            user.has_group(ALL_DOCUMENTS)
            or user.has_group(ADMINISTRATOR)
            or self._sees_as_a_person(user, lead)
        )

    def _sees_as_a_person(self, user, lead):
        owner = lead.user_id
        return (
            owner == user
            or self.is_above(user, lead)
            or (
                self.is_on(
                    "team_leaders", "team_leaders_see_their_team", lead.company_id
                )
                and lead.team_id.user_id == user
            )
            or (
                self.is_on("unassigned", "salespeople_see_unassigned", lead.company_id)
                and not owner
                and user.has_group(OWN)
            )
            or (
                self.is_on(
                    "department_managers",
                    "department_managers_see_their_department",
                    lead.company_id,
                )
                and user in self._managers[owner, lead.company_id]
            )
        )

    def is_above(self, user, lead):
        return user in self._bosses[lead.user_id, lead.company_id]

    def may_work_in(self, user, lead):
        return not lead.company_id or lead.company_id in user.company_ids

    def visible_to(self, lead):
        """Return the ids of those active who own a lead or stand above its owner."""
        return [
            user.id
            for user in self.users
            if user.active
            and self.reads_leads(user)
            and self.may_work_in(user, lead)
            and (user == lead.user_id or self.is_above(user, lead))
        ]

    # What Odoo's own screens show

    def sees_in_odoo(self, user, lead):
        """Say whether the list of leads shows a lead to a user of a sales group."""
        if not self.may_work_in(user, lead):
            return False
        return (
            user.has_group(ALL_DOCUMENTS)
            or lead.user_id in (user, self.env["res.users"])
            or (user.has_group(TEAM) and self._sees(user, lead))
            or any(
                self.may_work_in(lender, lead)
                and (
                    lender == lead.user_id
                    or (lender.has_group(TEAM) and self._sees(lender, lead))
                )
                for lender in self.lenders[user]
            )
        )

    @cached_property
    def _readers(self):
        leads = self.env["crm.lead"]
        return {user for user in self.users if leads.with_user(user).has_access("read")}

    # Sums

    def sums(self, user, seen):
        """Return ``(Counter, {currency: {amount: Decimal}})`` over what a user sees.

        The counts are those of the whole and of the user's own. Amounts that are
        nothing are left out.
        """
        counts, amounts = plain_sums(seen, user.company_id)
        own, __ = plain_sums(
            (lead for lead in seen if lead.user_id == user), user.company_id
        )
        counts.update({f"own {name}": count for name, count in own.items()})
        return +counts, {
            currency.name: {name: amount for name, amount in each.items() if amount}
            for currency, each in amounts.items()
            if any(each.values())
        }

    # Who stands above whom

    @cached_property
    def lenders(self):
        """Return ``{user: the active ones who lend them their view today}``."""
        found = defaultdict(list)
        for delegation in self.env["cqrs.delegation"].search([("active", "=", True)]):
            lender = delegation.lender_id
            today = datetime.now(ZoneInfo(lender.tz or "UTC")).date()
            if (
                lender.active
                and not lender.share
                and self.reads_leads(lender)
                and delegation.date_from <= today <= delegation.date_to
            ):
                found[delegation.delegate_id].append(lender)
        return found

    @cached_property
    def _bosses(self):
        """Return ``{(owner, company): users above}``; without a company, of all."""
        found = defaultdict(set)
        for employee in self.env["hr.employee"].search([("user_id", "!=", False)]):
            for boss in chain_above(employee, "parent_id"):
                if boss.active and boss.user_id:
                    for company in (employee.company_id, self.env["res.company"]):
                        found[employee.user_id, company].add(boss.user_id)
        return found

    @cached_property
    def _managers(self):
        """Return the same of the managers of the owner's department and above it."""
        found = defaultdict(set)
        for employee in self.env["hr.employee"].search([("user_id", "!=", False)]):
            own = employee.department_id
            for department in [own, *chain_above(own, "parent_id")]:
                boss = department.manager_id
                if boss.active and boss.user_id:
                    for company in (employee.company_id, self.env["res.company"]):
                        found[employee.user_id, company].add(boss.user_id)
        return found


def plain_sums(leads, company):
    """Sum up opportunities, one at a time.

    :param company: whose currency is that of a lead without a company
    :return: ``(Counter, {currency: Counter of Decimals})``
    """
    counts, amounts = Counter(), defaultdict(Counter)
    for lead in leads:
        sums = amounts[lead.company_id.currency_id or company.currency_id]
        value = Decimal(repr(lead.expected_revenue))
        status = lead.won_status
        pending = lead.active and status not in ("won", "lost")
        counts["total"] += lead.active
        counts["active"] += pending
        counts["won"] += status == "won"
        counts["lost"] += status == "lost"
        if pending:
            sums["pipeline_value"] += value
            sums["weighted_pipeline"] += value * Decimal(repr(lead.probability)) / 100
        if status == "won":
            sums["won_revenue"] += value
    return counts, amounts


def chain_above(record, parent):
    """Return the records above, nearest first, to where the chain comes back."""
    chain = []
    while (record := record[parent]) and record not in chain:
        chain.append(record)
    return chain
