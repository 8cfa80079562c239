"""What people type finds what is written, in the scripts of the world."""

import os
import random
import shutil
import subprocess
import tempfile
import unittest
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import psycopg2

from odoo.tests import BaseCase, tagged

from ..models.opportunities.filters import Filters
from ..models.projections.search_terms import characters, terms_function
from .common import SalesOrganisation

#: Names of opportunities, and of the customers of some
DEALS = {
    "İzmir Office": "",
    "ILGAZ Mobilya, ışık sistemi": "",
    "Ødegård & Łukasiewicz: smørrebrød": "",
    "Đà Nẵng Trading, Þórr": "",
    "Großhandel Straße 12": "Müller Söhne",
    "Œuvre & Cæsar, été n° 5": "Société Générale",
    "Café ﬁne Ｆｕｌｌ ｗｉｄｔｈ": "",
    "C++ (50%) for O'Neil-Smith": "bar_baz@example.com",
    "ΟΔΟΣ Αθηνών": "Παπαδόπουλος",
    "Поставка Ёлок": "Андрей Йовович",
    "Հայաստան ԲԱՆԿ": "",
    "საქართველო": "",
    "חברת שָׁלוֹם": "",
    "شركة الأمل للتجارة": "مؤسسة آفاق",
    "مدرســة على ١٢٣": "",
    "شرکت پارسی ۱۲": "",
    "मुंबई कार्यालय": "ज़रूरत",
    "কলকাতা অফিস": "",
    "โครงการติดตั้ง": "บริษัทสยามพาณิชย์จำกัด",
    "株式会社東京商事 基幹システム": "日本電気",
    "東京・京都 がくせい": "ﾃｽﾄ",
    "上海贸易有限公司": "",
    "한국상사 학생": "",
    "🚀Rocket – phase 2": "",
}

#: What is typed, and the beginnings of the names that are found
SEARCHES = {
    # Latin
    "izmir": ["İzmir"],
    "IZMIR": ["İzmir"],
    "ızmır": ["İzmir"],
    "İZMİR OFF": ["İzmir"],
    "ilgaz": ["ILGAZ"],
    "ılgaz isik": ["ILGAZ"],
    "IŞIK": ["ILGAZ"],
    "odegard": ["Øde"],
    "ØDEGÅRD": ["Øde"],
    "lukasiewicz": ["Øde"],
    "ŁUKA smor": ["Øde"],
    "da nang": ["Đà"],
    "Đà Nẵng": ["Đà"],
    "thorr": ["Đà"],
    "strasse": ["Groß"],
    "STRASSE": ["Groß"],
    "straße": ["Groß"],
    "grosshandel sohne": ["Groß"],
    "müller": ["Groß"],
    "oeuvre": ["Œuvre"],
    "ŒUVRE caesar": ["Œuvre"],
    "societe gen": ["Œuvre"],
    "ÉTÉ": ["Œuvre"],
    "cafe fine": ["Café"],
    "FULL ｗｉｄ": ["Café"],
    "c++": ["Œuvre", "Café", "C++"],
    "o'neil": ["C++"],
    "example": ["C++"],
    "rocket": ["🚀"],
    "phase–2": ["🚀"],
    # Greek
    "οδος": ["ΟΔΟΣ"],
    "οδός αθηνων": ["ΟΔΟΣ"],
    "ΠΑΠΑΔΟΠΟΥΛΟΣ": ["ΟΔΟΣ"],
    # Cyrillic
    "елок": ["Поставка"],
    "ПОСТАВКА ЁЛОК": ["Поставка"],
    "иовович": ["Поставка"],
    # Armenian, Georgian, Hebrew
    "ՀԱՅԱՍՏԱՆ բանկ": ["Հայ"],
    "Საქ": ["საქ"],
    "שלום": ["חברת"],
    # Arabic
    "الامل": ["شركة"],
    "الأمل": ["شركة"],
    "شركه": ["شركة", "شرکت"][:1],
    "افاق": ["شركة"],
    "موسسة": ["شركة"],
    "مدرسة": ["مدر"],
    "مدرسه علي": ["مدر"],
    "123": ["مدر"],
    "شركت": ["شرکت"],
    "12": ["Groß", "مدر", "شرکت"],
    # Indic
    "मुंबई": ["मुंबई"],
    "मुंबइ": [],
    "जरूरत": ["मुंबई"],
    "কলকাতা": ["কল"],
    # Thai
    "สยาม": ["โครง"],
    "ติดตั้ง": ["โครง"],
    "พาณิชย์": ["โครง"],
    # Han, kana
    "東京商事": ["株式"],
    "商": ["株式"],
    "商事 システム": ["株式"],
    "電気": ["株式"],
    "東京": ["株式", "東京"],
    "東京都": [],
    "贸易": ["上海"],
    "有限公司": ["上海"],
    "くせい": ["東京"],
    "か": [],
    "テスト": ["東京"],
    # Hangul
    "상사": ["한국"],
    "한국": ["한국"],
    "국상": ["한국"],
    "사": ["한국"],
}

