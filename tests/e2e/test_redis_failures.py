"""What Redis can do to a load: every refusal, silence, restart, cut and garbage. The load either gets through by beginning
its delivery again, or fails and says what to do; the old replica stays whole meanwhile, and no staging key is left."""
import json
import random
import shutil
import signal

import pytest
import redis

import harness
import redis_peers

ROWS = 60_000
SLOWLY = ("--set", "load.threads=1", "--set", "store.pairs_per_command=1", "--set", "redis.window_bytes=64KiB")


@pytest.fixture
def server(tmp_path):
    started = redis_peers.Server(tmp_path, "--appendonly", "no").start()
    yield started
    started.stop()


@pytest.fixture
def client(server):
    return server.client()


@pytest.fixture
def table(tmp_path):
    """A table of which another load is there already."""
    path = tmp_path / "table.csv"
    path.write_text("id,value\n" + "".join(f"{number},{number % 7}\n" for number in range(ROWS)))
    return path


def first_load(tmp_path, server, path):
    old = tmp_path / "old"
    old.mkdir(exist_ok=True)
    shutil.copy(path, old / "table.csv")
    lines = (old / "table.csv").read_text().splitlines()
    (old / "table.csv").write_text("\n".join(lines[:1001]) + "\n")
    harness.CommandLine(tmp_path, server.url).ok("load", old / "table.csv", "--index", "id")


def leftovers(client):
    """What is there besides replicas and the registry."""
    return [key for key in client.keys() if key not in (b"REPLICA_REGISTRY", b"table", b"table.META")]


def check_old(client):
    assert client.hlen("table") == 1000
    assert harness.check_counts(client, "table") == (1000, 1000, 0, 0)
    assert leftovers(client) == []


def check_new(client):
    assert client.hlen("table") == ROWS
    assert harness.check_counts(client, "table") == (ROWS, ROWS, 0, 0)
    assert leftovers(client) == []
    assert client.lrange("REPLICA_REGISTRY", 0, -1) == [b"table"]


def staged_rows(client):
    try:
        return sum(client.hlen(key) for key in client.keys("REPLICA_REGISTRY:staging:*"))
    except redis.RedisError:
        return 0


class Running:
    """A load that stands still in the middle of its rows until it is let go."""

    def __init__(self, tmp_path, url, client, path, *more):
        self.process = harness.CommandLine(tmp_path, url).start("load", path, "--index", "id", *SLOWLY, *more)
        harness.until("rows are being written", lambda: staged_rows(client) > 100 or self.process.poll() is not None)
        self.process.send_signal(signal.SIGSTOP)
        assert staged_rows(client) > 100, "the load was over too soon"

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        out, err = self.process.communicate(timeout=2 * harness.PATIENCE)
        return self.process.returncode, out.decode(), err.decode()

    def succeeds(self):
        status, out, err = self.end()
        assert status == 0, (out, err)

    def fails(self, *words):
        status, out, err = self.end()
        assert status == 3, (out, err)
        line = harness.one_line(err)
        for word in words:
            assert word in line, line


# Each: how to break the server, how to mend it, and what the error says. Every one of them is refused by the server itself.


def fill_up(client):
    client.config_set("maxmemory", max(1, client.info("memory")["used_memory"] - 100_000))


def empty_again(client):
    client.config_set("maxmemory", 0)


def make_readonly(client):
    client.replicaof("127.0.0.1", harness.free_port())


def make_master(client):
    client.replicaof("NO", "ONE")


