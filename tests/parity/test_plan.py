"""A plan fitted on one file and applied to another: the cells are those of scikit-learn fitted on the first."""
import csv
import json
import math
import os
import random
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import harness
import oracle

NUMBERS = ("age", "income", "score", "visits", "lone")
COLUMNS = ("key", "age", "income", "city", "score", "visits", "lone", "joined", "active", "extra")


def make_rows(seed, count, shift):
    """`shift` moves the numbers out of the range of the first file."""
    chance = random.Random(seed)

    def row(number):
        values = {"key": f"k{seed}-{number}", "age": chance.randint(18, 90) + int(shift),
                  "income": round(chance.lognormvariate(10, 1) * (1 + shift / 10), 2),
                  "city": chance.choice(("Bonn", "Köln", 'Be"rn', "")), "score": chance.gauss(0, 1e-3) + shift,
                  "visits": chance.choice((0, 1, 1, 2, 1000)), "lone": 7,
                  "joined": f"20{chance.randint(10, 22)}-0{chance.randint(1, 9)}-11",
                  "active": chance.choice(("true", "false", "true")), "extra": chance.random()}
        for name in ("age", "income", "score", "joined", "active"):
            if chance.random() < 0.15:
                values[name] = ""
        return values
    return [row(number) for number in range(count)]


def write(path, rows, columns):
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def files(tmp_path):
    """Train, and a file of today: columns in another order, one more, other values, whole numbers in `score`."""
    train = write(tmp_path / "train.csv", make_rows(1, 400, 0), COLUMNS[:-1])
    today = make_rows(2, 300, 35)
    for row in today:
        row["visits"] = row["visits"] if row["visits"] != 2 else ""  # a gap where the first file had none
        row["score"] = row["score"] if row["score"] == "" else round(row["score"])
    order = [name for name in reversed(COLUMNS)]
    return train, write(tmp_path / "today.csv", today, order)


def table(path):
    return pd.read_csv(path, float_precision="round_trip", keep_default_na=False,
                       na_values={name: [""] for name in NUMBERS + ("joined", "active")})


def check_cells(client, train, today, impute, scalers):
    """`today`'s rows in Redis against a pipeline that saw `train` alone; `scalers` makes one for a column."""
    columns = json.loads(harness.meta(client, "today")["COLUMNS"])
    assert columns == list(COLUMNS[1:-1])  # the plan's order, without the index and the new column
    rows = {key.decode(): json.loads(row) for key, row in client.hgetall("today").items()}
    assert list(today["key"]) == [key for key in today["key"] if key in rows] and len(rows) == len(today)
    wrong = []
    for name in columns:
        at = columns.index(name)
        if name in NUMBERS:
            pipeline = make_pipeline(SimpleImputer(strategy=impute), scalers(name))
            pipeline.fit(train[[name]].astype(float))
            wanted = pipeline.transform(today[[name]].astype(float))[:, 0].tolist()
        elif name == "city":
            wanted = today[name].replace("", train[name].replace("", np.nan).mode()[0] if impute == "most_frequent" else "")
        else:
            wanted = today[name].where(today[name].notna(), train[name].dropna().mode()[0])
        span = max((abs(value) for value in wanted if not isinstance(value, str)), default=0)
        for key, value in zip(today["key"], wanted):
            got = rows[key][at]
            good = oracle.close(value, got, span) if name in NUMBERS else value == got
            if not good:
                wrong.append((name, key, "scikit-learn:", value, "sluice:", got))
    assert not wrong, "\n".join(map(str, wrong[:12]))


@pytest.mark.parametrize("scale", ("minmax", "standard", "maxabs", "robust"))
@pytest.mark.parametrize("impute", ("mean", "median", "most_frequent"))
def test_yesterdays_fit_on_todays_rows(cli, client, files, tmp_path, impute, scale):
    train, today = files
    plan = tmp_path / "plan.json"
    cli.ok("profile", train, "--index", "key", "--plan-out", plan, "--set", f"prep.impute={impute}", "--set",
           f"prep.scale={scale}", redis=False)
    cli.ok("load", today, "--plan", plan)
    check_cells(client, table(train), table(today), impute, lambda name: oracle.SCALERS[scale]())
    # The plan in META is the one that was given, and a load of the first file fits the same.
    given = plan.read_text(encoding="utf-8")
    fields = harness.meta(client, "today")
    assert fields["PLAN"] + "\n" == given
    assert list(json.loads(fields["IMPUTE"])["columns"]) == list(json.loads(fields["SCALE"])["columns"]) \
        == json.loads(fields["COLUMNS"])
    cli.ok("load", train, "--index", "key", "--set", f"prep.impute={impute}", "--set", f"prep.scale={scale}")
    fitted = json.loads(harness.meta(client, "train")["PLAN"])
    assert fitted["columns"] == json.loads(given)["columns"]
    assert fitted["source"] == json.loads(given)["source"]


