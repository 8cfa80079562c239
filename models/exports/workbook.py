"""An Excel file of a list, written row by row.

XlsxWriter keeps one row in memory and writes the others to files, so that a list of any
length takes the memory of one row. Texts are written as texts, whatever they look like:
a name ``=HYPERLINK(...)`` is no formula.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from xml.sax.saxutils import escape

from xlsxwriter import Workbook

from .rows import Amount

#: Rows that a sheet of Excel has, that of the names included
MAX_ROWS = 1_048_576
#: UTF-16 units that a cell of Excel has
MAX_TEXT = 32_767
#: Characters of a sheet's name
_MAX_NAME = 31

#: Excel has no day before
_FIRST_DAY = date(1900, 1, 1)

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class ExcelList:
    """Writes the sheets of a list.

    :param max_rows: rows of a sheet; what is beyond goes to further sheets
    """

    def __init__(self, workbook: Workbook, is_rtl: bool, max_rows: int = MAX_ROWS):
        self._workbook = workbook
        self._is_rtl = is_rtl
        self._max_rows = max_rows
        self._bold = workbook.add_format(
            {"bold": True, "text_wrap": True, "valign": "top"}
        )
        self._wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
        self._day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._time = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._amounts: dict[int, object] = {}

    def write_rows(
        self, name: str, headings: list[tuple[str, int]], rows: Iterable[list]
    ) -> int:
        """Write the rows; return how many there are.

        :param headings: text and width of each column
        """
        count, sheet, number = 0, None, 0
        for row in rows:
            if sheet is None or number == self._max_rows:
                if sheet is not None:
                    sheet.autofilter(0, 0, number - 1, len(headings) - 1)
                sheet, number = self._sheet(name, headings), 1
            for place, value in enumerate(row):
                self._write(sheet, number, place, value)
            number += 1
            count += 1
        if sheet is None:
            sheet, number = self._sheet(name, headings), 1
        sheet.autofilter(0, 0, number - 1, len(headings) - 1)
        return count

    def write_definitions(self, name: str, lines: Iterable[tuple]) -> None:
        """Write a sheet of lines, each a heading and a text or an amount."""
        sheet = self._add(name)
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 90)
        for number, (heading, value) in enumerate(lines):
            _write_text(sheet, number, 0, heading, self._bold)
            if isinstance(value, str):
                _write_text(sheet, number, 1, value, self._wrapped)
            else:
                self._write(sheet, number, 1, value)

    def _sheet(self, name: str, headings: list[tuple[str, int]]):
        sheet = self._add(name)
        sheet.freeze_panes(1, 1)
        for place, (text, width) in enumerate(headings):
            sheet.set_column(place, place, width)
            _write_text(sheet, 0, place, text, self._bold)
        return sheet

    def _add(self, name: str):
        """Return a new sheet, under a name that Excel takes and no other sheet has."""
        name = "".join(c for c in name if c not in "[]:*?/\\").strip("'") or "1"
        taken = {each.get_name().lower() for each in self._workbook.worksheets()}
        number, unique = 1, name[:_MAX_NAME]
        while unique.lower() in taken:
            number += 1
            end = f" {number}"
            unique = name[: _MAX_NAME - len(end)] + end
        sheet = self._workbook.add_worksheet(unique)
        if self._is_rtl:
            sheet.right_to_left()
        return sheet

    def _write(self, sheet, row: int, column: int, value):
        if value is None:
            return
        if isinstance(value, Amount):
            self._write_number(sheet, row, column, value.value, self._money(value))
        elif isinstance(value, (int, Decimal)):
            self._write_number(sheet, row, column, value, None)
        elif isinstance(value, date):
            is_day = not isinstance(value, datetime)
            if (value if is_day else value.date()) < _FIRST_DAY:
                _write_text(sheet, row, column, value.isoformat())
            else:
                style = self._day if is_day else self._time
                sheet.write_datetime(row, column, value, style)
        else:
            _write_text(sheet, row, column, str(value))

    def _write_number(self, sheet, row: int, column: int, number, style):
        # Excel has numbers as double precision has them.
        if abs(number) < Decimal("1e300"):
            sheet.write_number(row, column, float(number), style)
        else:
            _write_text(sheet, row, column, str(number))

    def _money(self, amount: Amount):
        digits = amount.currency.decimal_places
        if digits not in self._amounts:
            zeros = f".{digits * '0'}" if digits else ""
            self._amounts[digits] = self._workbook.add_format(
                {"num_format": f"#,##0{zeros}"}
            )
        return self._amounts[digits]


@contextmanager
def excel_file(path: str, folder: str) -> Iterator[Workbook]:
    """Give a workbook, which is a file at the end of the block.

    :param folder: takes what is written meanwhile, and is left by a block that fails
    """
    workbook = Workbook(path, {**_OPTIONS, "tmpdir": folder})
    workbook.use_zip64()
    yield workbook
    workbook.close()


def _write_text(sheet, row: int, column: int, text: str, style=None):
    if len(text) > MAX_TEXT // 2:
        units = text.encode("utf-16-le")[: 2 * MAX_TEXT]
        text = units.decode("utf-16-le", "ignore")
    if text.startswith("<r>") and text.endswith("</r>"):
        # XlsxWriter takes this for marks of its own, and would write it as it is.
        text = f'<r><t xml:space="preserve">{escape(text)}</t></r>'
    sheet.write_string(row, column, text, style)
