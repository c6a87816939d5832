"""Writes the tables of characters that take no column or two on a terminal.

By the Unicode data of the Python that runs it: zero columns for non-spacing and
enclosing marks, format characters and the vowels and finals of Hangul syllables
(they join the letter before them), two for East Asian Width W and F (Unicode
Standard Annex 11).
"""
import sys
import unicodedata


def width(code):
    character = chr(code)
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf") or 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FF:
        return 1 if code == 0xAD else 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def ranges(wanted):
    first = None
    for code in range(0x300, 0x110001):
        inside = code < 0x110000 and width(code) == wanted
        if inside and first is None:
            first = code
        elif not inside and first is not None:
            yield first, code - 1
            first = None


with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write("/* Made by gen_width.py, Unicode %s. */\n" % unicodedata.unidata_version)
    for name, wanted in (("zero_width", 0), ("wide", 2)):
        out.write("static const struct range %s[] = {\n" % name)
        out.writelines("    {0x%04x, 0x%04x},\n" % pair for pair in ranges(wanted))
        out.write("};\n")
