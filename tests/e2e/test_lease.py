"""Two loads of one replica at a time: one wins, the other waits, and one that wakes up late swaps nothing."""
import json
import signal

import harness

ROWS = 60_000 if harness.SANITIZED else 250_000
LEASE = "REPLICA_REGISTRY:lease:table"
OVERTAKEN = ("stood still", "another load")


def write(folder, version, rows):
    folder.mkdir()
    path = folder / "table.csv"
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,version,value\n")
        out.writelines(f"{number},{version},{number % 997}\n" for number in range(rows))
    return path


def versions(client):
    return {json.loads(row)[0] for row in client.hvals("table")}


def leftovers(client):
    return sorted(key.decode() for key in client.keys()
                  if key.decode() not in ("REPLICA_REGISTRY", "table", "table.META"))


def test_one_that_wakes_up_late_swaps_nothing(tmp_path, client, cli):
    old, new = write(tmp_path / "old", "old", ROWS), write(tmp_path / "new", "new", 1000)
    late = cli.start("load", old, "--index", "id", "--set", "store.lease=1")
    try:
        harness.until("the first load has the lease", lambda: client.exists(LEASE))
        late.send_signal(signal.SIGSTOP)
        cli.ok("load", new, "--index", "id")  # waits until the lease of the one that stands still is over
        assert versions(client) == {"new"}
    finally:
        late.send_signal(signal.SIGCONT)
    _, said = late.communicate(timeout=harness.PATIENCE)
    assert late.returncode == 1
    assert any(text in said.decode() for text in OVERTAKEN), said
    assert versions(client) == {"new"} and client.hlen("table") == 1000
    assert leftovers(client) == []


def test_the_second_waits_for_the_first(tmp_path, client, cli):
    first, second = write(tmp_path / "a", "first", ROWS), write(tmp_path / "b", "second", 1000)
    process = cli.start("load", first, "--index", "id")
    harness.until("the first load has the lease", lambda: client.exists(LEASE))
    cli.ok("load", second, "--index", "id")
    assert process.poll() is not None or process.wait(harness.PATIENCE) is not None
    assert process.returncode == 0
    assert versions(client) == {"second"}
    assert leftovers(client) == []


def test_the_second_is_told(tmp_path, client, cli):
    first, second = write(tmp_path / "a", "first", ROWS), write(tmp_path / "b", "second", 1000)
    process = cli.start("load", first, "--index", "id")
    try:
        holder = harness.until("the first load has the lease", lambda: client.get(LEASE)).decode()
        process.send_signal(signal.SIGSTOP)
        told = cli("load", second, "--index", "id", "--set", "redis.patience=0.2")
    finally:
        process.send_signal(signal.SIGCONT)
    assert told.returncode == 1
    assert "being loaded by somebody else" in told.stderr and holder in told.stderr
    _, said = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 0, said
    assert versions(client) == {"first"}
    assert leftovers(client) == []
