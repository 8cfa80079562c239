"""Databases opened in this process, side by side."""

import contextlib
import os
from collections.abc import Iterator

import odoo
from odoo import api
from odoo.modules.registry import Registry
from odoo.tools import config

ADMIN = 2


def configure() -> None:
    """Read Odoo's configuration, as ``odoo-bin`` does; once."""
    # The addons path may come from the command line, which is ours.
    config.parse_config(
        [f"--addons-path={os.environ['CRM_CQRS_ADDONS_PATH']}", "--log-level=critical"],
        setup_logging=True,
    )


@contextlib.contextmanager
def environment(name: str, user_id: int = ADMIN) -> Iterator[api.Environment]:
    """A transaction of a user in a database, committed at the end of the block."""
    with Registry(name).cursor() as cr:
        yield api.Environment(cr, user_id, {})


def close_connections() -> None:
    """Before a fork: two processes must not speak on one connection."""
    odoo.sql_db.close_all()
