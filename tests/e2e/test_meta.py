"""What a load leaves in Redis: rows, registry and every field of the metadata."""
import hashlib
import json
import os
import time

import harness

FIELDS = {"DB_NAME", "LOAD_DTTM", "FROMFPATH", "FILESIZE", "COLUMNS", "DF_SHAPE", "ZERO_STD_COLS",
          "ZERO_STD_COLS_VALUES", "DUPLICATED_COLS", "MISSING_DATA_COL_NAMES", "MISSING_DATA_COUNT", "INDEX_COLUMN",
          "DTYPES", "MEMORY_BEFORE", "MEMORY_AFTER", "IMPUTE", "SCALE", "PROFILE", "ROWS_READ", "ROWS_WRITTEN",
          "ROWS_REJECTED", "DUPLICATE_KEYS", "LOAD_ID", "LOAD_SECONDS", "SOURCE_SHA256"}

TABLE = """id,name,age,age_copy,batch,empty,when,day,flag,who
1,Ada,36,36,7,,2022-02-01 10:00:00,2022-02-01,true,"{'a': 'O\\'Neil', 'b': None}"
2,Blaise,,,7,,2022-02-01 10:00:00.5,,false,
3,"Carl ""the G"" 
Gauß",77,77,7,NaN,,2022-02-03,true,"{'a': 'x', 'b': True}"
4,,50,50,7,,2022-02-04T00:00:00,2022-02-04,,[]
"""


