#!/usr/bin/python3
"""Make the sample workbook samples/IN_STREAM/AVATAR_SAMPLE.xlsx and its ticket.

  make_avatar_sample.py [--dir DIR] [--ticket]

A table of game avatars as a spreadsheet program writes it: shared strings, dates by number format,
booleans, formulas with their cached values, an error, gaps, a hidden second sheet. Every byte
follows from the seed, so a second run changes nothing. With --ticket only the ticket is written:
that puts it back to READY. Needs nothing but Python's standard library.
"""
import argparse
import datetime
import io
import json
import os
import sys
import zipfile
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from make_samples import Dice, write_atomically  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROWS = 300
TICKET = {"file_name": "AVATAR_SAMPLE.xlsx", "status": "READY", "load_dttm": "2022-02-20:18:18:32",
          "prim_index": "avatar_id"}

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
EPOCH = datetime.datetime(1899, 12, 30)
GENERAL, DAY, MOMENT, PERCENT, CLOCK = range(5)  # cell styles
FORMATS = (0, 14, 164, 10, 21)

COLUMNS = ("avatar_id", "name", "class", "guild", "level", "health", "speed", "accuracy", "is_online", "is_premium",
           "created_on", "last_seen", "play_time", "power", "inventory", "note")
NAMES = "Ælfric Bořivoj Cú_Chulainn D'Artagnan Éowyn Fjölnir Gülşen Håkon Iñigo Jörð Kára Łucja Ngân Øyvind Þórr Zoë".split()
CLASSES = ("Ranger", "Mage", "Rogue", "Tank", "Healer")
GUILDS = ("Night & Day", "<Null>", "The \"Quoted\"", "雪の城", "")
NOTES = ("", "", "", "moved servers", " leading blank", "two\nlines", "banned once", "N/A")
ITEMS = ("sword", "bow", "elf's cloak", "potion", "map")


def serial(when):
    return (when - EPOCH).total_seconds() / 86400


def reference(column, row):
    return f"{chr(65 + column)}{row}"


class Sheet:
    """Rows of cells; texts go to the table of shared strings, each once."""

    def __init__(self):
        self.rows, self.strings, self.uses = [], {}, 0

    def cell(self, column, row, value, style=GENERAL, formula=None):
        if value is None or value == "":
            return ""
        tag = f'<c r="{reference(column, row)}"' + (f' s="{style}"' if style else "")
        inside = f"<f>{escape(formula)}</f>" if formula else ""
        if isinstance(value, bool):
            return f'{tag} t="b">{inside}<v>{int(value)}</v></c>'
        if not isinstance(value, str):
            return f"{tag}>{inside}<v>{value!r}</v></c>"
        if value.startswith("#"):
            return f'{tag} t="e">{inside}<v>{value}</v></c>'
        self.uses += 1
        return f'{tag} t="s"><v>{self.strings.setdefault(value, len(self.strings))}</v></c>'

    def add(self, number, cells):
        self.rows.append(f'<row r="{number}">{"".join(cells)}</row>')

    def xml(self, width):
        last = reference(width - 1, len(self.rows))
        return (f'{HEAD}<worksheet xmlns="{MAIN}"><dimension ref="A1:{last}"/><sheetData>{"".join(self.rows)}</sheetData>'
                '<pageMargins left="0.7" right="0.7" top="0.75" bottom="0.75" header="0.3" footer="0.3"/></worksheet>')

    def strings_xml(self):
        items = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in self.strings)
        return f'{HEAD}<sst xmlns="{MAIN}" count="{self.uses}" uniqueCount="{len(self.strings)}">{items}</sst>'


def inventory(dice):
    return "{'item': \"" + dice.pick(ITEMS) + f"\", 'count': {1 + dice.below(9)}, 'bound': {dice.chance(0.3)}}}"


