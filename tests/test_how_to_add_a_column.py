import ast
from unittest.mock import patch

from odoo import models
from odoo.tests import TransactionCase, tagged

from ..models.maintenance.replay import replay
from ..models.opportunities import as_json as api
from ..models.projections import opportunity_view
from ..models.projections.failures import broken
from ..models.support.json_schema import TEXT, nullable
from .common import SalesOrganisation, as_json
from .examples import add_models, code_of

VIEW = "cqrs.opportunity.view"


@tagged("post_install", "-at_install")
class TestHowToAddAColumn(SalesOrganisation, TransactionCase):
    def added(self):
        """Return the column and the field of the API, as the document has them."""
        lines = ast.parse(code_of("how-to/add-a-column.md")).body
        return [
            eval(  # pylint: disable=eval-used
                compile(ast.Expression(line.value), "how-to", "eval"),
                vars(module),
            )
            for line, module in zip(lines, (opportunity_view, api), strict=True)
        ]

    def test_two_places_and_an_update(self):
        deal = self.opportunity(self.seller, priority="2")
        column, field = self.added()
        table = opportunity_view.TABLE

        class Extended(models.Model):
            _module = None
            _inherit = VIEW
            _cqrs_tables = (table._replace(columns=(*table.columns, column)),)

            vars()[column.name] = column.field

        add_models(self, Extended)
        self.registry.init_models(self.env.cr, [VIEW], {}, install=False)

        with self.subTest("what was there is filled"):
            self.assertEqual(broken(self.env), {})
            self.assertEqual(self.env[VIEW].browse(deal.id).priority, "2")
            self.assertIn("priority", self.env[VIEW].fields_get())
        with self.subTest("what is written is kept"):
            deal.priority = "3"
            new = self.opportunity(self.seller, priority="1")
            found = self.env[VIEW].search([("priority", "in", ("1", "3"))])
            self.assertLessEqual({deal.id, new.id}, set(found.ids))
        with self.subTest("a replay compares it"):
            self.assertEqual(self.drift(), 0)
            self.env.cr.execute("UPDATE cqrs_opportunity_view SET priority = '0'")
            self.assertGreater(self.drift(), 0)
            replay(self.env, [VIEW])
        with self.subTest("the API shows it"):
            self.enterContext(patch.dict(api.API_FIELDS, {field.name: field}))
            [item] = as_json(
                self.env["cqrs.dashboard"]._opportunities(
                    deal.ids, self.seller, ("odoo_id", field.name)
                )
            )
            self.assertEqual(item, {"odoo_id": deal.id, "priority": "3"})
            self.assertEqual(field.schema, nullable(TEXT))

    def drift(self):
        self.env.cr.flush()
        [found] = replay(self.env, [VIEW], repair=False)
        return found.drift
