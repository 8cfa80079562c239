from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from odoo.tests import tagged

from .common import SalesOrganisation

MIGRATIONS = Path(__file__).parents[1] / "migrations"


def migrate(cr, version, name):
    """Run a script of an update to a version, as Odoo does."""
    spec = spec_from_file_location("migration", MIGRATIONS / version / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.migrate(cr, "19.0.1.0.0")


@tagged("post_install", "-at_install")
class TestUpdateOfAnOlderVersion(SalesOrganisation):
    def words(self, deals):
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT id, words::text FROM cqrs_opportunity_view WHERE id = ANY(%s)",
            [deals.ids],
        )
        return dict(self.env.cr.fetchall())

    def test_words_lose_their_accents(self):
        customer = self.env["res.partner"].create({"name": "Élodie [Kim] ~Ñandú`"})
        deals = self.opportunity(self.seller, name="ﬁne Café (50%) @ がくせい^_\\|{}")
        deals |= self.opportunity(self.seller, name="Desk", partner_id=customer.id)
        deals |= self.opportunity(self.seller, name="Plain desk")
        expected = self.words(deals)
        self.assertIn("'elodie'", expected[deals[1].id])
        self.env.cr.execute(
            "UPDATE cqrs_opportunity_view SET words = to_tsvector('simple', 'été')"
            " WHERE id = ANY(%s)",
            [deals[:2].ids],
        )
        migrate(self.env.cr, "19.0.1.0.1", "post-words-without-accents")
        self.assertEqual(self.words(deals), expected)
