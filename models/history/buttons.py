"""The button that opens the history, on forms of modules that may be missing."""

from lxml import etree

from odoo import api, models

#: ``{model: (action, condition under which the button is hidden)}``
BUTTONS = {
    "sale.order": ("crm_cqrs.order_history_action", "not id"),
    "account.move": (
        "crm_cqrs.invoice_history_action",
        "not id or move_type not in ('out_invoice', 'out_refund', 'out_receipt')",
    ),
}


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        # A view of this addon cannot inherit from one that is not there.
        if view_type == "form" and self._name in BUTTONS:
            xml_id, invisible = BUTTONS[self._name]
            # Not there before this addon is updated, or if somebody has deleted it.
            action = self.env.ref(xml_id, raise_if_not_found=False)
            for box in arch.xpath("//div[@name='button_box']")[:1] if action else ():
                box.append(_button(self.env, action.id, invisible))
        return arch, view


def _button(env, action_id: int, invisible: str):
    button = etree.Element(
        "button",
        {
            "name": str(action_id),
            "type": "action",
            "class": "oe_stat_button",
            "icon": "fa-history",
            "invisible": invisible,
        },
    )
    info = etree.SubElement(button, "div", {"class": "o_stat_info"})
    label = etree.SubElement(info, "span", {"class": "o_stat_text"})
    label.text = env._("History")
    return button
