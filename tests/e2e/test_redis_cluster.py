"""A real Redis Cluster of three masters: loads, readers, slots that move meanwhile, a master that is gone."""
import json
import shutil
import signal
import subprocess
import threading

import pytest
import harness
import redis_peers

ROWS = {"rows": 60_000 if harness.SANITIZED else 200_000}
SLOWLY = ("--set", "load.threads=1", "--set", "store.pairs_per_command=1", "--set", "redis.window_bytes=64KiB")

pytestmark = pytest.mark.skipif(not shutil.which("redis-cli"), reason="no redis-cli to make a cluster with")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = redis_peers.Cluster(tmp_path_factory.mktemp("cluster"))
    yield made.start()
    made.stop()


@pytest.fixture
def empty(cluster):
    for server in cluster.servers:
        server.client().flushall()
    return cluster.client()


def write_table(tmp_path, name, rows, generation=0):
    folder = tmp_path / f"g{generation}-{rows}"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.csv"
    path.write_text("id,value\n" + "".join(f"{number},{number % 7}\n" for number in range(rows)))
    return path


def rows_of(client, name):
    """The rows that are there, whatever the layout: as docs/layouts.md has it."""
    layout = json.loads(client.hget(f"{{{name}}}.META", "LAYOUT"))
    if layout["layout"] == "rows":
        return client.hlen(name)
    return sum(client.hlen(layout["prefix"] + str(bucket)) for bucket in range(layout["buckets"]))


def check_replica(client, cluster, name, rows):
    assert rows_of(client, name) == rows
    meta = {key.decode(): value.decode() for key, value in client.hgetall(f"{{{name}}}.META").items()}
    counts = [int(meta[field]) for field in ("ROWS_READ", "ROWS_WRITTEN", "ROWS_REJECTED", "DUPLICATE_KEYS")]
    assert counts == [rows, rows, 0, 0]
    assert [key for key in cluster.keys() if b"staging" in key or b"lease" in key or b"garbage" in key] == []


class Layout(tuple):
    """What chooses it on a command line, and how many rows take a while to load."""

    def __new__(cls, name):
        made = super().__new__(cls, ("--set", f"store.layout={name}"))
        made.rows = ROWS[name]
        return made


@pytest.fixture(params=["rows"])
def layout(request):
    return Layout(request.param)


def test_everything(tmp_path, cluster, empty, layout):
    cli = harness.CommandLine(tmp_path, cluster.url)
    names = [f"table{number}" for number in range(6)]  # on all of the masters
    for name in names:
        cli.ok("load", write_table(tmp_path, name, 100), "--index", "id", *layout)
        check_replica(empty, cluster, name, 100)
        assert cluster.owner(name) is cluster.owner(f"{{{name}}}.META")
    assert len({cluster.owner(name) for name in names}) > 1
    assert empty.lrange("REPLICA_REGISTRY", 0, -1) == [name.encode() for name in reversed(names)]
    before = len(cluster.keys())
    cli.ok("load", write_table(tmp_path, "table0", 50), "--index", "id", *layout)
    assert len(cluster.keys()) == before, "the old rows are gone"
    check_replica(empty, cluster, "table0", 50)
    assert empty.lindex("REPLICA_REGISTRY", 0) == b"table0"
    listing = cli.ok("ls").stdout
    assert all(name in listing for name in names)
    assert len(json.loads(cli.ok("top", "table1", "-n", "7", "--json").stdout)) == 7
    assert "table2" in cli.ok("show", "table2").stdout
    assert len(cli.ok("export", "table2").stdout.splitlines()) == 101
    for name in names:
        cli.ok("drop", name)
    assert cluster.keys() == []


@pytest.mark.parametrize("how", ["first", "fail"])
def test_duplicates(tmp_path, cluster, empty, how):
    path = tmp_path / "twice.csv"
    path.write_text("id,v\n1,1\n2,2\n1,3\n")
    cli = harness.CommandLine(tmp_path, cluster.url)
    if how == "fail":
        assert "row 3" in cli.refused(1, "load", path, "--index", "id", "--set", "store.on_duplicate=fail")
        assert cluster.keys() == []
    else:
        cli.ok("load", path, "--index", "id", "--set", "store.on_duplicate=first")
        assert empty.hlen("twice") == 2


def test_a_service(tmp_path, cluster, empty):
    service = harness.Service(tmp_path, cluster.url).start()
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
        assert empty.exists("small1") == 0
        assert service.call("GET", "/unregister_replicas").status == 200
        assert [key for key in cluster.keys() if key.startswith(b"small") or key.startswith(b"{small")] == []
    finally:
        service.stop()


def until_rows_are_written(cluster, name, process):
    """Rows of a load in progress are there, in whatever layout. The process stands still then."""
    owner, home = cluster.owner(name).client(), cluster.owner("REPLICA_REGISTRY:staging").client()

    def written():
        assert process.poll() is None, ("the load was over too soon", process.communicate())
        for load in home.hkeys("REPLICA_REGISTRY:staging"):
            names = [f"REPLICA_REGISTRY:staging:{load.decode()}:{{{name}}}"]
            names += [f"{{{name}}}:{load.decode()}:{bucket}" for bucket in range(40)]
            if any(owner.exists(key) for key in names):
                process.send_signal(signal.SIGSTOP)
                return True
        return False

    harness.until("rows are being written", written)


