"""Reading from the replicas of a cluster's masters: who is asked, who answers when one is away, and never two loads at once."""
import json
import signal
import subprocess
import threading

import pytest

import cluster_peers
import cluster_tables
import harness
import redis_peers
from cluster_tables import check_replica, write_table

READER = ("--set", "redis.read_from_replicas=true")
NAME = cluster_peers.early_name()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = cluster_peers.Cluster(tmp_path_factory.mktemp("cluster"), replicas=3)
    try:
        yield made.start()
    finally:
        made.stop()


def follower(cluster, name=NAME):
    """The replica that readers of a table are told of."""
    found = cluster.replica_of(cluster.owner(name))
    cluster.until_listed(found)
    return found


def calls(server):
    """Commands that read a table."""
    stats = server.client().info("commandstats")
    return sum(stats.get("cmdstat_" + name, {"calls": 0})["calls"] for name in ("hmget", "hget", "hgetall", "hscan", "get", "lrange", "exists"))


def load(cluster, cli, tmp_path, name, rows, *more, generation=0):
    cli.ok("load", write_table(tmp_path, name, rows, generation), "--index", "id", "--set", "redis.wait_replicas=1", *more)


def test_who_is_asked(tmp_path, cluster, empty_cluster):
    cli = harness.CommandLine(tmp_path, cluster.url)
    names = [f"table{number}" for number in range(4)]
    for name, layout in zip(names, ("rows", "packed", "columns", "keys")):
        load(cluster, cli, tmp_path, name, 2_000, *cluster_tables.Layout(layout))
        follower(cluster, name)
    masters, replicas = cluster.masters(), [server for server in cluster.servers if not server.is_master()]

    def asked(read):
        before = [sum(map(calls, servers)) for servers in (masters, replicas)]
        read()
        return [sum(map(calls, servers)) - earlier for servers, earlier in zip((masters, replicas), before)]

    def read(*more):
        for name in names:
            assert cli.ok("export", name, *more).stdout.count("\n") == 2_001
            assert len(json.loads(cli.ok("top", name, "-n", "5", "--json", *more).stdout)) == 5
        assert all(name in cli.ok("ls", *more).stdout for name in names)

    assert asked(read)[1] == 0
    at_masters, at_replicas = asked(lambda: read(*READER, "--set", "redis.timeout_ms=60000"))
    assert at_replicas > 20 and at_masters < at_replicas / 10, (at_masters, at_replicas)
    service = harness.Service(tmp_path, cluster.servers[1].url, redis__read_from_replicas="true").start()
    try:
        def call():
            for name in names:
                assert service.call("GET", f"/v1/replicas/{name}/rows/77").status == 200
                assert len(service.call("GET", f"/v1/replicas/{name}/rows?limit=300").json()["rows"]) == 300
                assert len(service.call("POST", "/getTopNFromReplica", f"?replica={name}&topn=2").json()) == 2

        assert asked(call)[1] >= 3 * len(names)  # of the masters the service asks for more than tables
        assert service.call("GET", f"/v1/replicas/{names[0]}/rows/nobody").status == 404
        assert service.call("GET", "/v1/replicas/nobody/rows/1").status == 404
    finally:
        service.stop()


