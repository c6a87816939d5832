"""Redis goes away in the middle of a load and comes back: the load is done, and nothing of its tries is left."""
import tempfile

import pytest
import redis

import harness

ROWS = 100_000 if harness.SANITIZED else 600_000


@pytest.fixture
def mortal():
    """A Redis of this test alone, whose data outlive it."""
    with tempfile.TemporaryDirectory(prefix="slc-") as folder:
        server = harness.RedisServer(folder, persistent=True)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,value\n")
        out.writelines(f"{number},{number % 997}\n" for number in range(ROWS))
    return path


def staged_rows(client):
    """How many rows of loads in progress Redis has."""
    try:
        return sum(client.hlen(key) for key in client.keys("REPLICA_REGISTRY:staging:*"))
    except redis.RedisError:
        return 0


def kill_in_the_middle(server, client):
    harness.until("rows are being written", lambda: staged_rows(client) > 1000)
    server.kill()
    server.start()


def test_a_load_begins_again(tmp_path, mortal, table):
    client = redis.Redis(unix_socket_path=mortal.socket)
    cli = harness.CommandLine(tmp_path, mortal.unix_url)
    process = cli.start("load", table, "--index", "id", "--set", "load.threads=1")
    kill_in_the_middle(mortal, client)
    out, err = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    assert client.hlen("table") == ROWS
    harness.check_counts(client, "table")
    assert sorted(client.keys()) == [b"REPLICA_REGISTRY", b"table", b"table.META"]


def test_patience_is_for_waiting_and_not_for_loading(tmp_path, mortal, table):
    """However long the delivery had been under way, a Redis that is back at once is waited for."""
    client = redis.Redis(unix_socket_path=mortal.socket)
    cli = harness.CommandLine(tmp_path, mortal.unix_url)
    process = cli.start("load", table, "--index", "id", "--set", "redis.patience=10", "--set", "load.threads=1")
    for _ in range(2):
        kill_in_the_middle(mortal, client)
        harness.until("the try that was cut off is cleared away", lambda: staged_rows(client) < ROWS)
    out, err = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    assert client.hlen("table") == ROWS and staged_rows(client) == 0


def test_a_service_that_gave_up_clears_up_later(tmp_path, mortal, table):
    """A load that failed for lack of Redis could not remove its rows; its worker does when Redis is back."""
    client = redis.Redis(unix_socket_path=mortal.socket)
    service = harness.Service(tmp_path, mortal.url, redis__patience=0, load__threads=1).start()
    try:
        service.put("table.csv", table.read_text(), prim_index="id")
        service.put("small.csv", "id,v\n1,2\n", prim_index="id")
        assert service.call("GET", "/register_replicas").status == 200
        assert service.call("POST", "/v1/loads", '{"replica":"table"}').status == 202
        kill_in_the_middle(mortal, client)
        harness.until("the load is over", lambda: service.call("GET", "/v1/loads").json()["loads"][0]["state"] == "failed")
        harness.until("its rows are cleared away", lambda: client.keys("*staging*") == [])
        assert service.call("POST", "/v1/loads", '{"replica":"small"}').status == 202
        harness.until("the next load is done", lambda: client.hlen("small") == 1)
    finally:
        service.stop()


def test_rejects_of_a_file_without_a_good_row(tmp_path, client, cli):
    path = tmp_path / "bad.csv"
    path.write_text("a,b\n1\n2,3,4\n")
    line = cli.refused(1, "load", path, "--set", "reader.header=yes")
    assert "row 1" in line and "expected 2 fields, found 1" in line
    lines = (tmp_path / "bad.rejects.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["row", "1", "2"]