def load(cli, tmp_path, text, *arguments, name="table.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    cli.ok("load", path, *arguments)
    return path


def test_every_field(tmp_path, client, cli):
    path = load(cli, tmp_path, TABLE, "--index", "id")
    fields = harness.meta(client, "table")
    assert FIELDS <= set(fields), FIELDS - set(fields)
    assert fields["DB_NAME"] == "table"
    assert harness.STAMP.fullmatch(fields["LOAD_DTTM"])
    assert abs(time.mktime(time.strptime(fields["LOAD_DTTM"], "%Y-%m-%d:%H:%M:%S")) - time.time()) < 86400
    assert os.path.basename(fields["FROMFPATH"]) == "table.csv"
    assert fields["FILESIZE"].endswith((" B", " KB", " MB")), fields["FILESIZE"]
    assert json.loads(fields["COLUMNS"]) == ["name", "age", "age_copy", "batch", "empty", "when", "day", "flag", "who"]
    assert json.loads(fields["DF_SHAPE"]) == [4, 9]
    assert fields["INDEX_COLUMN"] == "id"
    assert set(json.loads(fields["ZERO_STD_COLS"])) == {"batch", "empty"}
    assert json.loads(fields["DUPLICATED_COLS"]) == {"age": ["age_copy"]}
    missing = {"name": 1, "age": 1, "age_copy": 1, "empty": 4, "when": 1, "day": 1, "flag": 1, "who": 1}
    assert set(json.loads(fields["MISSING_DATA_COL_NAMES"])) == set(missing)
    dtypes = json.loads(fields["DTYPES"])
    assert set(dtypes) >= set(json.loads(fields["COLUMNS"]))
    assert int(fields["MEMORY_BEFORE"]) > int(fields["MEMORY_AFTER"]) > 0
    for document in ("IMPUTE", "SCALE", "PROFILE"):
        assert json.loads(fields[document])["version"] == 1, document
    assert harness.check_counts(client, "table") == (4, 4, 0, 0)
    assert len(fields["LOAD_ID"]) >= 16
    assert 0 <= float(fields["LOAD_SECONDS"]) < 60
    assert fields["SOURCE_SHA256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert client.lrange("REPLICA_REGISTRY", 0, -1) == [b"table"]


def test_rows(tmp_path, client, cli):
    load(cli, tmp_path, TABLE, "--index", "id", "--set", "prep.scale=none")
    rows = {key.decode(): json.loads(value) for key, value in client.hgetall("table").items()}
    assert rows["1"][:8] == ["Ada", 36, 36, 7, 0, "2022-02-01T10:00:00", "2022-02-01", True]
    mean = (36 + 77 + 50) / 3
    assert rows["2"][:5] == ["Blaise", mean, mean, 7, 0]
    assert rows["2"][5] == "2022-02-01T10:00:00.500000"
    assert rows["2"][7] is False
    assert rows["3"][0] == 'Carl "the G" \nGauß'
    assert rows["4"][0] == "" and rows["4"][7] is True, "a missing text, a missing boolean"
    for row in client.hvals("table"):
        assert not any(word in row for word in (b"NaN", b"Infinity")), row


def test_json_texts_are_json(tmp_path, client, cli):
    load(cli, tmp_path, TABLE, "--index", "id")
    texts = [json.loads(value)[8] for _, value in sorted(client.hgetall("table").items())]
    assert json.loads(texts[0]) == {"a": "O'Neil", "b": None}
    assert json.loads(texts[2]) == {"a": "x", "b": True}
    assert json.loads(texts[3]) == []


def test_without_an_index_the_keys_are_ordinals(tmp_path, client, cli):
    load(cli, tmp_path, "a,b\n5,x\n6\n7,y\n8,z\n")
    assert set(client.hkeys("table")) == {b"0", b"1", b"2"}
    assert [json.loads(client.hget("table", str(number)))[1] for number in range(3)] == ["x", "y", "z"]
    assert harness.check_counts(client, "table") == (4, 3, 1, 0)
    assert json.loads(harness.meta(client, "table")["COLUMNS"]) == ["a", "b"]
    assert harness.meta(client, "table")["INDEX_COLUMN"] == ""


def test_keys_are_as_they_stand_in_the_file(tmp_path, client, cli):
    load(cli, tmp_path, "k,v\n007,1\n1.50,2\n+3,3\n1e3, 4\n\"a\nb\",5\nTrue,6\n", "--index", "k")
    assert set(client.hkeys("table")) == {b"007", b"1.50", b"+3", b"1e3", b"a\nb", b"True"}


def test_numbers_are_written_shortest(tmp_path, client, cli):
    numbers = ["0.1", "1e22", "5e-324", "1.7976931348623157e308", "-0.0", "123456789012345680", "2.5", "3.0"]
    load(cli, tmp_path, "v\n" + "\n".join(numbers) + "\n", "--set", "prep.scale=none", "--set", "prep.downcast=off")
    for ordinal, text in enumerate(numbers):
        row = client.hget("table", str(ordinal)).decode()
        assert json.loads(row)[0] == float(text), (row, text)
        assert len(row) - 2 <= len(repr(float(text))), (row, text)
    assert client.hget("table", "7") == b"[3]" and client.hget("table", "0") == b"[0.1]"


def test_large_integers_stay_whole(tmp_path, client, cli):
    load(cli, tmp_path, "a,b\n9223372036854775807,18446744073709551615\n-9223372036854775808,\n", "--set",
         "prep.scale=none", "--set", "prep.impute=none")
    assert client.hget("table", "0") == b"[9223372036854775807,18446744073709551615]"
    assert client.hget("table", "1") == b"[-9223372036854775808,null]"


def test_top_is_in_load_order(tmp_path, client, cli, service):
    keys = [str((number * 7919) % 10007) for number in range(5000)]
    service.put("table.csv", "k,v\n" + "".join(f"{key},{at}\n" for at, key in enumerate(keys)), prim_index="k")
    assert service.load_all().status == 200
    answer = service.call("POST", "/getTopNFromReplica", "?replica=table&topn=1000")
    assert list(answer.json()) == keys[:1000]


def test_a_registry_of_another_name(tmp_path, client, cli):
    load(cli, tmp_path, "a\n1\n", "--set", "store.registry_key=MY_TABLES")
    assert client.lrange("MY_TABLES", 0, -1) == [b"table"] and not client.exists("REPLICA_REGISTRY")