def test_pages_of_a_hash(tmp_path, cluster, empty_cluster):
    """What one replica takes for a place in a hash is none at another: those pages are the master's."""
    second = next(server for server in cluster.servers if not server.is_master() and server is not follower(cluster))
    first_master, second_master = cluster.owner(NAME), cluster.master_of(second)
    cluster.follow(second, first_master)
    cluster.until_listed(second)
    try:
        path = tmp_path / f"{NAME}.csv"
        path.write_text("id,value\n" + "".join(f"key{number},{number}\n" for number in range(20_000)))
        cli = harness.CommandLine(tmp_path, cluster.url)
        cli.ok("load", path, "--index", "id", "--set", "redis.wait_replicas=2")
        service = harness.Service(tmp_path, cluster.url, redis__read_from_replicas="true").start()
        try:
            before, keys, cursor = calls(second) + calls(follower(cluster)), [], ""
            while cursor is not None:
                page = service.call("GET", f"/v1/replicas/{NAME}/rows?limit=1000&cursor={cursor}")
                assert page.status == 200, page
                keys += [row["key"] for row in page.json()["rows"]]
                cursor = page.json()["next_cursor"]
            assert len(keys) == len(set(keys)) == 20_000
            assert calls(second) + calls(follower(cluster)) > before
        finally:
            service.stop()
    finally:
        cluster.follow(second, second_master)
        cluster.until_agreed()  # or readers of this table are told of it still


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("layout", ["rows", "packed"])
def test_a_replica_is_gone_in_the_middle(tmp_path, cluster, empty_cluster, how, layout):
    """A long read that began at the replica ends at the master, with all rows."""
    cli = harness.CommandLine(tmp_path, cluster.url)
    load(cluster, cli, tmp_path, NAME, 60_000, *cluster_tables.Layout(layout))
    victim = follower(cluster)
    before = calls(victim)
    process = cli.start("export", NAME, *READER, "--set", "redis.timeout_ms=2000", bufsize=0)
    first = process.stdout.read(1000)  # the pipe is full soon after
    harness.until("the replica is read from", lambda: calls(victim) > before)
    victim.process.send_signal(how)
    try:
        out, err = process.communicate(timeout=2 * harness.PATIENCE)
        assert process.returncode == 0, err
        assert sorted(int(line.split(",")[0]) for line in (first + out).decode().splitlines()[1:]) == list(range(60_000))
        service = harness.Service(tmp_path, cluster.url, redis__read_from_replicas="true", redis__timeout_ms="2000").start()
        try:
            assert service.call("GET", f"/v1/replicas/{NAME}/rows/77").status == 200
        finally:
            service.stop()
    finally:
        if how == signal.SIGKILL:
            victim.process.wait()
            victim.start()
        victim.process.send_signal(signal.SIGCONT)
        cluster.until_follows(victim, cluster.owner(NAME))


def test_loaded_anew_at_the_master_while_the_replica_stands(tmp_path, cluster, empty_cluster):
    """What was read at the replica is of the load before: it is not completed with rows of the next one."""
    cli = harness.CommandLine(tmp_path, cluster.url)
    load(cluster, cli, tmp_path, NAME, 60_000, "--set", "prep.scale=none")
    victim = follower(cluster)
    process = cli.start("export", NAME, *READER, "--set", "redis.timeout_ms=2000", bufsize=0)
    process.stdout.read(1000)
    victim.process.send_signal(signal.SIGSTOP)
    try:
        cli.ok("load", write_table(tmp_path, NAME, 60_000, generation=100), "--index", "id", "--set", "prep.scale=none")
        out, err = process.communicate(timeout=2 * harness.PATIENCE)
        assert {line.split(b",")[1] for line in out.splitlines()[2:]} <= {b"%d" % number for number in range(7)}, "rows of both loads"
        assert process.returncode != 0 and b"loaded anew" in err, err
    finally:
        victim.process.send_signal(signal.SIGCONT)
        cluster.until_follows(victim, cluster.owner(NAME))


@pytest.mark.parametrize("layout", ["rows", "packed", "keys"])
def test_a_slot_stays_half_moved(tmp_path, cluster, empty_cluster, layout):
    """A replica of the master that gives the slot away says of what has gone that there is no such key."""
    cli = harness.CommandLine(tmp_path, cluster.url)
    load(cluster, cli, tmp_path, NAME, 9_000, *cluster_tables.Layout(layout))
    source = cluster.owner(NAME)
    target = next(server for server in cluster.masters() if server is not source)
    service = harness.Service(tmp_path, cluster.url, redis__read_from_replicas="true").start()
    try:
        with cluster.half_moved(NAME, source, target):
            assert source.ask("WAIT", 1, 5000) == 1
            assert cli.ok("export", NAME, *READER).stdout.count("\n") == 9_001
            assert len(json.loads(cli.ok("top", NAME, "-n", "2999", "--json", *READER).stdout)) == 2999
            for key in range(0, 9_000, 891):
                row = service.call("GET", f"/v1/replicas/{NAME}/rows/{key}")
                assert row.status == 200 and row.json()["key"] == str(key), row
        cluster.until_owned(NAME, target)
        assert service.call("GET", f"/v1/replicas/{NAME}/rows/77").status == 200
        assert cli.ok("export", NAME, *READER).stdout.count("\n") == 9_001
    finally:
        service.stop()
    cluster.move_slot(NAME, source)


