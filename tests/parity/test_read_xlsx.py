"""The XLSX reader beside pandas.read_excel (openpyxl): shape, column names, every cell.

The workbooks are written by hand, part by part, after the cases that calamine and Apache POI keep
as files, and by xlsxwriter and openpyxl. Where the two readers differ on purpose the test says what
sluice gives (docs/reading.md).
"""
import datetime
import io
import json
import math
import os
import random
import struct
import subprocess
import zipfile
import zlib
from xml.sax.saxutils import escape, quoteattr

import pytest

pandas = pytest.importorskip("pandas")
openpyxl = pytest.importorskip("openpyxl")

BUILD_DIR = os.environ.get("SLUICE_BUILD_DIR")
TOOL = os.path.join(BUILD_DIR or "", "tests", "unit", "reader", "read_tool")
pytestmark = [pytest.mark.skipif(not BUILD_DIR or not os.path.exists(TOOL),
                                 reason="SLUICE_BUILD_DIR does not name a build with tests/unit/reader/read_tool"),
              pytest.mark.filterwarnings("ignore")]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_OFFICE = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
BOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


class Table:
    def __init__(self, output):
        lines = [json.loads(line) for line in output.decode().split("\n") if line]
        self.columns, self.types, self.dialect = lines[0]["columns"], lines[0]["types"], lines[0]["dialect"]
        self.sha256 = lines[0]["sha256"]
        self.rows = [line[1] for line in lines[1:-1]]
        assert [line[0] for line in lines[1:-1]] == list(range(1, len(self.rows) + 1))
        assert lines[-1] == {"rows": len(self.rows), "records": len(self.rows)}

    def column(self, i):
        return [row[i] for row in self.rows]


def run(path, **options):
    arguments = [TOOL, str(path), *(f"{name}={value}" for name, value in options.items())]
    return subprocess.run(arguments, capture_output=True, timeout=120)


def read(path, **options):
    done = run(path, **options)
    assert done.returncode == 0, done.stderr.decode()
    return Table(done.stdout)


def refused(path, *words, **options):
    done = run(path, **options)
    message = done.stderr.decode()
    assert done.returncode == 1, done.stdout
    assert all(word in message for word in words), message
    assert message.count("\n") == 1
    return message


# --- Writing workbooks ------------------------------------------------------------------------


def c(ref, value=None, type=None, style=None, formula=None):
    """A cell by hand."""
    attributes = f' r="{ref}"' if ref else ""
    attributes += f' s="{style}"' if style is not None else ""
    attributes += f' t="{type}"' if type else ""
    inside = f"<f>{escape(formula)}</f>" if formula else ""
    if type == "inlineStr":
        inside += f'<is><t xml:space="preserve">{escape(value)}</t></is>'
    elif value is not None:
        inside += f"<v>{value if type is None else escape(str(value))}</v>"
    return f"<c{attributes}>{inside}</c>"


def t(ref, text):
    return c(ref, text, "inlineStr")


def row(number, *cells):
    return f'<row r="{number}">{"".join(cells)}</row>' if number else f"<row>{''.join(cells)}</row>"


class Book:
    """The parts of a workbook, any of which may be replaced before save()."""

    def __init__(self, *rows, strings=None, formats=(), styles=(), date1904=False, strict=False, sheets=None,
                 targets=None, before="", after="", prefix=""):
        main, office = (STRICT_MAIN, STRICT_OFFICE) if strict else (MAIN, OFFICE)
        self.sheets = sheets or [("Sheet1", "visible", rows)]
        names = [f"worksheets/sheet{i}.xml" for i, _ in enumerate(self.sheets, 1)]
        overrides = f'<Override PartName="/xl/workbook.xml" ContentType="{BOOK_TYPE}"/>'
        for part, present in (("sharedStrings", strings is not None), ("styles", styles)):
            if present:
                overrides += (f'<Override PartName="/xl/{part}.xml" ContentType='
                              f'"application/vnd.openxmlformats-officedocument.spreadsheetml.{part}+xml"/>')
        self.parts = {
            "[Content_Types].xml": f'<Types xmlns="{TYPES}"><Default Extension="rels" ContentType='
                                   '"application/vnd.openxmlformats-package.relationships+xml"/>'
                                   f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
            "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{office}/officeDocument"'
                           ' Target="xl/workbook.xml"/></Relationships>'}
        links = "".join(f'<Relationship Id="rId{i}" Type="{office}/worksheet" Target="{target}"/>'
                        for i, target in enumerate(targets or names, 1))
        tags = "".join(f'<sheet name={quoteattr(name)} sheetId="{i}" state="{state}" r:id="rId{i}"/>'
                       for i, (name, state, _) in enumerate(self.sheets, 1))
        properties = '<workbookPr date1904="1"/>' if date1904 else "<workbookPr/>"
        self.parts["xl/workbook.xml"] = (f'<workbook xmlns="{main}" xmlns:r="{office}">{properties}'
                                         f"<sheets>{tags}</sheets></workbook>")
        for name, (_, _, content) in zip(names, self.sheets):
            p, namespace = (prefix + ":", f"xmlns:{prefix}") if prefix else ("", "xmlns")
            body = f"<worksheet xmlns:r='{office}'>{before}<sheetData>{''.join(content)}</sheetData>{after}</worksheet>"
            body = body.replace("</", "\0").replace("<", f"<{p}").replace("\0", f"</{p}") if prefix else body
            self.parts["xl/" + name] = body.replace("worksheet", f'worksheet {namespace}="{main}"', 1)
        if strings is not None:
            links += f'<Relationship Id="rIdS" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>'
            self.parts["xl/sharedStrings.xml"] = f'<sst xmlns="{main}">{"".join(strings)}</sst>'
        if styles:
            links += f'<Relationship Id="rIdY" Type="{office}/styles" Target="/xl/styles.xml"/>'
            codes = "".join(f'<numFmt numFmtId="{164 + i}" formatCode={quoteattr(code)}/>'
                            for i, code in enumerate(formats))
            xfs = "".join(f'<xf numFmtId="{number}"/>' for number in styles)
            self.parts["xl/styles.xml"] = (
                f'<styleSheet xmlns="{main}"><numFmts>{codes}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
                f"<cellXfs>{xfs}</cellXfs><dxfs><dxf><numFmt numFmtId=\"164\" formatCode=\"0\"/></dxf></dxfs>"
                "</styleSheet>")
        self.parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>'

    def save(self, path, compression=zipfile.ZIP_DEFLATED, force_zip64=False):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, text in self.parts.items():
                data = text if isinstance(text, bytes) else (HEAD + text).encode()
                with archive.open(zipfile.ZipInfo(name) if compression == zipfile.ZIP_STORED else name, "w",
                                  force_zip64=force_zip64) as part:
                    part.write(data)
        return path


