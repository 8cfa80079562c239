"""The examples in the pure modules: each has some, and they hold."""

import doctest
from importlib import import_module

from odoo.tests import BaseCase, tagged

#: Modules that know no environment: they take values and give SQL or values
PURE = (
    "models.access.policy",
    "models.api.origins",
    "models.metrics.figures",
    "models.opportunities.orders",
    "models.opportunities.page_plans",
)


@tagged("post_install", "-at_install")
class TestDoctests(BaseCase):
    def test_the_examples_of_pure_modules_hold(self):
        for name in PURE:
            with self.subTest(name):
                module = import_module(f"odoo.addons.crm_cqrs.{name}")
                results = doctest.testmod(module, verbose=False)
                self.assertEqual(results.failed, 0)
                self.assertGreater(results.attempted, 0)
