"""Tables that Hypothesis makes, against pandas and scikit-learn."""
import csv
import io
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import compare
import harness
import oracle

EXAMPLES = 15 if harness.SANITIZED else 100
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, derandomize=True,
                    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow,
                                           HealthCheck.data_too_large])
GAP = st.sampled_from(["", "NA", "NaN", "null", "None", "N/A", "#N/A", "-nan", "<NA>", "n/a", "NULL", "nan"])

# Letters, marks, quotes, delimiters, line ends, things from beyond the BMP; no surrogates, no NUL.
TEXT = st.text(st.one_of(st.sampled_from("abcxyzÄß漢🦀 '\"\\,;|\t\n\r{}[]:"), st.characters(
    blacklist_categories=("Cs", "Cc"), max_codepoint=0x1FFFF)), min_size=1, max_size=12)
WHOLE = st.one_of(st.integers(-10, 10), st.integers(-2**53, 2**53), st.integers(-2**62, 2**62)).map(str)
FRACTION = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.floats(-1e15, 1e15).map(repr), st.floats(-1e15, 1e15).map(lambda x: f"{x:.3f}"),
    st.floats(-1e15, 1e15).map(lambda x: f"{x:.6e}"), st.integers(-99, 99).map(str))
DATE = st.dates().map(str)
DATETIME = st.datetimes().map(lambda moment: moment.isoformat(sep="T" if moment.second % 2 else " "))
KINDS = {"whole": WHOLE, "fraction": FRACTION, "flag": st.sampled_from(["True", "False", "true", "false", "TRUE", "FALSE"]),
         "date": DATE, "datetime": DATETIME, "text": TEXT,
         "object": st.dictionaries(st.sampled_from(["a", "it's", "b c"]), st.one_of(
             st.none(), st.booleans(), st.integers(-9, 9), st.text("xy'\" é\\", max_size=5)), max_size=3).map(str),
         "mixed": st.one_of(WHOLE, FRACTION, DATE, TEXT)}


@st.composite
def columns(draw, rows):
    """The texts of one column; a gap is None."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    way = draw(st.sampled_from(["plain", "gaps", "gaps", "few values", "constant"]))
    values = KINDS[kind]
    if way == "constant":
        return [draw(values)] * rows
    if way == "few values":
        values = st.sampled_from(draw(st.lists(values, min_size=1, max_size=4)))
    if way == "gaps":
        values = st.one_of(values, st.none())
    return draw(st.lists(values, min_size=rows, max_size=rows))


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 40))
    drawn = draw(st.lists(columns(rows), min_size=1, max_size=6))
    if draw(st.booleans()):
        drawn.append(list(draw(st.sampled_from(drawn))))  # a duplicated one
    gaps = draw(st.lists(GAP, min_size=len(drawn), max_size=len(drawn)))
    filled = [[gap if text is None else text for text in texts] for texts, gap in zip(drawn, gaps)]
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    if quoting == csv.QUOTE_MINIMAL:
        # Python's writer leaves a lone CR unquoted where the line ends are LF; readers take it for a line end.
        filled = [[text.replace("\r", "") for text in texts] for texts in filled]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=draw(st.sampled_from(",;\t|")),
                        lineterminator=draw(st.sampled_from(["\n", "\r\n"])), quoting=quoting)
    # A column of its own with a number in every row: no line is blank, which readers would skip.
    writer.writerow(["row", *(f"c{number}" for number in range(len(filled)))])
    writer.writerows(zip(range(rows), *filled))
    return out.getvalue(), writer.dialect.delimiter


@SETTINGS
@given(tables(), st.sampled_from(("mean", "median", "most_frequent", "constant", "none")),
       st.sampled_from(("minmax", "standard", "maxabs", "robust", "none")))
def test_tables(cli, client, tmp_path, made, impute, scale):
    text, delimiter = made
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    table = oracle.Table(path, sep=delimiter)
    cli.ok("load", path, "--set", f"prep.impute={impute}", "--set", f"prep.scale={scale}", "--set",
           "reader.header=yes", "--set", "reader.delimiter=" + ("tab" if delimiter == "\t" else delimiter))
    compare.cells(client, "t", table, impute, scale)
    compare.parameters(client, "t", table, impute, scale)
    compare.statistics(client, "t", table)
    assert harness.check_counts(client, "t") == (table.rows, table.rows, 0, 0)


# How a single text is read, and what with it becomes of its column; pandas is asked, not remembered.
SPELLINGS = ["0", "-0", "+5", "007", " 5", "5 ", "1.", ".5", "-.5", "1e5", "1E5", "1e+5", "1e-5", "+1.5e+03", "0.1", "1e22",
             "123456789012345678", "9007199254740993", "9223372036854775807",
             "9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999", "5e-324",
             "2.2250738585072014e-308", "1.7976931348623157e308", "0.30000000000000004",
             "1_000", "1,000", "0x1F", "0b1", "1e", "e5", "1d5", "-", "+", ".", "--1", "1-", "１", "1 2", "1.2.3", "$1",
             "inf", "-inf", "+inf", "Infinity", "INF", "infinity", "T", "yes", "True", "TRUE", "true",
             "2021-13-01", "2021-02-30", "2021-2-3", "2021-02-03", "2021-02-03T04:05:06", "20210203", "03/02/2021",
             "12:30", "None", "none", "NONE", "NA", "na", "N/A", "n/a", "#N/A", "#NA", "-NaN", "-nan", "NaN", "nan", "NAN",
             "Nan", "NULL", "null", "Null", "<NA>", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "#N/A N/A", "?", " ", " NA"]


@pytest.mark.parametrize("beside", ("1.5", "7", "word", "True", "2021-02-03"))
def test_spellings(cli, client, tmp_path, beside):
    """Each spelling in a column with one other value: the type and both values are pandas'."""
    wrong = []
    path = tmp_path / "t.csv"
    # One column each, so that it is one load.
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL)
        writer.writerow([f"c{number}" for number in range(len(SPELLINGS))])
        writer.writerow(SPELLINGS)
        writer.writerow([beside] * len(SPELLINGS))
    table = oracle.Table(path)
    cli.ok("load", path, "--set", "prep.impute=none", "--set", "prep.scale=none", "--set", "reader.header=yes",
           "--set", "reader.delimiter=,")
    got = [json.loads(client.hget("t", str(row))) for row in range(2)]
    for number, column in enumerate(table.stored):
        wanted = [None if isinstance(value, float) and math.isinf(value) else value for value in column.values()]
        found = [row[number] for row in got]
        if not all(compare.equal(value, got, True, 0) for value, got in zip(wanted, found)):
            wrong.append((SPELLINGS[number], beside, "pandas:", wanted, "sluice:", found))
    assert not wrong, "\n" + "\n".join(map(repr, wrong))
