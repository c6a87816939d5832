"""A Redis Cluster over TLS: masters that speak to each other and to clients over TLS, and how they name each other."""
import json
import shutil
import signal

import pytest

import cluster_peers
import cluster_tables
import harness
import redis_peers
from cluster_tables import check_replica, write_table

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make certificates with")

NAME = cluster_peers.early_name()


class Secured(cluster_peers.Cluster):
    """Clients need a certificate. The nodes' own is for the name localhost, and for no address."""

    def __init__(self, folder):
        self.ca = redis_peers.Authority(folder, "ca")
        self.other = redis_peers.Authority(folder, "other")
        server = self.ca.sign("server", "DNS:localhost")
        self.certificate, self.key = self.ca.sign("client", "DNS:client", passphrase="open sesame")
        ports = [redis_peers.free_port() for _ in range(3)]
        super().__init__(folder, tls_ports=ports, arguments=lambda number: [
            *redis_peers.tls_arguments(self.ca, *server, ports[number], clients="yes"), "--tls-cluster", "yes", "--tls-replication", "yes"])
        self.named_url = self.url.replace("redis+", "rediss+").replace("127.0.0.1", "localhost")
        self.trust = [word for name, value in (
            ("tls_ca_file", self.ca.cert), ("tls_cert_file", self.certificate), ("tls_key_file", self.key),
            ("tls_key_passphrase", "open sesame")) for word in ("--set", f"redis.{name}={value}")]

    def named(self, how):
        """How a node says where another one is: MOVED, ASK and the map of slots."""
        hostname = "localhost" if how == "hostname" else ""
        for server in self.servers:
            server.ask("CONFIG SET", "cluster-announce-hostname", hostname)
            server.ask("CONFIG SET", "cluster-preferred-endpoint-type", how)
        harness.until("all nodes say so", lambda: all(
            node[0] == {"hostname": b"localhost", "ip": b"127.0.0.1", "unknown-endpoint": None}[how]
            for server in self.servers for _, _, node, *_ in server.ask("CLUSTER", "SLOTS")))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Secured(tmp_path_factory.mktemp("cluster"))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(params=["ip", "hostname", "unknown-endpoint"])
def named(cluster, request):
    """With addresses, which the certificates do not know, the name is given to sluice."""
    cluster.named(request.param)
    return ["--set", "redis.tls_server_name=localhost"] if request.param == "ip" else []


def test_loads_and_readers(tmp_path, cluster, empty_cluster, named):
    """Whoever is asked first, tables go to all of the masters, and are read from there."""
    cli = harness.CommandLine(tmp_path, cluster.named_url)
    names = [f"table{number}" for number in range(4)]
    for name, layout in zip(names, ("rows", "packed", "keys", "columns")):
        cli.ok("load", write_table(tmp_path, name, 200), "--index", "id", *cluster.trust, *named, *cluster_tables.Layout(layout))
        check_replica(empty_cluster, cluster, name, 200)
        assert cli.ok("export", name, *cluster.trust, *named).stdout.count("\n") == 201
    assert len({cluster.owner(name) for name in names}) > 1
    plain = harness.CommandLine(tmp_path, f"rediss://localhost:{cluster.servers[1].seen_port}/0")
    assert all(name in plain.ok("ls", *cluster.trust, *named).stdout for name in names), "one node of a plain URL stands for all"


def test_redirections(tmp_path, cluster, empty_cluster, named):
    """Connections that were made before a slot moved: they are sent on, to the TLS port."""
    cli = harness.CommandLine(tmp_path, cluster.named_url)
    layout = cluster_tables.Layout("packed")
    cli.ok("load", write_table(tmp_path, NAME, 3_000), "--index", "id", *cluster.trust, *named, *layout)
    options = dict(word.split("=", 1) for word in [*cluster.trust, *named] if word.startswith("redis."))
    service = harness.Service(tmp_path, cluster.named_url, **options).start()
    try:
        def row(key):
            answer = service.call("GET", f"/v1/replicas/{NAME}/rows/{key}")
            return answer.status, answer.json().get("key")

        assert row(7) == (200, "7")
        source = cluster.owner(NAME)
        target = next(server for server in cluster.servers if server is not source)
        with cluster.half_moved(NAME, source, target):
            assert [row(key) for key in range(0, 3000, 300)] == [(200, str(key)) for key in range(0, 3000, 300)]
        assert row(8) == (200, "8")
        cluster.until_owned(NAME, target)
        service.put(f"{NAME}.csv", "id,v\n1,2\n3,4\n", prim_index="id")
        assert service.load_all().status == 200, service.log()
        assert row(3) == (200, "3") and row(8)[0] == 404
    finally:
        service.stop()


def test_a_slot_moves_in_the_middle(tmp_path, cluster, empty_cluster):
    cluster.named("hostname")
    cli = harness.CommandLine(tmp_path, cluster.named_url)
    layout = cluster_tables.Layout("packed")
    process = cli.start("load", write_table(tmp_path, NAME, layout.rows), "--index", "id", *cluster.trust, *cluster_tables.SLOWLY, *layout)
    cluster_tables.until_rows_are_written(cluster, NAME, process)
    source = cluster.owner(NAME)
    cluster.move_slot(NAME, next(server for server in cluster.servers if server is not source))
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(cluster.client(), cluster, NAME, layout.rows)


def test_who_is_not_to_be_trusted(tmp_path, cluster, empty_cluster):
    cluster.named("ip")
    cli = harness.CommandLine(tmp_path, cluster.named_url)

    def why(*words):
        done = cli("ls", *words, "--set", "redis.patience=0")
        assert done.returncode == 3, done
        return harness.one_line(done.stderr)

    assert "127.0.0.1" in why(*cluster.trust) and "tls_server_name" in why(*cluster.trust), "the map names what no certificate does"
    assert "not to be trusted" in why(*cluster.trust, "--set", f"redis.tls_ca_file={cluster.other.cert}")
    assert "tls_cert_file" in why("--set", f"redis.tls_ca_file={cluster.ca.cert}")


def test_check(tmp_path, cluster):
    cluster.named("hostname")
    done = harness.CommandLine(tmp_path, cluster.named_url)("check", "--json", *cluster.trust)
    found = {point["check"]: point for point in json.loads(done.stdout)["checks"]}
    assert "3 masters have 16384" in found["redis cluster"]["detail"], found
