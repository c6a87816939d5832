"""A real Redis Cluster of three masters: loads in every layout, their readers, and nodes that are no good."""
import json
import shutil
import signal
import socket
import time

import pytest

import cluster_tables
import harness
import redis_peers
from cluster_tables import check_replica, leftovers, write_table

pytestmark = pytest.mark.skipif(not shutil.which("redis-cli"), reason="no redis-cli to make a cluster with")


@pytest.fixture(params=(*cluster_tables.LAYOUTS, "plain"))
def layout(request):
    return cluster_tables.Layout(request.param)


def test_everything(tmp_path, cluster, empty_cluster, layout):
    cli = harness.CommandLine(tmp_path, cluster.url)
    names = [f"table{number}" for number in range(6)]  # on all of the masters
    for name in names:
        cli.ok("load", write_table(tmp_path, name, 100), "--index", "id", *layout)
        check_replica(empty_cluster, cluster, name, 100)
        assert len({cluster.owner(key) for key in cluster.keys() if key.startswith(b"{%s}" % name.encode())}) == 1
    assert len({cluster.owner(name) for name in names}) > 1
    assert empty_cluster.lrange("REPLICA_REGISTRY", 0, -1) == [name.encode() for name in reversed(names)]
    before = len(cluster.keys())
    cli.ok("load", write_table(tmp_path, "table0", 100, generation=1), "--index", "id", *layout)
    assert len(cluster.keys()) == before, "the old rows are gone"
    check_replica(empty_cluster, cluster, "table0", 100)
    assert empty_cluster.lindex("REPLICA_REGISTRY", 0) == b"table0"
    listing = cli.ok("ls").stdout
    assert all(name in listing for name in names)
    assert len(json.loads(cli.ok("top", "table1", "-n", "7", "--json").stdout)) == 7
    assert "table2" in cli.ok("show", "table2").stdout
    assert len(cli.ok("export", "table2").stdout.splitlines()) == 101
    for name in names:
        cli.ok("drop", name)
    assert cluster.keys() == []


def test_one_layout_after_the_other(tmp_path, cluster, empty_cluster):
    """Whatever there was before makes place for what comes, and nothing of it stays."""
    cli = harness.CommandLine(tmp_path, cluster.url)
    order = [*cluster_tables.LAYOUTS, "plain", *reversed(cluster_tables.LAYOUTS), "plain", "plain"]
    for turn, name in enumerate(order):
        cli.ok("load", write_table(tmp_path, "abc", 300 + turn), "--index", "id", *cluster_tables.Layout(name))
        check_replica(empty_cluster, cluster, "abc", 300 + turn)


def test_as_documented(tmp_path, cluster, empty_cluster, layout):
    """The page's own code, with redis-py's RedisCluster and the names that clients know."""
    cli = harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, "abc", 2500), "--index", "id", "--set", "load.chunk_bytes=64KiB", *layout)
    if layout.name == "columns":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        assert harness.documented("columns")["read_table"](empty_cluster, "abc").num_rows == 2500
        return
    functions = harness.documented("keys" if layout.name == "plain" else layout.name)
    found = functions["read_all"](empty_cluster, "abc")
    assert sorted(found, key=int) == [str(number) for number in range(2500)]
    assert functions["look_up"](empty_cluster, "abc", "77") == found["77"]


def test_the_metadata_under_both_names(tmp_path, cluster, empty_cluster):
    def copied():
        copy = empty_cluster.hgetall("abc.META")
        assert copy.pop(b"COPY_OF") == b"{abc}.META"
        assert copy == empty_cluster.hgetall("{abc}.META")
        return copy

    cli = harness.CommandLine(tmp_path, cluster.url)
    for rows in (10, 20):
        cli.ok("load", write_table(tmp_path, "abc", rows), "--index", "id")
        assert json.loads(copied()[b"DF_SHAPE"])[0] == rows
    # A load that is killed between its swap and the copy: the next one, of whatever name, mends it.
    for key, value in ((b"ROWS_WRITTEN", b"9"), (b"LOAD_ID", b"0" * 32)):
        empty_cluster.hset("abc.META", key, value)
    empty_cluster.hset("REPLICA_REGISTRY:staging", empty_cluster.hget("{abc}.META", "LOAD_ID"), json.dumps(
        {"name": "abc", "started_usec": 1, "owner": dead_owner(cli, tmp_path, cluster, empty_cluster)}))
    cli.ok("load", write_table(tmp_path, "other", 5), "--index", "id")
    assert copied()[b"ROWS_WRITTEN"] == b"20" and empty_cluster.hlen("abc") == 20
    service = harness.Service(tmp_path, cluster.url).start()
    try:
        assert service.call("POST", "/clearRedisCache", "?replica=abc&remove=1").status == 200
        assert copied() and empty_cluster.exists("abc") == 0
    finally:
        service.stop()
    cli.ok("drop", "abc")
    assert empty_cluster.exists("abc.META") == empty_cluster.exists("{abc}.META") == 0
    empty_cluster.set("other.META", "somebody else's")
    assert "other.META" in cli.refused(1, "load", write_table(tmp_path, "other", 6), "--index", "id")
    assert empty_cluster.hlen("other") == 5 and empty_cluster.get("other.META") == b"somebody else's"


