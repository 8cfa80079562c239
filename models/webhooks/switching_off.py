"""Endpoints that the dispatcher pauses: they fail, are gone, or came with a copy."""

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

from ..support.transactions import committed
from . import outbox


def switch_off(dbname: str, webhook_id: int, reason: str):
    """Pause an endpoint, unless it is; commits."""
    with Registry(dbname).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})

        def pause():
            webhook = env["cqrs.webhook"].browse(webhook_id).exists()
            if webhook and not webhook.is_paused:
                webhook._pause(reason)

        committed(env, pause)


def pause_copies(dbname: str, cr):
    """Pause the endpoints that a copy of a database has brought with it.

    :param cr: commits each statement
    """
    for webhook_id in outbox.copied(cr):
        switch_off(dbname, webhook_id, "copied")
