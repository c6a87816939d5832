"""JSON repair against its oracles: ast.literal_eval, json.loads and json.dumps.

Needs SLUICE_BUILD_DIR, the Meson build folder with tests/unit/prep/json_repair_tool.
"""
import ast
import json
import math
import os
import pathlib
import subprocess

import pytest

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings, strategies as st  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # literal_eval of "\\d" warns

EXAMPLES = int(os.environ.get("SLUICE_EXAMPLES", "300"))
SETTINGS = settings(max_examples=EXAMPLES, deadline=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def tool():
    build = os.environ.get("SLUICE_BUILD_DIR")
    if not build:
        pytest.skip("SLUICE_BUILD_DIR is not set")
    path = pathlib.Path(build) / "tests/unit/prep/json_repair_tool"
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return path


def repair(texts):
    """The results of many texts, None where one was not repaired."""
    raw = b"".join(text.encode("utf-8") + b"\0" for text in texts)
    done = subprocess.run([tool()], input=raw, stdout=subprocess.PIPE, check=True)
    results = done.stdout.split(b"\0")
    assert results.pop() == b"" and len(results) == len(texts)
    return [r[1:].decode("utf-8") if r[:1] == b"+" else None for r in results]


def as_json(value):
    """What a Python object is once it has been JSON: None for NaN and infinities,
    bytes as their UTF-8 text, keys as json.dumps writes them."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else as_json_key(key): as_json(item)
                for key, item in value.items()}
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    raise TypeError(type(value))


def as_json_key(key):
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if isinstance(key, float) and math.isnan(key):
        return "NaN"
    [text] = json.loads(json.dumps({key: 0}))
    return text


def exactly(value):
    """Equal only to what is the same in type, sign and order, too. Surrogates
    that stand together become one character in JSON, so they do here."""
    return json.dumps(json.loads(json.dumps(value)))


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def assert_compact(text, value):
    """Valid JSON without white space outside of texts."""
    bare = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    assert len(text) <= 6 * len(bare) + 400
    outside, inside, escaped = [], False, False
    for c in text:
        if inside:
            inside = escaped or c != '"'
            escaped = c == "\\" and not escaped
        else:
            inside = c == '"'
            outside.append(c)
    assert not set("".join(outside)) & set(" \t\r\n")


def check_against_literal_eval(texts):
    for text, result in zip(texts, repair(texts)):
        expected = as_json(ast.literal_eval(text))
        assert result is not None, text
        got = json.loads(result, parse_constant=refuse_constant)
        assert exactly(got) == exactly(expected), (text, result)
        assert_compact(result, got)


plain_texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
nasty_texts = st.text(st.sampled_from("'\"\\ ,:{}[]()abNxuU01\n\r\t\0\x1f\x7f/#\u00e9\u2028\U0001f600\ud800\udc00"),
                      max_size=12)
texts = plain_texts | nasty_texts
ascii_bytes = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8).map(lambda s: s.encode())
scalars = (st.none() | st.booleans() | st.integers() | st.integers(-2**70, 2**70) |
           st.floats(allow_nan=False, allow_infinity=False) | texts | ascii_bytes)
keys = texts | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none() | ascii_bytes
unreadable = st.sampled_from([math.nan, math.inf, -math.inf])
objects = st.recursive(scalars, lambda inner: st.lists(inner, max_size=5)
                       | st.lists(inner, max_size=5).map(tuple)
                       | st.dictionaries(keys, inner, max_size=5), max_leaves=20)


@SETTINGS
@given(st.lists(objects, min_size=1, max_size=20))
def test_repr_of_objects(values):
    check_against_literal_eval([repr(value) for value in values])


@SETTINGS
@given(st.lists(st.lists(objects | unreadable, min_size=1) | st.dictionaries(keys | unreadable, objects | unreadable, min_size=1),
                min_size=1, max_size=20))
def test_repr_with_nan_and_infinity(values):
    """literal_eval cannot read nan and inf; the rest still has to be the same."""
    for value, result in zip(values, repair([repr(value) for value in values])):
        assert result is not None, repr(value)
        got = json.loads(result, parse_constant=refuse_constant)
        assert exactly(got) == exactly(as_json(value)), (repr(value), result)


@SETTINGS
@given(st.lists(objects, min_size=1, max_size=20))
def test_json_stays_the_same_object(values):
    for ascii_only in (True, False):
        lines = []
        for value in values:
            try:
                line = json.dumps(as_json(value), ensure_ascii=ascii_only, indent=ascii_only or None)
                line.encode("utf-8")
                lines.append(line)
            except UnicodeEncodeError:
                pass  # a lone surrogate is no UTF-8; the other form has it as an escape
        for line, result in zip(lines, repair(lines)):
            assert exactly(json.loads(result)) == exactly(json.loads(line))
            assert_compact(result, json.loads(result))


# Source text that nobody's repr() writes, but that literal_eval reads.
numbers = st.sampled_from(["0", "-0", "+1", "- 7", "1_000", ".5", "5.", "-.5e3", "5.E-2", "0x10", "0XfF_f", "0o17",
                           "0b101", "00", "0_0", "007.5", "1e400", "-1e400", "1_0.2_5e1_0", "-0.0", "1E5", "123456789012345678901"])
prefixes = st.sampled_from(["", "", "u", "U", "r", "R"])
pieces = st.lists(st.sampled_from(["a", " ", "\\'", '\\"', "\\\\", "\\n", "\\x41", "\\u00e9", "\\U0001f600", "\\101", "\\0", "\\d",
                                   "\\/", "\\\n", "\u00e9", "#", ",", "{", "]", "\\ud83d", "\\a", "\\8", "\t", "'", '"', "\n", "\r\n"]),
                  max_size=8).map("".join)


@st.composite
def literals(draw):
    quote = draw(st.sampled_from(["'", '"', "'''", '"""']))
    return "%s%s%s%s" % (draw(prefixes), quote, draw(pieces), quote)


spaces = st.sampled_from(["", "", " ", "  ", "\t", "\n", " # note\n", "\\\n"])
atoms = numbers | literals() | st.sampled_from(["None", "True", "False", "()", "[]", "{}", "b'a\\xc3\\xa9\\u'", "rb'\\x'"]) \
    | st.lists(literals(), min_size=2, max_size=3).map(" ".join)


@st.composite
def brackets(draw, inner):
    kind = draw(st.sampled_from(["[]", "()", "{}"]))
    items = []
    for _ in range(draw(st.integers(0, 4))):
        item = draw(spaces) + draw(inner) + draw(spaces)
        if kind == "{}":
            item = draw(spaces) + draw(atoms) + draw(spaces) + ":" + item
        items.append(item)
    return kind[0] + ",".join(items) + draw(st.sampled_from(["", ","])) + draw(spaces) + kind[1]


sources = st.recursive(atoms, lambda inner: brackets(inner), max_leaves=12)


@SETTINGS
@given(st.lists(sources, min_size=1, max_size=40))
def test_sources_read_as_literal_eval_reads_them(texts):
    readable = []
    for text in texts:
        try:
            json.loads(text)
            continue  # what is JSON is read as JSON; another test's matter
        except ValueError:
            pass
        try:
            as_json(ast.literal_eval(text))
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, UnicodeDecodeError, MemoryError):
            continue
        if not equal_keys_meet(text, value):
            readable.append(text)
    if readable:
        check_against_literal_eval(readable)