def styled(*codes):
    """Formats and styles so that style i + 1 has codes[i]."""
    return {"formats": codes, "styles": [0, *range(164, 164 + len(codes))]}


# --- Comparing --------------------------------------------------------------------------------


def same(ours, theirs, kind):
    if theirs is None or theirs is pandas.NaT or (isinstance(theirs, float) and math.isnan(theirs)):
        return ours is None
    if isinstance(theirs, bool):
        return ours == (str(theirs).lower() if kind == "text" else theirs)
    if isinstance(theirs, datetime.datetime):
        text = theirs.isoformat()
        return ours in (text, text[:10]) if text.endswith("T00:00:00") else ours == text
    if isinstance(theirs, datetime.time):
        return ours == theirs.isoformat()
    if isinstance(theirs, datetime.timedelta):
        seconds = abs(theirs).total_seconds()
        text = f"{int(seconds // 3600):02}:{int(seconds // 60 % 60):02}:{int(seconds % 60):02}"
        return ours.lstrip("-").startswith(text) and ours.startswith("-") == (theirs < datetime.timedelta())
    if isinstance(theirs, str):
        return ours == theirs or str(ours) == theirs.replace(" ", "T")
    if kind == "text":
        return float(ours) == float(theirs)
    return float(ours) == float(theirs)


def compare(path, sheet=None, **options):
    """Read by both; all cells the same."""
    ours = read(path, **({"sheet": sheet} if sheet else {}), **options)
    theirs = pandas.read_excel(path, sheet_name=sheet or 0, engine="openpyxl")
    assert [str(name) for name in theirs.columns] == ours.columns
    assert len(theirs) == len(ours.rows)
    for i, name in enumerate(theirs.columns):
        values = theirs.iloc[:, i].astype(object).tolist()
        for number, (mine, his) in enumerate(zip(ours.column(i), values), 1):
            assert same(mine, his, ours.types[i]), (name, number, mine, his, ours.types[i])
    return ours


def head(*names):
    return row(1, *(t(f"{chr(65 + i)}1", name) for i, name in enumerate(names)))


# --- Cells ------------------------------------------------------------------------------------


def test_every_type_of_cell(tmp_path):
    book = Book(
        head("number", "shared", "inline", "formula", "bool", "error", "empty", "after"),
        row(2, c("A2", "42"), c("B2", 0, "s"), t("C2", "x < y & z"), c("D2", "sum", "str", formula="A1&B1"),
            c("E2", 1, "b"), c("F2", "#N/A", "e"), c("H2", "1")),
        row(3, c("A3", "-1.5E-3"), c("B3", 1, "s"), t("C3", "  both  "), c("D3", "7", None, formula="A2*2"),
            c("E3", 0, "b"), c("F3", "#DIV/0!", "e", formula="1/0"), c("G3", style=0), c("H3", "2")),
        row(4, c("A4", "0.30000000000000004"), c("B4", 0, "s"), t("C4", ""), c("D4", "", "str", formula='""'),
            c("E4", 1, "b"), c("F4", "#VALUE!", "e"), "<c r='H4'><v>3</v></c>"),
        strings=["<si><t>first</t></si>", '<si><t xml:space="preserve"> second\n</t></si>'])
    table = compare(book.save(tmp_path / "t.xlsx"))
    assert table.types == ["float64", "text", "text", "text", "bool", "null", "null", "int64"]
    assert table.column(1) == ["first", " second\n", "first"]
    assert table.column(2) == ["x < y & z", "  both  ", None]


def test_numbers_are_told_apart_as_pandas_does(tmp_path):
    texts = ["1", "1.0", "1.50", "1E3", "1e+2", "1.5E3", "-0.0", "007", "1E-7", "9007199254740993",
             "12345678901234567", "1.2345678901234567E+19", "0.1", "1.7976931348623157E308", "123.000"]
    book = Book(head(*(f"c{chr(97 + i)}" for i in range(len(texts)))),
                row(2, *(c(None, text) for text in texts)))
    table = compare(book.save(tmp_path / "t.xlsx"))
    assert table.types == ["int64", "int64", "float64", "int64", "int64", "int64", "int64", "int64", "float64",
                           "int64", "int64", "float64", "float64", "float64", "int64"]
    assert table.rows[0][9] == 9007199254740993


