"""Lists that are written to files of Excel, and what is read from these."""

import tempfile
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from openpyxl import load_workbook

from ..models.exports.excel_run import write_list
from ..models.exports.question import ListQuestion
from ..models.support.progress import silent
from .common import SalesOrganisation

PENDING = [("status", "=", "pending"), ("active", "=", True)]
#: Names that a spreadsheet, or the library that writes one, may take for something else
NAMES = (
    '=HYPERLINK("https://example.com","Click")',
    "+1-2",
    "-cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "https://example.com/a",
    "internal:Sheet1!A1",
    "0042",
    "<r><t>rich</t></r>",
    "<r><f>1+1</f></r>",
    "a & b < c > d \"e\" 'f'",
    "  spaces  ",
    "{=1+1}",
    "عقد 合同 😀",
)


class Excel(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.allowed = cls.env.ref("base.group_allow_export")
        (cls.head | cls.manager | cls.seller).group_ids += cls.allowed

    def setUp(self):
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def reader(self, user, **context):
        companies = user.company_id | user.company_ids
        context = {"allowed_company_ids": companies.ids, **context}
        return self.env(user=user.id, su=False, context=context)

    def written(self, user, domain=None, options=None, context=None, **question):
        """Return the sheets of the file of a list, ``{title: [row, ...]}``."""
        self.env.cr.flush()
        path = self.folder / "list.xlsx"
        env = self.reader(user, **(context or {}))
        domain = PENDING if domain is None else domain
        asked = ListQuestion.of(env, {"domain": domain, **question})
        write_list(env, asked, str(path), str(self.folder), silent, **(options or {}))
        self.assertEqual([each.name for each in self.folder.iterdir()], ["list.xlsx"])
        return sheets(path)

    def tile(self, user, name, **parameters):
        return self.dashboard(user)["metrics"][name]


def sheets(file):
    book = load_workbook(file)
    return {sheet.title: [list(row) for row in sheet.rows] for sheet in book}


def values(rows):
    """Return the rows below the headings, as dicts."""
    headings = [cell.value for cell in rows[0]]
    return [
        dict(zip(headings, (cell.value for cell in row), strict=True))
        for row in rows[1:]
    ]


def total(rows, heading):
    """Return the sum of a column as Excel makes it, in two digits."""
    found = sum(row[heading] for row in rows)
    return Decimal(repr(found)).quantize(Decimal("0.01"), ROUND_HALF_UP)
