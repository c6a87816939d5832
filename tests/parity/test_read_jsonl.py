"""The JSON lines reader beside Python's json: columns in the order of first sight, every value."""
import json
import os
import subprocess

import pytest

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings, strategies as st  # noqa: E402

BUILD_DIR = os.environ.get("SLUICE_BUILD_DIR")
TOOL = os.path.join(BUILD_DIR or "", "tests", "unit", "reader", "read_tool")
pytestmark = pytest.mark.skipif(not BUILD_DIR or not os.path.exists(TOOL),
                                reason="SLUICE_BUILD_DIR does not name a build with tests/unit/reader/read_tool")

# Letters that no number, date, boolean or missing text can be made of.
text = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8).map(lambda s: "§" + s)
number = st.one_of(st.integers(-2**53, 2**53), st.floats(allow_nan=False, allow_infinity=False))
nested = st.recursive(st.one_of(st.none(), st.booleans(), number, text),
                      lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
                      max_leaves=6).filter(lambda value: isinstance(value, (list, dict)))
kinds = {"n": number, "t": text, "b": st.booleans(), "j": nested, "i": st.integers(-2**63, 2**63 - 1)}
keys = [kind + tail for kind in kinds for tail in ("", "é", '"\\', "\n")]


@st.composite
def records(draw):
    chosen = draw(st.lists(st.sampled_from(keys), unique=True, max_size=6))
    return {key: draw(st.one_of(st.none(), kinds[key[0]])) for key in chosen}


def check(found, value):
    if isinstance(value, (list, dict)):
        assert json.loads(found) == value and found.count("\n") == 0
    elif isinstance(value, float) or isinstance(found, float):
        assert float(found) == float(value)
    else:
        assert found == value


@settings(max_examples=int(os.environ.get("SLUICE_EXAMPLES", 150)), deadline=None, derandomize=True,
          suppress_health_check=list(hypothesis.HealthCheck))
@given(rows=st.lists(records(), min_size=1, max_size=8).filter(any), array=st.booleans(), ascii_only=st.booleans(),
       indent=st.sampled_from([None, 1]), chunk_bytes=st.sampled_from([1, 30, 1 << 20]), threads=st.integers(1, 3))
def test_generated(tmp_path_factory, rows, array, ascii_only, indent, chunk_bytes, threads):
    path = tmp_path_factory.getbasetemp() / "generated.data"
    if array:
        path.write_text(json.dumps(rows, ensure_ascii=ascii_only, indent=indent), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows), encoding="utf-8")
    done = subprocess.run([TOOL, str(path), f"chunk_bytes={chunk_bytes}", f"threads={threads}"],
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in done.stdout.decode().split("\n") if line]
    head, found = lines[0], [line[1] for line in lines[1:-1]]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    assert head["format"] == "jsonl" and head["columns"] == columns
    assert len(found) == len(rows)
    for cells, row in zip(found, rows):
        for key, cell in zip(columns, cells):
            if row.get(key) is None:
                assert cell is None
            else:
                check(cell, row[key])