def break_disk(client):
    """A snapshot that cannot be written: its directory is gone."""
    client.config_set("save", "3600 1000000")
    folder = client.config_get("dir")["dir"]
    shutil.rmtree(folder, ignore_errors=True)
    client.execute_command("BGSAVE")
    harness.until("the snapshot has failed", lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")


def mend_disk(client):
    client.config_set("save", "")


REFUSALS = {
    "OOM": (fill_up, empty_again, ("OOM", "maxmemory")),
    "READONLY": (make_readonly, make_master, ("READONLY", "URL of the master")),
    "MISCONF": (break_disk, mend_disk, ("MISCONF", "disk")),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_refused_for_good(tmp_path, server, client, table, kind):
    break_it, mend_it, words = REFUSALS[kind]
    first_load(tmp_path, server, table)
    load = Running(tmp_path, server.url, client, table, "--set", "redis.patience=0.3")
    break_it(client)
    load.go_on()
    load.fails(*words)
    mend_it(client)
    if kind in ("OOM",):
        check_old(client)  # it could clear up: removing is what a full server allows
    else:
        harness.CommandLine(tmp_path, server.url).ok("load", table, "--index", "id")
        check_new(client)


@pytest.mark.parametrize("kind", REFUSALS)
def test_refused_for_a_while(tmp_path, server, client, table, kind):
    break_it, mend_it, _ = REFUSALS[kind]
    first_load(tmp_path, server, table)
    load = Running(tmp_path, server.url, client, table)
    break_it(client)
    refused = client.info("errorstats")
    load.go_on()
    harness.until("the load was refused", lambda: client.info("errorstats") != refused)
    assert client.hlen("table") == 1000
    mend_it(client)
    load.succeeds()
    check_new(client)


def test_silent_for_a_while(tmp_path, server, client, table):
    """CLIENT PAUSE: longer than the time-out, shorter than the patience."""
    first_load(tmp_path, server, table)
    load = Running(tmp_path, server.url, client, table, "--set", "redis.timeout_ms=200")
    client.client_pause(1500, all=True)
    load.go_on()
    load.succeeds()
    check_new(client)


def test_silent_for_good(tmp_path, server, client, table):
    first_load(tmp_path, server, table)
    load = Running(tmp_path, server.url, client, table, "--set", "redis.timeout_ms=100", "--set", "redis.patience=0.5")
    server.process.send_signal(signal.SIGSTOP)
    load.go_on()
    try:
        load.fails("in time")
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert client.hlen("table") == 1000
    harness.CommandLine(tmp_path, server.url).ok("load", table, "--index", "id")
    check_new(client)


def test_restarted_with_its_data(tmp_path, table):
    """It loads them slowly: LOADING is waited for."""
    server = redis_peers.Server(tmp_path, "--appendonly", "yes", "--appendfsync", "no", "--aof-use-rdb-preamble", "no",
                                name="aof").start()
    try:
        client = server.client()
        first_load(tmp_path, server, table)
        load = Running(tmp_path, server.url, client, table)
        client.shutdown(save=True)
        server.process.wait(harness.PATIENCE)
        server.arguments += ["--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024"]
        server.start(ready=False)
        load.go_on()
        harness.until("it answers", server.answers)
        load.succeeds()
        check_new(server.client())
    finally:
        server.stop()


def test_still_loading_when_a_load_begins(tmp_path, table):
    loading = {"asked": 0}

    def answer(_, words):
        if words[0] in (b"CLIENT", b"HELLO"):
            return b"+OK\r\n"
        loading["asked"] += 1
        return b"-LOADING Redis is loading the dataset in memory\r\n"

    with redis_peers.FakeServer(answer) as fake:
        line = harness.CommandLine(tmp_path, fake.url).refused(3, "load", table, "--set", "redis.patience=0.3")
    assert "LOADING" in line and "again" in line
    assert loading["asked"] > 3, "it was not asked again"


@pytest.mark.parametrize("greeting, word", [
    (b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n", "protected mode"),
    (b"-NOAUTH Authentication required.\r\n", "password"),
    (b"-ERR max number of clients reached\r\n", "maxclients"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "no Redis protocol"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no Redis protocol"),
    (b"\x15\x03\x03\x00\x02\x02\x16", "TLS"),
])
def test_turned_away(tmp_path, table, greeting, word):
    with redis_peers.FakeServer(lambda *_: greeting) as fake:
        assert word in harness.CommandLine(tmp_path, fake.url).refused(3, "load", table, "--set", "redis.patience=0")


def test_a_password_from_now_on(tmp_path, server, client, table):
    """NOAUTH in the middle is no use to wait for."""
    first_load(tmp_path, server, table)
    load = Running(tmp_path, server.url, client, table, "--set", "redis.patience=30")
    client.config_set("requirepass", "secret")
    client.execute_command("AUTH", "secret")
    for other in client.client_list():
        if other["name"].startswith("sluice"):
            client.client_kill_filter(_id=other["id"])
    load.go_on()
    load.fails("NOAUTH", "password")
    client.config_set("requirepass", "")
    assert client.hlen("table") == 1000


# ---- Cuts and garbage, at any byte


def small_table(tmp_path, rows):
    path = tmp_path / f"v{rows}" / "table.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("id,value\n" + "".join(f"{number},{number % 7}\n" for number in range(rows)))
    return path


class Meddler:
    """Does something to one byte position of each of the first connections, in one direction."""

    def __init__(self):
        self.at, self.what, self.left = 1 << 60, None, 0

    def arm(self, at, what, connections=1):
        self.at, self.what, self.left = at, what, connections

    def __call__(self, number, before, piece):
        if self.left <= 0 or not before <= self.at < before + len(piece):
            return piece
        self.left -= 1
        return self.what(piece, self.at - before)


def cut(piece, place):
    del piece, place


def garble(piece, place):
    noise = random.Random(place).randbytes(3)
    return piece[:place] + noise + piece[place + 3:]


@pytest.mark.parametrize("direction", ["request", "answer"])
@pytest.mark.parametrize("what", [cut, garble])
def test_at_any_byte(tmp_path, server, client, direction, what):
    """One accident: the load gets through, whatever it hit, or (garbled) fails and nothing has changed."""
    if what is garble and direction == "request":
        pytest.skip("a server may do anything with commands that nobody sent")
    meddler = Meddler()
    old, new = small_table(tmp_path, 50), small_table(tmp_path, 60)
    plain = harness.CommandLine(tmp_path, server.url)
    hooks = {"on_" + direction: meddler}
    hit = 0
    with redis_peers.Proxy(server.port, **hooks) as proxy:
        meddled = harness.CommandLine(tmp_path, proxy.url)
        step = 211 if direction == "request" else 31
        for at in range(0, 1 << 20, step):
            plain.ok("load", old, "--index", "id")
            meddler.arm(at, what)
            done = meddled("load", new, "--index", "id", "--set", "redis.patience=5", "--set", "redis.timeout_ms=400")
            if meddler.left > 0:
                assert done.returncode == 0, done
                break  # the whole exchange is shorter than this
            hit += 1
            if done.returncode != 0:
                # In the commands before a load there is nothing to begin again.
                assert done.returncode in (1, 2, 3), done
                harness.one_line(done.stderr)
                assert client.hlen("table") in (50, 60), "half a table"
            else:
                assert client.hlen("table") == 60, at
                assert harness.check_counts(client, "table") == (60, 60, 0, 0)
            if what is cut:
                assert leftovers(client) == [], at
            else:
                # A garbled answer may have been written down as garbage that nobody can read.
                plain.ok("load", old, "--index", "id")
                assert [key for key in leftovers(client) if not key.endswith(b":garbage")] == [], at
            meddler.arm(1 << 60, what, 0)
    assert hit > 10


def test_wrong_counts_are_noticed(tmp_path, server, client, table):
    """An HSET that says it took one row less than it was sent."""
    first_load(tmp_path, server, table)
    seen = {"left": 1}

    def falsify(number, before, piece):
        if seen["left"] and b":512\r\n" in piece:
            seen["left"] -= 1
            return piece.replace(b":512\r\n", b":511\r\n", 1)
        return piece

    with redis_peers.Proxy(server.port, on_answer=falsify) as proxy:
        done = harness.CommandLine(tmp_path, proxy.url)("load", table, "--index", "id", "--set", "redis.patience=0")
        assert done.returncode == 3 and "Redis said it took" in done.stderr, done
        check_old(client)
        seen["left"] = 1
        harness.CommandLine(tmp_path, proxy.url).ok("load", table, "--index", "id")
    assert seen["left"] == 0
    check_new(client)


def test_a_service_lives_through_it(tmp_path, server, client):
    """503 with Retry-After while Redis is away; back when it is back; and what was loaded is still told."""
    service = harness.Service(tmp_path, server.url, redis__timeout_ms=300).start()
    try:
        service.put("table.csv", "id,v\n1,2\n", prim_index="id")
        assert service.load_all().status == 200
        server.process.send_signal(signal.SIGSTOP)
        try:
            answer = service.call("GET", "/getRegisteredReplics")
            assert answer.status == 503 and "retry-after" in answer.headers, answer
        finally:
            server.process.send_signal(signal.SIGCONT)
        harness.until("it is back", lambda: service.call("GET", "/getRegisteredReplics").status == 200)
        server.kill()
        assert service.call("POST", "/getTopNFromReplica", "?replica=table&topn=1").status == 503
        server.start()
        harness.until("it is back", lambda: service.call("GET", "/getRegisteredReplics").status == 200)
        assert json.loads(service.call("GET", "/getRegisteredReplics").body) == {"LIST_OF_REGISTERED_REPLICS": "EMPTY"}
    finally:
        service.stop()