@pytest.mark.parametrize("clip", (False, True))
@pytest.mark.parametrize("low, high", ((-1, 1), (0, 10), (-0.3, 0.1)))
def test_ranges_of_minmax(cli, client, files, tmp_path, low, high, clip):
    """feature_range and clip, for all columns and for single ones, on rows outside of the range fitted."""
    train, today = files
    plan = tmp_path / "plan.json"
    wishes = ["--set", f"prep.scale_min={low}", "--set", f"prep.scale_max={high}", "--set",
              f"prep.scale_clip={str(clip).lower()}", "--set", "prep.columns.income.scale_max=100", "--set",
              f"prep.columns.visits.scale_clip={str(not clip).lower()}"]
    cli.ok("profile", train, "--index", "key", "--plan-out", plan, *wishes, redis=False)
    cli.ok("load", today, "--plan", plan)

    def ranges(name):
        return (low, 100 if name == "income" else high), clip != (name == "visits")

    check_cells(client, table(train), table(today), "mean", lambda name: MinMaxScaler(ranges(name)[0], clip=ranges(name)[1]))
    columns = json.loads(harness.meta(client, "today")["COLUMNS"])
    rows = [json.loads(row) for row in client.hvals("today")]
    documents = (json.loads(harness.meta(client, "today")["SCALE"])["columns"],
                 {column["name"]: column["scale"] for column in json.loads(plan.read_text(encoding="utf-8"))["columns"]})
    outside = 0
    for name in NUMBERS:
        bounds, clips = ranges(name)
        for document in documents:
            assert document[name]["feature_range"] == list(bounds) and document[name]["clip"] is clips
        values = [row[columns.index(name)] for row in rows]
        beyond = sum(not bounds[0] <= value <= bounds[1] for value in values)
        assert not (clips and beyond)
        outside += beyond
    assert clip or outside > 100  # or the second file tells nothing
    # The same wishes at the load of the first file fit the same plan.
    cli.ok("load", train, "--index", "key", *wishes)
    assert json.loads(harness.meta(client, "train")["PLAN"])["columns"] == json.loads(plan.read_text(encoding="utf-8"))["columns"]


@pytest.mark.parametrize("wish, words", (
    ("prep.scale_min=1", "prep.scale_max (default) has to be above prep.scale_min"),
    ("prep.columns.age.scale_max=-1", "prep.columns.age: scale_max has to be above"),
    ("prep.scale_max=wide", "is no number"),
))
def test_ranges_that_are_none(cli, files, tmp_path, wish, words):
    train, _ = files
    plan = tmp_path / "plan.json"
    done = cli("profile", train, "--index", "key", "--plan-out", plan, "--set", wish, redis=False)
    assert done.returncode == 2 and words in done.stderr and not plan.exists()


def test_lossy_keeps_what_float32_does_not_reach(cli, client, tmp_path):
    train, today, plan = (tmp_path / name for name in ("train.csv", "today.csv", "plan.json"))
    train.write_text("key,x,y\na,0.1,1.5\nb,0.3,2.5\nc,0.7,\n", encoding="utf-8")
    today.write_text("key,x,y\na,0.1,1.7\nb,1e39,0.3\nc,-1e300,\n", encoding="utf-8")
    cli.ok("profile", train, "--index", "key", "--plan-out", plan, "--set", "prep.downcast=lossy", "--set", "prep.scale=none",
           redis=False)
    cli.ok("load", today, "--plan", plan)
    rows = {key.decode(): json.loads(row) for key, row in client.hgetall("today").items()}
    assert [rows[key][0] for key in "abc"] == [float(np.float32(0.1)), 1e39, -1e300]
    assert [rows[key][1] for key in "abc"] == [float(np.float32(value)) for value in (1.7, 0.3, 2)]
    assert json.loads(harness.meta(client, "today")["DTYPES"]) == {"x": "float64", "y": "float32"}


