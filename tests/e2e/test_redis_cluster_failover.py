"""A Redis Cluster whose master dies or steps down in the middle of a load: its replica takes over, the load begins again."""
import shutil
import signal

import pytest

import cluster_tables
import harness
import redis_peers
from cluster_tables import SLOWLY, check_replica, rows_of, until_rows_are_written, write_table

pytestmark = pytest.mark.skipif(not shutil.which("redis-cli"), reason="no redis-cli to make a cluster with")


class Pair:
    """The master that has the name's slot, and its replica; they change places."""

    def __init__(self, folder):
        self.cluster = redis_peers.Cluster(folder, timeout_ms=500).start()
        self.name = self.cluster.early_name()
        self.master = self.cluster.owner(self.name)
        self.replica = self.cluster.add_replica(self.master)

    def swapped(self, order=lambda: None):
        """All but the old master know the other one as theirs. The `order` is given again where it came to nothing: a
        failover by hand may run out of time, or be undone by the nodes, on a busy machine."""
        self.master, self.replica = self.replica, self.master

        def known():
            return self.master.client().role()[0] == b"master" and all(
                self.cluster.owner_by(server, self.name) is self.master for server in self.cluster.servers if server is not self.replica)

        def agreed():
            order()
            try:
                return harness.until("all nodes know", known, patience=3)
            except AssertionError:
                return False

        harness.until("the replica is the master", agreed)

    def die(self):
        """As by kill -9; the other takes over, and this one comes back as its replica."""
        self.master.kill()
        self.swapped()
        self.replica.start()
        self.cluster.until_follows(self.replica, self.master)

    def step_down(self):
        def order():
            if self.master.client().role()[0] == b"slave":
                self.master.client().execute_command("CLUSTER", "FAILOVER")

        self.swapped(order)
        self.cluster.until_follows(self.replica, self.master)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    made = Pair(tmp_path_factory.mktemp("cluster"))
    yield made
    made.cluster.stop()


@pytest.fixture
def empty(pair):
    for server in pair.cluster.servers:
        if server is not pair.replica:
            server.client().flushall()
    return pair.cluster.client()


@pytest.mark.parametrize("how, layout", [("die", "rows"), ("step_down", "rows"), ("step_down", "packed")])
def test_in_the_middle_of_a_load(tmp_path, pair, empty, how, layout):
    layout, cli = cluster_tables.Layout(layout), harness.CommandLine(tmp_path, pair.cluster.url)
    cli.ok("load", write_table(tmp_path, pair.name, 500), "--index", "id", "--set", "redis.wait_replicas=1", *layout)
    process = cli.start("load", write_table(tmp_path, pair.name, layout.rows), "--index", "id", *SLOWLY, *layout)
    until_rows_are_written(pair.cluster, pair.name, process)
    try:
        getattr(pair, how)()
        assert process.poll() is None
        assert rows_of(pair.cluster.client(), pair.cluster, pair.name) == 500, "the old rows are whole"
        assert len(cli.ok("export", pair.name).stdout.splitlines()) == 501
    finally:
        process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(pair.cluster.client(), pair.cluster, pair.name, layout.rows)


def test_while_nobody_has_taken_over(tmp_path, pair, empty):
    """The master dies under a load that goes on: it waits for the next one, and readers have the old rows as soon as that is there."""
    layout, cli = cluster_tables.Layout("packed"), harness.CommandLine(tmp_path, pair.cluster.url)
    cli.ok("load", write_table(tmp_path, pair.name, 500), "--index", "id", "--set", "redis.wait_replicas=1", *layout)
    process = cli.start("load", write_table(tmp_path, pair.name, layout.rows), "--index", "id", *SLOWLY, *layout)
    until_rows_are_written(pair.cluster, pair.name, process)
    process.send_signal(signal.SIGCONT)
    pair.die()
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(pair.cluster.client(), pair.cluster, pair.name, layout.rows)


def test_at_the_swap(tmp_path, pair, empty):
    """The master dies when it has done the swap and before it has said so: the load finds out at the next one."""
    layout, cli = cluster_tables.Layout("packed"), harness.CommandLine(tmp_path, pair.cluster.url)
    cli.ok("load", write_table(tmp_path, pair.name, 500), "--index", "id", *layout)
    old, swaps, registry = pair.master, [], pair.cluster.owner("REPLICA_REGISTRY").client()

    def on_request(number, _, piece):
        if b"LOAD_SECONDS" in piece:  # the metadata of the swap
            swaps.append(number)
        return piece

    def on_answer(number, _, piece):
        if number not in swaps or old.process.poll() is not None:
            return piece
        registry.lrem("REPLICA_REGISTRY", 0, pair.name)
        assert old.client().wait(1, 5000) == 1
        old.kill()
        return None

    with redis_peers.Proxy(old.port, on_request, on_answer) as proxy:
        old.client().config_set("cluster-announce-port", proxy.port)
        harness.until("all nodes know the proxy", lambda: all(
            str(proxy.port) in str(server.client().execute_command("CLUSTER", "SLOTS")) for server in pair.cluster.servers))
        process = cli.start("load", write_table(tmp_path, pair.name, 20_000), "--index", "id", *layout)
        pair.swapped()
        out, err = process.communicate(timeout=2 * harness.PATIENCE)
    pair.replica.start()
    pair.cluster.until_follows(pair.replica, pair.master)
    assert process.returncode == 0 and proxy.cuts == 1, (out, err)
    cli.ok("load", write_table(tmp_path, "other", 5), "--index", "id")  # sweeps what is left
    check_replica(pair.cluster.client(), pair.cluster, pair.name, 20_000)
    assert sorted(pair.cluster.client().lrange("REPLICA_REGISTRY", 0, -1)) == sorted([b"other", pair.name.encode()])
