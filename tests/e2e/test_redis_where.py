"""Where Redis may be and whom it lets in: ACL users, databases, RESP3, replicas, and what `sluice check` shows of it."""
import json
import os
import re

import pytest
import redis

import harness
import redis_peers

ROWS = 5_000


@pytest.fixture(scope="module", params=redis_peers.programs())
def server(request):
    with redis_peers.running("--repl-diskless-sync-delay", 0, program=request.param) as started:
        yield started


@pytest.fixture
def empty(server):
    client = server.client()
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,value\n" + "".join(f"{number},{number % 7}\n" for number in range(ROWS)))
    return path


def documented_rule():
    """The words of the ACL rule in docs/redis.md, and the optional rights."""
    with open(os.path.join(harness.ROOT, "docs", "redis.md"), encoding="utf-8") as source:
        text = source.read()
    rule = re.search(r"^ACL SETUSER sluice (.*)$", text, re.M).group(1).split()
    optional = re.findall(r"^\| `(\+[^`]*)` \|", text, re.M)
    return rule, " ".join(optional).replace("\\", "").split()


def use_everything(tmp_path, url, table, *more):
    """Every command that speaks to Redis, and the service."""
    cli = harness.CommandLine(tmp_path, url)
    for on_duplicate in ("last", "first", "fail"):
        cli.ok("load", table, "--index", "id", "--set", f"store.on_duplicate={on_duplicate}", *more)
    assert "table" in cli.ok("ls", *more).stdout
    assert len(json.loads(cli.ok("top", "table", "-n", "3", "--json", *more).stdout)) == 3
    cli.ok("show", "table", *more)
    options = {word.split("=")[0].replace(".", "__"): word.split("=")[1] for word in more if "=" in word}
    service = harness.Service(tmp_path, url, **options).start()
    try:
        service.put("small.csv", "id,v\n1,2\n", prim_index="id")
        assert service.load_all().status == 200, service.log()
        assert service.call("GET", "/v1/replicas").status == 200
        assert service.call("GET", "/v1/replicas/small/rows/1").status == 200
        assert service.call("POST", "/getTopNFromReplica", "?replica=small&topn=1").status == 200
        assert service.call("POST", "/clearRedisCache", "?replica=small&remove=1").status == 200
        assert service.call("GET", "/unregister_replicas").status == 200
    finally:
        service.stop()
    cli.ok("load", table, "--index", "id", *more)
    cli.ok("drop", "table", *more)


@pytest.mark.parametrize("with_optional", [False, True])
def test_a_user_with_the_documented_rights(tmp_path, server, empty, table, with_optional):
    rule, optional = documented_rule()
    try:
        empty.execute_command("ACL", "SETUSER", "sluice", "reset", *rule, *(optional if with_optional else []))
    except redis.ResponseError as refused:
        pytest.skip(f"this server's ACLs are older: {refused}")
    empty.acl_log_reset()
    use_everything(tmp_path, f"redis://sluice:secret@127.0.0.1:{server.port}/0", table)
    denied = {entry["object"] for entry in empty.acl_log()}
    assert not denied if with_optional else denied, denied


def test_a_right_that_is_missing(tmp_path, server, empty, table):
    rule, _ = documented_rule()
    empty.execute_command("ACL", "SETUSER", "sluice", "reset", *rule, "-rename")
    cli = harness.CommandLine(tmp_path, f"redis://sluice:secret@127.0.0.1:{server.port}/0")
    line = cli.refused(3, "load", table, "--index", "id", "--set", "redis.patience=30")
    assert "NOPERM" in line and "permission" in line
    assert empty.keys() == [], "nothing is left of it"
    line = harness.CommandLine(tmp_path, f"redis://sluice:wrong@127.0.0.1:{server.port}/0").refused(3, "ls")
    assert "password" in line and "wrong" not in line.replace("wrong", "", line.count("WRONGPASS"))


@pytest.mark.parametrize("layout", harness.choices("store.layout"))
def test_layouts(tmp_path, server, empty, table, layout):
    """Each kind of server takes each layout; small hashes come as finished objects in the form that it uses itself."""
    cli = harness.CommandLine(tmp_path, server.url)
    for index in ((), ("--index", "id")):
        empty.config_resetstat()
        cli.ok("load", table, *index, "--set", f"store.layout={layout}")
        harness.check_counts(empty, "table")
        calls = {name: found["calls"] for name, found in empty.info("commandstats").items()}
        if layout == "packed":
            assert calls["cmdstat_restore"] > ROWS // 130 and calls["cmdstat_hset"] < 5
            assert {empty.object("encoding", key) for key in empty.scan_iter("table:*")} == {b"listpack"}
        rows = [line.split(",") for line in cli.ok("export", "table").stdout.splitlines()[1:]]
        assert len(rows) == ROWS and len(json.loads(cli.ok("top", "table", "-n", "9", "--json").stdout)) == 9
    cli.ok("drop", "table")
    assert empty.keys() == []


@pytest.mark.parametrize("protocol", [2, 3])
def test_databases_and_protocols(tmp_path, server, empty, table, protocol):
    cli = harness.CommandLine(tmp_path, f"redis://127.0.0.1:{server.port}/5")
    cli.ok("load", table, "--index", "id", "--set", f"redis.protocol={protocol}")
    assert empty.keys() == []
    fifth = server.client(db=5)
    assert fifth.hlen("table") == ROWS
    harness.check_counts(fifth, "table")
    line = harness.CommandLine(tmp_path, f"redis://127.0.0.1:{server.port}/99").refused(2, "ls")
    assert "database" in line


