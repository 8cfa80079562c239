import io
import re

import polib

from odoo.tests import HttpCase, TransactionCase, tagged
from odoo.tools import file_path
from odoo.tools.translate import trans_export

from .common import SalesOrganisation

LANGUAGES = ("fr", "ar")

#: What a translation must keep: what is put in, and markup
KEPT = re.compile(r"%\(\w+\)s|%s|</?\w+|^\n|\n *$")


@tagged("post_install", "-at_install")
class TestTranslations(TransactionCase):
    def catalogue(self, name):
        return polib.pofile(file_path(f"crm_cqrs/i18n/{name}"))

    def own(self, catalogue):
        """Return the terms but for the fields of other addons' ``mail.thread``.

        Which there are depends on what else is installed.
        """
        theirs = tuple(f"__{name}" for name in self.env["mail.thread"]._fields)
        return {
            entry.msgid
            for entry in catalogue
            if not all(place.endswith(theirs) for place, __ in entry.occurrences)
        }

    def test_the_template_is_what_odoo_exports(self):
        file = io.BytesIO()
        trans_export(None, ["crm_cqrs"], file, "po", self.env)
        exported = self.own(polib.pofile(file.getvalue().decode()))
        template = self.own(self.catalogue("crm_cqrs.pot"))
        self.assertEqual(template - exported, set(), "run ./dev i18n")
        self.assertEqual(exported - template, set(), "run ./dev i18n")

    def test_every_term_is_translated(self):
        terms = {entry.msgid for entry in self.catalogue("crm_cqrs.pot")}
        for language in LANGUAGES:
            with self.subTest(language):
                catalogue = self.catalogue(f"{language}.po")
                self.assertEqual(catalogue.percent_translated(), 100)
                self.assertEqual(catalogue.obsolete_entries(), [])
                self.assertEqual({entry.msgid for entry in catalogue}, terms)

    def test_what_is_put_into_a_term_is_put_into_its_translation(self):
        for language in LANGUAGES:
            for entry in self.catalogue(f"{language}.po"):
                with self.subTest(language, term=entry.msgid):
                    self.assertEqual(
                        sorted(KEPT.findall(entry.msgstr)),
                        sorted(KEPT.findall(entry.msgid)),
                    )


#: Every text and label of the dashboard that has a letter of ours
LATIN = """
    const root = document.querySelector(".o_cqrs_dashboard");
    const texts = [root.innerText];
    for (const element of root.querySelectorAll("*")) {
        for (const name of ["aria-label", "title", "placeholder", "alt"]) {
            texts.push(element.getAttribute(name) || "");
        }
    }
    // Odoo itself shortens a thousand to k, in Arabic too.
    const found = texts
        .flatMap((text) => text.replace(/(\\d)k/g, "$1").split("\\n"))
        .filter((text) => /[a-z]/i.test(text));
    if (!document.body.classList.contains("o_rtl")) {
        console.error("from left to right");
    } else if (found.length) {
        console.error("not in Arabic: " + found.join(" | "));
    } else {
        console.log("test successful");
    }
"""


@tagged("post_install", "-at_install")
class TestDashboardInArabic(SalesOrganisation, HttpCase):
    """Its people, stages and opportunities have Arabic names too, so all is to be."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("ar_001")
        module = cls.env["ir.module.module"].search([("name", "=", "crm_cqrs")])
        module._update_translations("ar_001")
        for user, name in ((cls.manager, "مريم"), (cls.seller, "سالم")):
            user.write({"name": name, "lang": "ar_001"})
        cls.head.name = "هدى"
        for stage, name in ((cls.stage_new, "جديد"), (cls.stage_won, "رابحة")):
            stage.with_context(lang="ar_001").name = name
        cls.opportunity(cls.manager, name="فرصة أولى")
        cls.opportunity(cls.seller, name="فرصة ثانية")
        cls.opportunity(cls.seller, 500, name="فرصة رابحة", stage_id=cls.stage_won.id)

    def test_it_is_from_right_to_left_and_all_in_arabic(self):
        self.browser_js(
            "/odoo/sales-dashboard",
            LATIN,
            "document.querySelector('.o_cqrs_grid[aria-busy=false]')"
            " && document.querySelector('.o_cqrs_people')"
            " && document.body.innerText.includes('فرصة ثانية')",
            login=self.manager.login,
        )
