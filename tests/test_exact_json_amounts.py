import json
from datetime import datetime, timezone
from decimal import Decimal

from odoo.tests import BaseCase, tagged

from ..models.support.exact_json import dumps


@tagged("post_install", "-at_install")
class TestExactJsonAmounts(BaseCase):
    def test_amounts_keep_every_digit(self):
        amounts = ["0.10", "-3.00", "12345678901234567890.12", "0", "1E+3"]
        text = dumps([Decimal(amount) for amount in amounts])
        self.assertEqual(text, "[0.10, -3.00, 12345678901234567890.12, 0, 1000]")

    def test_text_that_looks_like_an_amount_stays_text(self):
        value = {"a": "1.00", "b": '"\\u00001.00"', "c": "\\u00001"}
        self.assertEqual(json.loads(dumps(value)), value)

    def test_times_have_a_zone(self):
        time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
        self.assertEqual(dumps(time), '"2026-01-02T03:04:05+00:00"')