def test_a_plan_on_its_own_file_changes_nothing(cli, client, files, tmp_path):
    train, _ = files
    cli.ok("load", train, "--index", "key")
    fitted, rows = harness.meta(client, "train"), client.hgetall("train")
    plan = tmp_path / "plan.json"
    plan.write_text(fitted["PLAN"], encoding="utf-8")
    cli.ok("load", train, "--plan", plan, "--set", "prep.scale=robust")
    again = harness.meta(client, "train")
    assert client.hgetall("train") == rows
    for name in fitted:
        if name not in ("LOAD_ID", "LOAD_DTTM", "LOAD_SECONDS", "DRIFT"):
            assert again[name] == fitted[name], name
    drift = json.loads(again["DRIFT"])
    assert drift["against"]["load_id"] == fitted["LOAD_ID"] and drift["findings"] == 0
    assert json.loads(fitted["DRIFT"]) == {"version": 1, "against": None}


@pytest.mark.parametrize("wishes", ((), ("prep.scale_min=-1", "prep.scale_max=2.5", "prep.columns.age.scale_clip=true")))
def test_the_python_of_the_documentation(cli, client, files, tmp_path, wishes):
    """docs/plan.md's functions make of a row, by the document alone, what stands in Redis, and take it back."""
    clipped = {"age"} if wishes else set()
    wishes = [part for wish in wishes for part in ("--set", wish)]
    train, today = files
    plan = tmp_path / "plan.json"
    cli.ok("profile", train, "--index", "key", "--plan-out", plan, *wishes, redis=False)
    cli.ok("load", today, "--plan", plan)
    with open(os.path.join(harness.ROOT, "docs", "plan.md"), encoding="utf-8") as source:
        blocks = re.findall(r"```python\n(.*?)```", source.read(), re.S)
    names = {}
    for block in blocks:
        if "def " in block:
            exec(block, names)  # pylint: disable=exec-used
    document = json.loads(plan.read_text(encoding="utf-8"))
    impute, scale = names["steps"](document)
    columns = json.loads(harness.meta(client, "today")["COLUMNS"])
    for row in table(today).to_dict("records"):
        read = {name: None if value == "" or value != value else value for name, value in row.items()}
        made = names["transform"](read, impute, scale)
        landed = json.loads(client.hget("today", row["key"]))
        assert list(made) == columns
        assert list(made.values()) == landed  # to the last bit
        for name, value in names["invert"](dict(zip(columns, landed)), scale).items():
            if read[name] is not None and name in NUMBERS and name not in clipped:
                assert math.isclose(value, read[name], rel_tol=1e-9, abs_tol=1e-9)


def test_drift_is_reported(cli, client, files, tmp_path):
    train, today = files
    plan = tmp_path / "plan.json"
    folder = tmp_path / "other"
    folder.mkdir()
    cli.ok("profile", train, "--index", "key", "--plan-out", plan, redis=False)
    cli.ok("load", train, "--plan", plan)
    other = folder / "train.csv"
    other.write_bytes(today.read_bytes())
    said = json.loads(cli.ok("load", other, "--plan", plan, "--json").stdout)["drift"]
    drift = json.loads(harness.meta(client, "train")["DRIFT"])
    assert drift["sentences"] == said["sentences"] and drift["findings"] == said["findings"] > 0
    assert drift["new_columns"] == ["extra"] and drift["vanished_columns"] == []
    assert drift["rows"] == {"old": 400, "new": 300}
    before, after = table(train)["age"].astype(float), table(other)["age"].astype(float)
    mean = drift["columns"]["age"]["mean"]
    assert math.isclose(mean["old"], before.mean()) and math.isclose(mean["new"], after.mean())
    assert math.isclose(mean["shift"], (after.mean() - before.mean()) / before.std())
    assert any(sentence.startswith("age: ") for sentence in said["sentences"])


@pytest.mark.parametrize("change, status, words", (
    (lambda text: text.replace("income", "incme", 1), 1, 'missing in the file: "income"'),
    (lambda text: text.replace("\n", "\nx", 1).replace(",7,", ",seven,", 1), 1, '"lone" (int64 in the plan'),
))
def test_files_that_do_not_fit_leave_the_replica(cli, client, files, tmp_path, change, status, words):
    train, today = files
    plan = tmp_path / "plan.json"
    cli.ok("profile", train, "--index", "key", "--plan-out", plan, redis=False)
    cli.ok("load", today, "--plan", plan)
    before = client.hgetall("today"), harness.meta(client, "today")
    today.write_text(change(today.read_text(encoding="utf-8")), encoding="utf-8")
    done = cli("load", today, "--plan", plan)
    assert done.returncode == status and words in done.stderr and "Traceback" not in done.stderr
    assert (client.hgetall("today"), harness.meta(client, "today")) == before