def dead_owner(cli, tmp_path, cluster, client):
    """How a process that is no more has announced its load."""
    process = cli.start("load", write_table(tmp_path, "big", 300_000), "--index", "id", *cluster_tables.SLOWLY)
    cluster_tables.until_rows_are_written(cluster, "big", process)
    announced = client.hvals("REPLICA_REGISTRY:staging")
    process.kill()
    process.wait()
    return json.loads(announced[0])["owner"]


@pytest.mark.parametrize("how", ["first", "fail"])
def test_duplicates(tmp_path, cluster, empty_cluster, how):
    path = tmp_path / "twice.csv"
    path.write_text("id,v\n1,1\n2,2\n1,3\n")
    cli = harness.CommandLine(tmp_path, cluster.url)
    if how == "fail":
        assert "row 3" in cli.refused(1, "load", path, "--index", "id", "--set", "store.on_duplicate=fail")
        assert cluster.keys() == []
    else:
        cli.ok("load", path, "--index", "id", "--set", "store.on_duplicate=first")
        assert empty_cluster.hlen("twice") == 2


def test_a_service(tmp_path, cluster, empty_cluster):
    service = harness.Service(tmp_path, cluster.servers[2].url).start()  # which finds out that it is a cluster
    try:
        for number in range(4):
            service.put(f"small{number}.csv", "id,v\n1,2\n3,4\n", prim_index="id")
        assert service.load_all().status == 200, service.log()
        listed = service.call("GET", "/getRegisteredReplics").json()["LIST_OF_REGISTERED_REPLICS"]
        assert sorted(listed.split(", ")) == [f"small{number}" for number in range(4)]
        for number in range(4):
            assert len(service.call("POST", "/getTopNFromReplica", f"?replica=small{number}&topn=2").json()) == 2
            assert service.call("GET", f"/v1/replicas/small{number}/rows/3").status == 200
            assert service.call("GET", f"/v1/replicas/small{number}").status == 200
        assert service.call("POST", "/clearRedisCache", "?replica=small1&remove=1").status == 200
        assert empty_cluster.exists("small1") == 0
        assert service.call("GET", "/unregister_replicas").status == 200
        assert [key for key in cluster.keys() if key.startswith(b"small") or key.startswith(b"{small")] == []
        begin = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - begin < 4, "who waits in Redis for what happens is not waited for"
    finally:
        service.stop()


def test_what_is_no_cluster(tmp_path, cluster, redis_server):
    line = harness.CommandLine(tmp_path, redis_server.url.replace("redis://", "redis+cluster://").replace("/0", "")).refused(2, "ls")
    assert "no cluster" in line and "redis://" in line
    names = [f"n{number}" for number in range(20)]
    server = cluster.servers[0]
    elsewhere = next(name for name in names if cluster.owner(name) is not server)
    path = write_table(tmp_path, elsewhere, 10)
    done = harness.CommandLine(tmp_path, server.url)("load", path, "--index", "id", "--set", "redis.patience=0", "--set",
                                                     "redis.cluster=false")
    assert done.returncode == 3 and "redis+cluster://" in done.stderr


@pytest.mark.parametrize("known", ["auto", "true"])
def test_a_plain_url_means_all_of_the_cluster(tmp_path, cluster, empty_cluster, known):
    cli = harness.CommandLine(tmp_path, cluster.servers[1].url)
    for number in range(6):
        cli.ok("load", write_table(tmp_path, f"table{number}", 10), "--index", "id", "--set", f"redis.cluster={known}")
        check_replica(empty_cluster, cluster, f"table{number}", 10)
    assert len({cluster.owner(f"table{number}") for number in range(6)}) == 3
    assert all(cli.ok("export", f"table{number}").stdout.count("\n") == 11 for number in range(6))
    line = harness.CommandLine(tmp_path, cluster.servers[1].url[:-1] + "3").refused(
        3 if known == "auto" else 2, "ls", "--set", f"redis.cluster={known}")
    assert "SELECT" in line or "database 0" in line


