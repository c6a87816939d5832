"""Every layout gives the same: first rows, pages, single rows and exports, for generated tables of all types."""
import csv
import datetime
import json
import random
import subprocess
import time
import urllib.parse

import pytest

import harness

LAYOUTS = [name for name in ("rows", "packed", "columns", "keys", "json")
           if name in harness.choices("store.layout")]


def table(path, seed, rows, keys):
    """A table of every type with gaps, in which what is hard to quote is common."""
    dice = random.Random(seed)
    hard = ["", "a,b", 'say "x"', "line\nbreak", "\u00e9\u2602", " edge ", "{not json", "0x1F", "\\", "tab\t", "'"]

    def gap(value):
        return "" if dice.random() < 0.15 else value

    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "whole", "big", "fraction", "flag", "day", "moment", "text", "doc", "none", "same"])
        for number in range(rows):
            writer.writerow([
                keys(number, dice), gap(dice.randrange(-1000, 1000)), gap(2**63 + dice.randrange(2**62)),
                gap(dice.choice([dice.random() * 10 ** dice.randrange(-9, 20), -0.0, "inf", 1e300])),
                gap(dice.choice(["true", "false"])),
                gap(f"{dice.randrange(1, 9999):04}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"),
                gap(f"{dice.randrange(1900, 2100)}-01-{dice.randrange(1, 29):02}T{dice.randrange(24):02}:00:0{dice.choice(['1', '2.5'])}"),
                gap(dice.choice(hard) + str(dice.randrange(50))), gap(json.dumps({"a": dice.randrange(9), "b": ["x", None]})),
                "", 7])
    return path


def shuffled(number, dice):
    return f"k{number * 7919 % 100_003}/\u00fc"


def repeated(number, dice):
    return "" if number % 97 == 5 else dice.randrange(1800)


def rising(number, dice):
    return "" if number % 97 == 5 else number + number // 3 - 700


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("keys", [None, shuffled, repeated, rising], ids=["ordinals", "text", "repeated", "rising"])
def test_the_same_from_each(cli, client, tmp_path, seed, keys):
    path = table(tmp_path / "t.csv", seed, 3000, keys or (lambda number, dice: number))
    options = ("--set", "load.chunk_bytes=64KiB", *(("--index", "id") if keys else ()),
               *(() if seed == 0 else ("--set", "prep.impute=none", "--set", "prep.scale=none")),
               *(("--set", "store.on_duplicate=first") if seed == 1 else ()))
    seen = {}
    for layout in LAYOUTS:
        cli.ok("load", path, *options, "--set", f"store.layout={layout}")
        fields = harness.meta(client, "t")
        counts = [int(fields[name]) for name in ("ROWS_READ", "ROWS_WRITTEN", "ROWS_REJECTED", "DUPLICATE_KEYS")]
        assert counts[0] == sum(counts[1:])
        cli.ok("export", "t", "-o", tmp_path / "out.csv")
        cli.ok("export", "t", "-o", tmp_path / "out.jsonl")
        exported = [(tmp_path / name).read_bytes() for name in ("out.csv", "out.jsonl")]
        top = cli.ok("top", "t", "-n", "300", "--json").stdout
        line = json.loads(cli.ok("ls", "--json").stdout)[0]
        assert line["rows"] == counts[1] and (line["memory_bytes"] or 10**5) > 10**4, layout
        if keys is repeated:  # where the row that stays has its place is the layout's affair
            exported = [sorted(text.splitlines()) for text in exported]
            top = sorted(json.loads(cli.ok("top", "t", "-n", "9999", "--json").stdout).items())
        seen[layout] = (counts, exported, top)
        cli.ok("drop", "t")
        assert client.keys() == [], layout
    for layout in LAYOUTS:
        assert seen[layout] == seen["rows"], layout


@pytest.mark.parametrize("keys", [None, repeated], ids=["ordinals", "repeated"])
def test_the_same_whatever_was_kept(cli, client, tmp_path, keys):
    """Rows that the first pass kept, all or a part of them, are those that reading again would give."""
    path = table(tmp_path / "t.csv", 3, 6000, keys or (lambda number, dice: number))
    with open(path, "a", encoding="utf-8") as out:
        out.write("9000001,1.5,,,,,,late,,,7\n")  # `whole` has a fraction after all
    with open(path, encoding="utf-8", newline="") as rows:
        text = rows.read()
    bad = tmp_path / "bad" / "t.csv"  # a row of too few fields near its start
    bad.parent.mkdir()
    bad.write_bytes(text.replace("\n", "\ntoo,few\n", 1).encode())
    for layout in ("rows", "columns"):
        for source in (path, bad):
            seen = {}
            for keep in ("0", "150KiB", "64MiB"):
                cli.ok("load", source, "--set", "load.chunk_bytes=64KiB", "--set", f"load.keep={keep}",
                       "--set", f"store.layout={layout}", *(("--index", "id") if keys else ()))
                fields = harness.meta(client, "t")
                cli.ok("export", "t", "-o", tmp_path / "out.jsonl")
                seen[keep] = ([fields[name] for name in ("ROWS_READ", "ROWS_WRITTEN", "ROWS_REJECTED", "DUPLICATE_KEYS",
                                                         "DTYPES", "PROFILE", "SCALE", "KEY_ORDER")],
                              sorted((tmp_path / "out.jsonl").read_bytes().splitlines()))
            assert len(seen["0"][1]) > 1000 and seen["0"] == seen["150KiB"] == seen["64MiB"], (layout, source)


