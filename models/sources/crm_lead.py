from odoo import models

from ..event_store.source import Rule, Source, declare

# Fields of the contact, all of them personal
_CONTACT = (
    "partner_id.complete_name",
    "partner_name",
    "contact_name",
    "function",
    "email_from",
    "email_cc",
    "phone",
    "website",
    "street",
    "street2",
    "zip",
    "city",
)

# Left out: fields that Odoo derives from these (normalised e-mail and phone,
# prorated amounts, days to assign and close, the automated probability) and
# the bookkeeping of writes, which would make an event of every no-op.
declare(
    Source(
        model="crm.lead",
        noun="Opportunity",
        noun_field="type",
        nouns=(("lead", "Lead"),),
        fields=(
            "name",
            "type",
            "active",
            "user_id",
            "team_id",
            "company_id",
            "company_id.currency_id",
            "stage_id",
            "won_status",
            "lost_reason_id",
            "probability",
            "priority",
            "expected_revenue",
            "recurring_revenue",
            "recurring_plan",
            "date_deadline",
            "date_open",
            "date_closed",
            "date_conversion",
            "date_last_stage_update",
            "partner_id",
            *_CONTACT,
            "state_id",
            "country_id",
            "lang_id",
            "description",
            "referred",
            "tag_ids",
            "color",
            "lead_properties",
            "campaign_id",
            "medium_id",
            "source_id",
            "create_date",
            "create_uid",
        ),
        personal=(
            "name",
            *_CONTACT,
            "description",
            "referred",
            "lead_properties",
        ),
        left_out=("iap_enrich_done",),
        rules=(
            Rule("Won", "won_status", "won"),
            Rule("Lost", "won_status", "lost"),
            Rule("Reopened", "won_status", "pending"),
            Rule("Converted", "type"),
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("Reassigned", "user_id"),
            Rule("StageChanged", "stage_id"),
        ),
    )
)


class CrmLead(models.Model):
    _inherit = "crm.lead"

    def _merge_opportunity(self, *args, **kwargs):
        head = super()._merge_opportunity(*args, **kwargs)
        head._cqrs_marks(head._name).merged[head.id].update((self - head)._ids)
        return head