#: What Odoo's ``ilike`` finds beside: parts of words in scripts with spaces, and
#: punctuation. To begin a word is what the index of words is for, and no extension of
#: PostgreSQL is needed for it.
ONLY_ILIKE = {
    "mir": ["İzmir"],
    "enhagen": [],
    "handel": ["Groß"],
    "أمل": ["شركة"],
    "&": ["Øde", "Œuvre"],
    "・": ["東京"],
    "🚀": ["🚀"],
}


@tagged("post_install", "-at_install")
class TestSearchFindsWhatPeopleType(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        partners = cls.env["res.partner"].create(
            [{"name": customer} for customer in filter(None, DEALS.values())]
        )
        ids = {partner.name: partner.id for partner in partners}
        cls.deals = cls.env["crm.lead"].create(
            [
                {
                    "name": name,
                    "type": "opportunity",
                    "user_id": cls.seller.id,
                    "partner_id": ids.get(customer),
                }
                for name, customer in DEALS.items()
            ]
        )
        cls.env.cr.flush()

    def found(self, text):
        """Return the names of the deals that a text finds, as ``DEALS`` has them."""
        opportunities, filters = self.env["cqrs.opportunities"], Filters(text=text)
        page = opportunities._read_page(self.seller, filters=filters)
        self.assertEqual(opportunities._count(self.seller, filters), len(page.ids))
        return [deal.name for deal in self.deals if deal.id in page.ids]

    def names(self, beginnings):
        names = [n for n in DEALS if n.startswith(tuple(beginnings))]
        self.assertEqual(len(names), len(beginnings))
        return names

    def test_sixty_searches_in_twelve_scripts(self):
        for text, beginnings in (SEARCHES | {text: [] for text in ONLY_ILIKE}).items():
            with self.subTest(text):
                self.assertEqual(self.found(text), self.names(beginnings))

    def test_odoo_finds_no_more_but_parts_of_words(self):
        for text in SEARCHES | ONLY_ILIKE:
            with self.subTest(text):
                by_odoo = self.deals.filtered_domain(
                    ["|", ("name", "ilike", text), ("partner_id.name", "ilike", text)]
                ) & self.env["crm.lead"].search(
                    ["|", ("name", "ilike", text), ("partner_id.name", "ilike", text)]
                )
                more = set(by_odoo.mapped("name")) - set(self.found(text))
                self.assertEqual(more, set(self.names(ONLY_ILIKE.get(text, []))))

    def test_owners_and_stages_are_found_by_name(self):
        self.stage_new.with_context(lang="en_US").name = "Erste Gespräche"
        self.env["res.lang"]._activate_lang("fr_FR")
        self.stage_new.with_context(lang="fr_FR").name = "Premier échange"
        self.seller.name = "Zoë Ångström"
        self.deals[0].stage_id = self.stage_new
        self.deals[1:].stage_id = self.stage_won
        everything = list(DEALS)
        first = everything[:1]
        before = self.rows()
        for text, expected in {
            "angstrom": everything,
            "ÅNGSTRÖM zoe": everything,
            "ångström izmir": first,
            "gesprache": first,
            "erste zoe office": first,
            "premier": [],
            "wrong zoe": [],
        }.items():
            with self.subTest(text):
                self.assertEqual(self.found(text), expected)
        in_french = self.env(context={**self.env.context, "lang": "fr_FR"})
        found = in_french["cqrs.opportunities"]._read_page(
            self.seller, filters=Filters(text="echange")
        )
        self.assertEqual(found.ids, self.deals[:1].ids)
        self.seller.name = self.stage_new.name = "Renamed"
        self.env.cr.flush()
        self.assertEqual(self.found("renam"), everything)
        self.assertEqual(self.found("zoe"), [])
        self.assertEqual(self.rows(), before)

    def rows(self):
        """Return where the rows are: a row that is written moves."""
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT id, ctid FROM cqrs_opportunity_view WHERE id = ANY(%s)",
            [self.deals.ids],
        )
        return sorted(self.env.cr.fetchall())

    def test_terms_of_any_text(self):
        letters, parting = characters()
        self.assertFalse(set(letters).intersection("".join(letters.values())))
        chosen = random.Random(20)
        alphabet = [*map(chr, range(1, 0x3100)), *letters, *parting[:500], *"가漢𠀀🚀"]
        texts = [
            "".join(chosen.choices(alphabet, k=chosen.randint(1, 12)))
            for __ in range(1000)
        ]
        self.env.cr.execute(
            """
            SELECT text, terms, asked,
                   array_to_tsvector(terms) @@ ALL(ARRAY(
                       SELECT quote_literal(term) || ':*' FROM unnest(asked) AS term)
                       ::tsquery[]) AS is_found,
                   cqrs_terms(array_to_string(terms, ' '), true) AS again
            FROM unnest(%s) AS text, cqrs_terms(text) AS terms,
                 cqrs_terms(text, true) AS asked
            """,
            [[*texts, "\ufdfa" * 500, "W" * 500]],
        )
        for row in self.env.cr.dictfetchall():
            with self.subTest(row["text"]):
                self.assertTrue(row["is_found"])
                self.assertLessEqual(set(row["asked"]), set(row["terms"]))
                self.assertLessEqual(set(row["again"]), set(row["terms"]))
                self.assertFalse(set("".join(row["terms"])).intersection(letters))
                self.assertFalse(set("".join(row["terms"])).intersection(parting))