@pytest.mark.parametrize("layout, index, keys", [
    *((layout, index, shuffled) for layout in LAYOUTS for index in ((), ("--index", "id"))),
    ("packed", ("--index", "id"), lambda number, dice: 2000 + number + number // 3)])
def test_pages_and_single_rows(cli, client, make_service, tmp_path, layout, index, keys):
    service = make_service()
    path = table(tmp_path / "t.csv", 9, 1400, keys)
    plain = ("--set", "load.chunk_bytes=64KiB", "--set", "prep.impute=none", "--set", "prep.scale=none",
             "--set", f"store.layout={layout}")
    cli.ok("load", path, *index, *plain)
    top = json.loads(cli.ok("top", "t", "-n", "1400", "--json").stdout)
    assert len(top) == 1400
    for limit, most_pages in ((1, 20), (99, 99), (1500, 9)):
        rows, cursor, n = {}, "", 0
        while cursor is not None and n < most_pages:
            answer = service.call("GET", f"/v1/replicas/t/rows?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            assert answer.status == 200, answer.body
            page = answer.json()
            assert 0 < len(page["rows"]) <= limit
            for row in page["rows"]:
                assert row["key"] not in rows, "a row comes twice"
                rows[row["key"]] = row["values"]
            cursor, n = page["next_cursor"], n + 1
        assert list(rows) == list(top)[:len(rows)]
        assert all(top[key] == values for key, values in rows.items())
        assert limit == 1 or len(rows) == 1400
    for key in list(top)[::140]:
        answer = service.call("GET", f"/v1/replicas/t/rows/{urllib.parse.quote(key, safe='')}")
        assert answer.status == 200 and answer.json() == {"key": key, "values": top[key]}
    for key in ("nobody", "-1", "1400", "k", "zzz", "007"):
        assert service.call("GET", f"/v1/replicas/t/rows/{key}").status == 404
    # A cursor of the load before.
    cursor = service.call("GET", "/v1/replicas/t/rows?limit=9").json()["next_cursor"]
    cli.ok("load", path, *index, *plain)
    assert service.call("GET", f"/v1/replicas/t/rows?limit=9&cursor={cursor}").status in (409, 410)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "rows"])
def test_garbage_in_our_keys(cli, client, tmp_path, layout):
    """Whatever somebody wrote there: an answer or a clear error, and the next load mends it."""
    path = table(tmp_path / "t.csv", 9, 1400, shuffled)
    dice = random.Random(1)
    load = ("load", path, "--index", "id", "--set", "load.chunk_bytes=64KiB", "--set", f"store.layout={layout}")
    for turn in range(6):
        cli.ok(*load)
        key = dice.choice(sorted(key for key in client.keys("t:*")))
        what = dice.randrange(4)
        if what == 0:
            client.delete(key)
        elif what == 1 or client.type(key) != b"string":
            client.delete(key)
            client.lpush(key, "garbage")
        else:
            text = bytearray(client.get(key))
            for _ in range(what * 3):
                text[dice.randrange(len(text))] = dice.randrange(256)
            client.set(key, bytes(text) if what == 2 else bytes(text)[:len(text) // 2])
        for arguments in (["top", "t", "--json"], ["export", "t"]):
            done = cli(*arguments)
            assert done.returncode in (0, 1, 3), done
            assert done.returncode == 0 or done.stderr.count("\n") == 1
    cli.ok(*load)
    assert len(json.loads(cli.ok("top", "t", "-n", "9999", "--json").stdout)) == 1400
    cli.ok("drop", "t")
    assert client.keys() == []
    # A document that names what is not ours: nothing of it is removed.
    cli.ok(*load)
    where = json.loads(client.hget("t.META", "LAYOUT"))
    client.hset("t.META", "LAYOUT", json.dumps({**where, "prefix": "mine"}))
    client.mset({"mine0": "kept", "mineindex": "kept", "mine": "kept"})
    cli("top", "t")
    cli.ok("drop", "t")
    assert client.mget("mine0", "mineindex", "mine") == [b"kept"] * 3


@pytest.mark.parametrize("layout", ["keys", "json"])
@pytest.mark.parametrize("index", [(), ("--index", "id")], ids=["ordinals", "keys"])
def test_a_key_a_row_as_documented(cli, client, tmp_path, layout, index):
    names = harness.documented(layout)
    path = table(tmp_path / "t.csv", 3, 5000, shuffled)
    cli.ok("load", path, *index, "--set", "prep.impute=none", "--set", "prep.scale=none", "--set", f"store.layout={layout}")
    columns = json.loads(client.hget("t.META", "COLUMNS"))
    found = names["read_all"](client, "t")
    top = json.loads(cli.ok("top", "t", "-n", "5000", "--json").stdout)
    assert list(found) == list(top)
    for key, values in top.items():
        row = dict(zip(columns, values))
        if layout == "keys":
            row = {column: value if isinstance(value, str) else json.dumps(value)
                   for column, value in row.items() if value is not None}
            assert row.pop("fraction", None) is None or float(found[key].pop("fraction")) == float(top[key][columns.index("fraction")])
        assert found[key] == row
    key = next(iter(top))
    assert names["look_up"](client, "t", key).keys() <= set(columns)


def test_a_row_of_nothing(cli, client, tmp_path):
    (tmp_path / "t.csv").write_text("id,a,b\n1,,\n2,x,1\n3,,\n")
    seen = set()
    for layout in LAYOUTS:
        cli.ok("load", tmp_path / "t.csv", "--index", "id", "--set", "prep.impute=none", "--set", f"store.layout={layout}",
               "--set", "prep.scale=none")
        seen.add(cli.ok("top", "t", "--json").stdout + cli.ok("export", "t").stdout)
    assert seen == {'{"1":[null,null],"2":["x",1],"3":[null,null]}\nid,a,b\n1,,\n2,x,1\n3,,\n'}


@pytest.mark.parametrize("layout", ["keys", "json"])
def test_rows_that_expire(cli, client, tmp_path, layout):
    (tmp_path / "t.csv").write_text("id,a\n" + "".join(f"{i},{i}\n" for i in range(300)))
    for index in ((), ("--index", "id")):
        cli.ok("load", tmp_path / "t.csv", *index, "--set", f"store.layout={layout}", "--set", "store.ttl_seconds=1000")
        prefix = json.loads(client.hget("t.META", "LAYOUT"))["prefix"]
        assert 900 < client.ttl(prefix + "7") <= 1000 and client.ttl("t.META") == -1
        client.delete(prefix + "0", prefix + "8", prefix + "299")  # as if their time had come
        rows = json.loads(cli.ok("top", "t", "-n", "999", "--json").stdout)
        assert list(rows) == [str(i) for i in range(300) if i not in (0, 8, 299)]
    cli.ok("drop", "t")
    assert client.keys() == []


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("rows", "packed")])
def test_killed_at_many_moments(cli, client, tmp_path, layout):
    """The old rows or the new ones, and nothing left behind after the next load."""
    for version in "AB":
        (tmp_path / version).mkdir()
        with open(tmp_path / version / "t.csv", "w", encoding="utf-8") as out:
            out.write("id,version,value\n" + "".join(f"key {number},{version},{number}\n" for number in range(20_000)))
    load = ("--index", "id", "--set", f"store.layout={layout}", "--set", "prep.scale=none", "--set", "load.chunk_bytes=64KiB")
    cli.ok("load", tmp_path / "A" / "t.csv", *load)
    start = time.monotonic()
    cli.ok("load", tmp_path / "A" / "t.csv", *load)
    whole = time.monotonic() - start
    dice = random.Random(2)
    for turn in range(4):
        process = cli.start("load", tmp_path / "B" / "t.csv", *load)
        try:
            process.communicate(timeout=whole * (turn + dice.random()) / 4)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        rows = cli.ok("export", "t").stdout.splitlines()[1:]
        assert len(rows) == 20_000 and len({row.split(",")[1] for row in rows}) == 1
    cli.ok("load", tmp_path / "A" / "t.csv", *load)
    stem = json.loads(client.hget("t.META", "LAYOUT"))["prefix"][:-1].encode()
    assert [key for key in client.keys() if not key.startswith((stem, b"REPLICA_REGISTRY", b"t.META"))] == []
    assert client.exists("REPLICA_REGISTRY:staging", "REPLICA_REGISTRY:garbage") == 0
    cli.ok("load", tmp_path / "A" / "t.csv")
    assert sorted(client.keys()) == [b"REPLICA_REGISTRY", b"t", b"t.META"]


def test_columns_as_documented(cli, client, tmp_path):
    """The page's own code, checked against pandas' reading of the same file."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pandas

    path = table(tmp_path / "t.csv", 4, 1400, shuffled)
    cli.ok("load", path, "--index", "id", "--set", "load.chunk_bytes=64KiB", "--set", "prep.impute=none", "--set",
           "prep.scale=none", "--set", "prep.json_repair=false", "--set", "store.layout=columns")
    found = harness.documented("columns")["read_table"](client, "t")
    found.validate(full=True)
    assert found.schema.field("whole").type == pa.int64() and found.schema.field("big").type == pa.uint64()
    assert found.schema.field("fraction").type == pa.float64() and found.schema.field("flag").type == pa.bool_()
    assert found.schema.field("day").type == pa.date32() and found.schema.field("moment").type == pa.timestamp("us")
    assert found.schema.field("none").type == pa.null() and found.schema.field("text").type == pa.utf8()
    expected = pandas.read_csv(path, dtype=str, keep_default_na=False)
    assert found.column("id").to_pylist() == list(expected["id"])
    for name, read in (("whole", int), ("big", int), ("fraction", float), ("text", str), ("doc", str),
                       ("flag", lambda text: text == "true"), ("day", datetime.date.fromisoformat),
                       ("moment", lambda text: datetime.datetime.fromisoformat(text if "." not in text else text + "00000"))):
        assert found.column(name).to_pylist() == [read(text) if text else None for text in expected[name]], name


def few(path, rows=4000):
    """A table whose columns are of every width that there is, with gaps."""
    dice = random.Random(8)
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "tiny", "small", "middle", "large", "natural", "half", "exact", "town", "many", "free", "doc"])
        for number in range(rows):
            gap = dice.random() < 0.1
            writer.writerow([
                f"k{number * 7919 % 100_003}", "" if gap else dice.randrange(-128, 128), dice.randrange(-32768, 32768),
                dice.randrange(-2**31, 2**31), dice.randrange(2**40), 2**63 + number, dice.randrange(999) / 8, dice.random(),
                "" if gap else dice.choice(["Oslo", "K\u00f8ge", "", "Bath, UK"]), f"m{dice.randrange(200)}", f"f{number}",
                '{"a": 1}'])
    return path


NARROW = {"tiny": "int8", "small": "int16", "middle": "int32", "large": "int64", "natural": "uint64", "half": "float",
          "exact": "double", "town": "dictionary<values=string, indices=int8, ordered=0>",
          "many": "dictionary<values=string, indices=int16, ordered=0>", "free": "string", "doc": "string"}


@pytest.mark.parametrize("prep", [("--set", "prep.impute=none"), ()], ids=["gaps", "filled"])
def test_narrow_columns(cli, client, make_service, tmp_path, prep):
    """Other bytes in Redis, the same from every reader; with pyarrow the types that the page promises."""
    path, seen, sizes = few(tmp_path / "t.csv"), {}, {}
    for types in ("wide", "narrow"):
        cli.ok("load", path, "--index", "id", "--set", "store.layout=columns", "--set", f"store.column_types={types}",
               "--set", "prep.scale=none", *prep)
        where = json.loads(client.hget("t.META", "LAYOUT"))
        assert (where["version"], where.get("types")) == ((1, None) if types == "wide" else (2, "narrow"))
        chunks = [client.get(where["prefix"] + str(number)) for number in range(where["chunks"])]
        sizes[types] = sum(map(len, chunks))
        seen[types] = (cli.ok("export", "t", "--format", "csv").stdout, cli.ok("top", "t", "-n", "99", "--json").stdout)
    assert seen["wide"] == seen["narrow"] and sizes["narrow"] < 0.8 * sizes["wide"]
    service = make_service()
    row = service.call("GET", "/v1/replicas/t/rows/k7919").json()
    assert row["values"] == json.loads(seen["narrow"][1])["k7919"]
    assert len(service.call("GET", "/v1/replicas/t/rows?limit=1000").json()["rows"]) == 1000
    if not prep:  # the means of gaps are no whole numbers
        return
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    tables = [pa.ipc.open_stream(chunk).read_all() for chunk in chunks]
    for found in tables:
        found.validate(full=True)
        assert {field.name: str(field.type) for field in found.schema if field.name != "id"} == NARROW
    assert ["" if key is None else key for key in pa.concat_tables(tables).column("town").to_pylist()] == [
        row["town"] for row in csv.DictReader(open(path, encoding="utf-8"))]


def test_nothing_narrow_where_it_is_not_to_be(cli, client, tmp_path):
    path, seen = few(tmp_path / "t.csv", 400), {}
    for options in ((), ("--set", "store.column_types=narrow", "--set", "prep.downcast=off")):
        cli.ok("load", path, "--set", "store.layout=columns", "--set", "prep.scale=none", *options)
        seen[options] = client.get(json.loads(client.hget("t.META", "LAYOUT"))["prefix"] + "0")
    assert len(set(seen.values())) == 1