def test_everything_in_resp3(tmp_path, server, empty, table):
    empty.execute_command("ACL", "SETUSER", "three", "reset", "on", ">secret", "~*", "&*", "+@all")
    use_everything(tmp_path, f"redis://three:secret@127.0.0.1:{server.port}/0", table, "--set", "redis.protocol=3")


def test_a_server_without_resp3(tmp_path):
    def answer(_, words):
        return b"-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n" if words[0] == b"HELLO" else b"+OK\r\n"

    with redis_peers.FakeServer(answer) as fake:
        line = harness.CommandLine(tmp_path, fake.url).refused(2, "ls", "--set", "redis.protocol=3")
    assert "redis.protocol" in line


# ---- Replicas and what check shows


def points(cli, *more):
    done = cli("check", "--json", *more)
    return {point["check"]: point for point in json.loads(done.stdout)["checks"]}


@pytest.mark.parametrize("version, status", [("3.2.12", "fail"), ("6.0.16", "warn"), ("6.2.0", None), ("10.0.1", None)])
def test_check_says_what_is_too_old(tmp_path, version, status):
    info = f"redis_version:{version}\r\nrole:master\r\n".encode()

    def answer(_, words):
        return b"$%d\r\n%s\r\n" % (len(info), info) if words[0] == b"INFO" else b"+OK\r\n"

    with redis_peers.FakeServer(answer) as fake:
        point = points(harness.CommandLine(tmp_path, fake.url)).get("redis version")
    assert (point["status"] if point else None) == status, point


@pytest.fixture(scope="module")
def pair(server, tmp_path_factory):
    """A replica of the server."""
    follower = redis_peers.Server(tmp_path_factory.mktemp("pair"), "--replicaof", "127.0.0.1", server.port,
                                  program=server.arguments[0], name="replica").start()
    harness.until("the replica follows", lambda: follower.client().info("replication")["master_link_status"] == "up")
    yield follower
    follower.stop()
    server.client().config_resetstat()


def test_waiting_for_replicas(tmp_path, server, empty, pair, table):
    cli = harness.CommandLine(tmp_path, server.url)
    done = cli.ok("load", table, "--index", "id", "--set", "redis.wait_replicas=1")
    assert done.stderr == ""
    assert pair.client().hlen("table") == ROWS, "the replica has it when the load says so"
    done = cli.ok("load", table, "--index", "id", "--set", "redis.wait_replicas=3", "--set", "redis.wait_timeout_ms=50")
    assert "1 of the 3 replicas" in done.stderr
    assert empty.hlen("table") == ROWS


def test_reading_from_a_replica(tmp_path, server, empty, pair, table):
    cli = harness.CommandLine(tmp_path, server.url)
    cli.ok("load", table, "--index", "id", "--set", "redis.wait_replicas=1")
    reader = ("--set", "redis.read_from_replicas=true")
    follower = pair.client()

    def reads(*words):
        before = [one.info("commandstats").get("cmdstat_hmget", {"calls": 0})["calls"] for one in (empty, follower)]
        answer = cli.ok("top", "table", "-n", "5", "--json", *words).stdout
        after = [one.info("commandstats").get("cmdstat_hmget", {"calls": 0})["calls"] for one in (empty, follower)]
        assert len(json.loads(answer)) == 5
        return after[0] - before[0], after[1] - before[1]

    assert reads()[1] == 0
    at_master, at_replica = reads(*reader)
    assert at_master == 0 and at_replica > 0
    service = harness.Service(tmp_path, server.url, redis__read_from_replicas="true").start()
    try:
        before = follower.info("commandstats")["cmdstat_hmget"]["calls"]
        assert service.call("POST", "/getTopNFromReplica", "?replica=table&topn=3").status == 200
        assert follower.info("commandstats")["cmdstat_hmget"]["calls"] > before
        follower.replicaof("127.0.0.1", harness.free_port())  # it loses its master
        harness.until("the link is down", lambda: follower.info("replication")["master_link_status"] == "down")
        assert reads(*reader) != (0, 0)
        assert reads(*reader)[1] == 0, "a replica that does not follow is not read from"
        assert service.call("POST", "/getTopNFromReplica", "?replica=table&topn=3").status == 200
    finally:
        service.stop()
        follower.replicaof("127.0.0.1", server.port)
        harness.until("it follows again", lambda: follower.info("replication")["master_link_status"] == "up")


def test_check_shows_the_server(tmp_path, server, empty, pair):
    cli = harness.CommandLine(tmp_path, server.url)
    found = points(cli)
    kind = "Valkey" if "valkey" in os.path.basename(server.arguments[0]) else "Redis"
    assert found["redis"]["detail"].startswith(kind + " ")
    assert found["redis replicas"]["status"] == "ok" and "1 connected" in found["redis replicas"]["detail"]
    assert points(cli, "--set", "redis.wait_replicas=2")["redis replicas"]["status"] == "warn"
    assert found["redis aof"]["status"] == "warn"
    assert found["redis eviction"]["status"] == "ok"
    empty.config_set("maxmemory-policy", "allkeys-lru")
    empty.config_set("maxmemory", "100mb")
    try:
        found = points(cli)
        assert found["redis eviction"]["status"] == "warn" and "noeviction" in found["redis eviction"]["detail"]
        assert "(maxmemory)" in found["redis memory"]["detail"]
    finally:
        empty.config_set("maxmemory-policy", "noeviction")
        empty.config_set("maxmemory", "0")
    empty.config_set("appendonly", "yes")
    try:
        assert points(cli)["redis aof"]["status"] == "ok"
    finally:
        empty.config_set("appendonly", "no")
    follower = points(harness.CommandLine(tmp_path, pair.url))
    assert follower["redis role"]["status"] == "fail" and "master" in follower["redis role"]["detail"]
