"""The compact form beside a list: the full form, without what there is no room for."""

from lxml import etree

from odoo import api, models

FORM = "crm_cqrs.deal_sheet_view_form"

_PAGES = "@name='internal_notes' or @name='lead' or @name='extra'"
#: The messages, the notes and what is on further pages of Odoo's own. In the notes'
#: editor the key Tab writes, so that the keyboard would not get beyond it.
_LEFT_OUT = f"//chatter | //page[{_PAGES}] | //notebook[not(page[not({_PAGES})])]"


class CrmLead(models.Model):
    _inherit = "crm.lead"

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        form = self.env.ref(FORM, raise_if_not_found=False)
        if form and view == form:
            for node in arch.xpath(_LEFT_OUT):
                if node.getparent() is not None:
                    node.getparent().remove(node)
            for sheet in arch.xpath("/form/sheet")[:1]:
                _add_next_activity(self.env, sheet)
        return arch, view


def _add_next_activity(env, sheet):
    """Put the next activity above the customer, or at the end of the form."""
    group = etree.Element(
        "group", {"name": "cqrs_next_step", "invisible": "type == 'lead'"}
    )
    etree.SubElement(
        group,
        "field",
        {
            "name": "activity_ids",
            "string": env._("Next Activity"),
            "widget": "list_activity",
        },
    )
    customer = sheet.xpath(".//group[@name='opportunity_partner']")
    if customer:
        customer[0].addprevious(group)
    else:
        sheet.append(group)
