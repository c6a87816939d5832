"""Redis with Sentinel: the master is asked for, and found again when it fails over in the middle of a load."""
import os
import signal

import pytest
import redis

import harness
import redis_peers

ROWS = 100_000 if harness.SANITIZED else 400_000
SLOWLY = ("--set", "load.threads=1", "--set", "store.pairs_per_command=1", "--set", "redis.window_bytes=64KiB")


class Watched:
    """Two servers and a sentinel that makes either the master."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.servers = [redis_peers.Server(folder, "--repl-diskless-sync-delay", 0, name="first")]
        self.servers.append(redis_peers.Server(folder, "--replicaof", "127.0.0.1", self.servers[0].port, name="second"))
        self.port = redis_peers.free_port()
        self.url = f"redis+sentinel://127.0.0.1:{redis_peers.free_port()},127.0.0.1:{self.port}/mymaster"
        self.process = None

    def start(self):
        for server in self.servers:
            server.start()
        harness.until("the replica follows", lambda: self.servers[1].client().info("replication")["master_link_status"] == "up")
        self.sentinel = redis_peers.Sentinel(self.folder, self.port, self.servers[0].port).start()
        harness.until("the sentinel knows the replica",
                      lambda: self.sentinel.ask("SENTINEL", "MASTER", "mymaster")["num-slaves"] == 1)
        return self

    def stop(self):
        self.sentinel.stop()
        for server in self.servers:
            server.stop()

    def master(self):
        return next(server for server in self.servers if server.port == self.sentinel.master_port())


@pytest.fixture
def watched(tmp_path):
    found = Watched(tmp_path).start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "table.csv"
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,value\n")
        out.writelines(f"{number},{number % 997}\n" for number in range(ROWS))
    return path


def staged_rows(client):
    try:
        return sum(client.hlen(key) for key in client.keys("REPLICA_REGISTRY:staging:*"))
    except redis.RedisError:
        return 0


def test_a_load_and_a_look(tmp_path, watched):
    small = tmp_path / "small.csv"
    small.write_text("id,v\n1,2\n3,4\n")
    cli = harness.CommandLine(tmp_path, watched.url)
    cli.ok("load", small, "--index", "id")
    assert watched.servers[0].client().hlen("small") == 2
    assert "small" in cli.ok("ls").stdout
    assert "small" in cli.ok("ls", "--set", "redis.cluster=true").stdout, "that is about plain URLs, and a sentinel is no node"
    line = harness.CommandLine(tmp_path, watched.url.replace("mymaster", "other")).refused(3, "ls")
    assert '"other"' in line and "1 of 2 sentinels" in line
    line = harness.CommandLine(tmp_path, f"redis+sentinel://127.0.0.1:{watched.port}/other").refused(2, "ls")
    assert '"other"' in line and "redis.url" in line
    nobody = f"redis+sentinel://127.0.0.1:{redis_peers.free_port()}/mymaster"
    assert "refused" in harness.CommandLine(tmp_path, nobody).refused(3, "ls")


def test_a_sentinel_that_wants_a_password(tmp_path, watched):
    watched.sentinel.ask("ACL", "SETUSER", "asker", "on", ">other-secret", "+sentinel", "+client", "~*")
    watched.sentinel.ask("ACL", "SETUSER", "default", "resetpass", "off")
    cli = harness.CommandLine(tmp_path, watched.url)
    assert "password" in cli.refused(3, "ls")
    cli.ok("ls", "--set", "redis.sentinel_user=asker", environment={"SLUICE_REDIS_SENTINEL_PASSWORD": "other-secret"})


def test_failing_over_in_the_middle(tmp_path, watched, table):
    """An ordered failover: the old master becomes a replica, which would answer READONLY."""
    first, second = (server.client() for server in watched.servers)
    cli = harness.CommandLine(tmp_path, watched.url)
    cli.ok("load", table, "--index", "id", "--set", "redis.wait_replicas=1")
    old = harness.meta(first, "table")["LOAD_ID"]
    process = cli.start("load", table, "--index", "id", *SLOWLY)
    harness.until("rows are being written", lambda: staged_rows(first) > 1000)
    process.send_signal(signal.SIGSTOP)  # it does not hear of the failover
    try:
        watched.sentinel.failover()
        harness.until("the other one is the master", lambda: watched.master() is watched.servers[1])
    finally:
        process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    assert harness.meta(second, "table")["LOAD_ID"] != old
    assert second.hlen("table") == ROWS
    harness.check_counts(second, "table")
    assert sorted(second.keys()) == [b"REPLICA_REGISTRY", b"table", b"table.META"]
    harness.until("the old master follows the new one",
                  lambda: sorted(first.keys()) == [b"REPLICA_REGISTRY", b"table", b"table.META"])


def test_the_master_dies_in_the_middle(tmp_path, watched, table):
    first, second = (server.client() for server in watched.servers)
    cli = harness.CommandLine(tmp_path, watched.url)
    process = cli.start("load", table, "--index", "id", *SLOWLY)
    harness.until("rows are being written", lambda: staged_rows(first) > 1000)
    watched.servers[0].kill()
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    assert second.hlen("table") == ROWS
    harness.check_counts(second, "table")
    assert sorted(second.keys()) == [b"REPLICA_REGISTRY", b"table", b"table.META"]


def test_a_service_follows(tmp_path, watched):
    service = harness.Service(tmp_path, watched.url).start()
    try:
        service.put("small.csv", "id,v\n1,2\n", prim_index="id")
        assert service.load_all().status == 200
        watched.sentinel.failover()
        harness.until("the other one is the master", lambda: watched.master() is watched.servers[1])

        def loads():
            return service.load_all().status == 200

        harness.until("the service loads again", loads)
        assert watched.servers[1].client().hlen("small") == 1
        assert os.path.exists(service.path("small.ticket"))
    finally:
        service.stop()
