"""Personal values that a run needs until it ends, in a file beside the filestore.

The table of runs never has them: a row that is deleted there would stay on disk for as
long as an older transaction is open, that of Odoo's own scheduler for one.
"""

import json
import os
from contextlib import suppress

from odoo.tools import config


def _path(database: str, key: str) -> str:
    return os.path.join(config["data_dir"], "crm_cqrs", database, f"{key}.json")


def keep(database: str, key: str, document: dict):
    """Keep a document until ``drop``; only this system's user can read it.

    :param key: the name of a file
    """
    name = _path(database, key)
    os.makedirs(os.path.dirname(name), mode=0o700, exist_ok=True)
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file)


def kept(database: str, key: str) -> dict:
    """Return the document, empty if there is none (on another host, perhaps)."""
    try:
        with open(_path(database, key), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def drop(database: str, key: str):
    with suppress(FileNotFoundError):
        os.unlink(_path(database, key))
