"""A list as an Excel file, and what is in it.

The files are read by openpyxl, which knows nothing of how they were written. A file of
100,000 rows takes no more memory than one of 10,000:
``CRM_CQRS_EXPORTS=all ./dev test -k test_lists_to_excel`` measures it.
"""

import itertools
import logging
import math
import os
import time
import tracemalloc
import unittest
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from openpyxl import load_workbook

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models.exports.excel_run import write_list
from ..models.exports.question import ListQuestion
from ..models.exports.rows import Amount, Currency
from ..models.exports.workbook import ExcelList, excel_file
from ..models.opportunities.filters import Filters
from ..models.support.progress import silent
from .common import other_company
from .excel import NAMES, PENDING, Excel, sheets, total, values

_logger = logging.getLogger(__name__)

IS_WHOLE = os.environ.get("CRM_CQRS_EXPORTS") == "all"


@tagged("post_install", "-at_install")
class TestListsToExcel(Excel):
    def test_names_stay_texts(self):
        for name in NAMES:
            self.opportunity(self.seller, 1, name=name)
        [rows, __] = self.written(self.seller, order="id").values()
        cells = [row[0] for row in rows[1:]]
        self.assertEqual({cell.data_type for cell in cells}, {"s"})
        self.assertEqual({cell.hyperlink for cell in cells}, {None})
        names = self.env["cqrs.opportunity.view"].search(
            [("user_id", "=", self.seller.id)], order="id"
        )
        self.assertEqual([cell.value for cell in cells], names.mapped("name"))

    def test_the_numbers_add_up_to_the_tiles(self):
        abroad = self.env["res.currency"].create(
            {"name": "CQX", "symbol": "X", "rounding": 1}
        )
        self.env["res.currency.rate"].create(
            {"currency_id": abroad.id, "rate": 3.7219, "company_id": False}
        )
        branch = other_company(self.env, abroad)
        (self.head | self.seller).company_ids |= branch
        boss = self.employee("head_abroad", None, None, branch)
        boss.user_id = self.head
        self.employee("seller_abroad", boss, None, branch).user_id = self.seller
        for number in range(60):
            company = branch if number % 3 == 0 else self.env.company
            self.opportunity(
                self.seller if number % 3 == 0 or number % 2 else self.manager,
                100 + number + 0.37,
                probability=33.3,
                company_id=company.id,
                team_id=False,
            )
        self.opportunity(self.peer, 7_777)
        code = self.env.company.currency_id.name
        sheets_ = self.written(self.head)
        [(__, rows), (___, told)] = sheets_.items()
        rows = values(rows)
        pipeline = self.tile(self.head, "pipeline_value")
        weighted = self.tile(self.head, "weighted_pipeline")
        self.assertEqual(len(rows), 60)
        self.assertEqual(total(rows, f"Expected Revenue ({code})"), Decimal(pipeline))
        self.assertEqual(total(rows, f"Weighted ({code})"), Decimal(weighted))
        self.assertEqual({row["Currency"] for row in rows}, {code, "CQX"})
        # What the sheet of definitions says is the same.
        told = {row[0].value: row[1].value for row in told}
        self.assertEqual(told[f"Total, Expected Revenue ({code})"], float(pipeline))
        self.assertEqual(told["Opportunities"], str(len(rows)))
        self.assertRegex(told["Rate"], rf"^1 CQX = 0\.\d+ {code}, of ")
        self.assertEqual(told["Exported By"], "Head")
        self.assertIn("the figure of the dashboard", told[f"Expected Revenue ({code})"])

    def test_columns_and_orders_by_days(self):
        """As the list of the dashboard has them, ties included."""
        deals = self.env["crm.lead"].union(
            *(self.opportunity(self.seller, n, name=f"Deal {n}") for n in range(5)),
            self.opportunity(self.seller, 9, name="Won", stage_id=self.stage_won.id),
        )
        self.env.cr.flush()
        self.env["cqrs.opportunity.pace"]._follow()
        self.env.cr.execute(
            "UPDATE cqrs_opportunity_pace SET pushes = NULLIF(id %% 3, 0),"
            " stage_since = stage_since - (id %% 2) * interval '36 hours'"
            " WHERE id = ANY(%s)",
            [deals.ids],
        )
        for sort, order in (
            ("-stage_days", "stage_days desc, id asc"),
            ("stage_days", "stage_days asc, id desc"),
            ("-pushes", "pushes desc, id desc"),
            ("pushes", "pushes asc, id asc"),
            ("-idle_days", "idle_days desc, id asc"),
        ):
            page = self.reader(self.seller)["cqrs.opportunities"]._read_page(
                self.seller, sort.removeprefix("-"), sort.startswith("-")
            )
            rows = self.written(
                self.seller,
                [("active", "=", True)],
                order=order,
                columns=["name", "stage_days", "pushes"],
            )
            [heading, *rows] = [
                [cell.value for cell in row] for row in rows["Opportunities"]
            ]
            code = self.env.company.currency_id.name
            self.assertEqual(
                heading,
                [
                    *("Opportunity", "Days in Stage", "Closing Date Moved"),
                    f"Expected Revenue ({code})",
                ],
            )
            names = self.env["crm.lead"].browse(page.ids).mapped("name")
            self.assertEqual([row[0] for row in rows], names, sort)
            days = {row[0]: row[1:3] for row in rows}
            self.assertEqual(days["Won"][0], None)
            for deal in deals - deals[-1]:
                expected = [1.5 * (deal.id % 2), deal.id % 3]
                self.assertEqual(days[deal.name], expected)
        # The usual columns are without them.
        [first, *__] = self.written(self.seller)["Opportunities"]
        self.assertNotIn("Days in Stage", [cell.value for cell in first])

    def test_amounts_are_numbers_and_dates_are_dates(self):
        self.seller.tz = "Asia/Kolkata"
        deal = self.opportunity(
            self.seller,
            1234.5,
            name="Deal",
            date_deadline="2026-12-31",
            stage_id=self.stage_won.id,
        )
        deal.date_closed = "2026-11-30 20:15:00"
        old = self.opportunity(self.seller, 2, date_deadline="1899-12-31")
        self.env.cr.flush()
        [rows, __] = self.written(
            self.seller,
            [("id", "in", (deal | old).ids)],
            order="id",
            context={"tz": "Asia/Kolkata"},
        ).values()
        cells = dict(zip((cell.value for cell in rows[0]), rows[1], strict=True))
        self.assertEqual(cells["Value"].value, 1234.5)
        self.assertEqual(cells["Value"].number_format, "#,##0.00")
        self.assertEqual(cells["Expected Closing"].value, datetime(2026, 12, 31))
        self.assertEqual(cells["Expected Closing"].number_format, "yyyy-mm-dd")
        self.assertEqual(cells["Closed On"].value, datetime(2026, 12, 1, 1, 45))
        self.assertEqual(cells["State"].value, "Won")
        self.assertEqual(cells["Salesperson"].value, "Seller")
        # Excel has no such day.
        [__, second] = values(rows)
        self.assertEqual(second["Expected Closing"], "1899-12-31")

    def test_further_sheets_beyond_the_rows_of_one(self):
        deals = [self.opportunity(self.seller, n, name=f"Deal {n}") for n in range(7)]
        found = self.written(self.seller, order="id", options={"max_rows": 4})
        self.assertEqual(
            list(found),
            ["Opportunities", "Opportunities 2", "Opportunities 3", "Definitions"],
        )
        lists = [values(rows) for rows in found.values()][:-1]
        self.assertEqual([len(rows) for rows in lists], [3, 3, 1])
        names = [row["Opportunity"] for rows in lists for row in rows]
        self.assertEqual(names, [deal.name for deal in deals])

    def test_an_empty_list_has_its_headings(self):
        found = self.written(self.seller, [("id", "=", 0)])
        self.assertEqual(values(found["Opportunities"]), [])
        self.assertEqual(found["Opportunities"][0][0].value, "Opportunity")
        # Nothing is found where nothing can be.
        self.assertEqual(
            values(self.written(self.seller, [(0, "=", 1)])["Opportunities"]), []
        )

    def test_a_list_in_the_readers_language_and_direction(self):
        self.env["res.lang"]._activate_lang("ar_001")
        path = self.folder / "list.xlsx"
        with excel_file(str(path), str(self.folder)) as book:
            ExcelList(book, is_rtl=True).write_rows(
                "فرص: 2026", [("اسم", 9)], [["عقد"]]
            )
        sheet = load_workbook(path)["فرص 2026"]
        self.assertTrue(sheet.sheet_view.rightToLeft)

    def test_a_text_longer_than_a_cell(self):
        path = self.folder / "list.xlsx"
        long = "😀" * 20_000
        huge = Amount(Decimal("1e400"), Currency("EUR", 2))
        with excel_file(str(path), str(self.folder)) as book:
            ExcelList(book, False).write_rows("List", [("A", 9)], [[long], [huge]])
        [rows] = sheets(path).values()
        self.assertEqual(rows[1][0].value, long[:16_383])
        self.assertEqual(rows[2][0].value, "1E+400")

    def test_words_persons_and_columns(self):
        self.opportunity(self.seller, 10, name="Glass roof")
        self.opportunity(self.seller, 20, name="Desk")
        self.opportunity(self.manager, 40, name="Glass door")
        found = values(self.written(self.head, text="glass")["Opportunities"])
        self.assertEqual(
            [row["Opportunity"] for row in found], ["Glass door", "Glass roof"]
        )
        question = {
            "text": "glass",
            "person": self.seller.id,
            "columns": ("stage_id", "name", "value", "nothing"),
        }
        [rows, told] = self.written(self.head, **question).values()
        [row] = values(rows)
        code = self.env.company.currency_id.name
        self.assertEqual(
            row,
            {
                "Stage": "New",
                "Opportunity": "Glass roof",
                "Value": 10,
                "Currency": code,
                f"Expected Revenue ({code})": 10,
            },
        )
        told = {row[0].value: row[1].value for row in told}
        self.assertEqual((told["Exported By"], told["Seen As"]), ("Head", "Seller"))
        # Of whom one may not look as, there is nothing.
        question["person"] = self.peer.id
        self.opportunity(self.peer, 80, name="Glass wall")
        found = self.written(self.head, **question)
        self.assertEqual(values(found["Opportunities"]), [])
        # Not even a name.
        self.assertNotIn(
            self.peer.name, [line[1].value for line in found["Definitions"]]
        )

    def test_an_empty_name_is_an_empty_cell(self):
        self.stage_new.name = ""
        self.opportunity(self.seller, 10)
        [row] = values(self.written(self.seller)["Opportunities"])
        self.assertEqual(row["Stage"], "")

    def test_characters_that_xml_does_not_have(self):
        name = "a\x01b\uffffc_x0041_d\u2028e"
        self.opportunity(self.seller, 10, name=name)
        [row] = values(self.written(self.seller)["Opportunities"])
        self.assertEqual(row["Opportunity"][0], "a")
        self.assertEqual(row["Opportunity"][-1], "e")

    def test_what_is_no_list_is_refused(self):
        env = self.reader(self.seller)
        for question in (
            {},
            {"domain": "x"},
            {"domain": PENDING, "sudo": True},
            {"domain": PENDING, "text": "x" * 201},
            {"domain": PENDING, "text": ["x"]},
            {"domain": PENDING, "person": "7"},
            {"domain": PENDING, "columns": [7]},
            {"domain": PENDING, "order": ["id"]},
        ):
            with self.subTest(question), self.assertRaises(UserError):
                ListQuestion.of(env, question)
        opportunities = env["cqrs.opportunity.view"]
        for question in (
            {"domain": PENDING, "order": "id; DROP TABLE x"},
            {"domain": PENDING, "order": "no_field"},
            {"domain": [("no_field", "=", 1)]},
            # Neither half a file nor a run that fails later.
            {"domain": [("value", ">", "x")]},
            {"domain": [("name", "=", "\0")]},
            {"domain": [("closing_date", ">", "today +999999999d")]},
        ):
            with self.subTest(question), self.assertRaises(UserError):
                opportunities.request_excel(question)


