"""kill -9 at any moment of a load: the old replica stays whole, the next start clears what was left."""
import json
import random
import subprocess
import time

import pytest

import harness

ROWS = 15_000 if harness.SANITIZED else 60_000
MANY = 8 * ROWS  # long enough to be caught in the middle
KILLS = 6 if harness.SANITIZED else 14


def write_version(path, version, rows=ROWS):
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,version,value\n")
        out.writelines(f"{number},{version},{number % 997}\n" for number in range(rows))


def whole_version(client, rows_wanted=ROWS):
    """The version of the replica `table`, having looked at every row and the metadata."""
    with client.pipeline(transaction=True) as together:
        together.hvals("table")
        together.hgetall("table.META")
        together.lrange("REPLICA_REGISTRY", 0, -1)
        rows, fields, registry = together.execute()
    assert len(rows) == rows_wanted and fields[b"ROWS_WRITTEN"] == str(rows_wanted).encode()
    versions = {json.loads(row)[0] for row in rows}
    assert len(versions) == 1, "a mixed replica"
    assert b"table" in registry
    return versions.pop()


def leftovers(client, *expected):
    return sorted(key.decode() for key in client.keys()
                  if key.decode() not in ("REPLICA_REGISTRY", "table", "table.META", *expected))


def test_command_line_killed_at_many_moments(tmp_path, client, cli):
    path = {version: tmp_path / version / "table.csv" for version in "AB"}
    for version, file in path.items():
        file.parent.mkdir()
        write_version(file, version)
    cli.ok("load", path["A"], "--index", "id")
    start = time.monotonic()
    cli.ok("load", path["A"], "--index", "id")
    whole_load = time.monotonic() - start
    assert whole_version(client) == "A"
    saw_leftovers = False
    dice = random.Random(9)
    for turn in range(10 * KILLS):
        if turn >= KILLS and saw_leftovers:
            break  # the later turns are for a machine whose pace keeps changing
        process = cli.start("load", path["B"], "--index", "id")
        try:
            # Not a pause for something to happen: the moment of the kill is what is tried out.
            process.communicate(timeout=whole_load * (turn % KILLS + dice.random()) / KILLS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        saw_leftovers = saw_leftovers or bool(leftovers(client))
        if whole_version(client) == "B":
            cli.ok("load", path["A"], "--index", "id")
            assert whole_version(client) == "A"
    if not saw_leftovers:
        pytest.fail("no kill hit a load in the middle: this test showed nothing")
    cli.ok("load", path["B"], "--index", "id")
    assert whole_version(client) == "B"
    assert leftovers(client) == [], "the next start clears them"


def test_service_killed_in_the_middle(make_service, client):
    service = make_service(start=False)
    write_version(service.path("table.csv"), "A", MANY)
    service.put_ticket("table.csv", prim_index="id")
    service.start()
    assert service.load_all().status == 200
    write_version(service.path("table.csv"), "B", MANY)
    service.put_ticket("table.csv", prim_index="id")
    assert service.call("GET", "/register_replicas").status == 200
    call = subprocess.Popen(service.curl_command("POST", "/loadDf2redis", "?force_reload=1", key=service.key),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    harness.until("rows are being staged", lambda: [key for key in client.keys("*staging*")])
    service.kill()
    call.wait()
    assert whole_version(client, MANY) == "A"
    assert client.keys("*staging*")

    service.start()
    harness.until("the load is taken up again, and done", lambda: whole_version(client, MANY) == "B")
    harness.until("its ticket says so", lambda: service.ticket("table")["status"] == "PROCESSED")
    harness.until("the leftovers are gone", lambda: not client.keys("*staging*"))


def test_leftovers_of_a_load_that_is_alive_are_not_touched(tmp_path, client, cli):
    """Another load that starts meanwhile must not sweep this one away."""
    write_version(tmp_path / "table.csv", "A", MANY)
    (tmp_path / "other.csv").write_text("v\n1\n")
    first = cli.start("load", tmp_path / "table.csv", "--index", "id")
    harness.until("rows are being staged", lambda: client.keys("*staging*") or first.poll() is not None)
    cli.ok("load", tmp_path / "other.csv")
    out, err = first.communicate()
    assert first.returncode == 0, (out, err)
    assert whole_version(client, MANY) == "A" and client.hlen("other") == 1
