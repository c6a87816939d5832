"""The CSV reader beside pandas.read_csv: shape, column names, types, every cell.

Where the two differ on purpose (docs/reading.md, "Differences from pandas"), the difference itself
is checked: it has to be one of the list, and to have its reason in the column's texts.
"""
import io
import json
import math
import os
import re
import subprocess

import pytest

pandas = pytest.importorskip("pandas")
hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings, strategies as st  # noqa: E402

BUILD_DIR = os.environ.get("SLUICE_BUILD_DIR")
TOOL = os.path.join(BUILD_DIR or "", "tests", "unit", "reader", "read_tool")
pytestmark = pytest.mark.skipif(not BUILD_DIR or not os.path.exists(TOOL),
                                reason="SLUICE_BUILD_DIR does not name a build with tests/unit/reader/read_tool")


class Table:
    def __init__(self, output):
        # Minus zero is no integer, though it looks like one.
        lines = [json.loads(line, parse_int=lambda text: -0.0 if text == "-0" else int(text))
                 for line in output.decode().split("\n") if line]
        head, tail = lines[0], lines[-1]
        self.columns, self.types = head["columns"], head["types"]
        self.rows = [line[1] for line in lines[1:-1] if isinstance(line, list)]
        self.rejects = [line for line in lines[1:-1] if isinstance(line, dict)]
        assert tail == {"rows": len(self.rows), "records": len(self.rows) + len(self.rejects)}

    def column(self, i):
        return [row[i] for row in self.rows]


