from odoo import models

from .announcer import CHANNEL, channel


class IrWebsocket(models.AbstractModel):
    _inherit = "ir.websocket"

    def _build_bus_channel_list(self, channels):
        if CHANNEL in channels:
            channels = [each for each in channels if each != CHANNEL]
            if self.env.user._is_internal():
                channels.append(channel(self.env))
        return super()._build_bus_channel_list(channels)
