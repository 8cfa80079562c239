import polib

from odoo.tests import TransactionCase, tagged
from odoo.tools import file_path

LANGUAGES = ("fr", "ar")


@tagged("post_install", "-at_install")
class TestTranslations(TransactionCase):
    def catalogue(self, name):
        return polib.pofile(file_path(f"crm_cqrs/i18n/{name}"))

    def test_every_term_is_translated(self):
        terms = {entry.msgid for entry in self.catalogue("crm_cqrs.pot")}
        for language in LANGUAGES:
            with self.subTest(language):
                catalogue = self.catalogue(f"{language}.po")
                self.assertEqual(catalogue.percent_translated(), 100)
                self.assertEqual(catalogue.obsolete_entries(), [])
                self.assertEqual({entry.msgid for entry in catalogue}, terms)
