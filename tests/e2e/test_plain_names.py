"""store.key_prefix=plain: rows as NAME:<row key>, switched from one load to the next, whatever happens in the middle."""
import json
import random
import subprocess
import threading
import time

import pytest

import harness

ROWS = 6_000 if harness.SANITIZED else 25_000
KILLS = 4 if harness.SANITIZED else 7
# So that a switch takes as many transactions as may be.
SLOWLY = ("--set", "redis.max_block_usec=50", "--set", "load.chunk_bytes=64KiB")


@pytest.fixture(params=["keys", "json"])
def plain(request):
    return ("--set", f"store.layout={request.param}", "--set", "store.key_prefix=plain", "--set", "prep.scale=none",
            "--set", "prep.impute=none")


def write(tmp_path, version, first=0, rows=ROWS):
    folder = tmp_path / f"{version}{first}-{rows}"
    folder.mkdir(exist_ok=True)
    path = folder / "t.csv"
    path.write_text("id,version,value\n" + "".join(f"k{n},{version},{n % 997}\n" for n in range(first, first + rows)))
    return path


def where(client):
    return json.loads(client.hget("t.META", "LAYOUT"))


def value(client, key):
    """The row under its plain name, as a client reads it that knows nothing of sluice; None: there is none."""
    if client.type(key) == b"hash":
        return {name.decode(): text.decode() for name, text in client.hgetall(key).items()}
    text = client.get(key)
    return json.loads(text) if text else None


