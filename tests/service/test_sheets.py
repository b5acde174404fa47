import csv
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from service.exports import sheets
from service.exports.sheets import NOTES_SHEET, Column, TooManyRows, csv_text, sheet_name, unguarded, xlsx

COLUMNS = [Column("姓名", 12), Column("服务内容", 40), Column("天数")]
PAYLOADS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1:A9)",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "\t=1+1",
    "\n=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.com","x")',
    "http://example.com",
    "mailto:a@example.com",
    "internal:Sheet2!A1",
    "{=SUM(1)}",
    "'=1+1",
    "0012",
    "1e5",
    "_x0041_",
    "<b>&amp;</b>",
    "]]><f>1</f>",
    "a;=1+1",
    'say "hi", =1',
    " leading and trailing ",
    "two\nlines",
]
RARE = ["𠮷田", "𰻝𰻝面", "㐀㛃䶮", "买买提·艾力", "😀", "鿦鿧", "\u3007", "é\u0301", "\u200d"]
MARKUP = ["<r><t>x</t></r>", '<r></r></is></c><c r="B9"><f>1+1</f></c><r></r>', "\x00<r><t>x</t></r>"]


def book_of(data):
    return load_workbook(BytesIO(data))


def table_of(data):
    rows = book_of(data).worksheets[0].iter_rows(values_only=True)
    return [[as_excel_shows(value) for value in row] for row in rows]


def as_excel_shows(value):
    """Undo the escapes of the file format (`_x005F_` is an underscore), which openpyxl leaves to its caller."""
    return unescape(value) if isinstance(value, str) else value


def lines_of(data):
    return list(csv.reader(StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("text", PAYLOADS + RARE)
def test_text_stays_text_in_xlsx_whatever_it_starts_with(text):
    data = xlsx(text, [Column(text)], [[text]], notes=[text])
    for sheet in book_of(data).worksheets:
        cells = [cell for row in sheet.iter_rows() for cell in row]
        assert {cell.data_type for cell in cells} == {"s"}
        assert {as_excel_shows(cell.value) for cell in cells} == {text}
        assert not any(cell.hyperlink for cell in cells)
    assert b"<f>" not in _all_parts(data)


@pytest.mark.parametrize("text", MARKUP)
def test_text_that_looks_like_finished_markup_is_not_taken_for_it(text):
    data = xlsx("表", [Column(text)], [[text]], notes=[text])
    (heading,), (cell,) = table_of(data)
    assert heading == cell == text.replace("\x00", "") + " "
    assert b"<f>" not in _all_parts(data)
    assert book_of(data).worksheets[0].dimensions == "A1:A2"


@pytest.mark.parametrize("text", PAYLOADS + RARE + MARKUP[:2])
def test_csv_guards_what_starts_like_a_formula_and_gives_it_back(text):
    (heading,), (cell,) = lines_of(csv_text([Column(text)], [[text]]))
    assert heading == cell
    assert cell[0] not in "=+-@\t\r\n＝＋－＠"
    assert unguarded(cell) == text


def test_csv_is_utf_8_with_a_mark_quotes_text_and_leaves_numbers_bare():
    data = csv_text(COLUMNS, [["李·雷", "-5", -5], ["", "a;=1", Decimal("2.5")]])
    text = '"姓名","服务内容","天数"\r\n"李·雷","\'-5",-5\r\n"","a;=1",2.5\r\n'
    assert data == b"\xef\xbb\xbf" + text.encode()


@pytest.mark.parametrize(
    ("cell", "in_xlsx", "in_csv"),
    [
        (None, None, ""),
        (True, "是", "是"),
        (False, "否", "否"),
        (0, 0, "0"),
        (-7, -7, "-7"),
        (10**15 - 1, 10**15 - 1, "999999999999999"),
        (445202199001011234, "445202199001011234", "445202199001011234"),
        (-(10**18), "-1000000000000000000", "'-1000000000000000000"),
        (Decimal("12.5"), 12.5, "12.5"),
        (0.25, 0.25, "0.25"),
        (float("nan"), "nan", "nan"),
        (Decimal("NaN"), "NaN", "NaN"),
        (10**400, str(10**400), str(10**400)),
        (float("-inf"), "-inf", "'-inf"),
        (date(2026, 5, 20), "2026-05-20", "2026-05-20"),
        (datetime(2026, 5, 20, 16, 30, tzinfo=UTC), "2026-05-21 00:30", "2026-05-21 00:30"),
        ("a\x00\x01\x0b\x1b\x7f\x85\ufffe\ud800b", "ab", "ab"),
        ("\x00=1+1", "=1+1", "'=1+1"),
        ("a\r\nb\rc", "a\nb\nc", "a\nb\nc"),
    ],
)
def test_cells_of_every_kind(cell, in_xlsx, in_csv):
    columns = [Column("名"), Column("值")]
    assert table_of(xlsx("表", columns, [["x", cell]]))[1:] == [["x", in_xlsx]]
    assert lines_of(csv_text(columns, [["x", cell]]))[1:] == [["x", in_csv]]


def test_the_heading_is_bold_frozen_and_filtered_and_notes_stand_apart():
    sheet, notes = book_of(xlsx("服务日志", COLUMNS, [["甲", "x", 1], ["乙", "y", 2]], ["用途：年度考核"])).worksheets
    assert (sheet.title, notes.title) == ("服务日志", NOTES_SHEET)
    assert [cell.value for cell in sheet[1]] == ["姓名", "服务内容", "天数"]
    assert all(cell.font.bold for cell in sheet[1])
    assert not any(cell.font.bold for cell in sheet[2])
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:C3")
    assert round(sheet.column_dimensions["B"].width) in {40, 41}
    assert [cell.value for cell in notes["A"]] == ["用途：年度考核"]


def test_a_table_without_rows_or_notes_is_a_heading():
    book = book_of(xlsx("空", COLUMNS, []))
    assert len(book.worksheets) == 1
    assert table_of(xlsx("空", COLUMNS, iter(()))) == [["姓名", "服务内容", "天数"]]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("服务日志", "服务日志"),
        ("科" * 40, "科" * 31),
        ("𠮷" * 20, "𠮷" * 15),
        ("揭阳/普宁: 2026[1]*?", "揭阳 普宁 2026 1"),
        ("'引号'", "引号"),
        ("a" * 30 + "'b", "a" * 30),
        ("", "数据"),
        ("///", "数据"),
        ("\x00\ud800", "数据"),
        ("History", "数据"),
        ("=1+1", "=1+1"),
    ],
)
def test_sheet_names_that_excel_takes(title, name):
    assert sheet_name(title) == name
    assert book_of(xlsx(title, COLUMNS, [])).sheetnames == [name]


