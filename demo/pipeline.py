"""Plays planned deals into `crm.lead`, so that an event log gets a history.

What happens at one moment is one batch: equal changes of one person are one call on one
recordset, and no deal changes twice in it. The caller ends the moment, so that whoever
takes the net change there, as the event store does, sees every change by itself.

**Backdating**, where nothing turns the clock. What a change sets to the present, such
as ``date_closed``, is put to the time it happened before the flush, so that change and
date are one. Most of these fields could be written; ``create_date`` cannot: `create`
and `write` drop it, except for the superuser while the registry loads, which is how
CRM's own demo data sets it. A protected field's assignment, as in a compute method,
goes through the cache and the flush without that filter. ``write_date`` stays the real
one, since changed rows are looked for by it.

**Probability** is set by hand, per stage. Odoo's scoring would set it from whatever
deals the database has besides, so that a seed did not decide it.
"""

from collections import defaultdict

from .deals import Activity, Deal, Kind

# The dates that a change of a kind sets to the present.
DATES = {
    Kind.CONVERTED: ["date_conversion"],
    Kind.STAGE: ["date_last_stage_update"],
    Kind.OWNER: ["date_open"],
    Kind.WON: ["date_closed", "date_last_stage_update"],
    Kind.LOST: ["date_closed"],
    Kind.ARCHIVED: ["date_closed"],
}


class Pipeline:
    """Creates and changes the leads of the planned deals.

    :param staff: `Staff`, for the users and their teams
    :param contacts: `res.partner`, one per planned customer
    :param clock: where it turns, nothing is backdated
    """

    def __init__(self, env, companies, staff, contacts, stages, lost_reasons, clock):
        self.env = env
        self.companies = companies
        self.staff = staff
        self.contacts = contacts
        self.stages = stages
        self.lost_reasons = lost_reasons
        self.clock = clock
        self.lead_ids = {}  # by the deal's name

    def find(self, deals):
        """Find the leads that were created in an earlier part of the build."""
        leads = self.env["crm.lead"].with_context(active_test=False)
        leads = leads.search([("name", "in", [deal.name for deal in deals])])
        self.lead_ids = {lead.name: lead.id for lead in leads}

    @staticmethod
    def happenings(deals):
        """Return what happens to the deals: (moment, deal, what), in order.

        What is None for the creation, else a `Change` or an `Activity`.
        """
        happenings = []
        for deal in deals:
            happenings.append((deal.created, deal, None))
            happenings += [(change.at, deal, change) for change in deal.changes]
            if deal.activity:
                happenings.append((deal.activity.at, deal, deal.activity))
        return sorted(happenings, key=lambda one: one[0])

    def happen(self, batch):
        """Bring about what happens at one moment: (deal, what) pairs."""
        created = defaultdict(list)
        changed = defaultdict(dict)
        for deal, what in batch:
            if what is None:
                created[deal.by].append(deal)
            elif isinstance(what, Activity):
                self._schedule(deal, what)
            else:
                key = what.kind, what.value, what.by
                changed[key][self.lead_ids[deal.name]] = what.at
        for by, deals in created.items():
            self._create(self._leads(by), deals)
        for (kind, value, by), moment_of_lead in changed.items():
            leads = self._leads(by).browse(moment_of_lead)
            self._apply(leads, kind, value)
            self._backdate(leads, DATES.get(kind, ()), moment_of_lead.values())

    def _leads(self, by):
        """An empty recordset with which a person does something."""
        return self.env["crm.lead"].with_user(self.staff.users[by]).sudo()

    def _create(self, Lead, deals):
        leads = Lead.create([self._values(deal) for deal in deals])
        self._backdate(leads, ["create_date"], [deal.created for deal in deals])
        self.lead_ids.update(zip([deal.name for deal in deals], leads.ids, strict=True))

    def _values(self, deal: Deal):
        company = self.companies[deal.company]
        values = {
            "name": deal.name,
            "type": "lead" if deal.is_lead else "opportunity",
            "company_id": company.id,
            "partner_id": self.contacts[deal.customer].id,
            **self._stage(0),
            "expected_revenue": company.currency_id.round(deal.value),
            "date_deadline": deal.deadline,
            "date_last_stage_update": deal.created,
        }
        if "iap_enrich_done" in self.env["crm.lead"]._fields:
            # Or `crm_iap_enrich`, which comes with CRM, asks Odoo's servers about the
            # customers of yesterday's deals.
            values["iap_enrich_done"] = True
        if deal.owner is None:
            teams = self.staff.teams
            team = next(team for team in teams if team.company_id == company)
            return {**values, "user_id": False, "team_id": team.id}
        return {**values, **self._ownership(deal.owner), "date_open": deal.created}

    def _ownership(self, owner):
        # With its team: left alone, the lead would search for one, lead by lead.
        return {
            "user_id": self.staff.users[owner].id,
            "team_id": self.staff.teams[owner].id,
        }

    def _stage(self, index):
        probability = 15 + 60 * index / max(len(self.stages) - 1, 1)
        return {"stage_id": self.stages[index].id, "probability": probability}

    def _apply(self, leads, kind, value):
        if kind is Kind.CONVERTED:
            for lead in leads:
                lead.convert_opportunity(lead.partner_id)
        elif kind is Kind.STAGE:
            leads.write(self._stage(value))
        elif kind is Kind.OWNER:
            leads.write(self._ownership(value))
        elif kind is Kind.VALUE:
            for lead in leads:
                lead.expected_revenue = lead.company_currency.round(value)
        elif kind is Kind.DEADLINE:
            leads.write({"date_deadline": value})
        elif kind is Kind.WON:
            leads.action_set_won()
        elif kind is Kind.LOST:
            leads.action_set_lost(lost_reason_id=self.lost_reasons[value].id)
        elif kind in (Kind.REOPENED, Kind.RESTORED):
            leads.action_restore()
            for lead in leads:
                lead.write(self._stage(self.stages.ids.index(lead.stage_id.id)))
        elif kind is Kind.ARCHIVED:
            leads.action_archive()
        elif kind is Kind.MERGED:
            (leads + leads.browse(self.lead_ids[value])).merge_opportunity()
        elif kind is Kind.DELETED:
            leads.unlink()

    def _schedule(self, deal, activity):
        lead = self._leads(activity.by).browse(self.lead_ids[deal.name])
        lead.with_context(mail_activity_quick_update=True).activity_schedule(
            activity.type,
            activity.due,
            activity.summary,
            user_id=self.staff.users[activity.by].id,
            automated=False,
        )

    def _backdate(self, leads, field_names, moments):
        if self.clock.turns:
            return
        fields = [leads._fields[name] for name in field_names]
        with self.env.protecting(fields, leads):
            for lead, moment in zip(leads, moments, strict=True):
                for name in field_names:
                    lead[name] = moment
        leads.modified(field_names)