def test_a_plain_url_of_a_user_who_may_not_ask(tmp_path, redis_server, client):
    """INFO is refused: the server is what the URL says."""
    client.execute_command("ACL", "SETUSER", "careful", "on", ">secret", "~*", "&*", "+@all", "-info")
    try:
        cli = harness.CommandLine(tmp_path, redis_server.url.replace("redis://", "redis://careful:secret@"))
        cli.ok("load", write_table(tmp_path, "abc", 10), "--index", "id")
        assert client.hlen("abc") == 10
    finally:
        client.execute_command("ACL", "DELUSER", "careful")


def test_a_registry_key_that_would_tear_the_keys_apart(tmp_path, cluster, empty_cluster):
    line = harness.CommandLine(tmp_path, cluster.url).refused(2, "load", write_table(tmp_path, "abc", 10), "--index", "id",
                                                              "--set", "store.registry_key=a{b}c")
    assert "braces" in line
    assert cluster.keys() == []


def test_check(tmp_path, cluster):
    done = harness.CommandLine(tmp_path, cluster.url)("check", "--json")
    found = {point["check"]: point for point in json.loads(done.stdout)["checks"]}
    assert found["redis cluster"]["status"] == "ok"
    assert "3 masters" in found["redis cluster"]["detail"] and "16384" in found["redis cluster"]["detail"]


# ---- Fake nodes: redirections without end, and with one


class FakeNode:
    def __init__(self, answers):
        self.answers, self.seen = list(answers), []
        self.fake = redis_peers.FakeServer(self.answer)

    def answer(self, _, words):
        self.seen.append(words[0])
        if words[0] == b"CLUSTER":
            return b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % self.fake.port
        if words[0] in (b"CLIENT", b"ASKING"):
            return b"+OK\r\n"
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def list_through(tmp_path, node, *more):
    url = node.fake.url.replace("redis://", "redis+cluster://").replace("/0", "")
    return harness.CommandLine(tmp_path, url)("ls", *more)


def test_an_old_ask_is_not_believed(tmp_path):
    """Where a key was when its slot moved is not where it is when the answer is read: the slot may have come back."""
    target = FakeNode([b"*0\r\n"])
    with target.fake:
        node = FakeNode([b"-ASK 7 127.0.0.1:%d\r\n" % target.fake.port, b"*1\r\n$3\r\nabc\r\n", b"*0\r\n"])
        with node.fake:
            assert "abc" in list_through(tmp_path, node).stdout
    assert b"ASKING" not in target.seen


def test_redirections_are_followed(tmp_path):
    target = FakeNode([b"*0\r\n"])
    with target.fake:
        for words in (b"-MOVED 7 127.0.0.1:%d\r\n", b"-ASK 7 127.0.0.1:%d\r\n"):
            node = FakeNode([words % target.fake.port])
            with node.fake:
                assert list_through(tmp_path, node).returncode == 0
            assert (b"ASKING" in target.seen) == words.startswith(b"-ASK")
    node = FakeNode([b"-TRYAGAIN later\r\n", b"-TRYAGAIN later\r\n", b"-CLUSTERDOWN the cluster is down\r\n", b"*0\r\n"])
    with node.fake:
        assert list_through(tmp_path, node).returncode == 0


@pytest.mark.parametrize("words", ["-MOVED 7 127.0.0.1:{port}\r\n", "-ASK 7 :{port}\r\n", "-TRYAGAIN later\r\n",
                                   "-CLUSTERDOWN the cluster is down\r\n"])
def test_redirections_without_end(tmp_path, words):
    node = FakeNode([b""])
    node.answers = [words.format(port=node.fake.port).encode()]
    with node.fake:
        done = list_through(tmp_path, node, "--set", "redis.timeout_ms=300")
    assert done.returncode == 3 and words[1:].split()[0] in done.stderr, done
    assert node.seen.count(b"LRANGE") > 1


@pytest.mark.parametrize("slots", [b"*0\r\n", b":1\r\n", b"*1\r\n*0\r\n", b"*1\r\n*3\r\n:5\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
                                   b"*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\nh\r\n:1\r\n",
                                   b"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:99999\r\n", b"-ERR unknown\r\n"])
def test_maps_that_are_none(tmp_path, slots):
    with redis_peers.FakeServer(lambda _, words: slots if words[0] == b"CLUSTER" else b"+OK\r\n") as fake:
        url = fake.url.replace("redis://", "redis+cluster://").replace("/0", "")
        assert harness.one_line(harness.CommandLine(tmp_path, url)("ls").stderr)


# ---- Nodes that stand still, answer wrongly, or name strange neighbours


def one_slot_each(nodes):
    """A map of slots: one to each of (host, port), the last has the rest."""
    text = b"*%d\r\n" % len(nodes)
    for slot, (host, port) in enumerate(nodes):
        last = slot if slot < len(nodes) - 1 else 16383
        text += b"*3\r\n:%d\r\n:%d\r\n*2\r\n$%d\r\n%s\r\n:%d\r\n" % (slot, last, len(host), host, port)
    return text


