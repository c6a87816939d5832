"""Redis over TLS: whom sluice believes, whom Redis believes, and connections that end early."""
import json
import shutil

import pytest

import harness
import redis_peers

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make certificates with")


class Secured:
    """A server with TLS alone on its port, with two authorities' files beside it."""

    def __init__(self, folder):
        self.ca = redis_peers.Authority(folder, "ca")
        self.other = redis_peers.Authority(folder, "other")
        self.cert, self.key = self.ca.sign("server", "DNS:redis.example,IP:127.0.0.1")
        self.client_cert, self.client_key = self.ca.sign("client", "DNS:client", passphrase="open sesame")
        self.folder = folder
        self.servers = []

    def start(self, cert=None, key=None, clients="no"):
        port = redis_peers.free_port()
        server = redis_peers.Server(self.folder, *redis_peers.tls_arguments(self.ca, cert or self.cert, key or self.key, port, clients),
                                    name="tls").start()
        server.tls_port = port
        server.tls_url = f"rediss://127.0.0.1:{port}/0"
        self.servers.append(server)
        return server

    def stop(self):
        for server in self.servers:
            server.stop()


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    found = Secured(tmp_path_factory.mktemp("tls"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def server(secured):
    return secured.start()


@pytest.fixture(scope="module")
def strict(secured):
    return secured.start(clients="yes")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,value\n" + "".join(f"{number},{number % 7}\n" for number in range(20_000)))
    return path


def program(tmp_path, url, **settings):
    """sluice with this Redis and these settings of the section redis."""
    cli = harness.CommandLine(tmp_path, url)
    more = [word for name, value in settings.items() for word in ("--set", f"redis.{name}={value}")]
    return lambda *words: cli(*words, *more)


def why_not(tmp_path, url, **settings):
    done = program(tmp_path, url, patience=0, **settings)("ls")
    assert done.returncode in (2, 3), done
    return done.returncode, harness.one_line(done.stderr)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_load_over_tls(tmp_path, secured, server, table, protocol):
    client = server.client()
    client.flushall()
    sluice = program(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert, protocol=protocol)
    done = sluice("load", table, "--index", "id")
    assert done.returncode == 0, done
    assert client.hlen("table") == 20_000
    harness.check_counts(client, "table")
    assert len(json.loads(sluice("top", "table", "-n", "50", "--json").stdout)) == 50


def test_check_says_that_it_is_tls(tmp_path, secured, server):
    done = program(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert)("check", "--json")
    points = {point["check"]: point for point in json.loads(done.stdout)["checks"]}
    assert "TLSv1.3" in points["redis tls"]["detail"]
    done = program(tmp_path, server.tls_url, tls_verify="false")("check", "--json")
    points = {point["check"]: point for point in json.loads(done.stdout)["checks"]}
    assert points["redis tls"]["status"] == "warn" and "tls_verify" in points["redis tls"]["detail"]


def test_an_authority_in_a_directory(tmp_path, secured, server):
    folder = tmp_path / "authorities"
    folder.mkdir()
    shutil.copy(secured.ca.cert, folder / "ca.pem")
    redis_peers.openssl("rehash", folder)
    assert program(tmp_path, server.tls_url, tls_ca_dir=folder)("ls").returncode == 0


def test_strangers_are_not_believed(tmp_path, secured, server):
    status, line = why_not(tmp_path, server.tls_url, tls_ca_file=secured.other.cert)
    assert status == 3 and "not to be trusted" in line and "tls_ca_file" in line
    assert why_not(tmp_path, server.tls_url)[0] == 3, "the system's authorities do not know ours"


def test_another_hosts_certificate(tmp_path, secured):
    cert, key = secured.ca.sign("elsewhere", "DNS:elsewhere.example")
    server = secured.start(cert, key)
    status, line = why_not(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert)
    assert status == 3 and "not to be trusted" in line and "IP address mismatch" in line
    status, line = why_not(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert, tls_server_name="redis.example")
    assert status == 3 and "ostname mismatch" in line
    for settings in ({"tls_server_name": "elsewhere.example"}, {"tls_verify": "false"}):
        assert program(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert, **settings)("ls").returncode == 0


def test_an_expired_certificate(tmp_path, secured):
    cert, key = secured.ca.sign("old", "IP:127.0.0.1", days=0)
    server = secured.start(cert, key)
    status, line = why_not(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert)
    assert status == 3 and "expired" in line


def test_a_client_has_to_show_its_own(tmp_path, secured, strict, table):
    status, line = why_not(tmp_path, strict.tls_url, tls_ca_file=secured.ca.cert)
    assert status == 3 and "tls_cert_file" in line
    own = {"tls_ca_file": secured.ca.cert, "tls_cert_file": secured.client_cert, "tls_key_file": secured.client_key}
    status, line = why_not(tmp_path, strict.tls_url, **own)
    assert status == 2 and "redis.tls_key_file" in line, "the key has a passphrase"
    status, line = why_not(tmp_path, strict.tls_url, **own, tls_key_passphrase="wrong")
    assert status == 2 and "redis.tls_key_passphrase" in line and "wrong" not in line.replace("wrong tag", "")
    done = program(tmp_path, strict.tls_url, **own, tls_key_passphrase="open sesame")("load", table, "--index", "id")
    assert done.returncode == 0, done
    assert strict.client().hlen("table") == 20_000


def test_files_that_are_none(tmp_path, secured, server):
    status, line = why_not(tmp_path, server.tls_url, tls_ca_file=tmp_path / "missing.pem")
    assert status == 2 and "redis.tls_ca_file" in line and "missing.pem" in line
    (tmp_path / "empty.pem").write_text("")
    status, line = why_not(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert, tls_cert_file=tmp_path / "empty.pem")
    assert status == 2 and "redis.tls_cert_file" in line
    status, line = why_not(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert, tls_key_file=secured.key)
    assert status == 2 and "without redis.tls_cert_file" in line


def test_the_wrong_kind_of_port(tmp_path, secured, server):
    plain = f"rediss://127.0.0.1:{server.port}/0"
    status, line = why_not(tmp_path, plain, tls_ca_file=secured.ca.cert, timeout_ms=300)
    assert status == 3 and "TLS port" in line
    status, line = why_not(tmp_path, f"redis://127.0.0.1:{server.tls_port}/0")
    assert status == 3 and "Redis" in line


def test_no_tls_older_than_1_2(tmp_path, secured):
    server = secured.start()
    server.client().config_set("tls-protocols", "TLSv1.1")
    status, line = why_not(tmp_path, server.tls_url, tls_ca_file=secured.ca.cert)
    assert status == 3 and "TLS" in line


def test_cut_at_many_places(tmp_path, secured, server):
    """Wherever the stream of records ends, it is an error that says so, and never half an answer."""
    client = server.client()
    client.flushall()
    path = tmp_path / "small.csv"
    path.write_text("id,v\n1,2\n3,4\n")
    limit = {"bytes": 0}

    def cut(number, before, piece):
        left = limit["bytes"] - before
        return piece if len(piece) < left else None

    with redis_peers.Proxy(server.tls_port, on_answer=cut) as proxy:
        sluice = program(tmp_path, f"rediss://127.0.0.1:{proxy.port}/0", tls_ca_file=secured.ca.cert, patience=0)
        for limit["bytes"] in [1, 6, 100, 500, 1000, 1200, 1400, 1500, 1600, 1700, 1800, 2000]:
            done = sluice("load", path, "--index", "id")
            assert done.returncode in (0, 3), done
            if done.returncode == 3:
                assert "lost" in harness.one_line(done.stderr)
        limit["bytes"] = 1 << 30
        assert sluice("load", path, "--index", "id").returncode == 0
    assert client.hlen("small") == 2
    assert not client.keys("*staging*")


def test_restarted_in_the_middle(tmp_path, secured, table):
    """A server that goes away under TLS is waited for as any other."""
    server = secured.start()

    def cut(number, before, piece):
        return None if number == 1 and before > 30_000 else piece

    with redis_peers.Proxy(server.tls_port, on_request=cut) as proxy:
        done = program(tmp_path, f"rediss://127.0.0.1:{proxy.port}/0", tls_ca_file=secured.ca.cert)("load", table, "--index", "id")
        assert done.returncode == 0, done
        assert proxy.cuts == 0 or proxy.connections > 2
    client = server.client()
    assert client.hlen("table") == 20_000 and not client.keys("*staging*")
    harness.check_counts(client, "table")