def avatar_sheet():
    dice, sheet = Dice(18832), Sheet()
    first_day, now = datetime.datetime(2018, 3, 1), datetime.datetime(2022, 2, 1)
    sheet.add(1, [sheet.cell(i, 1, name) for i, name in enumerate(COLUMNS)])
    for row in range(2, ROWS + 2):
        level = 1 + dice.below(80)
        health = None if dice.chance(0.04) else round(50 + level * 7.5 + 20 * dice.bell(), 2)
        speed = None if dice.chance(0.03) else round(dice.between(0.5, 3), 3)
        created = first_day + datetime.timedelta(days=dice.below(1400))
        seen = now + datetime.timedelta(seconds=dice.below(1_500_000))
        power = "#N/A" if health is None or speed is None else round(health * speed, 5)
        values = (1000 + row * 7, dice.pick(NAMES), dice.pick(CLASSES), dice.pick(GUILDS), level, health, speed,
                  None if dice.chance(0.05) else round(dice.between(0.2, 1), 4), dice.chance(0.4),
                  None if dice.chance(0.05) else dice.chance(0.2), serial(created),
                  None if dice.chance(0.03) else serial(seen), round(dice.between(0, 0.99), 8), power,
                  None if dice.chance(0.1) else inventory(dice), dice.pick(NOTES))
        styles = {7: PERCENT, 10: DAY, 11: MOMENT, 12: CLOCK}
        formulas = {13: f"F{row}*G{row}" if power != "#N/A" else f"IF(COUNT(F{row}:G{row})<2,NA(),F{row}*G{row})"}
        sheet.add(row, [sheet.cell(i, row, value, styles.get(i, GENERAL), formulas.get(i))
                        for i, value in enumerate(values)])
    return sheet


def parts():
    sheet = avatar_sheet()
    types = "".join(f'<Override PartName="/xl/{part}.xml" ContentType="{SHEET_TYPE}.{kind}+xml"/>' for part, kind in (
        ("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"), ("worksheets/sheet2", "worksheet"),
        ("styles", "styles"), ("sharedStrings", "sharedStrings")))
    links = "".join(f'<Relationship Id="rId{i}" Type="{OFFICE}/{kind}" Target="{target}.xml"/>' for i, (kind, target) in enumerate((
        ("worksheet", "worksheets/sheet1"), ("worksheet", "worksheets/sheet2"), ("styles", "styles"),
        ("sharedStrings", "sharedStrings")), 1))
    formats = "".join(f'<xf numFmtId="{number}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
                      for number in FORMATS)
    lists = f'<row r="1">{sheet.cell(0, 1, "class")}</row>' + "".join(
        f'<row r="{i}">{sheet.cell(0, i, name)}</row>' for i, name in enumerate(CLASSES, 2))
    return {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.'
                               f'openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>{types}</Types>',
        "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" '
                       'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr defaultThemeVersion="124226"/><sheets>'
                           '<sheet name="Avatars" sheetId="1" r:id="rId1"/><sheet name="Lists" sheetId="2" state="hidden" r:id="rId2"/>'
                           "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>',
        "xl/worksheets/sheet1.xml": sheet.xml(len(COLUMNS)),
        "xl/worksheets/sheet2.xml": f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>{lists}</sheetData></worksheet>',
        "xl/styles.xml": f'{HEAD}<styleSheet xmlns="{MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
                         '</numFmts><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="1"><fill>'
                         '<patternFill patternType="none"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1">'
                         f'<xf numFmtId="0"/></cellStyleXfs><cellXfs count="{len(FORMATS)}">{formats}</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
        "xl/sharedStrings.xml": sheet.strings_xml(),
    }


def workbook(path):
    """Stored, not deflated: what zlib makes of the same bytes differs from version to version."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, text in parts().items():
            archive.writestr(zipfile.ZipInfo(name, (2022, 2, 20, 18, 18, 32)), text.encode("utf-8"))


def main(arguments):
    parser = argparse.ArgumentParser(description="Make the sample workbook and its ticket.")
    parser.add_argument("--dir", default=os.path.join(ROOT, "samples", "IN_STREAM"))
    parser.add_argument("--ticket", action="store_true", help="write the ticket alone")
    options = parser.parse_args(arguments)
    os.makedirs(options.dir, exist_ok=True)
    files = {"AVATAR_SAMPLE.ticket": (json.dumps(TICKET, ensure_ascii=False) + "\n").encode("utf-8")}
    if not options.ticket:
        data = io.BytesIO()
        workbook(data)
        files["AVATAR_SAMPLE.xlsx"] = data.getvalue()
    for name, data in files.items():
        changed = write_atomically(os.path.join(options.dir, name), data)
        print(f"{'wrote' if changed else 'kept '} {name} ({len(data):,} bytes)")


if __name__ == "__main__":
    main(sys.argv[1:])