def move(cluster, name, slots=30):
    source = cluster.owner(name)
    target = next(server for server in cluster.servers if server is not source)
    cluster.reshard(source, target, slots)
    assert cluster.owner(name) is target


def test_a_slot_moves_in_the_middle(tmp_path, cluster, empty, layout):
    """The load's own slot, its staging key within, goes to another master between two chunks."""
    name = cluster.early_name(cluster.servers[0])
    cli = harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, name, 500), "--index", "id", *layout)
    process = cli.start("load", write_table(tmp_path, name, layout.rows), "--index", "id", *SLOWLY, *layout)
    until_rows_are_written(cluster, name, process)
    try:
        assert process.poll() is None and rows_of(empty, name) == 500
        move(cluster, name)
    finally:
        process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(cluster.client(), cluster, name, layout.rows)
    assert len(json.loads(cli.ok("top", name, "-n", "5", "--json").stdout)) == 5
    assert len(cli.ok("export", name).stdout.splitlines()) == layout.rows + 1


def test_slots_move_all_the_time(tmp_path, cluster, empty, layout):
    """Loads one after the other while slots go to and fro; a reader sees the old table or the new one."""
    name = cluster.early_name(cluster.servers[1])
    cli = harness.CommandLine(tmp_path, cluster.url)
    sizes = [layout.rows // 4 + 100 * number for number in range(4)]
    tables = [write_table(tmp_path, name, size) for size in sizes]
    cli.ok("load", tables[0], "--index", "id", *layout)
    over, seen, unread, moves = threading.Event(), set(), [], []

    def read():
        while not over.is_set():
            done = cli("export", name)
            if done.returncode == 0:  # loaded over and over is a fair answer
                seen.add(len(done.stdout.splitlines()) - 1)
            else:
                unread.append(done.stderr)

    def shove():
        while not over.is_set():
            source = cluster.owner(name)
            target = cluster.servers[(cluster.servers.index(source) + 1) % 3]
            done = subprocess.run(cluster.reshard_command(source, target, 20), capture_output=True, check=False)
            moves.append(done.returncode)
            if done.returncode:
                subprocess.run(["redis-cli", "--cluster", "fix", f"127.0.0.1:{source.port}"], capture_output=True, check=False)

    threads = [threading.Thread(target=read), threading.Thread(target=shove)]
    for thread in threads:
        thread.start()
    try:
        for loads in range(1, 1000):
            done = cli("load", tables[loads % 4], "--index", "id", *SLOWLY, *layout)
            assert done.returncode == 0, done
            if loads >= 6 and len(moves) >= 4:
                break
    finally:
        over.set()
        for thread in threads:
            thread.join()
    cluster.until_whole()
    check_replica(cluster.client(), cluster, name, sizes[loads % 4])
    assert seen <= set(sizes), ("a reader saw half a table", seen)
    assert not [line for line in unread if "loaded anew" not in line and "over and over" not in line], unread
    assert 0 in moves


def test_a_master_is_gone_for_a_while(tmp_path, cluster, empty, layout):
    cli = harness.CommandLine(tmp_path, cluster.url)
    name = cluster.early_name(cluster.servers[0])
    victim = cluster.owner(name)
    cli.ok("load", write_table(tmp_path, name, 500), "--index", "id", *layout)
    process = cli.start("load", write_table(tmp_path, name, layout.rows), "--index", "id", *SLOWLY, *layout)
    until_rows_are_written(cluster, name, process)
    victim.kill()
    process.send_signal(signal.SIGCONT)
    line = cli.refused(3, "load", write_table(tmp_path, name, 600), "--index", "id", "--set", "redis.patience=0")
    assert line
    victim.start()
    cluster.until_whole()
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(cluster.client(), cluster, name, layout.rows)


def test_other_layouts(tmp_path, cluster, empty):
    line = harness.CommandLine(tmp_path, cluster.url).refused(2, "load", write_table(tmp_path, "abc", 10), "--index", "id",
                                                              "--set", "store.layout=packed")
    assert "use rows" in line
    assert cluster.keys() == []


def test_what_is_no_cluster(tmp_path, cluster, redis_server):
    line = harness.CommandLine(tmp_path, redis_server.url.replace("redis://", "redis+cluster://").replace("/0", "")).refused(2, "ls")
    assert "no cluster" in line and "redis://" in line
    names = [f"n{number}" for number in range(20)]
    server = cluster.servers[0]
    elsewhere = next(name for name in names if cluster.owner(name) is not server)
    path = write_table(tmp_path, elsewhere, 10)
    done = harness.CommandLine(tmp_path, server.url)("load", path, "--index", "id", "--set", "redis.patience=0")
    assert done.returncode == 3 and "redis+cluster://" in done.stderr


def test_a_registry_key_that_would_tear_the_keys_apart(tmp_path, cluster, empty):
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
