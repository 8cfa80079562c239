"""The examples in docstrings hold, and each pure module has some."""

import doctest
import pkgutil
from importlib import import_module

from odoo.tests import BaseCase, tagged

from .. import controllers, models

#: Modules that know no environment: they take values and give SQL or values
PURE = {
    "models.access.policy",
    "models.api.origins",
    "models.dashboard.past_tree",
    "models.event_store.event_type",
    "models.metrics.figures",
    "models.opportunities.orders",
    "models.opportunities.page_plans",
    "models.past.as_of",
    "models.past.certainty",
    "models.past.flow_figures",
    "models.past.levels",
    "models.seals.document",
    "models.seals.key",
    "models.seals.merkle",
    "models.webhooks.addresses",
    "models.webhooks.body",
    "models.webhooks.event_types",
    "models.webhooks.request_headers",
    "models.webhooks.schedule",
    "models.webhooks.signing",
}


@tagged("post_install", "-at_install")
class TestDoctests(BaseCase):
    def test_the_examples_hold(self):
        addon = models.__name__.removesuffix("models")
        with_examples = set()
        for package in (models, controllers):
            for found in pkgutil.walk_packages(
                package.__path__, package.__name__ + "."
            ):
                with self.subTest(found.name):
                    results = doctest.testmod(
                        import_module(found.name),
                        optionflags=doctest.NORMALIZE_WHITESPACE,
                    )
                    self.assertEqual(results.failed, 0)
                    if results.attempted:
                        with_examples.add(found.name.removeprefix(addon))
        self.assertLessEqual(PURE, with_examples)
