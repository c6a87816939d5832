"""A Redis Cluster whose master dies or steps down in the middle of a load: its replica takes over, the load begins again."""
import shutil
import signal

import pytest

import cluster_peers
import cluster_tables
import harness
import redis_peers
from cluster_tables import SLOWLY, check_replica, rows_of, until_rows_are_written, write_table

pytestmark = pytest.mark.skipif(not shutil.which("redis-cli"), reason="no redis-cli to make a cluster with")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The first master has a replica, and the slot of NAME; the two change places from test to test."""
    made = cluster_peers.Cluster(tmp_path_factory.mktemp("cluster"), replicas=1)
    try:
        yield made.start()
    finally:
        made.stop()


NAME = cluster_peers.early_name()


@pytest.mark.parametrize("how, layout", [("die", "rows"), ("step_down", "rows"), ("step_down", "packed")])
def test_in_the_middle_of_a_load(tmp_path, cluster, empty_cluster, how, layout):
    layout, cli = cluster_tables.Layout(layout), harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, NAME, 500), "--index", "id", "--set", "redis.wait_replicas=1", *layout)
    process = cli.start("load", write_table(tmp_path, NAME, layout.rows), "--index", "id", *SLOWLY, *layout)
    until_rows_are_written(cluster, NAME, process)
    try:
        getattr(cluster, how)(NAME)
        assert process.poll() is None
        assert rows_of(cluster.client(), cluster, NAME) == 500, "the old rows are whole"
        assert len(cli.ok("export", NAME).stdout.splitlines()) == 501
    finally:
        process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(cluster.client(), cluster, NAME, layout.rows)


def test_while_nobody_has_taken_over(tmp_path, cluster, empty_cluster):
    """The master dies under a load that goes on: it waits for the next one, and readers have the old rows as soon as that is there."""
    layout, cli = cluster_tables.Layout("packed"), harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, NAME, 500), "--index", "id", "--set", "redis.wait_replicas=1", *layout)
    process = cli.start("load", write_table(tmp_path, NAME, layout.rows), "--index", "id", *SLOWLY, *layout)
    until_rows_are_written(cluster, NAME, process)
    process.send_signal(signal.SIGCONT)
    cluster.die(NAME)
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(cluster.client(), cluster, NAME, layout.rows)


def test_at_the_swap(tmp_path, cluster, empty_cluster):
    """The master dies when it has done the swap and before it has said so: the load finds out at the next one."""
    layout, cli = cluster_tables.Layout("packed"), harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, NAME, 500), "--index", "id", *layout)
    old, swaps, registry = cluster.owner(NAME), [], cluster.owner("REPLICA_REGISTRY").client()
    replica = cluster.replica_of(old)

    def on_request(number, _, piece):
        if b"LOAD_SECONDS" in piece:  # the metadata of the swap
            swaps.append(number)
        return piece

    def on_answer(number, _, piece):
        if number not in swaps or old.process.poll() is not None:
            return piece
        registry.lrem("REPLICA_REGISTRY", 0, NAME)
        assert old.client().wait(1, 5000) == 1
        old.kill()
        return None

    with redis_peers.Proxy(old.port, on_request, on_answer) as proxy:
        old.client().config_set("cluster-announce-port", proxy.port)
        harness.until("all nodes know the proxy", lambda: all(
            str(proxy.port) in str(server.client().execute_command("CLUSTER", "SLOTS")) for server in cluster.servers))
        with cluster.hurried(replica):
            process = cli.start("load", write_table(tmp_path, NAME, 20_000), "--index", "id", *layout)
            harness.until("the master is gone", lambda: not old.lives())
            cluster.until_owned(NAME, replica)
        out, err = process.communicate(timeout=2 * harness.PATIENCE)
    cluster.come_back(old, replica)
    assert process.returncode == 0 and proxy.cuts == 1, (out, err)
    cli.ok("load", write_table(tmp_path, "other", 5), "--index", "id")  # sweeps what is left
    check_replica(cluster.client(), cluster, NAME, 20_000)
    assert sorted(cluster.client().lrange("REPLICA_REGISTRY", 0, -1)) == sorted([b"other", NAME.encode()])
