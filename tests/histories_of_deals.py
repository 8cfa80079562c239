"""Random operations on the opportunities of random organisations."""

from datetime import date, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ..models.event_store.erasure import erase
from ..models.maintenance.checks.chains import broken_links
from ..models.maintenance.scope import EVERYTHING
from .histories import People, index, refusable

amount = st.decimals(0, 10**7, places=2).map(float)

#: Changes by SQL, behind the ORM's back: ``{what: (model, records, statement)}``
BY_SQL = {
    "revenue": (
        "crm.lead",
        "leads",
        "UPDATE crm_lead SET expected_revenue = expected_revenue + 1 WHERE id = %(id)s",
    ),
    "owner": (
        "crm.lead",
        "leads",
        "UPDATE crm_lead SET user_id = %(other)s WHERE id = %(id)s",
    ),
    "boss": (
        "hr.employee",
        "employees",
        "UPDATE hr_employee SET parent_id = %(other)s WHERE id = %(id)s",
    ),
    "user": (
        "res.users",
        "users",
        "UPDATE res_users SET active = NOT active WHERE id = %(id)s",
    ),
}


class Deals(People):
    """Steps of people with opportunities, and changes of these beside the ORM."""

    @initialize(shape=st.lists(index, min_size=3, max_size=12))
    def organisation(self, shape):
        """Each person under an earlier one, so that it is a tree of any shape."""
        euro, dollar = self.env.ref("base.EUR"), self.env.ref("base.USD")
        euro.active = dollar.active = True
        own = self.env.company.currency_id
        self.companies = self.env.company | self.env["res.company"].create(
            {
                "name": self.name("company"),
                "currency_id": (dollar if own == euro else euro).id,
            }
        )
        self.users = self.env["res.users"]
        self.employees = self.env["hr.employee"]
        self.leads = self.env["crm.lead"]
        self.departments = self.env["hr.department"]
        self.teams = self.env["crm.team"]
        self.delegations = self.env["cqrs.delegation"]
        self.stage = self.env["crm.stage"].create({"name": self.name("stage")})
        # Through it, All Documents can be had without being granted.
        self.club = self.env["res.groups"].create({"name": self.name("club")})
        for number in shape:
            self.hire(number, number % 4 != 0, number % 5 == 0)
        for number in shape:
            self.create_lead(number, 10.0 * number, number % 3)

    # Opportunities

    @rule(owner=index, value=amount, elsewhere=st.integers(0, 2))
    @refusable
    def create_lead(self, owner, value, elsewhere):
        user = self.pick(self.users, owner)
        company = [*self.companies, self.companies.browse()][elsewhere]
        # Odoo refuses an owner, or a team, of another company.
        self.leads |= self.env["crm.lead"].create(
            {
                "name": self.name("deal"),
                "type": "lead" if owner % 7 == 0 else "opportunity",
                "user_id": user.id,
                "expected_revenue": value,
                "company_id": (company & user.company_ids).id,
            }
        )

    @precondition(lambda self: self.leads)
    @rule(number=index, value=amount)
    @refusable
    def revalue(self, number, value):
        self.pick(self.leads, number).expected_revenue = value

    @rule(model=st.sampled_from(["crm.lead", "hr.employee", "res.users"]), third=index)
    def erase(self, model, third):
        """Personal values leave the log, those of deleted records too."""
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT stream_id FROM cqrs_stream"
            " WHERE stream_model = %s AND stream_id %% 3 = %s %% 3",
            [model, third],
        )
        ids = [id_ for (id_,) in self.env.cr.fetchall()]
        erase(self.env, {model: ids}, "No reason")
        assert list(broken_links(self.env, EVERYTHING, model)) == []

    @precondition(lambda self: self.leads)
    @rule(number=index, value=amount)
    def revalue_and_read(self, number, value):
        """See the write, and what follows it, in a view that is read in between."""
        lead = self.pick(self.leads, number)
        view = self.env["cqrs.opportunity.view"].browse(lead.id)
        lead.expected_revenue = value
        if lead.type == "opportunity":
            assert view.value == value
            lead.name = self.name("renamed")
            assert view.name == lead.name
        else:
            assert not view.exists()

    @precondition(lambda self: self.leads and self.users)
    @rule(number=index, owner=index)
    @refusable
    def assign(self, number, owner):
        self.pick(self.leads, number).user_id = self.pick(self.users, owner)

    @precondition(lambda self: self.leads)
    @rule(number=index)
    @refusable
    def unassign(self, number):
        self.pick(self.leads, number).user_id = False

    @precondition(lambda self: self.leads)
    @rule(number=index, company=st.integers(0, 2))
    @refusable
    def change_company_of_lead(self, number, company):
        company = [*self.companies, self.companies.browse()][company]
        self.pick(self.leads, number).company_id = company

    @precondition(lambda self: self.leads and self.teams)
    @rule(number=index, team=index)
    @refusable
    def put_in_team(self, number, team):
        self.pick(self.leads, number).team_id = self.pick(self.teams, team)

    @precondition(lambda self: self.leads)
    @rule(number=index, what=st.sampled_from(["won", "lost", "archive", "restore"]))
    @refusable
    def close_or_reopen(self, number, what):
        lead = self.pick(self.leads, number)
        if what == "lost" and lead.stage_id.is_won:
            return  # Odoo refuses it
        {
            "won": lead.action_set_won,
            "lost": lead.action_set_lost,
            "archive": lead.action_archive,
            "restore": lead.action_unarchive,
        }[what]()

    @precondition(lambda self: self.leads)
    @rule(number=index, stage=index)
    @refusable
    def change_stage(self, number, stage):
        stages = self.env["crm.stage"].search([("team_ids", "=", False)])
        self.pick(self.leads, number).stage_id = self.pick(stages, stage)

    @rule()
    @refusable
    def change_what_is_won(self):
        self.stage.is_won = not self.stage.is_won

    @precondition(lambda self: self.leads)
    @rule(number=index, chance=st.integers(0, 100), days=st.integers(-400, 400))
    @refusable
    def expect(self, number, chance, days):
        closing = date(2030, 6, 1) + timedelta(days=days)
        self.pick(self.leads, number).write(
            {"probability": chance, "date_deadline": closing}
        )

    @precondition(lambda self: self.leads)
    @rule(number=index)
    @refusable
    def convert_or_back(self, number):
        lead = self.pick(self.leads, number)
        lead.type = "lead" if lead.type == "opportunity" else "opportunity"

    @precondition(lambda self: len(self.leads) > 2)
    @rule(number=index)
    @refusable
    def merge(self, number):
        two = self.pick(self.leads, number) | self.pick(self.leads, number + 1)
        # Odoo refuses to mix companies, where the salesperson may not work in one.
        self.leads = (self.leads - two) | two.merge_opportunity(auto_unlink=True)

    @precondition(lambda self: self.leads)
    @rule(number=index)
    def delete_lead(self, number):
        lead = self.pick(self.leads, number)
        self.leads -= lead
        lead.unlink()

    # Beside the ORM

    @precondition(lambda self: self.leads and self.users)
    @rule(number=index, other=index, what=st.sampled_from(sorted(BY_SQL)))
    def change_by_sql_and_reconcile(self, number, other, what):
        model, records, statement = BY_SQL[what]
        record = self.pick(getattr(self, records), number)
        other = self.pick(self.users if what == "owner" else self.employees, other)
        self.env.cr.flush()
        self.env.cr.execute(statement, {"id": record.id, "other": other.id})
        self.env.invalidate_all()
        self.env["cqrs.event"]._look(model)

    @precondition(lambda self: self.leads)
    @rule(number=index)
    def delete_by_sql_and_reconcile(self, number):
        lead = self.pick(self.leads, number)
        self.env.cr.flush()
        self.leads -= lead
        self.env.cr.execute("DELETE FROM crm_lead WHERE id = %s", [lead.id])
        self.env.invalidate_all()
        # PostgreSQL counts what is deleted when that is committed.
        self.env["cqrs.event"]._record({"crm.lead": None}, origin="reconcile")

    @rule(read=st.booleans())
    def undone(self, read):
        """Work that is rolled back leaves nothing, also if it was read meanwhile."""
        savepoint = self.env.cr.savepoint()
        lead = self.env["crm.lead"].create({"name": "undone", "expected_revenue": 1})
        self.pick(self.employees, 0).parent_id = False
        if read:
            self.env["cqrs.opportunity.view"].search([("id", "=", lead.id)])
        else:
            self.env.cr.flush()
        savepoint.close(rollback=True)

    @rule()
    def fold(self):
        self.env.cr.flush()
        self.env["cqrs.metrics"]._fold_batch()