def read(path, **options):
    arguments = [TOOL, str(path), *(f"{name}={value}" for name, value in options.items())]
    done = subprocess.run(arguments, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return Table(done.stdout)


def is_missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


LEADING_ZERO = re.compile(r"\s*[+-]?0[0-9]")
WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*$")
LONG = re.compile("[0-9]{19}")


def is_number(text):
    try:
        return bool(text.isascii()) and "_" not in text and not math.isnan(float(text))
    except ValueError:
        return False


def loses_as_number(text):
    """Why a column of numbers stays text: a leading zero, a whole number that a double would round,
    digits that are beyond any double."""
    if LEADING_ZERO.match(text):
        return True
    if "inf" not in text.lower() and math.isinf(float(text)):
        return True
    return bool(WHOLE.match(text)) and (int(text) != int(float(text)) or abs(int(text)) > 2**64)


def check_numbers(ours, theirs, texts, kind):
    for our, their, text in zip(ours, theirs, texts):
        if our is None:
            assert is_missing(text)
        elif isinstance(their, str):
            assert our == int(their) if kind == "uint64" else float(our) == float(their)
        else:
            assert float(our) == float(their) if kind == "float64" or isinstance(their, float) else our == their
            assert math.copysign(1, our) == math.copysign(1, their) or kind != "float64"


def check_column(ours, theirs, texts, kind):
    values = theirs.tolist()
    missing = [is_missing(text) for text in texts]
    assert [value is None for value in ours] == missing
    # Where pandas gives up on numbers, it forgets what is missing, too.
    numbers_given_up = theirs.dtype == object and all(
        is_number(text) for text in texts if not is_missing(text))
    assert numbers_given_up or [is_missing(value) for value in values] == missing
    present = [text for text in texts if not is_missing(text)]
    if kind == "null":
        assert all(missing)
    elif kind in ("int64", "uint64", "float64"):
        check_numbers(ours, values, texts, kind)
        if numbers_given_up:
            # Digits past int64: beside a negative number, beside a gap, or before a point.
            assert any(LONG.search(text) for text in present)
        elif not any(missing):
            assert str(theirs.dtype) == kind
    elif kind == "bool":
        assert all(text.strip().lower() in ("true", "false") for text in present)
        assert [None if m else value.strip().lower() == "true" for m, value in zip(missing, texts)] == ours
        if theirs.dtype == bool:
            assert values == ours
    elif kind in ("date", "datetime"):
        # pandas 2 wants to be told that the forms differ; 1.5 does not know the word.
        forms = {} if pandas.__version__.startswith("1.") else {"format": "ISO8601"}
        stamps = pandas.to_datetime(pandas.Series(present, dtype=object), utc=True, **forms)
        assert [stamp.tz_localize(None) for stamp in stamps.dt.floor("us")] == \
            [pandas.Timestamp(value) for value in ours if value is not None]
    else:
        assert kind == "text"
        assert [None if m else text for m, text in zip(missing, texts)] == ours
        if theirs.dtype != object:
            assert any(loses_as_number(text) for text in present), (texts, theirs.dtype)


def compare(path, text, na=(), keep_default_na=True, delimiter=",", **options):
    pandas_options = dict(sep=delimiter, index_col=False, na_values=list(na) or None,
                          keep_default_na=keep_default_na, low_memory=False)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    theirs = pandas.read_csv(path, float_precision="round_trip", **pandas_options)
    texts = pandas.read_csv(path, dtype=str, **pandas_options)
    arguments = dict(header="yes", delimiter=delimiter, keep_default_na=int(keep_default_na), **options)
    ours = read(path, **arguments) if not na else read_with_na(path, na, **arguments)
    assert ours.rejects == []
    assert ours.columns == list(theirs.columns)
    assert (len(ours.rows), len(ours.columns)) == theirs.shape
    for i, kind in enumerate(ours.types):
        check_column(ours.column(i), theirs.iloc[:, i], texts.iloc[:, i].tolist(), kind)
    return ours


def check_as_pandas(ours, theirs, texts, kind):
    """With reader.types=pandas: its type and its cells. Left over are digits past int64, alone or before a point,
    beside gaps, negative ones and fractions, where pandas' choice hangs on their order; booleans with gaps,
    which its object column holds as booleans, too; and a column without values."""
    present = [text for text in texts if not is_missing(text)]
    values = [None if is_missing(value) else value for value in theirs.tolist()]
    if any(LONG.search(text) for text in present) and (kind != "uint64" or theirs.dtype == object):
        return
    if kind == "null":
        assert not present and theirs.dtype in (float, object)
    elif kind == "bool":
        assert theirs.dtype == (bool if len(present) == len(texts) else object)
        assert ours == values
    elif kind == "text":
        assert theirs.dtype == object
        assert ours == [None if is_missing(text) else text for text in texts]
    else:
        assert str(theirs.dtype) == kind
        # JSON has one form of number: 1e16 comes as an integer.
        as_read = float if kind == "float64" else int
        assert [None if value is None else (as_read(value), math.copysign(1, value)) for value in ours] == \
            [None if value is None else (value, math.copysign(1, value)) for value in values]


def compare_types(path, text, **options):
    pandas_options = dict(index_col=False, low_memory=False)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    theirs = pandas.read_csv(path, float_precision="round_trip", **pandas_options)
    texts = pandas.read_csv(path, dtype=str, **pandas_options)
    ours = read(path, header="yes", delimiter=",", types="pandas", **options)
    assert ours.columns == list(theirs.columns) and (len(ours.rows), len(ours.columns)) == theirs.shape
    for i, kind in enumerate(ours.types):
        check_as_pandas(ours.column(i), theirs.iloc[:, i], texts.iloc[:, i].tolist(), kind)
    return ours


def read_with_na(path, na, **options):
    arguments = [TOOL, str(path), *(f"{name}={value}" for name, value in options.items()),
                 *(f"na={text}" for text in na)]
    done = subprocess.run(arguments, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return Table(done.stdout)


# The cases of csv-spectrum and of csv-test-data, written anew, and more of the kind.
CORPUS = {
    "simple": "a,b,c\n1,2,3\n",
    "simple crlf": "a,b,c\r\n1,2,3\r\n",
    "simple cr": "a,b,c\r1,2,3\r",
    "no line end": "a,b,c\n1,2,3",
    "comma in quotes": 'first,last,address,city,zip\nJohn,Doe,120 any st.,"Anytown, WW",08123\n',
    "empty": 'a,b,c\n1,"",""\n2,3,4\n',
    "empty crlf": 'a,b,c\r\n1,"",""\r\n2,3,4\r\n',
    "escaped quotes": 'a,b\n1,"ha ""ha"" ha"\n3,4\n',
    "json": 'key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n',
    "location coordinates": "Contact Phone Number,Location Coordinates,Cities,Counties\n"
                            'tel 1,"37�36\'37.8""N 121�2\'17.9""W",Modesto,Stanislaus\n',
    "newlines": 'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
    "newlines crlf": 'a,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n7,8,9\r\n',
    "quotes and newlines": 'a,b\n1,"ha \n""ha"" \nha"\n3,4\n',
    "utf8": "a,b,c\n1,2,3\n4,5,ʤ\n",
    "all empty": "a,b,c\n,,\n,,\n",
    "empty field": "a,b,c\n1,,3\n,5,\n",
    "empty fields of one column": "a\n1\n\n2\n\n",
    "one column": "a\n1\n2\n",
    "one column quoted empty": 'a\n"1"\n""\n"2"\n',
    "leading space": "a, b,c\n 1, x ,3\n",
    "trailing space": "a ,b \n1 ,x \n2 ,y \n",
    "trailing newlines": "a,b\n1,2\n\n\n",
    "quotes empty": '"","b"\n"",""\n"","x"\n',
    "quotes with space": '" a ","b"\n" x "," y"\n',
    "quoted header": '"a,1","b\n2","c ""3"""\n1,2,3\n',
    "quote inside a field": 'a,b\n1,x"y\n2,x""y\n3,"\n4,"\n',
    "text behind a quote": 'a,b\n1,"x"y\n2,"x"y"z"\n3,"x" \n4,""x\n',
    "space before a quote": 'a,b\n1, "x"\n2, "y\n',
    "blank lines between": "a,b\n\n1,2\n   \n3,4\n\t\n5,6\n \t \n",
    "blank lines before": "\n \n\na,b\n1,2\n",
    "byte order mark": b"\xef\xbb\xbfa,b\n1,2\n",
    "byte order mark and quote": b'\xef\xbb\xbf"a",b\n1,2\n',
    "mixed line ends": "a,b\n1,2\r\n3,4\r5,6\n\r7,8\r\r9,0",
    "duplicate names": "a,a,b,a,a.1,,,a\n1,2,3,4,5,6,7,8\n",
    "made-up names": "Unnamed: 1,,Unnamed: 1.1,,\n1,2,3,4,5\n",
    "header alone": "a,b,c\n",
    "integers": "a,b,c\n0,-0,+7\n9223372036854775807,-9223372036854775808,12\n",
    "unsigned": "a,b\n18446744073709551615,1\n0,9223372036854775808\n",
    "unsigned and negative": "a,b\n-1,x\n9223372036854775808,y\n",
    "unsigned, negative, fraction": "a,b\n-1,x\n9223372036854775808,y\n0.5,z\n",
    "too big": "a,b\n18446744073709551616,x\n1,y\n",
    "too big and fraction": "a,b\n18446744073709551617,x\n1.5,y\n",
    "floats": "a\n0.1\n-1.5e-3\n1E5\n.5\n5.\n1e-400\n4.9e-324\n2.2250738585072011e-308\n1.7976931348623157e308\n",
    "infinite": "a,b\ninf,-inf\nInfinity,+Infinity\n1,INF\n",
    "out of range": "a,b\n1e400,1\n2,3\n",
    "gaps": "a,b,c\n1,1.5,True\n,,\n3,2.5,False\n",
    "leading zeros": "zip,n\n01234,1\n56789,2\n",
    "booleans": "a,b,c,d\nTrue,true,TRUE,yes\nFalse,false,FALSE,no\n",
    "booleans and numbers": "a,b\nTrue,1\n1,True\n",
    "numbers with blanks": "a,b,c\n 1,1 , 1.5 \n2 , 2,2.5\n",
    "no numbers": "a,b,c,d,e\n1_000,0x10,1e,--1,1.5.2\n",
    "missing texts": "a,b\n" + "".join(f"{text},x\n" for text in (
        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
        "NA", "NULL", "NaN", "n/a", "nan", "null", "", '"NA"', '""', "5")),
    "almost missing texts": "a\nna\n NA\nNA \nnone\nNul\n-\n?\n",
    "dates": "a,b,c\n2020-02-29,2020-01-01 10:00:00,2020-01-01T10:00:00.123456\n1999-12-31,2020-01-02 00:00,"
             "2020-01-01T10:00:00\n",
    "offsets": "a,b\n2020-01-01T10:00:00Z,x\n2020-01-01T10:00:00+02:00,y\n",
    "no dates": "a,b,c\n2020-02-30,2020-1-1,01/02/2020\n2020-02-29,2020-01-01,2020-01-01\n",
    "wide cells": "a,b\n" + "x" * 5000 + "," + '"' + "y\n" * 5000 + '"\n',
}


# What csv-test-data calls bad: None when the file is refused, else the rows that are rejected.
BAD = {
    "header with less fields": ("a,b\n1,2,3\n4,5\n", [1]),
    "header with more fields": ("a,b,c\n1,2\n4,5,6\n", [1]),
    "missing quote": ('a,b\n1,"2\n3,4\n', None),
    "unescaped quote in quotes": ('a,b\n1,"x "y" z"\n2,w\n', []),
    "unescaped quote": ('a,b\n1,x "y" z\n2,w\n', []),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_corpus(tmp_path, name):
    """pandas bends the first two, refuses the third, and reads the others as they are read here."""
    text, rejected = BAD[name]
    path = tmp_path / "t.csv"
    path.write_text(text)
    if rejected is None:
        done = subprocess.run([TOOL, str(path), "header=yes"], capture_output=True, timeout=60)
        assert done.returncode == 1
        assert b"row 1: the row that starts at byte 4 does not end: a quote is opened and never closed" in done.stderr
        with pytest.raises(pandas.errors.ParserError):
            pandas.read_csv(path)
    elif rejected:
        ours = read(path, header="yes")
        assert [reject["reject"] for reject in ours.rejects] == rejected and len(ours.rows) == 1
    else:
        compare(path, text)


@pytest.mark.parametrize("name", CORPUS)
def test_corpus(tmp_path, name):
    compare(tmp_path / "t.csv", CORPUS[name])


@pytest.mark.parametrize("name", CORPUS)
def test_corpus_with_pandas_types(tmp_path, name):
    compare_types(tmp_path / "t.csv", CORPUS[name])


def test_pandas_types(tmp_path):
    """Each line of the list of differences that is about types, in both settings."""
    text = ("zip,gap,mixed,far,flag,day,time,neg\n"
            "007,1,9007199254740993,-1e400, True,2020-01-01,2020-01-01T10:00:00,-1\n"
            "010,,0.5,1,False,2020-01-02,2020-01-01 10:00:00Z,\n")
    ours = compare_types(tmp_path / "t.csv", text)
    assert ours.types == ["int64", "float64", "float64", "float64", "text", "text", "text", "float64"]
    assert read(tmp_path / "t.csv").types == ["text", "int64", "text", "text", "bool", "date", "datetime", "int64"]
    # What a column is said to be goes before it.
    chosen = read(tmp_path / "t.csv", types="pandas", dtype="day:date")
    assert chosen.types[5] == "date"
    chosen = read(tmp_path / "t.csv", types="pandas", dtype="gap:int64")
    assert chosen.types[1] == "int64" and chosen.column(1) == [1, None]


@pytest.mark.parametrize("types", ["sluice", "pandas"])
def test_missing_texts_that_are_numbers_in_a_style(tmp_path, types):
    (tmp_path / "t.csv").write_text("a;b\n1,5;007\n-9,99;1\n2,5;2\n")
    ours = read_with_na(tmp_path / "t.csv", ["-9,99", "007"], delimiter=";", decimal=",", leading_zeros=1, types=types)
    assert ours.rows == [[1.5, None], [None, 1], [2.5, 2]]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ":", "^"])
def test_delimiters(tmp_path, delimiter):
    text = CORPUS["comma in quotes"].replace(",", delimiter)
    compare(tmp_path / "t.csv", text, delimiter=delimiter)
    compare(tmp_path / "t.csv", CORPUS["newlines"].replace(",", delimiter), delimiter=delimiter)
    blank = f"a{delimiter}b\n1{delimiter}2\n \n{delimiter}\n \t\n3{delimiter}4\n"
    if delimiter != "\t":
        compare(tmp_path / "t.csv", blank, delimiter=delimiter)


def test_without_quotes(tmp_path):
    text = 'a,b\n1,"x\n2,y"\n"3",z\n'
    (tmp_path / "t.csv").write_text(text)
    theirs = pandas.read_csv(io.StringIO(text), quoting=3)
    ours = read(tmp_path / "t.csv", header="yes", delimiter=",", quote="")
    assert ours.rows == theirs.astype(object).values.tolist()


def test_missing_values_by_option(tmp_path):
    text = "a,b,c\n-999,?,NA\n1,x,-999\n2,-999,y\n"
    compare(tmp_path / "t.csv", text, na=["-999", "?"])
    compare(tmp_path / "t.csv", "a,b\nx,?\nNA,y\n", na=["?"], keep_default_na=False)


def test_encodings(tmp_path):
    text = "name,n\nJosé,1\n\"Zoë\n€\",2\n😀,3\n"
    for encoding, option in (("utf-16", "auto"), ("utf-16-le", "utf-16le"), ("utf-16-be", "utf-16be")):
        (tmp_path / "t.csv").write_bytes(text.encode(encoding))
        theirs = pandas.read_csv(tmp_path / "t.csv", encoding=encoding)
        ours = read(tmp_path / "t.csv", encoding=option)
        assert ours.columns == list(theirs.columns) and ours.rows == theirs.values.tolist()
    latin = "name,n\nJosé,1\nÿ\xa0,2\n"
    (tmp_path / "t.csv").write_bytes(latin.encode("latin-1"))
    theirs = pandas.read_csv(tmp_path / "t.csv", encoding="latin-1")
    assert read(tmp_path / "t.csv", encoding="latin-1").rows == theirs.values.tolist()


def test_decimal_thousands_and_skipped_rows(tmp_path):
    text = "a title; that is \"skipped\nname;n;m\nx;1.234,5;1.234.567\ny;-0,25;8\nz;;9\n"
    (tmp_path / "t.csv").write_text(text)
    theirs = pandas.read_csv(tmp_path / "t.csv", sep=";", decimal=",", thousands=".", skiprows=1)
    ours = read(tmp_path / "t.csv", delimiter=";", decimal=",", thousands=".", skip_rows=1)
    assert ours.columns == list(theirs.columns) and ours.types == ["text", "float64", "int64"]
    assert ours.rows == theirs.astype(object).where(theirs.notna(), None).values.tolist()


def with_none(table):
    return table.astype(object).where(table.notna(), None).values.tolist()


def run_both(path, text, pandas_options, *options):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    theirs = pandas.read_csv(path, low_memory=False, **pandas_options)
    done = subprocess.run([TOOL, str(path), "header=yes", "delimiter=,", *options], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    ours = Table(done.stdout)
    assert ours.columns == list(theirs.columns)
    assert ours.rows == with_none(theirs)
    return ours


ESCAPED = {
    "delimiter": "a,b\n1\\,5,x\n2,y\\\\\n",
    "quote": 'a,b\n"p\\"q",\\"r\n"s""t",u\n',
    "line end": "a,b\nx\\\ny,1\n\"z\\\n\",2\n",
    "behind a closing quote": 'a,b\n"x"\\,y\n"x"\\\\\\,y\n"x"y\\,z,w\n',
    "ordinary": "a,b\n\\x,\\N\n\\NA,\\1\n",
    "in the header": 'a\\,b,"c\\"d"\r\n1,2\r\n',
}


@pytest.mark.parametrize("name", ESCAPED)
def test_escapes(tmp_path, name):
    run_both(tmp_path / "t.csv", ESCAPED[name], {"escapechar": "\\"}, "escape=\\")


@settings(max_examples=int(os.environ.get("SLUICE_EXAMPLES", 150)), deadline=None, derandomize=True,
          suppress_health_check=list(hypothesis.HealthCheck))
@given(cells=st.lists(st.tuples(*[st.text(st.sampled_from(list('a",\\\n#')), max_size=6)] * 2), max_size=6),
       quote=st.booleans(), chunk_bytes=st.sampled_from([1, 17, 1 << 20]))
def test_generated_escapes(tmp_path_factory, cells, quote, chunk_bytes):
    def escaped(cell):
        cell = re.sub(r'([",\\\n])', r"\\\1", "x" + cell)
        return f'"{cell}"' if quote else cell

    text = "a,b\n" + "".join(",".join(map(escaped, row)) + "\n" for row in cells)
    ours = run_both(tmp_path_factory.getbasetemp() / "escaped.csv", text, {"escapechar": "\\", "dtype": str},
                    "escape=\\", "dtype=a:text", "dtype=b:text", f"chunk_bytes={chunk_bytes}")
    assert ours.rows == [["x" + a, "x" + b] for a, b in cells]


def test_comments(tmp_path):
    """Whole lines only: behind a field pandas cuts the row off, and here it is text."""
    text = '# a "title\n\n#\na,b\n1,x\n#2,"y\r\n"#3",4\n#\n5,"z\n6"\n#end'
    run_both(tmp_path / "t.csv", text.replace('"#3"', "3"), {"comment": "#"}, "comment=#")


def test_chosen_columns_and_types(tmp_path):
    text = "zip,n,x,when\n007,1,1.5,a\n010,2,,b\n,3,9007199254740993,c\n"
    run_both(tmp_path / "t.csv", text, {"dtype": {"zip": str, "x": float}}, "dtype=zip:text", "dtype=x:float64")
    run_both(tmp_path / "t.csv", text, {"usecols": ["x", "zip"], "dtype": {"zip": str, "x": float}},
             "column=x", "column=zip", "dtype=zip:text", "dtype=x:float64")
    ours = run_both(tmp_path / "t.csv", text, {"dtype": str}, *(f"dtype={name}:text" for name in ("zip", "n", "x", "when")))
    assert ours.types == ["text"] * 4
    ours = run_both(tmp_path / "t.csv", text, {"usecols": ["zip", "n"]}, "leading_zeros=1", "column=zip", "column=n")
    assert ours.types == ["int64", "int64"]


@settings(max_examples=int(os.environ.get("SLUICE_EXAMPLES", 150)), deadline=None, derandomize=True,
          suppress_health_check=list(hypothesis.HealthCheck))
@given(junk=st.lists(st.one_of(st.sampled_from([b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", "é€😀".encode()]),
                               st.binary(max_size=6)), max_size=6),
       chunk_bytes=st.sampled_from([1, 17, 1 << 20]))
def test_invalid_text_is_replaced(tmp_path_factory, junk, chunk_bytes):
    cell = b"".join(junk).translate(None, b'\0\n\r,"')
    path = tmp_path_factory.getbasetemp() / "broken.csv"
    run_both(path, b"a,b\nx" + cell + b"x,1\n", {"encoding_errors": "replace"}, "invalid=replace", f"chunk_bytes={chunk_bytes}")


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_packed(tmp_path, packing):
    text = "".join(f"{i},{i * i},text {i}\n" for i in range(20000))
    (tmp_path / "plain.csv").write_text("a,b,c\n" + text)
    packer = {"gzip": ["gzip", "-c"], "zstd": ["zstd", "-q", "-c"]}[packing]
    try:
        packed = subprocess.run([*packer, tmp_path / "plain.csv"], stdout=subprocess.PIPE, check=True).stdout
    except FileNotFoundError:
        pytest.skip(f"no {packing} program here")
    (tmp_path / "any.name").write_bytes(packed)
    ours = read(tmp_path / "any.name", threads=2)
    theirs = pandas.read_csv(tmp_path / "plain.csv")
    assert ours.rows == theirs.astype(object).values.tolist()


def test_rows_that_pandas_bends_are_rejected(tmp_path):
    """Too short: pandas fills with NaN; too long: it stops. Here both are rejected, with the reason."""
    (tmp_path / "t.csv").write_text("a,b,c\n1,2\n1,2,3\n1,2,3,4\n\n4,5,6\n")
    ours = read(tmp_path / "t.csv")
    assert ours.rows == [[1, 2, 3], [4, 5, 6]]
    assert [(reject["reject"], reject["reason"]) for reject in ours.rejects] == [
        (1, "expected 3 fields, found 2"), (3, "expected 3 fields, found 4")]


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def as_field(text, by_choice):
    must = text.startswith('"') or any(c in text for c in ",\r\n")
    return quoted(text) if must or by_choice else text


# pandas 1.5 takes whole numbers next to -2**63 for missing when another value is.
whole = st.one_of(st.integers(-10, 10), st.integers(-2**63 + 2048, 2**63 - 1),
                  st.integers(-2**66, -2**63 - 1), st.integers(2**63, 2**66)).map(str)
real = st.one_of(st.floats(allow_nan=False).map(repr),
                 st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
                 st.from_regex(r"[+-]?[0-9]{1,25}\.[0-9]{0,25}([eE][+-]?[0-9]{1,3})?", fullmatch=True).filter(
                     lambda s: s.isascii()))
blanks = st.sampled_from(["", " ", "  "])
padded = st.tuples(blanks, whole, blanks).map("".join)
gap = st.sampled_from(["", "NA", "nan", "null", "N/A", "<NA>"])
word = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\ufeff"), max_size=12)
nasty = st.text(st.sampled_from(list('a1",\n\r \t.-é😀')), max_size=8)
day = st.dates(pandas.Timestamp.min.date().replace(year=1700), pandas.Timestamp.max.date().replace(year=2200)).map(str)
moment = st.datetimes(pandas.Timestamp(1700, 1, 1).to_pydatetime(), pandas.Timestamp(2200, 1, 1).to_pydatetime()).flatmap(
    lambda t: st.sampled_from([t.isoformat(), t.isoformat(sep=" "), t.isoformat() + "Z", t.isoformat() + "+05:30"]))
kinds = [whole, real, padded, word, nasty, day, st.sampled_from(["True", "False", "true", "FALSE"])]
kinds += [st.one_of(kind, gap) for kind in kinds] + [gap, st.one_of(whole, real), st.one_of(*kinds),
                                                     st.one_of(moment, moment, gap)]


@st.composite
def tables(draw):
    n_columns, n_rows = draw(st.integers(1, 5)), draw(st.integers(0, 8))
    names = draw(st.lists(st.one_of(st.sampled_from(["a", "b", "a.1", "", "Unnamed: 1"]), word, nasty),
                          min_size=n_columns, max_size=n_columns))
    columns = [draw(st.lists(draw(st.sampled_from(kinds)), min_size=n_rows, max_size=n_rows))
               for _ in range(n_columns)]
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = [",".join(as_field(cell, draw(st.booleans())) for cell in row) for row in [names, *zip(*columns)]]
    # A first line that is blank is no header, and the rows below would change their places.
    hypothesis.assume(lines[0].strip(" \t"))
    # pandas 1.5 and 2 read a line twice that starts with a blank behind a lone CR.
    hypothesis.assume(end != "\r" or not any(line.startswith((" ", "\t")) for line in lines))
    return end.join(lines) + draw(st.sampled_from(["", end]))


@settings(max_examples=int(os.environ.get("SLUICE_EXAMPLES", 150)), deadline=None, derandomize=True,
          suppress_health_check=list(hypothesis.HealthCheck))
@given(text=tables(), chunk_bytes=st.sampled_from([1, 17, 64, 1 << 20]), threads=st.integers(1, 3))
def test_generated(tmp_path_factory, text, chunk_bytes, threads):
    path = tmp_path_factory.getbasetemp() / "generated.csv"
    compare(path, text, chunk_bytes=chunk_bytes, threads=threads)


@settings(max_examples=int(os.environ.get("SLUICE_EXAMPLES", 150)), deadline=None, derandomize=True,
          suppress_health_check=list(hypothesis.HealthCheck))
@given(text=tables(), chunk_bytes=st.sampled_from([1, 17, 64, 1 << 20]), threads=st.integers(1, 3))
def test_generated_with_pandas_types(tmp_path_factory, text, chunk_bytes, threads):
    path = tmp_path_factory.getbasetemp() / "generated_types.csv"
    ours = compare_types(path, text, chunk_bytes=chunk_bytes, threads=threads)
    again = compare_types(path, text, chunk_bytes=1 << 20, threads=1)
    assert (ours.types, ours.rows) == (again.types, again.rows)