@tagged("post_install", "-at_install")
@unittest.skipUnless(
    os.environ.get("CRM_CQRS_PRIVATE_SERVER"),
    "needs ./dev test with its own PostgreSQL, beside which it makes another",
)
@unittest.skipUnless(
    shutil.which("localedef") and Path("/usr/share/i18n/locales/tr_TR").exists(),
    "needs localedef and the sources of locales, to make the Turkish one",
)
class TestNoLocaleHasASay(BaseCase):
    def test_a_turkish_database_folds_as_any_other(self):
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.databases.other_servers import younger

        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # the server runs as another user
        for found in Path("/usr/lib/locale").glob("C.*"):
            (folder / found.name).symlink_to(found)
        subprocess.run(
            ["localedef", "-i", "tr_TR", "-f", "UTF-8", folder / "tr_TR.UTF-8"],
            check=False,  # it warns
            capture_output=True,
        )
        self.enterContext(patch.dict(os.environ, LOCPATH=os.fspath(folder)))
        with younger() as variables:
            create = "CREATE DATABASE turkish TEMPLATE template0 LOCALE 'tr_TR.UTF-8'"
            subprocess.run(
                ["psql", "-q", "-d", "postgres", "-c", create],
                env={**os.environ, **variables},
                check=True,
            )
            connection = psycopg2.connect(
                host=variables["PGHOST"],
                port=variables["PGPORT"],
                user=variables["PGUSER"],
                dbname="turkish",
            )
            with closing(connection), connection.cursor() as cr:
                cr.execute("SELECT lower('I')")
                self.assertEqual(cr.fetchone(), ("ı",))
                creation = terms_function().creation
                cr.execute(creation.code, creation.params)
                for text, terms in {
                    "IŞIK İĞNE ılık": ["isik", "igne", "ilik"],
                    "TITLE in ASCII": ["title", "in", "ascii"],
                    "ÀÉØŁĐÞẞ ΑΣ ЖЁ ԱԲ Ა": ["aeoldthss", "ασ", "же", "աբ", "ა"],
                }.items():
                    with self.subTest(text):
                        cr.execute("SELECT cqrs_terms(%s)", [text])
                        self.assertEqual(cr.fetchone(), (terms,))
