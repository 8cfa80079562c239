"""A small sales organisation, and what its events and readers say of it."""

from decimal import Decimal

from odoo import Command
from odoo.tests import TransactionCase, new_test_user


class SalesOrganisation(TransactionCase):
    """M manages S and is managed by the head; P works under another manager."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.stage_new = cls.env["crm.stage"].create({"name": "New", "sequence": -100})
        cls.stage_won = cls.env["crm.stage"].create({"name": "Won", "is_won": True})
        cls.head, cls.head_employee = cls.person("head")
        cls.manager, cls.manager_employee = cls.person("manager", cls.head_employee)
        cls.seller, cls.seller_employee = cls.person("seller", cls.manager_employee)
        cls.other_manager, cls.other_manager_employee = cls.person("other_manager")
        cls.peer, cls.peer_employee = cls.person("peer", cls.other_manager_employee)
        cls.env.cr.flush()

    @classmethod
    def person(cls, name, parent=None, company=None):
        """Return a new salesperson and the employee, under a parent employee."""
        company = company or cls.env.company
        user = new_test_user(
            cls.env,
            login=f"cqrs_{name}",
            groups="sales_team.group_sale_salesman",
            name=name.replace("_", " ").title(),
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )
        return user, cls.employee(name, parent, user)

    @classmethod
    def employee(cls, name, parent=None, user=None, company=None):
        return cls.env["hr.employee"].create(
            {
                "name": name.title(),
                "user_id": user.id if user else False,
                "parent_id": parent.id if parent else False,
                "company_id": (company or (user or cls.env).company_id).id
                if user or company
                else cls.env.company.id,
            }
        )

    @classmethod
    def opportunity(cls, user, revenue=100_000, **values):
        lead = cls.env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "user_id": user.id if user else False,
                "expected_revenue": revenue,
                "stage_id": cls.stage_new.id,
                **values,
            }
        )
        cls.env.cr.flush()
        return lead

    def events(self, record):
        """Return ``(version, type, before, after)`` of each event of a record."""
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT version, type, before, after FROM cqrs_event"
            " WHERE stream_model = %s AND stream_id = %s ORDER BY version",
            [record._name, record.id],
        )
        return self.env.cr.fetchall()

    def end_epoch(self):
        """Let readers of the log see what this transaction has recorded.

        Of the current epoch they see what has been committed, of former ones all.
        """
        self.env.cr.flush()
        self.env.cr.execute(
            "INSERT INTO cqrs_epoch (epoch) SELECT max(epoch) + 1 FROM cqrs_epoch"
        )

    def dashboard(self, user):
        self.env.cr.flush()
        return self.env["cqrs.dashboard"].with_user(user)._read_dashboard()

    def visible(self, user):
        """Return the ids of the opportunities of this test that a user sees."""
        self.env.cr.flush()
        query = self.env["cqrs.user.access"]._visible_opportunities(user)
        self.env.cr.execute(query)
        return {row["id"] for row in self.env.cr.dictfetchall()}


def money(text):
    return Decimal(text)