@pytest.mark.parametrize("nodes, words", [
    ([(b"10.0.0.%d" % (number % 250), 1 + number) for number in range(2000)], "no map of slots"),
    ([(b"a\x1b[2Jb", 7)], "no map of slots"), ([(b"a b", 7)], "no map of slots"), ([(b"\xff\xfe", 7)], "no map of slots"),
    ([(b"h" * 300, 7)], "no map of slots"), ([(b"127.0.0.1", 1)], "127.0.0.1:1")],
    ids=["too many", "control", "space", "no text", "long", "nobody there"])
def test_maps_that_name_strange_nodes(tmp_path, nodes, words):
    with redis_peers.FakeServer(lambda _, said: one_slot_each(nodes) if said[0] == b"CLUSTER" else b"+OK\r\n") as fake:
        url = fake.url.replace("redis://", "redis+cluster://").replace("/0", "")
        line = harness.CommandLine(tmp_path, url).refused(3, "ls", "--set", "redis.timeout_ms=2000")
    assert words in line and "\x1b" not in line


def test_redirections_to_strange_nodes(tmp_path):
    for words in (b"-MOVED 7 \x1b[2J:7\r\n", b"-ASK 99999 127.0.0.1:7\r\n", b"-MOVED 7 127.0.0.1:0\r\n", b"-MOVED\r\n"):
        node = FakeNode([words])
        with node.fake:
            done = list_through(tmp_path, node)
        assert done.returncode == 3 and "\x1b" not in done.stderr and node.seen.count(b"LRANGE") == 1


def test_a_node_that_stands_still(tmp_path, cluster, empty_cluster):
    """It takes connections and says nothing: the other seed is asked in time; alone it is given up in time."""
    harness.CommandLine(tmp_path, cluster.url).ok("load", write_table(tmp_path, "abc", 10), "--index", "id")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        still = f"127.0.0.1:{silent.getsockname()[1]}"
        cli = harness.CommandLine(tmp_path, cluster.url.replace("://", f"://{still},"))
        assert "abc" in cli.ok("ls", "--set", "redis.timeout_ms=2000").stdout
        start = time.monotonic()
        line = harness.CommandLine(tmp_path, f"redis+cluster://{still}").refused(3, "ls", "--set", "redis.timeout_ms=300")
        assert "did not answer" in line and time.monotonic() - start < 5
    # The map is right, and one of the masters hangs.
    victim = cluster.owner("abc")
    victim.process.send_signal(signal.SIGSTOP)
    try:
        start = time.monotonic()
        line = harness.CommandLine(tmp_path, cluster.url).refused(3, "top", "abc", "--set", "redis.timeout_ms=2000")
        # The map, of which the stopped one may have been asked first, and the answer; not each way to it once more.
        assert str(victim.port) in line and (time.monotonic() - start < 3.8 or harness.SANITIZED)
    finally:
        victim.process.send_signal(signal.SIGCONT)
    cluster.until_whole()
    assert harness.CommandLine(tmp_path, cluster.url).ok("export", "abc").stdout.count("\n") == 11


def test_waiting_ends_for_all_that_is_under_way(tmp_path):
    """Every one of many commands is told to wait: that takes the time-out once, not once for each."""
    fields = {b"LOAD_ID": b"0" * 32, b"COLUMNS": b'["v"]', b"ROWS_WRITTEN": b"100", b"KEY_ORDER": b"[[0,99]]",
              b"LAYOUT": b'{"version":1,"layout":"packed","prefix":"{t}:%s:","bucket":"ordinal","buckets":1,'
                         b'"rows_per_bucket":128,"rows":100}' % (b"0" * 32)}

    def answer(_, words):
        if words[0] == b"CLUSTER":
            return one_slot_each([(b"127.0.0.1", fake.port)])
        if words[0] == b"EXISTS":
            return b":1\r\n"
        if words[0] == b"HMGET":
            values = [fields.get(field) for field in words[2:]]
            return b"*%d\r\n" % len(values) + b"".join(
                b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value) for value in values)
        return b"-CLUSTERDOWN The cluster is down\r\n" if words[0] == b"HGET" else b"+OK\r\n"

    with redis_peers.FakeServer(answer) as fake:
        cli = harness.CommandLine(tmp_path, fake.url.replace("redis://", "redis+cluster://").replace("/0", ""))
        start = time.monotonic()
        assert "CLUSTERDOWN" in cli.refused(3, "top", "t", "-n", "100", "--set", "redis.timeout_ms=200")
        assert time.monotonic() - start < 8
