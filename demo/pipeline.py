"""Plays planned deals into `crm.lead`, so that an event log gets a history.

The deals come chunk by chunk, oldest first; a chunk is created, then changed round by
round, a deal at most once per round. Each round ends with ``cr.flush()``, which runs
the precommit hooks: whoever takes the net change there, as the event store does, sees
every change by itself. Equal changes of a round are one call on one recordset.

**Backdating.** What a change sets to the present, such as ``date_closed``, is put to
the time it happened before that flush, so that change and date are one. Most of these
fields could be written; ``create_date`` cannot: `create` and `write` drop it, except
for the superuser while the registry loads, which is how CRM's own demo data sets it.
A protected field's assignment, as in a compute method, goes through the cache and the
flush without that filter. ``write_date`` stays the real one, since changed rows are
looked for by it.

**Probability** is set by hand, per stage. Odoo's scoring would set it from whatever
deals the database has besides, so that a seed did not decide it.
"""

from collections import defaultdict

from .deals import Kind

CHUNK = 500

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
    """Records are in the order of the plan, whose indexes so find them.

    :param staff: `Staff`, for the users and their teams
    :param contacts: `res.partner`, one per planned customer
    """

    def __init__(self, env, companies, staff, contacts, stages, lost_reasons):
        self.env = env
        self.companies = companies
        self.users = staff.users
        self.teams = staff.teams
        self.contacts = contacts
        self.stages = stages
        self.lost_reasons = lost_reasons

    def play(self, deals, progress):
        """Create and change the leads of the deals; return their ids in that order."""
        lead_ids = []
        for start in range(0, len(deals), CHUNK):
            progress(start, len(deals), "opportunities")
            chunk = deals[start : start + CHUNK]
            leads = self._create(chunk)
            self._change(leads, chunk)
            lead_ids += leads.ids
            self.env.invalidate_all()  # what is played is not needed in memory
        progress(len(deals), len(deals), "opportunities")
        return tuple(lead_ids)

    def _create(self, deals):
        leads = self.env["crm.lead"].create([self._values(deal) for deal in deals])
        self._backdate(leads, ["create_date"], [deal.created for deal in deals])
        self.env.cr.flush()
        return leads

    def _values(self, deal):
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
            team = next(team for team in self.teams if team.company_id == company)
            return {**values, "user_id": False, "team_id": team.id}
        return {**values, **self._ownership(deal.owner), "date_open": deal.created}

    def _ownership(self, owner):
        # With its team: left alone, the lead would search for one, lead by lead.
        return {"user_id": self.users[owner].id, "team_id": self.teams[owner].id}

    def _stage(self, index):
        probability = 15 + 60 * index / max(len(self.stages) - 1, 1)
        return {"stage_id": self.stages[index].id, "probability": probability}

    def _change(self, leads, deals):
        for turn in range(max(len(deal.changes) for deal in deals)):
            moments = defaultdict(dict)
            for lead, deal in zip(leads, deals, strict=True):
                if turn < len(deal.changes):
                    change = deal.changes[turn]
                    moments[change.kind, change.value][lead.id] = change.at
            for (kind, value), moment_of_lead in moments.items():
                changing = leads.browse(moment_of_lead)
                self._apply(changing, kind, value)
                self._backdate(changing, DATES.get(kind, ()), moment_of_lead.values())
            self.env.cr.flush()

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
        elif kind is Kind.REOPENED:
            leads.action_restore()
            for lead in leads:
                lead.write(self._stage(self.stages.ids.index(lead.stage_id.id)))
        elif kind is Kind.ARCHIVED:
            leads.action_archive()

    def _backdate(self, leads, field_names, moments):
        fields = [leads._fields[name] for name in field_names]
        with self.env.protecting(fields, leads):
            for lead, moment in zip(leads, moments, strict=True):
                for name in field_names:
                    lead[name] = moment
        leads.modified(field_names)
