"""JSON fields with values that Odoo's protocols cannot carry."""

import math
from xmlrpc.client import MAXINT

from odoo import fields


class PortableJson(fields.Json):
    """A JSON field that every protocol of Odoo can carry.

    RPC clients get False for an empty value, a float for an integer that XML-RPC does
    not know, as from all fields of Odoo, and text for a number that no float can hold.
    Python code gets the stored value.
    """

    def convert_to_read(self, value, record, use_display_name=True):
        return _portable(super().convert_to_read(value, record, use_display_name))


def _portable(value):
    match value:
        case None:
            return False
        case dict():
            return {key: _portable(each) for key, each in value.items()}
        case list():
            return [_portable(each) for each in value]
        case bool():
            return value
        case int() if abs(value) > MAXINT:
            try:
                return float(value)
            except OverflowError:
                return str(value)
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value