def test_rich_text_phonetics_and_white_space(tmp_path):
    strings = ["<si><r><rPr><b/></rPr><t>bold</t></r><r><t xml:space=\"preserve\"> and plain</t></r></si>",
               "<si><t>東京</t><rPh sb=\"0\" eb=\"2\"><t>トウキョウ</t></rPh><phoneticPr fontId=\"1\"/></si>",
               "<si/>", "<si><t/></si>", "<si><t xml:space=\"preserve\">\ttab\n</t></si>",
               "<si><!-- a comment --><t><![CDATA[<raw> & co]]></t></si>", "<si><t>a<?pi?>b<!-- x -->c</t></si>"]
    book = Book(head("text", "n"), *(row(i + 2, c(f"A{i + 2}", i, "s"), c(f"B{i + 2}", i)) for i in range(7)),
                row(9, '<c r="A9" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r><rPh sb="0" eb="1"><t>no</t></rPh>'
                       "</is></c>", c("B9", 7)), strings=strings)
    table = compare(book.save(tmp_path / "t.xlsx"))
    assert table.column(0) == ["bold and plain", "東京", None, None, "\ttab\n", "<raw> & co", "abc", "inline"]


def test_escapes(tmp_path):
    """openpyxl leaves _xHHHH_ as it is; ECMA-376 22.9.2.19 says what it means."""
    texts = {"a_x000D_\nb": "a\r\nb", "_x005F_x000D_": "_x000D_", "_xD83D__xDE00_": "\U0001f600", "_xD83D_": "_xD83D_",
             "_x0041": "_x0041", "a_xb": "a_xb", "_x0000_": "_x0000_", "&#65;&#x42;&lt;": "AB<", "_x0009_x": "\tx"}
    book = Book(head("text"), *(f'<row><c t="inlineStr"><is><t>{text}</t></is></c></row>' for text in texts),
                *(f'<row><c t="str"><v>{text}</v></c></row>' for text in texts),
                *(f'<row><c t="s"><v>{i}</v></c></row>' for i in range(len(texts))),
                strings=[f"<si><t>{text}</t></si>" for text in texts])
    assert read(book.save(tmp_path / "t.xlsx")).column(0) == 3 * list(texts.values())


def test_text_that_looks_like_something_else(tmp_path):
    book = Book(head("zeros", "numbers", "bools", "na"),
                row(2, t("A2", "007"), t("B2", "12"), t("C2", "TRUE"), t("D2", "NA")),
                row(3, t("A3", "010"), t("B3", "5"), t("C3", "False"), t("D3", "n/a")))
    table = read(book.save(tmp_path / "t.xlsx"))
    assert table.column(0) == ["007", "010"]
    assert table.column(3) == [None, None]


def test_gaps_missing_references_and_order(tmp_path):
    book = Book(
        "<row><c t='inlineStr'><is><t>a</t></is></c><c t='inlineStr'><is><t>b</t></is></c></row>",
        row(2, c("C2", 3), c("A2", 1)),                       # backwards, and wider than the header
        row(5, c("B5", 2), c(None, 30), c("B5", 20)),          # a gap of rows; a cell given twice
        "<row><c r='A6'><v>6</v></c><c><v>7</v></c></row>",    # no number
        '<row r="8" spans="1:3"/>', row(9), row(11, c("E11", style=0)),
        before='<dimension ref="A1:B2"/><sheetViews><sheetView workbookViewId="0"/></sheetViews>')
    table = read(book.save(tmp_path / "t.xlsx"))
    assert table.columns == ["a", "b", "Unnamed: 2"]
    assert table.rows == [[1, None, 3], [None] * 3, [None] * 3, [None, 20, 30], [6, 7, None]]


def test_trailing_emptiness_is_trimmed(tmp_path):
    book = Book(head("a", "b"), row(2, c("A2", 1), c("B2", 2), c("F2", style=0), t("G2", "")),
                row(4, c("A4", 3)), row(50, c("A50", style=0)), row(1000, t("A1000", "")))
    assert compare(book.save(tmp_path / "t.xlsx")).rows == [[1, 2], [None, None], [3, None]]


def test_attributes_that_are_empty(tmp_path):
    """calamine's empty_s_attribute."""
    book = Book(head("a", "b"), row(2, '<c r="A2" s=""><v>1</v></c>', '<c r="B2" t="" s=""><v>2.5</v></c>'))
    assert read(book.save(tmp_path / "t.xlsx")).rows == [[1, 2.5]]


def test_errors_count_as_something(tmp_path):
    book = Book(head("a"), row(2, c("A2", 1), c("C2", "#REF!", "e")), row(3, c("B3", "#N/A", "e")))
    assert compare(book.save(tmp_path / "t.xlsx")).columns == ["a", "Unnamed: 1", "Unnamed: 2"]


def test_header(tmp_path):
    book = Book("", row(3, t("B3", "x"), c("C3", "2020"), t("D3", "x"), c("E3", "1.5")), row(4, c("B4", 1), t("C4", "t")))
    table = read(book.save(tmp_path / "t.xlsx"))
    assert table.columns == ["Unnamed: 0", "x", "2020", "x.1", "1.5"]
    assert table.rows == [[None, 1, "t", None, None]]
    assert read(tmp_path / "t.xlsx", header="no").columns == ["0", "1", "2", "3", "4"]


