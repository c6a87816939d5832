"""sluice export: a replica as a file again, and the same file when it is loaded again."""
import csv
import json
import os
import stat
import subprocess
import threading

import pytest

import harness

PLAIN = ("--set", "prep.impute=none", "--set", "prep.scale=none", "--set", "prep.downcast=off")
ROWS = """id,name,born,seen,ok,x,"with, comma"
007,"Ada ""the"" first",1815-12-10,2022-02-05 14:38:33,true,1.5,"a
b"
8,Blaise,1623-06-19,2022-02-05 14:38:33.25,false,-0.25,
9,,,,,,"c, d"
"""


@pytest.fixture
def people(cli, tmp_path):
    (tmp_path / "people.csv").write_text(ROWS)
    cli.ok("load", tmp_path / "people.csv", "--index", "id", *PLAIN)


def test_csv(cli, people):
    assert cli.ok("export", "people").stdout == (
        'id,name,born,seen,ok,x,"with, comma"\n'
        '007,"Ada ""the"" first",1815-12-10,2022-02-05T14:38:33,true,1.5,"a\nb"\n'
        "8,Blaise,1623-06-19,2022-02-05T14:38:33.250000,false,-0.25,\n"
        '9,,,,,,"c, d"\n')


def test_json_lines(cli, people, tmp_path):
    cli.ok("export", "people", "--output", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["007", "8", "9"]
    assert list(rows[0]) == ["id", "name", "born", "seen", "ok", "x", "with, comma"]
    assert rows[1]["ok"] is False and rows[1]["x"] == -0.25 and rows[2]["x"] is None


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("index", [(), ("--index", "id")])
def test_there_and_back(cli, tmp_path, form, index):
    with open(tmp_path / "t.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "n", "x", "text", "d"])
        for i in range(5000):
            writer.writerow([f"k{i * 7919 % 5000:04}", i if i % 7 else "", i / 7, f'"{i},\n\u00e9', f"2020-01-{i % 28 + 1:02}"])
    cli.ok("load", tmp_path / "t.csv", *index, *PLAIN)
    first, second = tmp_path / f"first.{form}", tmp_path / f"second.{form}"
    cli.ok("export", "t", "-o", first)
    cli.ok("load", first, *index, *PLAIN)
    cli.ok("export", "first", "-o", second)
    assert first.read_bytes() == second.read_bytes() and first.stat().st_size > 200_000


def test_wrong_use(cli, people, tmp_path, client):
    assert "csv or jsonl" in cli.refused(2, "export", "people", "--format", "xml")
    assert "nobody" in cli.refused(1, "export", "nobody")
    cli.refused(1, "export", "people", "-o", tmp_path / "no" / "folder" / "x.csv")
    (tmp_path / "kept.csv").write_text("kept")
    client.hset("people", "8", '"no row of mine"')
    assert '"8"' in cli.refused(1, "export", "people", "-o", tmp_path / "kept.csv")
    assert (tmp_path / "kept.csv").read_text() == "kept"
    assert not [name for name in os.listdir(tmp_path) if name.startswith("kept.csv.")]


def test_a_reader_that_goes_away(cli, tmp_path, redis_server):
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{i},{'x' * 50}\n" for i in range(50000)))
    cli.ok("load", tmp_path / "t.csv")
    done = subprocess.Popen([harness.program(), "export", "t", "--redis", redis_server.unix_url], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, cwd=tmp_path, env=harness.clean_environment(tmp_path))
    line = done.stdout.readline()
    assert line == b"a,b\n", done.stderr.read()
    done.stdout.close()
    assert (done.wait(30), done.stderr.read()) == (0, b"")
    done.stderr.close()


def test_loaded_anew_meanwhile(cli, tmp_path, client):
    """Every export that succeeds is of one load; one that was begun over says nothing of it."""
    def load(generation):
        (tmp_path / "t.csv").write_text("a,g\n" + "".join(f"{i},{generation}\n" for i in range(20000)))
        cli.ok("load", tmp_path / "t.csv", *PLAIN)

    load(0)
    stop = threading.Event()

    def reload():
        for generation in range(1, 6):
            load(generation)
        stop.set()

    thread = threading.Thread(target=reload)
    thread.start()
    seen, n = set(), 0
    try:
        while not stop.is_set() or n == 0:
            cli.ok("export", "t", "-o", tmp_path / "out.csv")
            with open(tmp_path / "out.csv", newline="") as file:
                rows = list(csv.reader(file))
            assert len(rows) == 20001 and len({row[1] for row in rows[1:]}) == 1
            seen.add(rows[1][1])
            n += 1
    finally:
        thread.join()
    assert seen


def test_what_is_no_file_is_written_to_and_not_replaced(cli, tmp_path):
    """A device or FIFO (`-o /dev/null`, `--html /dev/stdout`) stays what it is."""
    (tmp_path / "t.csv").write_text("id,v\n1,2\n", encoding="utf-8")
    cli.ok("load", tmp_path / "t.csv")
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    for command, start in ((["export", "t", "-o", pipe], b"id,v"), (["profile", tmp_path / "t.csv", "--html", pipe], b"<!"),
                           (["profile", tmp_path / "t.csv", "--plan-out", pipe], b"{")):
        process = cli.start(*command, redis=command[0] == "export")
        with open(pipe, "rb") as source:
            found = source.read()
        assert process.wait(harness.PATIENCE) == 0, process.stderr.read()
        assert found.startswith(start), found[:100]
        assert stat.S_ISFIFO(os.stat(pipe).st_mode), command
