"""The service as a process: its private Redis, its key, signals, health."""
import json
import os
import re
import signal
import stat
import tempfile
import shutil

import pytest
import redis

import harness

TABLE = "id,v\n1,10\n2,20\n"


@pytest.fixture
def short_service():
    """A service with a Redis of its own, in a folder whose path is short enough for a socket."""
    folder = tempfile.mkdtemp(prefix="slc-")
    made = []

    def make(**options):
        service = harness.Service(folder, None, **options)
        made.append(service)
        return service

    yield make
    for service in made:
        service.stop()
    shutil.rmtree(folder, ignore_errors=True)


def private_socket(service):
    found = [os.path.join(folder, name) for folder, _, names in os.walk(service.state) for name in names
             if stat.S_ISSOCK(os.lstat(os.path.join(folder, name)).st_mode)]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
def test_private_redis_comes_and_goes_with_the_service(short_service, number):
    service = short_service().start()
    service.put("t.csv", TABLE, prim_index="id")
    assert service.load_all().status == 200
    path = private_socket(service)
    with redis.Redis(unix_socket_path=path) as client:
        assert client.hlen("t") == 2
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("port") == {"port": "0"}, "no TCP port is opened"
        pid = client.info("server")["process_id"]
    assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, "nobody else may speak to it"
    service.signal(number)
    assert service.wait() == 0, service.log()
    assert not os.path.exists(f"/proc/{pid}")
    service.start()
    with redis.Redis(unix_socket_path=private_socket(service)) as client:
        assert client.hlen("t") == 2, "it kept what was loaded"
    assert service.call("GET", "/getRegisteredReplics").json() == {"LIST_OF_REGISTERED_REPLICS": "t"}


def test_private_redis_after_a_kill(short_service):
    """After kill -9 of the service the next start works, whatever became of the old Redis."""
    service = short_service().start()
    service.put("t.csv", TABLE, prim_index="id")
    assert service.load_all().status == 200
    service.kill()
    service.start()
    assert service.load_all().status == 200
    with redis.Redis(unix_socket_path=private_socket(service)) as client:
        assert client.hlen("t") == 2
        pid = client.info("server")["process_id"]
    assert service.stop() == 0
    assert not os.path.exists(f"/proc/{pid}")


def test_two_services_of_one_state_directory(short_service):
    first = short_service().start()
    second = short_service().start(wait=False)
    assert second.wait() != 0, "the second one must not touch the first one's data"
    assert first.call("GET", "/getRegisteredReplics").status == 200


def test_without_a_key_the_first_start_makes_one(make_service, tmp_path):
    service = make_service(key=None)
    printed = re.findall(r"[0-9A-Za-z_-]{32,}", service.log())
    keys = [key for key in printed if service.curl("GET", "/getRegisteredReplics", key=key).status == 200]
    assert len(keys) == 1, service.log()
    for folder, _, names in os.walk(service.state):
        for name in names:
            path = os.path.join(folder, name)
            assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path
            with open(path, "rb") as source:
                assert keys[0].encode() not in source.read(), f"{path} holds the key itself"
    assert service.stop() == 0
    before = len(service.log())
    service.start()
    assert keys[0] not in service.log()[before:], "it is printed once"
    answer = service.curl("POST", "/check_fingerprint", json.dumps({"md5_key": keys[0]}))
    assert answer.status == 200


def test_a_key_that_cannot_be_shown_is_not_kept(cli, tmp_path):
    """Else nobody would ever have the key of this installation."""
    arguments = ("serve", "--set", f"state_dir={tmp_path / 'state'}", "--set", f"source.stream_dir={tmp_path}",
                 "--set", f"http.port={harness.free_port()}")
    with open("/dev/full", "w", encoding="ascii") as full:
        process = cli.start(*arguments, stdout=full)
        _, err = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 2 and "standard output" in harness.one_line(err.decode())
    process = cli.start(*arguments)
    assert b"a key was made" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 0


def test_the_key_is_in_no_log(make_service):
    service = make_service(log__level="debug")
    service.put("t.csv", "id,v\n1,row-value-one\n", prim_index="id")
    service.curl("POST", "/check_fingerprint", json.dumps({"md5_key": service.key}))
    service.curl("POST", "/check_fingerprint", json.dumps({"md5_key": "wrong-guess-17"}))
    service.load_all()
    service.call("POST", "/getTopNFromReplica", "?replica=t&topn=1")
    service.stop()
    for secret in (service.key, "wrong-guess-17", "row-value-one"):
        assert secret not in service.log()


def test_health(service):
    assert service.curl("GET", "/healthz").status == 200
    assert service.curl("GET", "/readyz").status == 200


def test_redis_away_and_back(tmp_path, make_service):
    folder = tempfile.mkdtemp(prefix="slc-")
    server = harness.RedisServer(folder)
    server.start()
    try:
        service = make_service(redis_url=server.url)
        service.put("t.csv", TABLE, prim_index="id")
        assert service.load_all().status == 200
        server.stop()
        answer = service.call("GET", "/getRegisteredReplics")
        assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1, answer
        assert service.curl("GET", "/healthz").status == 200, "the service itself is well"
        assert service.curl("GET", "/readyz").status == 503
        server.start()
        harness.until("it goes on", lambda: service.call("GET", "/getRegisteredReplics").status == 200)
        assert service.load_all().status == 200
        assert service.call("GET", "/getRegisteredReplics").json() == {"LIST_OF_REGISTERED_REPLICS": "t"}
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_port_that_is_taken(make_service, tmp_path):
    first = make_service()
    second = make_service(folder=tmp_path / "second", start=False, http__port=first.port)
    second.start(wait=False)
    assert second.wait() in (2, 3)
    assert str(first.port) in second.log()


def test_json_logs(make_service):
    service = make_service(log__format="json")
    service.put("t.csv", TABLE)
    service.load_all()
    service.stop()
    lines = service.log().splitlines()
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)


def test_hostile_requests(service):
    """Whatever comes in, the service answers with an error and goes on."""
    long_name = "x" * 10_000
    for method, path, data, allowed in (
            ("POST", "/getTopNFromReplica", "?replica=" + long_name + "&topn=1", {404, 422}),
            ("POST", "/getTopNFromReplica", "{" * 3000, {422}),
            ("POST", "/getTopNFromReplica", '{"replica":' + "[" * 3000 + "]" * 3000 + "}", {422}),
            ("POST", "/getTopNFromReplica", "?replica=t&topn=99999999999999999999", {422}),
            ("POST", "/getTopNFromReplica", "&".join(f"a{n}=1" for n in range(3000)), {422}),
            ("POST", "/getTopNFromReplica", "x" * 200_000, {413}),
            ("POST", "/clearRedisCache", "?replica=REPLICA_REGISTRY&remove=1", {404, 422}),
            ("POST", "/clearRedisCache", "?replica=t.META&remove=1", {404, 422}),
            ("GET", "/" + "a/" * 2000, None, {404, 414, 431}),
            ("GET", "/..%2f..%2fetc%2fpasswd", None, {404, 400}),
            ("POST", "/check_fingerprint", "not json", {401, 422}),
            ("POST", "/check_fingerprint", '{"md5_key":7}', {401, 422}),
            ("POST", "/check_fingerprint", '{"md5_key":"' + "k" * 60_000 + '"}', {401, 413, 422, 429})):
        answer = service.call(method, path, data)
        assert answer.status in allowed, (method, path[:60], answer)
    assert service.curl("GET", "/healthz").status == 200
    assert service.call("GET", "/getRegisteredReplics").status == 200