def check_whole(client, version, first=0, rows=ROWS):
    """All rows of one load under their plain names, and nothing else."""
    keys = {key.decode() for key in client.scan_iter("t:*", count=5000)}
    assert keys == {f"t:k{n}" for n in range(first, first + rows)}
    as_json = where(client)["layout"] == "json"
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.get(key) if as_json else pipeline.hget(key, "version")
        found = {json.loads(text)["version"] if as_json else text.decode() for text in pipeline.execute()}
    assert found == {version}
    lists = len(client.keys("t.META:*"))
    assert lists == -(-rows // 4096)
    assert client.dbsize() == rows + lists + 2
    assert not client.hexists("t.META", "SWITCH")
    harness.check_counts(client, "t")
    assert int(client.hget("t.META", "ROWS_WRITTEN")) == rows


def versions(cli):
    """What sluice's own readers see; None: the replica was loaded anew meanwhile."""
    done = cli("export", "t", "--format", "csv")
    assert done.returncode == 0 or "loaded anew" in done.stderr, done.stderr
    lines = done.stdout.splitlines()[1:]
    return ({line.split(",")[1] for line in lines}, len(lines)) if done.returncode == 0 else None


def test_read_as_documented(tmp_path, client, cli, plain):
    for first, rows, version in ((0, 500, "A"), (200, 500, "B"), (100, 5000, "C"), (0, 5000, "D"), (4000, 10, "E")):
        cli.ok("load", write(tmp_path, version, first, rows), "--index", "id", *plain)
        shown = harness.documented(where(client)["layout"])
        look_up, read_all = shown["look_up"], shown["read_all"]
        found = read_all(client, "t")
        assert list(found) == [f"k{n}" for n in range(first, first + rows)]
        assert {row["version"] for row in found.values()} == {version}
        assert look_up(client, "t", f"k{first}") == found[f"k{first}"] == value(client, f"t:k{first}")
        check_whole(client, version, first, rows)
    cli.ok("drop", "t")
    assert client.keys() == []


def test_a_service_reads_them(tmp_path, client, make_service):
    service = make_service(start=False)
    path = write(tmp_path, "A", 0, 3000)
    service.put("t.csv", path.read_bytes())
    service.put_ticket("t.csv", prim_index="id", options={"store.layout": "keys", "store.key_prefix": "plain",
                                                          "prep.scale": "none"})
    service.start()
    assert service.load_all().status == 200
    assert client.hget("t:k7", "version") == b"A"
    assert service.call("GET", "/v1/replicas/t/rows/k7").json() == {"key": "k7", "values": ["A", 7]}
    page = service.call("GET", "/v1/replicas/t/rows?limit=1000").json()
    assert [row["key"] for row in page["rows"]] == [f"k{n}" for n in range(1000)]
    assert service.call("GET", f"/v1/replicas/t/rows?limit=1000&cursor={page['next_cursor']}").json()["rows"][0]["key"] == "k1000"
    assert service.call("POST", "/clearRedisCache", "?replica=t&remove=1").json() == {"clear_cache": "success"}
    harness.until("the rows are removed", lambda: not client.keys("t:*") and not client.keys("t.META:*"))
    assert service.load_all().status == 200
    assert client.hget("t:k7", "version") == b"A"
    assert service.call("GET", "/unregister_replicas").status == 200
    harness.until("all is removed", lambda: not client.keys("t[:.]*"))


def test_readers_while_it_switches(tmp_path, client, cli, redis_server, plain):
    """By plain names each row is whole; sluice and who follows LAYOUT see one load, or none of it."""
    import redis

    path = {version: write(tmp_path, version, first) for version, first in (("A", 0), ("B", ROWS // 2))}
    cli.ok("load", path["A"], "--index", "id", *plain)
    layout = where(client)["layout"]
    over, wrong, seen, switches = threading.Event(), [], set(), []
    expected = {version: ({"version": version, "value": 0} if layout == "json" else {"version": version, "value": "0"})
                for version in "AB"}

    def poll_keys():
        reader, dice = redis.Redis(unix_socket_path=redis_server.socket), random.Random(1)
        while not over.is_set():
            number = dice.randrange(ROWS // 2, ROWS)  # both loads have it: it is never away
            row = None
            try:
                row = (json.loads(reader.get(f"t:k{number}")) if layout == "json" else
                       {key.decode(): text.decode() for key, text in reader.hgetall(f"t:k{number}").items()})
            except TypeError:
                pass
            version = row and row.get("version")
            if row is None or row != {**expected.get(version, {}), "value": type(expected["A"]["value"])(number % 997)}:
                wrong.append((number, row))
            seen.add(version)
            if reader.hexists("t.META", "SWITCH"):
                switches.append(number)

    def poll_layout():
        reader, look_up = redis.Redis(unix_socket_path=redis_server.socket), harness.documented(layout)["look_up"]
        dice = random.Random(2)
        while not over.is_set():
            before = reader.hget("t.META", "LAYOUT")
            some = [look_up(reader, "t", f"k{dice.randrange(ROWS // 2, ROWS)}")["version"] for _ in range(30)]
            if before == reader.hget("t.META", "LAYOUT") and len(set(some)) != 1:
                wrong.append(some)

    threads = [threading.Thread(target=poll_keys), threading.Thread(target=poll_layout)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(20):
            if turn >= 2 and switches:
                break
            process = cli.start("load", path["BA"[turn % 2]], "--index", "id", *SLOWLY, *plain)
            while process.poll() is None:
                assert versions(cli) in (None, ({"A"}, ROWS), ({"B"}, ROWS))
            out, err = process.communicate()
            assert process.returncode == 0, (out, err)
            check_whole(client, "BA"[turn % 2], (ROWS // 2) * (turn % 2 == 0))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == [] and seen == {"A", "B"} and switches


def test_killed_at_many_moments(tmp_path, client, cli, redis_server, plain):
    """kill -9: one load's rows, whole, for sluice's readers at once, and by plain names when the next start has been there."""
    path = {version: write(tmp_path, version, first) for version, first in (("A", 0), ("B", ROWS // 3))}
    (tmp_path / "other.csv").write_text("v\n1\n")
    cli.ok("load", path["A"], "--index", "id", *SLOWLY, *plain)
    current, middles, dice = "A", 0, random.Random(3)
    for turn in range(4 * KILLS):
        if turn >= KILLS and middles >= 3:
            break
        new = "B" if current == "A" else "A"
        process = cli.start("load", path[new], "--index", "id", *SLOWLY, *plain)
        if turn % 2:  # in the middle of the switch
            deadline = time.monotonic() + 60
            while process.poll() is None and not client.hexists("t.META", "SWITCH") and time.monotonic() < deadline:
                continue
            moment = dice.random() * 0.05
        else:
            moment = dice.random() * 0.6
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        middles += client.hexists("t.META", "SWITCH")
        found, rows = versions(cli)
        assert len(found) == 1 and rows == ROWS
        current = found.pop()
        what = turn % 3
        if what == 0:  # the next start
            cli.ok("load", tmp_path / "other.csv")
            cli.ok("drop", "other")
        elif what == 1:  # the next load
            current = "B" if dice.random() < 0.5 else "A"
            cli.ok("load", path[current], "--index", "id", *plain)
        else:
            cli.ok("drop", "t")
            cli.ok("load", path[current], "--index", "id", *plain)
        check_whole(client, current, 0 if current == "A" else ROWS // 3)
    assert middles >= 3, "no kill hit a switch in the middle: this test showed nothing"


def test_a_lost_connection(tmp_path, client, cli, plain):
    """The load reconnects and finishes its switch."""
    cli.ok("load", write(tmp_path, "A"), "--index", "id", *plain)
    cut = 0
    for turn in range(20):
        if cut >= 2:
            break
        process = cli.start("load", write(tmp_path, "BC"[turn % 2], 1000), "--index", "id", *SLOWLY, *plain)
        while process.poll() is None and not client.hexists("t.META", "SWITCH"):
            continue
        cut += bool(client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                    and client.hexists("t.META", "SWITCH"))
        out, err = process.communicate()
        assert process.returncode == 0, (out, err)
        check_whole(client, "BC"[turn % 2], 1000)
    assert cut > 0, "no connection was cut in the middle of a switch"


def test_keys_of_others(tmp_path, client, cli, plain):
    client.set("t:k7", "mine")
    assert "t:" in cli.refused(1, "load", write(tmp_path, "A", 0, 100), "--index", "id", *plain)
    assert client.keys() == [b"t:k7"] and client.get("t:k7") == b"mine"
    client.delete("t:k7")
    cli.ok("load", write(tmp_path, "A", 0, 100), "--index", "id", *plain)
    client.set("t:k100", "mine")
    cli.refused(1, "load", write(tmp_path, "B", 0, 101), "--index", "id", *plain)
    assert client.get("t:k100") == b"mine"
    assert versions(cli) == ({"A"}, 100)
    cli.ok("drop", "t")
    assert client.keys() == [b"t:k100"]


def test_a_time_to_live(tmp_path, client, cli, plain):
    for rows in (50, 5000):
        cli.ok("load", write(tmp_path, "A", 0, rows), "--index", "id", "--set", "store.ttl_seconds=1000", *plain)
        assert 900 < client.ttl("t:k49") <= 1000 and 900 < client.ttl(f"t:k{rows - 1}") <= 1000