def test_never_a_mix(tmp_path, cluster, empty_cluster):
    """Loads one after the other, while the replica stands still for moments and changes places with its master."""
    cli = harness.CommandLine(tmp_path, cluster.url)
    tables = [write_table(tmp_path, NAME, 3_000 + 10 * number, generation=1000 * number) for number in range(3)]
    layout = (*cluster_tables.Layout("packed"), "--set", "prep.scale=none")
    cli.ok("load", tables[0], "--index", "id", *layout)
    service = harness.Service(tmp_path, cluster.url, redis__read_from_replicas="true", redis__timeout_ms="1000").start()
    over, mixed, pages = threading.Event(), [], []

    def read():
        while not over.is_set():
            page = service.call("GET", f"/v1/replicas/{NAME}/rows?limit=10000")
            if page.status == 200:
                generations = {row["values"][-1] // 1000 for row in page.json()["rows"]}
                pages.append(len(page.json()["rows"]))
                if len(generations) != 1 or pages[-1] != 3_000 + 10 * min(generations):
                    mixed.append((generations, pages[-1]))

    def until_read_again():
        seen = len(pages)
        harness.until("it is read again", lambda: len(pages) > seen + 1)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(6):
            victim = follower(cluster)
            victim.process.send_signal(signal.SIGSTOP)
            try:
                cli.ok("load", tables[(turn + 1) % 3], "--index", "id", *layout)
            finally:
                victim.process.send_signal(signal.SIGCONT)
            cluster.until_follows(victim, cluster.owner(NAME))
            until_read_again()
        cluster.step_down(NAME)
        cli.ok("load", tables[1], "--index", "id", *layout)
        until_read_again()
    finally:
        over.set()
        reader.join()
        service.stop()
    assert not mixed
    check_replica(cluster.client(), cluster, NAME, 3_010)


# ---- Replicas that are none, by a script


@pytest.mark.parametrize("words", [b"-LOADING Redis is loading the dataset in memory\r\n", b"-MASTERDOWN Link with MASTER is down\r\n",
                                   b"-MOVED 7 127.0.0.1:1\r\n", b"-CLUSTERDOWN The cluster is down\r\n", b"*0\r\n", None],
                         ids=["loading", "masterdown", "moved", "down", "nothing", "hangs up"])
def test_a_replica_of_no_use(tmp_path, words):
    seen = []

    def node(name):
        def answer(_, said):
            seen.append((name, said[0]))
            if said[0] == b"CLUSTER":
                return b"*1\r\n*4\r\n:0\r\n:16383\r\n" + b"".join(b"*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % port for port in ports)
            if said[0] == b"ROLE":
                return b"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:7\r\n$9\r\nconnected\r\n:1\r\n"
            if said[0] == b"LRANGE":
                return b"*1\r\n$3\r\nabc\r\n" if name == "master" else words
            return b"+OK\r\n" if said[0] in (b"CLIENT", b"READONLY") else b"*0\r\n"
        return answer

    with redis_peers.FakeServer(node("master")) as master, redis_peers.FakeServer(node("replica")) as replica:
        ports = [master.port, replica.port]
        cli = harness.CommandLine(tmp_path, master.url.replace("redis://", "redis+cluster://").replace("/0", ""))
        assert "abc" in cli.ok("ls", *READER).stdout
    assert ("replica", b"READONLY") in seen and ("replica", b"LRANGE") in seen and ("master", b"LRANGE") in seen
