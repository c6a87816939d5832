"""A reload swaps in one step: whoever reads meanwhile sees the old replica or the new one, whole."""
import json
import os
import threading

import redis

import harness

ROWS = 20_000 if harness.SANITIZED else 200_000
FEWER = ROWS * 3 // 4


def write_version(path, version, rows):
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,version,value,text\n")
        for number in range(rows):
            out.write(f"{number},{version},{number * 7 % 1000}.5,some text of row {number}\n")


class Poller(threading.Thread):
    """Reads the replica in every way that a client does, until told to stop; keeps what was wrong."""

    def __init__(self, path):
        super().__init__()
        self.client = redis.Redis(unix_socket_path=path)
        self.stopping = threading.Event()
        self.faults, self.versions, self.rounds = [], set(), 0

    def run(self):
        try:
            while not self.stopping.is_set():
                self.look()
                self.rounds += 1
        except Exception as fault:  # a poller that dies must not pass for one that saw nothing wrong
            self.faults.append(repr(fault))

    def expect(self, holds, what):
        if not holds:
            self.faults.append(what)

    def look(self):
        some = [str(self.rounds * 7919 % FEWER), str(self.rounds * 104729 % FEWER)]
        # One call at a time: a row is there, and whole.
        row = self.client.hget("table", some[0])
        self.expect(row is not None, f"row {some[0]} is missing")
        self.expect(self.client.exists("table", "table.META") == 2, "the replica or its metadata is missing")
        # Several in one transaction: all of one load.
        with self.client.pipeline(transaction=True) as together:
            together.hlen("table")
            together.hmget("table", some)
            together.hexists("table", str(FEWER))
            together.hmget("table.META", "ROWS_WRITTEN", "DF_SHAPE", "LOAD_ID")
            together.lrange("REPLICA_REGISTRY", 0, -1)
            length, rows, has_more, (written, shape, load_id), registry = together.execute()
        self.expect(None not in rows, "a row is missing")
        self.expect(load_id is not None, "the metadata is missing")
        if None in rows or load_id is None:
            return
        versions = {json.loads(row)[0] for row in rows}
        self.expect(len(versions) == 1, f"rows of two loads: {versions}")
        version = versions.pop()
        self.versions.add(version)
        self.expect(length == int(written) == json.loads(shape)[0], f"{length} rows, META says {written} and {shape}")
        self.expect(length == (FEWER if version == "B" else ROWS), f"{length} rows of version {version}")
        self.expect(bool(has_more) == (version == "A"), f"the rows behind {FEWER} are not those of {version}")
        self.expect(registry == [b"table"], f"the registry is {registry}")


def poll_during(redis_server, work):
    poller = Poller(redis_server.socket)
    poller.start()
    try:
        work()
        enough = poller.rounds + 20
        harness.until("the poller has looked again", lambda: poller.rounds >= enough or not poller.is_alive())
    finally:
        poller.stopping.set()
        poller.join()
    assert not poller.faults, (len(poller.faults), poller.faults[:5])
    return poller


def test_reload_of_a_changed_file(tmp_path, redis_server, client, cli):
    folder_a, folder_b = tmp_path / "a", tmp_path / "b"
    for folder, version, rows in ((folder_a, "A", ROWS), (folder_b, "B", FEWER)):
        folder.mkdir()
        write_version(folder / "table.csv", version, rows)
    cli.ok("load", folder_a / "table.csv", "--index", "id")
    assert client.hlen("table") == ROWS

    def there_and_back():
        cli.ok("load", folder_b / "table.csv", "--index", "id")
        assert client.hlen("table") == FEWER and not client.hexists("table", str(FEWER))
        cli.ok("load", folder_a / "table.csv", "--index", "id")

    poller = poll_during(redis_server, there_and_back)
    assert poller.versions == {"A", "B"} and poller.rounds > 20
    assert client.hlen("table") == ROWS
    assert sorted(client.keys()) == [b"REPLICA_REGISTRY", b"table", b"table.META"], "nothing is left lying about"


def test_reload_through_the_service(redis_server, client, service):
    write_version(service.path("table.csv"), "A", ROWS)
    service.put_ticket("table.csv", prim_index="id")
    assert service.load_all().status == 200

    def reload():
        write_version(service.path(".next.csv"), "B", FEWER)
        os.rename(service.path(".next.csv"), service.path("table.csv"))
        assert service.load_all().status == 200

    assert poll_during(redis_server, reload).versions == {"A", "B"}
    assert harness.check_counts(client, "table") == (FEWER, FEWER, 0, 0)


def test_a_failed_reload_leaves_the_old_replica(tmp_path, redis_server, client, cli):
    path = tmp_path / "table.csv"
    write_version(path, "A", ROWS)
    cli.ok("load", path, "--index", "id")
    with open(path, "a", encoding="utf-8") as out:
        out.write("1,B,2,one,two many\n")
    before = client.hgetall("table.META")

    def fail():
        line = cli.refused(1, "load", path, "--index", "id", "--set", "reader.on_bad_row=fail")
        assert "table.csv" in line and str(ROWS + 1) in line

    assert poll_during(redis_server, fail).versions == {"A"}
    assert client.hgetall("table.META") == before
    assert sorted(client.keys()) == [b"REPLICA_REGISTRY", b"table", b"table.META"]