def test_a_table_without_a_header(tmp_path):
    book = Book(row(1, c("A1", 10), t("B1", "x")), row(2, c("A2", 35), t("B2", "y")))
    assert read(book.save(tmp_path / "t.xlsx")).columns == ["0", "1"]
    assert compare(tmp_path / "t.xlsx", header="yes").columns == ["10", "x"]


def test_options(tmp_path):
    """dtypes, columns, na_values and skip_rows, as read_excel's dtype, usecols, na_values and skiprows."""
    book = Book(row(1, t("A1", "a title")), row(2, t("A2", "id"), t("B2", "zip"), t("C2", "n"), t("D2", "note")),
                row(3, c("A3", 1), c("B3", 501), c("C3", "-999"), t("D3", "?")),
                row(4, c("A4", 2), t("B4", "00502"), c("C4", "1.5"), t("D4", "x")),
                row(6, c("A6", 3), c("B6", 503), t("C6", "NA"), t("D6", "none")))
    path = book.save(tmp_path / "t.xlsx")

    def both(options, *arguments):
        done = subprocess.run([TOOL, str(path), "header=yes", *arguments], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        ours, theirs = Table(done.stdout), pandas.read_excel(path, engine="openpyxl", **options)
        assert ours.columns == list(theirs.columns)
        assert ours.rows == theirs.astype(object).where(theirs.notna(), None).values.tolist()
        return ours

    both({"skiprows": 1, "usecols": ["id", "n"]}, "skip_rows=1", "column=id", "column=n")
    ours = both({"skiprows": 1, "na_values": ["?", -999], "usecols": ["n", "note"]}, "skip_rows=1", "na=?", "na=-999",
                "column=n", "column=note")
    assert ours.types == ["float64", "text"] and ours.column(0) == [None, 1.5, None, None]
    ours = both({"skiprows": 1, "dtype": {"id": float, "zip": str}}, "skip_rows=1", "dtype=id:float64", "dtype=zip:text")
    assert ours.types[:2] == ["float64", "text"]
    # 1.5 is no int64: its row is rejected, and the others are taken.
    lines = [json.loads(line) for line in run(path, skip_rows=1, dtype="n:int64").stdout.splitlines()]
    assert [line[1][2] for line in lines[1:-1] if isinstance(line, list)] == [-999, None, None]
    assert [(line["reject"], line["reason"]) for line in lines[1:-1] if isinstance(line, dict)] == [
        (2, "column n: not of the type int64")]
    refused(path, "behind the rows of reader.skip_rows", skip_rows=6)
    refused(path, "reader.columns names the column \"zap\"", "the nearest is \"zip\"", skip_rows=1, column="zap")


@pytest.mark.parametrize("limit", [1, 7, 1 << 20])
def test_skipped_rows_of_a_sheet_that_is_not_kept(tmp_path, limit):
    book = Book(*(row(i, c(f"A{i}", i), t(f"B{i}", f"text {i}")) for i in range(1, 60)))
    path = book.save(tmp_path / "t.xlsx")
    assert read(path, skip_rows=10, header="no", chunk_bytes=limit).column(0) == list(range(11, 60))


def test_types_of_pandas(tmp_path):
    """As read_excel: gaps make whole numbers floats, and dates stay dates."""
    book = Book(head("gap", "day"), row(2, c("A2", 1), c("B2", 43831, style=1)), row(3, c("B3", 43832, style=1)),
                styles=[0, 14])
    path = book.save(tmp_path / "t.xlsx")
    assert read(path).types == ["int64", "date"]
    assert read(path, types="pandas").types == ["float64", "date"]


def test_merged_cells_and_what_is_around_the_rows(tmp_path):
    book = Book(head("a", "b"), row(2, c("A2", 1), c("B2", style=0)), row(3, c("A3", style=0), c("B3", 4)),
                before='<sheetPr/><cols><col min="1" max="2" hidden="1"/></cols>',
                after='<mergeCells count="1"><mergeCell ref="A2:B3"/></mergeCells><extLst><ext><row><c><v>9</v></c></row>'
                      "</ext></extLst>")
    assert read(book.save(tmp_path / "t.xlsx")).rows == [[1, None], [None, 4]]


def test_foreign_elements_comments_and_line_ends(tmp_path):
    book = Book(head("a"), "<!-- <row><c><v>1</v></c></row> -->\r\n  ",
                '<row r="2" x:dy="0.25" xmlns:x="urn:x"><x:c><v>5</v></x:c><?pi <c?><c  r = \'A2\' \n s="0" ><f t="shared" '
                'ref="A1" si="0">A&gt;1</f><v >1</v ><extLst><v>8</v></extLst></c ></row >',
                '<row r="3"><c r="A3" t="inlineStr"><is><t>x\r\ny\rz&#13;</t></is></c></row>',
                '<row r="4"><c r="A4" t="str"><v><![CDATA[a]]>b</v></c></row>')
    assert read(book.save(tmp_path / "t.xlsx")).column(0) == ["1", "x\ny\nz\r", "ab"]


# --- Dates ------------------------------------------------------------------------------------

SERIALS = ["0", "0.5", "1", "1.25", "59", "60", "60.5", "61", "36526", "36526.75", "43831.999988425925", "2958465",
           "44000.123456789", "0.999988425925926", "0.9999999999", "36526.9999999999"]


@pytest.mark.parametrize("code", ["yyyy-mm-dd", "yyyy\\-mm\\-dd hh:mm:ss", "hh:mm:ss", "mm:ss.0", "d.m.yy h:mm AM/PM",
                                  "[$-409]d-mmm-yyyy;@", '"on "dddd', "mmm", '[Red]h"h "mm"m"'])
@pytest.mark.parametrize("date1904", [False, True])
def test_dates_by_format(tmp_path, code, date1904):
    book = Book(head("when"), *(row(i, c(f"A{i}", serial, style=1)) for i, serial in enumerate(SERIALS, 2)),
                date1904=date1904, **styled(code))
    path = book.save(tmp_path / "t.xlsx")
    if not date1904 or code in ("hh:mm:ss", "mm:ss.0", '[Red]h"h "mm"m"'):
        compare(path)
        return
    # Since 1904 day 0 is a date, though openpyxl takes it for a time.
    assert read(path).column(0)[0][:10] == "1904-01-01"
    book = Book(head("when"), *(row(i, c(f"A{i}", serial, style=1)) for i, serial in enumerate(SERIALS[2:11], 2)),
                date1904=True, **styled(code))
    compare(book.save(tmp_path / "t.xlsx"))


@pytest.mark.parametrize("code", ["[h]:mm:ss", "[hh]:mm", "[mm]:ss", "[s]"])
def test_durations(tmp_path, code):
    serials = ["0", "0.5", "1.5", "100.25", "-0.0625", "0.9999999999", "0.000001"]
    book = Book(head("for"), *(row(i, c(f"A{i}", serial, style=1)) for i, serial in enumerate(serials, 2)), **styled(code))
    assert read(book.save(tmp_path / "t.xlsx")).column(0) == ["00:00:00", "12:00:00", "36:00:00", "2406:00:00", "-01:30:00",
                                                              "24:00:00", "00:00:00.086000"]


@pytest.mark.parametrize("code", ["0.00E+00", "General", "0", '0 "days"', "#,##0.00_);[Red]\\(#,##0.00\\)", "@", "0%", "# ?/?",
                                  "[>=100]0;[<=-100]-0;0", '"y"0', "\\d0", "_d0", "*m0", "[Magenta]General", ""])
def test_formats_of_numbers(tmp_path, code):
    book = Book(head("n"), row(2, c("A2", "43831.5", style=1)), **styled(code))
    assert read(book.save(tmp_path / "t.xlsx")).rows == [[43831.5]]


@pytest.mark.parametrize("number, text", [(14, "2020-01-01"), (15, "2020-01-01"), (22, "2020-01-01T00:00:00"), (27, "2020-01-01"),
                                          (45, "2020-01-01T00:00:00"), (46, "1051944:00:00"), (57, "2020-01-01"), (0, 43831),
                                          (1, 43831), (49, 43831)])
def test_built_in_formats(tmp_path, number, text):
    book = Book(head("n"), row(2, c("A2", "43831", style=1)), styles=[0, number])
    table = read(book.save(tmp_path / "t.xlsx"))
    assert table.rows == [[text]]


def test_types_of_dates(tmp_path):
    """A column of days is a date, one with a time in its format a datetime, whatever its values."""
    book = Book(head("day", "moment", "clock", "mixed", "half"),
                *(row(i, c(f"A{i}", 44000 + i, style=1), c(f"B{i}", 44000 + i, style=2), c(f"C{i}", 0.25, style=3),
                      c(f"D{i}", 44000 + i, style=i % 2 + 1), c(f"E{i}", 44000.5 if i == 3 else 44000, style=1))
                  for i in (2, 3, 4)), **styled("yyyy-mm-dd", "yyyy-mm-dd hh:mm", "hh:mm:ss"))
    table = compare(book.save(tmp_path / "t.xlsx"))
    assert table.types == ["date", "datetime", "text", "datetime", "datetime"]
    assert table.rows[0] == ["2020-06-20", "2020-06-20T00:00:00", "06:00:00", "2020-06-20T00:00:00", "2020-06-18T00:00:00"]


def test_dates_beyond_the_calendar_are_missing(tmp_path):
    book = Book(head("d", "n"), *(row(i, c(f"A{i}", serial, style=1), c(f"B{i}", 1))
                                  for i, serial in enumerate(["2958466", "1E300", "-700000", "44000"], 2)), **styled("yyyy-mm-dd"))
    assert read(book.save(tmp_path / "t.xlsx")).column(0) == [None, None, None, "2020-06-18"]


def test_strict_workbook_with_iso_dates(tmp_path):
    book = Book(head("d", "m", "n"), row(2, c("A2", "2020-02-29T00:00:00", "d", 1), c("B2", "2020-02-29T12:30:00.5", "d", 2), c("C2", 1)),
                row(3, c("A3", "2021-03-01", "d", 1), c("B3", "2021-03-01T00:00:00", "d", 2), c("C3", "2.5")), strict=True,
                **styled("yyyy-mm-dd", "yyyy-mm-dd hh:mm"))
    table = read(book.save(tmp_path / "t.xlsx"))
    assert table.types == ["date", "datetime", "float64"]
    assert table.rows == [["2020-02-29", "2020-02-29T12:30:00.500000", 1], ["2021-03-01", "2021-03-01T00:00:00", 2.5]]


# --- Sheets and archives ----------------------------------------------------------------------


def sheets_book():
    return Book(sheets=[("Very hidden", "veryHidden", [head("v"), row(2, c("A2", 0))]),
                        ("Müller & Söhne <2>", "visible", [head("a"), row(2, c("A2", 1))]),
                        ("2", "visible", [head("b"), row(2, c("A2", 2))]),
                        ("hid'den", "hidden", [head("c"), row(2, c("A2", 3))])])


@pytest.mark.parametrize("sheet, value", [(None, 1), ("Müller & Söhne <2>", 1), ("2", 2), ("hid'den", 3), ("HID'DEN", 3),
                                          ("Very hidden", 0), ("1", 0), ("4", 3)])
def test_choosing_a_sheet(tmp_path, sheet, value):
    path = sheets_book().save(tmp_path / "t.xlsx")
    assert read(path, **({"sheet": sheet} if sheet else {})).rows == [[value]]


def test_a_sheet_that_is_not_there(tmp_path):
    message = refused(sheets_book().save(tmp_path / "t.xlsx"), "no sheet", "Very hidden", "hid'den", sheet="Sheet9")
    assert "Müller & Söhne <2>" in message
    refused(tmp_path / "t.xlsx", "no sheet", sheet="5")
    refused(tmp_path / "t.xlsx", "no sheet", sheet="0")


@pytest.mark.parametrize("target", ["worksheets/sheet1.xml", "/xl/worksheets/sheet1.xml", "../xl/./worksheets/sheet1.xml",
                                    "worksheets\\sheet1.xml", "Worksheets/SHEET1.xml", "worksheets/sheet%31.xml"])
def test_targets(tmp_path, target):
    book = Book(head("a"), row(2, c("A2", 1)), targets=[target])
    assert read(book.save(tmp_path / "t.xlsx")).rows == [[1]]


@pytest.mark.parametrize("target", ["../../etc/passwd", "/../x.xml", "file:///etc/passwd", "http://example.com/x.xml", "..", ""])
def test_targets_outside(tmp_path, target):
    book = Book(head("a"), row(2, c("A2", 1)), targets=[target])
    refused(book.save(tmp_path / "t.xlsx"), "outside")


def test_prefixed_names(tmp_path):
    book = Book(head("a", "b"), row(2, c("A2", 1), t("B2", "x & y")), row(3, c("A3", "2.5"), c("B3", "f", "str", formula="1")), prefix="x")
    assert compare(book.save(tmp_path / "t.xlsx")).rows == [[1, "x & y"], [2.5, "f"]]


def test_zip64_stored_and_names_of_old_programs(tmp_path):
    book = Book(head("a"), row(2, c("A2", 1)))
    assert read(book.save(tmp_path / "a.xlsx", force_zip64=True)).rows == [[1]]
    assert read(book.save(tmp_path / "b.xlsx", zipfile.ZIP_STORED)).rows == [[1]]
    del book.parts["[Content_Types].xml"]
    book.parts = {name.replace("/", "\\"): text for name, text in book.parts.items()}
    assert read(book.save(tmp_path / "c.xlsx")).rows == [[1]]


def test_the_name_does_not_matter(tmp_path):
    book = Book(head("a"), row(2, c("A2", 1)))
    assert read(book.save(tmp_path / "table.csv")).rows == [[1]]


def test_charts_have_no_cells(tmp_path):
    book = sheets_book()
    links = book.parts["xl/_rels/workbook.xml.rels"]
    book.parts["xl/_rels/workbook.xml.rels"] = links.replace("/worksheet\" Target=\"worksheets/sheet2", "/chartsheet\" Target=\"worksheets/sheet2")
    path = book.save(tmp_path / "t.xlsx")
    assert read(path).rows == [[2]]
    refused(path, "chartsheet", sheet="Müller & Söhne <2>")


def test_digest_is_of_the_file(tmp_path):
    import hashlib
    path = Book(head("a"), row(2, c("A2", 1))).save(tmp_path / "t.xlsx")
    assert read(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


# --- What is refused --------------------------------------------------------------------------


def test_other_formats(tmp_path):
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    (tmp_path / "old.xls").write_bytes(ole + "Workbook".encode("utf-16le") + bytes(500))
    refused(tmp_path / "old.xls", "XLS", "save")
    (tmp_path / "secret.xlsx").write_bytes(ole + "EncryptedPackage".encode("utf-16le") + bytes(500))
    refused(tmp_path / "secret.xlsx", "password")
    book = Book(head("a"))
    types = book.parts["[Content_Types].xml"]
    book.parts["[Content_Types].xml"] = types.replace(BOOK_TYPE, "application/vnd.ms-excel.sheet.binary.macroEnabled.main")
    refused(book.save(tmp_path / "b.xlsb"), "XLSB", "save")
    book.parts["[Content_Types].xml"] = types.replace(BOOK_TYPE, "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml")
    refused(book.save(tmp_path / "w.docx"), "Word")
    for name, parts, words in (("o.ods", {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"}, "OpenDocument"),
                               ("n.numbers", {"Index/Document.iwa": b"x"}, "iWork"), ("z.zip", {"a.csv": b"a\n1\n"}, "no workbook")):
        book.parts = parts
        refused(book.save(tmp_path / name), words)
    book.parts = {}
    refused(book.save(tmp_path / "e.zip"), "archive")


def test_truncated_and_damaged_archives(tmp_path):
    rng = random.Random(1)
    book = Book(head("a"), *(row(i, c(f"A{i}", rng.random())) for i in range(2, 2000)))
    data = book.save(tmp_path / "t.xlsx").read_bytes()
    for end in range(4, len(data), len(data) // 60):
        (tmp_path / "cut.xlsx").write_bytes(data[:end])
        refused(tmp_path / "cut.xlsx", "copy")
    at = data.index(b"xl/worksheets/sheet1.xml") + 2000
    for broken in (data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:], data[:at] + bytes(40) + data[at + 40:]):
        (tmp_path / "bad.xlsx").write_bytes(broken)
        refused(tmp_path / "bad.xlsx", "sheet1.xml", "damaged")
    stored = bytearray(book.save(tmp_path / "s.xlsx", zipfile.ZIP_STORED).read_bytes())
    at = stored.index(b"<v>0.") + 6
    stored[at] ^= 1
    (tmp_path / "s.xlsx").write_bytes(stored)
    refused(tmp_path / "s.xlsx", "damaged")


def test_encrypted_entries(tmp_path):
    data = bytearray(Book(head("a"), row(2, c("A2", 1))).save(tmp_path / "t.xlsx").read_bytes())
    at = 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        data[at + 8] |= 1
        at += 4
    (tmp_path / "t.xlsx").write_bytes(data)
    refused(tmp_path / "t.xlsx", "password")


def test_zip_bomb(tmp_path):
    book = Book(head("a"), row(2, c("A2", 1)))
    sheet = book.parts["xl/worksheets/sheet1.xml"]
    book.parts["xl/worksheets/sheet1.xml"] = sheet.replace("</worksheet>", " " * (200 << 20) + "</worksheet>")
    refused(book.save(tmp_path / "t.xlsx"), "bomb")


def test_a_directory_that_lies_about_the_length(tmp_path):
    book = Book(head("a"), *(row(i, c(f"A{i}", i)) for i in range(2, 5000)))
    data = bytearray(book.save(tmp_path / "t.xlsx").read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"xl/worksheets/sheet1.xml"))
    for size in (100, 1 << 30):
        struct.pack_into("<I", data, at + 24, size)
        (tmp_path / "t.xlsx").write_bytes(data)
        refused(tmp_path / "t.xlsx", "sheet1.xml")


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml",
                                  "[Content_Types].xml", "xl/_rels/workbook.xml.rels"])
def test_entity_bombs(tmp_path, part):
    book = Book(head("a"), row(2, c("A2", 0, "s")), strings=["<si><t>x</t></si>"], styles=[0])
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    book.parts[part] = bomb + book.parts[part].replace("<t>x</t>", "<t>&b;</t>")
    refused(book.save(tmp_path / "t.xlsx"), "document type", part)


@pytest.mark.parametrize("rows", [
    "<row r='1'><c r='A1'><v>1</v></row>", "<row r='1'><c r='A1'><v>1</c></row>", "<row r='1'><c r='A1'><v>1</v></c>",
    "<row r=1><c><v>1</v></c></row>", "<row r='0'><c><v>1</v></c></row>", "<row r='x'><c><v>1</v></c></row>",
    "<row r='2'><c><v>1</v></c></row><row r='1'><c><v>1</v></c></row>", "<row r='1048577'><c><v>1</v></c></row>",
    "<row><c r='XFE1'><v>1</v></c></row>", "<row><c r='1A'><v>1</v></c></row>", "<row><c r=''><v>1</v></c></row>",
    "<row><c t='s'><v>5</v></c></row>", "<row><c t='s'><v>x</v></c></row>", "<row><c s='-1'><v>1</v></c></row>",
    "<row><c t='str'><v>&nbsp;</v></c></row>", "<row><c t='str'><v>&#0;</v></c></row>", "<row><c t='str'><v>a\x01</v></c></row>",
    "<row><c t='str'><v>&#xD800;</v></c></row>", "<row>text<c/></row>", "<row><c r='XFD1'><v>1</v></c><c><v>2</v></c></row>"])
def test_damaged_sheets(tmp_path, rows):
    refused(Book(rows).save(tmp_path / "t.xlsx"), "")


@pytest.mark.parametrize("damage", [
    lambda sheet: sheet.replace("1", "\udcff").encode(errors="surrogateescape"), lambda sheet: sheet.encode("utf-16"),
    lambda sheet: ('<?xml version="1.0" encoding="ISO-8859-1"?>' + sheet).encode(), lambda sheet: b"", lambda sheet: b"<html/>",
    lambda sheet: sheet.replace(MAIN, "urn:other").encode(), lambda sheet: sheet.encode()[:-30]])
def test_damaged_sheet_parts(tmp_path, damage):
    book = Book(row(1, c("A1", 1), t("B1", "€")))
    book.parts["xl/worksheets/sheet1.xml"] = damage(book.parts["xl/worksheets/sheet1.xml"])
    refused(book.save(tmp_path / "t.xlsx"), "sheet1.xml")


def test_a_sheet_in_utf16(tmp_path):
    """No program writes one; the message says what to do."""
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        book = Book(row(1, c("A1", 1)))
        book.parts["xl/worksheets/sheet1.xml"] = book.parts["xl/worksheets/sheet1.xml"].encode(encoding)
        refused(book.save(tmp_path / "t.xlsx"), "sheet1.xml", 'encoding "UTF-16"', "save it again")


def test_books_that_lack_something(tmp_path):
    for part in ("xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels", "xl/workbook.xml"):
        book = Book(head("a"), row(2, c("A2", 1)))
        del book.parts[part]
        refused(book.save(tmp_path / "t.xlsx"), "")
    refused(Book(row(1, c("A1", style=0))).save(tmp_path / "t.xlsx"), "empty")
    refused(Book().save(tmp_path / "t.xlsx"), "empty")


def test_a_part_that_is_there_twice(tmp_path):
    path = Book(head("a"), row(2, c("A2", 1))).save(tmp_path / "t.xlsx")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    refused(path, "more than once")


def test_wide_sparse_rows(tmp_path):
    """Chunks go by cells, not by the sheet's XML, of which there is next to nothing here."""
    book = Book(head("a"), row(2, c("XFD2", 1)), row(120, c("A120", 1)))
    table = read(book.save(tmp_path / "t.xlsx"))
    assert len(table.columns) == 16384 and len(table.rows) == 119
    assert table.rows[0][-1] == 1 and table.rows[-1][0] == 1
    assert sum(value is not None for values in table.rows for value in values) == 2


# --- Chunks -----------------------------------------------------------------------------------


def many_rows(seed, count):
    rng = random.Random(seed)
    at = 1
    for _ in range(count):
        at += 1 + (rng.random() < 0.1) * rng.randrange(5)
        cells = []
        for column in "ABCDEF":
            kind = rng.randrange(7)
            if kind == 0:
                cells.append(c(f"{column}{at}", rng.randrange(40), "s"))
            elif kind == 1:
                cells.append(t(f"{column}{at}", "x" * rng.randrange(60) + rng.choice(["", "&", "_x_", "ü", "<"])))
            elif kind == 2:
                cells.append(c(f"{column}{at}", rng.random()))
            elif kind == 3:
                cells.append(c(f"{column}{at}", rng.randrange(50000), style=1))
        yield row(at, *cells)


@pytest.mark.parametrize("seed", range(4))
def test_any_chunk_size_gives_the_same(tmp_path, seed):
    book = Book(head(*"abcdef"), *many_rows(seed, 300), strings=[f"<si><t>shared {'s' * i}</t></si>" for i in range(40)],
                **styled("yyyy-mm-dd"))
    path = book.save(tmp_path / "t.xlsx")
    whole = run(path)
    assert whole.returncode == 0, whole.stderr
    for chunk_bytes in (1, 2, 100, 999, 4096, 1 << 20):
        for threads in (1, 3):
            assert run(path, chunk_bytes=chunk_bytes, threads=threads).stdout == whole.stdout
    compare(path)


@pytest.mark.skipif(os.environ.get("SLUICE_SANITIZED") == "1", reason="a large table takes long there")
def test_a_sheet_that_is_not_kept_in_memory(tmp_path):
    """More than 64 MiB of rows: every round goes over the XML again."""
    rng = random.Random(3)
    texts = [format(rng.getrandbits(2000), "x") for _ in range(97)]
    rows = [row(i, c(f"A{i}", i), t(f"B{i}", texts[i % 97]), c(f"C{i}", i % 7, "s"), c(f"D{i}", i + 0.125, style=1))
            for i in range(2, 140_000) if i % 1000]
    book = Book(head(*"abcd"), *rows, strings=[f"<si><t>shared {i}</t></si>" for i in range(7)], **styled("yyyy-mm-dd"))
    table = read(book.save(tmp_path / "t.xlsx"), threads=2)
    assert len(table.rows) == 139_998 and table.types == ["int64", "text", "text", "datetime"]
    for number, (a, b, s, d) in enumerate(table.rows, 2):
        assert [a, b, s] == ([number, texts[number % 97], f"shared {number % 7}"] if number % 1000 else [None] * 3)
    assert table.rows[-1][3] == (datetime.datetime(1899, 12, 30, 3) + datetime.timedelta(139_999)).isoformat()


# --- Other writers ----------------------------------------------------------------------------


def random_value(rng):
    return rng.choice([
        lambda: rng.randrange(-10**6, 10**6), lambda: rng.uniform(-1e6, 1e6), lambda: rng.random() < 0.5, lambda: None,
        lambda: datetime.datetime(1901 + rng.randrange(150), 1 + rng.randrange(12), 1 + rng.randrange(28), rng.randrange(24),
                                  rng.randrange(60), rng.randrange(60)),
        lambda: "".join(rng.choice("abc &<>\"'äß漢\U0001f600\n\t_x") for _ in range(rng.randrange(1, 12))) + "z"])()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("writer", ["openpyxl", "xlsxwriter", "xlsxwriter, constant_memory"])
def test_generated_tables(tmp_path, writer, seed):
    rng = random.Random(seed)
    rows = [[random_value(rng) for _ in range(7)] for _ in range(40)]
    path = tmp_path / "t.xlsx"
    if writer == "openpyxl":
        workbook = openpyxl.Workbook()
        for values in [[f"c{i}" for i in range(7)], *rows]:
            workbook.active.append(values)
        workbook.save(path)
    else:
        xlsxwriter = pytest.importorskip("xlsxwriter")
        workbook = xlsxwriter.Workbook(path, {"constant_memory": "," in writer, "default_date_format": "yyyy-mm-dd hh:mm:ss",
                                              "strings_to_formulas": False})
        sheet = workbook.add_worksheet()
        for i, values in enumerate([[f"c{i}" for i in range(7)], *rows]):
            sheet.write_row(i, 0, values)
        workbook.close()
    compare(path)


def test_pandas_writes_what_is_read(tmp_path):
    frame = pandas.DataFrame({"id": range(50), "name": [f"n{i}" for i in range(50)], "when": pandas.date_range("2020-01-01", periods=50),
                              "value": [i / 7 for i in range(50)], "flag": [i % 3 == 0 for i in range(50)]})
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    table = compare(tmp_path / "t.xlsx")
    assert table.types == ["int64", "text", "datetime", "float64", "bool"]
