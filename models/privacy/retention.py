"""Retention by rule: leads that were lost or archived long ago are forgotten."""

from datetime import datetime
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL
from odoo.tools.misc import formatLang

from ..support.company_parameters import company_parameter, set_company_parameter
from ..support.progress import Report
from ..support.transactions import committed
from .finder import Found, merged_into
from .forget import Forgotten, forget
from .forgetting import MODES
from .removal import DELETE
from .sweep import sweep

RETENTION = "retention"

#: Leads that are forgotten in one transaction
BATCH = 100


class ResCompany(models.Model):
    _inherit = "res.company"

    cqrs_retention_months = fields.Integer(
        "Forget Lost Leads After (Months)",
        compute="_compute_cqrs_retention",
        inverse="_inverse_cqrs_retention",
    )
    cqrs_retention_mode = fields.Selection(
        MODES,
        "Forgotten Leads",
        compute="_compute_cqrs_retention",
        inverse="_inverse_cqrs_retention",
    )

    def _compute_cqrs_retention(self):
        for company in self:
            months, mode = company._cqrs_retention()
            company.cqrs_retention_months = months
            company.cqrs_retention_mode = mode

    def _inverse_cqrs_retention(self):
        for company in self:
            months, mode = company.cqrs_retention_months, company.cqrs_retention_mode
            if months < 0:
                raise ValidationError(
                    self.env._("The number of months must be 0 (off) or more.")
                )
            set_company_parameter(company, RETENTION, f"{months} {mode or DELETE}")

    def _cqrs_retention(self) -> tuple[int, str]:
        """Return the months after which leads are forgotten, 0 for never, and how."""
        months, __, mode = company_parameter(self, RETENTION).partition(" ")
        if not months.isdecimal() or mode not in dict(MODES):
            return 0, DELETE
        return int(months), mode


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    cqrs_retention_months = fields.Integer(
        related="company_id.cqrs_retention_months", readonly=False
    )
    cqrs_retention_mode = fields.Selection(
        related="company_id.cqrs_retention_mode", readonly=False
    )


class CqrsRun(models.Model):
    _inherit = "cqrs.run"

    kind = fields.Selection(
        selection_add=[(RETENTION, "Retention")], ondelete={RETENTION: "cascade"}
    )

    @api.model
    def _retain(self):
        """Forget the leads that are due in a run, if there are any; commits."""
        if due_leads(self.env, 1):
            self.create({"kind": RETENTION, "user_id": self.env.uid})
            self.env.cr.commit()  # pylint: disable=invalid-commit
            self._perform_pending()

    def _outcome(self):
        if self.kind != RETENTION or self.state not in ("done", "cancelled"):
            return super()._outcome()
        if self.state == "cancelled":
            return self.env._("Cancelled. Leads forgotten so far stay forgotten.")
        count = formatLang(self.env, self.findings, digits=0)
        return self.env._("Leads forgotten: %s.", count)

    def _work(self, report: Report) -> tuple[int, dict]:
        if self.kind != RETENTION:
            return super()._work(report)
        if not (self.request or {}).get("txid"):
            self._forget_due(report)
        self._wait_for_older_transactions(report)
        sweep(
            self.env,
            self.request["tables"],
            [],
            report=lambda done, step: report(0.9 + 0.1 * done, step),
        )
        return self.request["leads"], {"leads": self.request["leads"]}

    def _forget_due(self, report: Report):
        """Forget the leads that are due, in batches; commits."""
        total = len(due_leads(self.env))
        leads, tables, txid = 0, set(), 1
        while True:
            report(0.9 * leads / max(total, 1), "crm.lead")
            done = committed(self.env, partial(_forget_batch, self.env))
            if not done:
                break
            for number, outcome in done:
                leads += number
                tables.update(outcome.tables)
                txid = outcome.txid
        since = fields.Datetime.to_string(fields.Datetime.now())
        self.request = {
            "txid": txid,
            "tables": sorted(tables),
            "leads": leads,
            "since": since,
        }
        self.env.cr.commit()  # pylint: disable=invalid-commit


def due_leads(
    env, limit: int | None = None, at: datetime | None = None
) -> list[tuple[int, str]]:
    """Return ``(lead, mode)`` of the leads that a company's rule lets be forgotten.

    Lost or archived for the company's number of months, by the log; not held; not
    forgotten since. A lead without a company is of its salesperson's or team's or, if
    there is but one, of that.

    :param at: the time at which it is asked, now by default
    """
    rules = {
        company.id: company._cqrs_retention()
        for company in env["res.company"]
        .sudo()
        .with_context(active_test=False)
        .search([])
    }
    rules = {id_: rule for id_, rule in rules.items() if rule[0]}
    if not rules:
        return []
    months, modes = zip(*rules.values(), strict=True)
    return env.execute_query(
        SQL(
            _DUE,
            company_ids=list(rules),
            months=list(months),
            modes=list(modes),
            limit=limit,
            at=at or env.cr.now(),
        )
    )


# The time of the last event that archived a lead; of its first one if the lead was
# archived when recording began. A lead that was emptied has an erasure after it.
_DUE = """
    SELECT lead.id, rule.mode
    FROM crm_lead lead
    LEFT JOIN res_users users ON users.id = lead.user_id
    LEFT JOIN crm_team team ON team.id = lead.team_id
    JOIN unnest(%(company_ids)s::integer[], %(months)s::integer[], %(modes)s::text[])
        AS rule (company_id, months, mode)
      ON rule.company_id = COALESCE(
          lead.company_id, users.company_id, team.company_id,
          (SELECT min(id) FROM res_company HAVING count(*) = 1))
    CROSS JOIN LATERAL (
        SELECT version,
               CASE WHEN version = 1
                    THEN LEAST(occurred_at, lead.date_closed AT TIME ZONE 'UTC')
                    ELSE occurred_at END AS occurred_at
        FROM cqrs_event
        WHERE stream_model = 'crm.lead' AND stream_id = lead.id
          AND (after -> 'active' = 'false' OR version = 1)
        ORDER BY version DESC LIMIT 1
    ) archived
    WHERE NOT lead.active
      AND archived.occurred_at
          < %(at)s::timestamptz - make_interval(months => rule.months)
      AND NOT EXISTS (
          SELECT FROM cqrs_event
          WHERE stream_model = 'crm.lead' AND stream_id = lead.id
            AND type = 'PersonalDataErased' AND version > archived.version)
      AND NOT EXISTS (
          SELECT FROM cqrs_legal_hold hold
          WHERE hold.active
            AND (hold.lead_id = lead.id OR hold.partner_id = lead.partner_id))
    ORDER BY lead.id
    LIMIT %(limit)s
"""


def _forget_batch(env) -> list[tuple[int, Forgotten]]:
    """Forget as many leads as one transaction should; return ``(leads, outcome)``."""
    by_mode = {}
    for id_, mode in due_leads(env, BATCH):
        by_mode.setdefault(mode, []).append(id_)
    reason = env._("Retention")
    done = []
    for mode, ids in by_mode.items():
        streams = {"crm.lead": sorted(merged_into(env, ids))}
        found = Found(records={"crm.lead": ids}, streams=streams)
        outcome = forget(env, found, reason, mode, is_searched=False)
        done.append((len(ids), outcome))
    return done