@tagged("post_install", "-at_install")
class TestMemoryOfAnExcelFile(Excel):
    def write_file(self, count):
        """Write a file of so many rows; return the most memory that it took, in MB."""
        path = self.folder / f"{count}.xlsx"
        headings = [(f"Column {n}", 16) for n in range(14)]
        day, euro = date(2026, 11, 30), Currency("EUR", 2)
        rows = (
            [f"Deal {n} {m}" for m in range(8)]
            + [Amount(Decimal(n) / 7, euro), day, None, n, "EUR", datetime(2026, 1, 1)]
            for n in range(count)
        )
        tracemalloc.start()
        try:
            with excel_file(str(path), str(self.folder)) as book:
                ExcelList(book, False).write_rows("List", headings, rows)
            return tracemalloc.get_traced_memory()[1] / 2**20
        finally:
            tracemalloc.stop()

    def write_list(self, count):
        """Write a list of so many deals; return totals, the most memory, seconds."""
        self.env.cr.execute(
            """
            INSERT INTO cqrs_opportunity_view
                (id, name, value, currency_id, probability, stage_id, status, active,
                 user_id, company_id, created_at, changed_at, closing_date, version)
            SELECT 1000000000 + n, 'Deal ' || n, n / 7.0, %s, 33.3, %s, 'pending', true,
                   %s, %s, now(), now(), current_date + n %% 90, 1
            FROM generate_series(1, %s) n
            ON CONFLICT (id) DO NOTHING
            """,
            [
                self.env.company.currency_id.id,
                self.stage_new.id,
                self.seller.id,
                self.seller.company_id.id,
                count,
            ],
        )
        env = self.reader(self.seller)
        question = ListQuestion.of(env, {"domain": PENDING})
        path = self.folder / "list.xlsx"
        start = time.monotonic()
        totals = write_list(env, question, str(path), str(self.folder), silent)
        seconds = time.monotonic() - start
        tracemalloc.start()
        try:
            write_list(env, question, str(path), str(self.folder), silent)
            return totals, tracemalloc.get_traced_memory()[1] / 2**20, seconds
        finally:
            tracemalloc.stop()

    def test_the_memory_does_not_grow_with_the_rows(self):
        self.assertLess(self.write_file(2_000), self.write_file(300) + 0.2)

    @unittest.skipUnless(IS_WHOLE, "CRM_CQRS_EXPORTS=all")
    def test_a_file_of_100_000_rows(self):
        totals, few, __ = self.write_list(10_000)
        *__, few_read = self.read_back(totals.amounts[0][0])
        totals, many, seconds = self.write_list(100_000)
        [(label, amount), *__] = totals.amounts
        count, found, many_read = self.read_back(label)
        _logger.info(
            "10,000 rows: %.1f MB; 100,000 rows: %.1f MB, %.1f s, file of %.1f MB;"
            " read back in %.1f and %.1f MB",
            few,
            many,
            seconds,
            (self.folder / "list.xlsx").stat().st_size / 1e6,
            few_read,
            many_read,
        )
        self.assertLess(many, few + 2)
        # openpyxl keeps some bytes of each row that it has read.
        self.assertLess(many_read, few_read + 16)
        self.assertEqual((count, found), (100_000, amount.value))
        # The tile of the same search is added up elsewhere.
        filters = Filters(domain='[["value",">",0]]')
        tile = self.reader(self.seller)["cqrs.metrics"]._read(
            self.seller, filters=filters
        )
        self.assertEqual(found, tile["pipeline_value"])
        self.assertEqual(tile["active_opportunities"], count)
        self.assertEqual(found, Decimal("714292857.14"))

    def read_back(self, label):
        """Return how many rows a file has, a column's sum, and the memory in MB."""
        tracemalloc.start()
        try:
            book = load_workbook(self.folder / "list.xlsx", read_only=True)
            sheet = book["Opportunities"]
            [headings] = sheet.iter_rows(max_row=1, values_only=True)
            at = headings.index(label) + 1
            column = sheet.iter_rows(2, min_col=at, max_col=at, values_only=True)
            numbers = itertools.count()
            found = math.fsum(value for (value,) in column if next(numbers) >= 0)
            total_ = Decimal(repr(found)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            return next(numbers), total_, tracemalloc.get_traced_memory()[1] / 2**20
        finally:
            tracemalloc.stop()