def test_a_title_like_the_notes_sheet_does_not_clash():
    assert book_of(xlsx(NOTES_SHEET, COLUMNS, [], ["一"])).sheetnames == [NOTES_SHEET, "导出说明"]


@pytest.mark.parametrize("row", [["甲"], ["甲", "x", 1, 2]])
def test_a_row_has_one_cell_a_column(row):
    with pytest.raises(ValueError, match="zip"):
        xlsx("表", COLUMNS, [row])
    with pytest.raises(ValueError, match="zip"):
        csv_text(COLUMNS, [row])


def test_a_moment_without_an_offset_is_refused():
    with pytest.raises(ValueError, match="without an offset"):
        csv_text([Column("t")], [[datetime(2026, 5, 20)]])  # noqa: DTZ001 - the missing offset is the case


def test_more_rows_than_a_sheet_holds_are_refused_not_dropped(monkeypatch):
    monkeypatch.setattr(sheets, "ROWS_MAX", 3)
    assert len(table_of(xlsx("表", [Column("n")], [[n] for n in range(3)]))) == 4
    with pytest.raises(TooManyRows):
        xlsx("表", [Column("n")], [[n] for n in range(4)])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]) | st.sampled_from("\t\n=+-@'<>&_"))))
def test_any_text_comes_back_from_both_files(texts):
    columns = [Column("n"), Column("text")]
    rows = [[n, text] for n, text in enumerate(texts)]
    kept = [(text + " " if text.startswith("<r>") and text.endswith("</r>") else text) or None for text in texts]
    assert [row[1] for row in table_of(xlsx("表", columns, rows))[1:]] == kept
    again = [unguarded(row[1]) for row in lines_of(csv_text(columns, rows))[1:]]
    assert again == texts


def _all_parts(data):
    with zipfile.ZipFile(BytesIO(data)) as parts:
        return b"".join(parts.read(name) for name in parts.namelist())
