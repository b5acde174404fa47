"""Tables as files for other offices: XLSX and CSV in which text stays text, whatever people typed (R-REP-2)."""

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO

import xlsxwriter

from rules.calendar import SHANGHAI

Cell = str | int | float | Decimal | date | None
"""What a row may hold: `bool` (an int) is written 是/否, an aware `datetime` (a date) in Shanghai time, dates ISO."""

ROWS_MAX = 1_048_575  # what an XLSX sheet holds below its heading
SHEET_NAME_MAX = 31  # UTF-16 units, as Excel counts
EXACT_IN_EXCEL = 10**15  # longer whole numbers lose their last digits in a spreadsheet and go as text
NOTES_SHEET = "说明"

# What XML 1.0 cannot hold, the other control characters, and lone surrogates, which no encoding can.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and its width in characters (an XLSX matter)."""

    heading: str
    width: float = 14


class TooManyRows(ValueError):
    """More rows than one sheet holds; the caller has to narrow the export."""


def xlsx(title: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], notes: Sequence[str] = ()) -> bytes:
    """Write a table as an XLSX workbook: bold frozen heading with a filter, no formula, no link, text as it was typed.

    :param title: names the sheet, as far as Excel allows.
    :param notes: lines such as purpose, period, exporter; they go on a sheet of their own, so the table stays a table.
    :raises TooManyRows: beyond what a sheet holds.
    :raises ValueError: if a row has not one cell a column, or a moment has no offset.
    """
    file = BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options | {"strings_to_numbers": False}) as book:
        name = sheet_name(title)
        sheet = book.add_worksheet(name)
        bold = book.add_format({"bold": True})
        for at, column in enumerate(columns):
            sheet.set_column(at, at, column.width)
            sheet.write_string(0, at, _xlsx_text(column.heading), bold)
        sheet.freeze_panes(1, 0)
        last = 0
        for last, row in enumerate(rows, start=1):
            if last > ROWS_MAX:
                raise TooManyRows
            for at, (_, cell) in enumerate(zip(columns, row, strict=True)):
                _write_cell(sheet, last, at, cell)
        sheet.autofilter(0, 0, last, max(len(columns) - 1, 0))
        if notes:
            _write_notes(book.add_worksheet(NOTES_SHEET if name != NOTES_SHEET else "导出说明"), notes)
    return file.getvalue()


def _write_cell(sheet: xlsxwriter.worksheet.Worksheet, row: int, at: int, cell: Cell) -> None:
    value = _value(cell)
    if not isinstance(value, str):
        sheet.write_number(row, at, value)
    elif value:
        sheet.write_string(row, at, _xlsx_text(value))


def _write_notes(sheet: xlsxwriter.worksheet.Worksheet, notes: Sequence[str]) -> None:
    sheet.set_column(0, 0, 80)
    for row, note in enumerate(notes):
        sheet.write_string(row, 0, _xlsx_text(note))


def sheet_name(title: str) -> str:
    """Make a title a name that Excel takes for a sheet: no brackets, colons, slashes, `*` or `?`, 31 units at most."""
    name = re.sub(r"[\[\]:*?/\\\s]+", " ", _printable(title)).strip(" '")
    while len(name.encode("utf-16-le")) // 2 > SHEET_NAME_MAX:
        name = name[:-1]
    # Excel keeps the name History for itself.
    return name.strip(" '") if name.strip(" '").lower() not in {"", "history"} else "数据"


def csv_text(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write a table as CSV that spreadsheets show in Chinese (UTF-8 with a byte order mark) and without formulas.

    Text that starts like a formula gets a `'` before it; `unguarded` takes it off again on import. All text is quoted.

    :raises ValueError: if a row has not one cell a column, or a moment has no offset.
    """
    out = StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([_guarded(_printable(column.heading)) for column in columns])
    for row in rows:
        values = [_value(cell) for _, cell in zip(columns, row, strict=True)]
        writer.writerow([_guarded(value) if isinstance(value, str) else value for value in values])
    return out.getvalue().encode("utf-8-sig")


def unguarded(text: str) -> str:
    """Take off the `'` that `csv_text` put before text that starts like a formula."""
    return text[1:] if text.startswith("'") and _guarded(text) != text else text


def _guarded(text: str) -> str:
    # Text that itself starts with ' before such a sign gets one more, so that taking one off gives it back.
    return "'" + text if text.lstrip("'").startswith(_FORMULA_STARTS) else text


def _value(cell: Cell) -> str | int | float | Decimal:
    """Turn a cell into text or a number that a spreadsheet keeps exactly."""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, int | float | Decimal):
        finite = isinstance(cell, int) or math.isfinite(cell)
        return cell if finite and -EXACT_IN_EXCEL < cell < EXACT_IN_EXCEL else str(cell)
    if isinstance(cell, datetime):
        if cell.utcoffset() is None:
            raise ValueError("a moment without an offset has no Shanghai time")
        return cell.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return cell.isoformat() if isinstance(cell, date) else _printable(cell or "")


def _printable(text: str) -> str:
    """Remove control characters other than tabs and line breaks, which all become line feeds."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _xlsx_text(text: str) -> str:
    """Keep xlsxwriter from taking text for finished markup: it writes a string in `<r>…</r>` as it is, formulas too."""
    printable = _printable(text)
    return printable + " " if printable.startswith("<r>") and printable.endswith("</r>") else printable
