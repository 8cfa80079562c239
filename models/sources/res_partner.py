from odoo.tools import SQL

from ..event_store.source import Rule, Source, declare

# Left out: fields that Odoo derives from these, and ``customer_rank``, which it counts
# up beside the transaction. Other modules add many of either kind.
declare(
    Source(
        model="res.partner",
        noun="Contact",
        noun_field="is_company",
        nouns=(("true", "Account"),),
        condition=SQL(
            """
            t.type = 'contact'
                AND (t.is_company OR t.user_id IS NOT NULL OR t.parent_id IS NOT NULL)
            """
        ),
        joined_by=(
            "crm.lead.partner_id",
            "sale.order.partner_id",
            "account.move.partner_id",
            "account.move.commercial_partner_id",
            # What a contact is a part of.
            "res.partner.parent_id",
            "res.partner.commercial_partner_id",
        ),
        only_declared=True,
        fields=(
            "name",
            "complete_name",
            "active",
            "is_company",
            "type",
            "parent_id",
            "commercial_partner_id",
            "user_id",
            "team_id",
            "company_id",
            "email",
            "phone",
            "website",
            "vat",
            "ref",
            "street",
            "zip",
            "city",
            "country_id",
            "category_id",
            "lang",
            "create_date",
        ),
        personal=(
            "name",
            "complete_name",
            "email",
            "phone",
            "website",
            "vat",
            "ref",
            "street",
            "zip",
            "city",
        ),
        rules=(
            Rule("Archived", "active", "false"),
            Rule("Restored", "active", "true"),
            Rule("Moved", "parent_id"),
            Rule("Reassigned", "user_id"),
            Rule("Renamed", "name"),
        ),
    )
)