def equal_keys_meet(text, value):
    """1, 1.0 and True are one key to Python and three to JSON."""
    keys = []
    for node in ast.walk(ast.parse(text.lstrip(" \t"), mode="eval")):
        if isinstance(node, ast.Dict):
            own = [ast.literal_eval(key) for key in node.keys]
            if len(set(own)) != len(own) or any(isinstance(k, tuple) for k in own):
                return True
            keys += own
    return False


@SETTINGS
@given(st.lists(st.text(st.sampled_from("{}[]()'\"\\,: \n#01x.-+_eNonTruebu"), max_size=25), min_size=1, max_size=60))
def test_whatever_comes_out_is_json(texts):
    texts = [text for text in texts if text]
    for text, result in zip(texts, repair(texts)):
        if result is not None:
            value = json.loads(result, parse_constant=refuse_constant)
            assert_compact(result, value)
        try:
            expected = json.loads(text, parse_constant=refuse_constant)
        except ValueError:
            continue
        assert result is not None and exactly(json.loads(result)) == exactly(expected)


words = st.text(st.sampled_from("abcXYZ\u00e9 .-"), min_size=1, max_size=8).map(str.strip).filter(bool)


@SETTINGS
@given(st.lists(st.dictionaries(words, st.lists(words, min_size=1, max_size=4), min_size=1, max_size=4),
                min_size=1, max_size=20), st.sampled_from("'\""))
def test_stray_quotes_inside_words(values, quote):
    """\\w'\\w in a text of single quotes, \\w"\\w in one of double quotes."""
    expected, broken = [], []
    for value in values:
        joined = {key: "x" + ("%sx" % quote).join(parts) + "x" for key, parts in value.items()}
        for key in joined:
            joined[key] = joined[key].replace(" " + quote, "x" + quote)
        expected.append(joined)
        broken.append("{" + ", ".join(f"{quote}{k}{quote}: {quote}{v}{quote}" for k, v in joined.items()) + "}")
    for text, want, result in zip(broken, expected, repair(broken)):
        assert result is not None and json.loads(result) == want, text
