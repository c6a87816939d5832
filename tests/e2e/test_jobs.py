"""Loads as jobs in Redis: shared by services, taken over from the dead, fenced, bounded."""
import json
import os
import re
import signal
import subprocess
import tempfile
import threading

import pytest
import redis

import harness

JOBS = "{REPLICA_REGISTRY}:jobs"
TABLE = "id,v\n1,10\n2,20\n"
LONG = 60_000 if harness.SANITIZED else 400_000


class Swaps:
    """Counts how often each replica was swapped in, by what Redis itself tells."""

    def __init__(self, server):
        self._client = redis.Redis(unix_socket_path=server.socket)
        self._client.config_set("notify-keyspace-events", "Kg")
        self._events = self._client.pubsub(ignore_subscribe_messages=True)
        self._events.psubscribe("__keyspace@0__:*")
        self.by_name = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count)
        self._thread.start()

    def _count(self):
        while not self._over.is_set():
            event = self._events.get_message(timeout=0.1)
            if event and event["data"] == b"rename_to":
                name = event["channel"].split(b":", 1)[1].decode()
                self.by_name[name] = self.by_name.get(name, 0) + 1

    def stop(self):
        self._over.set()
        self._thread.join()
        self._events.close()
        self._client.config_set("notify-keyspace-events", "")
        self._client.close()


@pytest.fixture
def swaps(redis_server, client):
    counter = Swaps(redis_server)
    yield counter
    counter.stop()


def counts(client):
    return {name.decode(): int(value) for name, value in client.hgetall(JOBS + ":counts").items()}


def holders(client):
    """Who does which load: job -> process id."""
    found = {}
    for key in client.scan_iter(JOBS + ":batch:*"):
        for field, value in client.hgetall(key).items():
            if field[:1] == b"l" and field[1:].isdigit():
                found[key.decode().rsplit(":", 1)[1] + ":" + field[1:].decode()] = int(value.split(b"/")[3])
    return found


def put_long(service, name="long", rows=LONG):
    with open(service.path(name + ".csv"), "w", encoding="utf-8") as out:
        out.write("id,v\n")
        out.writelines(f"{number},{number % 997}\n" for number in range(rows))
    service.put_ticket(name + ".csv", prim_index="id")


def start_load(service, replica="long"):
    assert service.call("GET", "/register_replicas").status == 200
    answer = service.call("POST", "/v1/loads", json.dumps({"replica": replica, "force": True}))
    assert answer.status == 202, answer
    return answer.json()["id"]


def load(service, batch):
    return service.call("GET", "/v1/loads/" + batch).json()


def is_over(service, batch):
    answer = load(service, batch)
    return answer["ended"] and answer


SMALL = {"http__workers": 1, "http__threads": 1, "load__threads": 1}


def test_two_services_load_a_thousand_tickets_once(tmp_path, make_service, client, swaps):
    """Two mounts of one directory, one Redis, and kill -9 of one service in the middle."""
    total = 300 if harness.SANITIZED else 1000
    os.makedirs(tmp_path / "one")
    os.makedirs(tmp_path / "two")
    first = make_service(tmp_path / "one", start=False, watch="true", source__poll_ms=50, load__workers=2, **SMALL)
    os.symlink(first.stream, tmp_path / "two" / "elsewhere")
    second = make_service(tmp_path / "two", start=False, stream=tmp_path / "two" / "elsewhere", watch="true",
                          source__poll_ms=50, load__workers=2, **SMALL)
    for number in range(total):
        first.put(f"t{number}.csv", f"id,v\n1,{number}\n", prim_index="id")
    first.start()
    second.start()
    harness.until("a third is loaded", lambda: len(swaps.by_name) > total // 3)
    first.kill()
    harness.until("all is loaded", lambda: len(swaps.by_name) == total, 4 * harness.PATIENCE)
    first.start()  # it finds nothing left to be done
    harness.until("all tickets say so", lambda: all(
        second.ticket(f"t{number}")["status"] == "PROCESSED" for number in range(total)))
    harness.until("nothing waits or runs", lambda: counts(client)["waiting"] == counts(client)["running"] == 0)
    assert set(swaps.by_name.values()) == {1}, "a ticket was loaded twice"
    assert all(client.hlen(f"t{number}") == 1 for number in range(total))
    assert client.xlen(JOBS) == 0 and not client.exists(JOBS + ":claims", JOBS + ":busy", JOBS + ":running")
    assert "loaded ticket=" in first.log() and "loaded ticket=" in second.log(), "only one of them worked"


def test_two_directories_of_one_registry(tmp_path, make_service, client):
    """A worker that does not see a ticket passes it on to who does."""
    for name in ("one", "two"):
        os.makedirs(tmp_path / name)
    services = [make_service(tmp_path / name, load__workers=1, **SMALL) for name in ("one", "two")]
    for number in range(20):
        services[number % 2].put(f"t{number}.csv", TABLE, prim_index="id")
    for service in services:
        assert service.call("GET", "/register_replicas").status == 200
    batches = [service.call("POST", "/v1/loads", "{}").json()["id"] for service in services]
    for service, batch in zip(services, batches):
        answer = harness.until("its loads are over", lambda: is_over(service, batch))
        assert answer["state"] == "done" and answer["count"] == 10, answer
        assert {ticket["state"] for ticket in answer["tickets"]} == {"done"}
    assert all(client.hlen(f"t{number}") == 2 for number in range(20))


def test_a_killed_worker_is_replaced_and_its_load_finished(make_service, client, swaps):
    service = make_service(load__workers=2, **SMALL)
    put_long(service)
    batch = start_load(service)
    harness.until("rows are being staged", lambda: client.keys("*staging*"))
    (pid,) = holders(client).values()
    os.kill(pid, signal.SIGKILL)
    answer = harness.until("it is done", lambda: is_over(service, batch))
    assert answer["state"] == "done" and answer["rows_written"] == LONG, answer
    assert answer["tickets"][0]["attempts"] == 2
    assert swaps.by_name == {"long": 1}
    assert service.ticket("long")["status"] == "PROCESSED"
    assert counts(client)["retaken"] == 1
    harness.until("nothing is left of the first try", lambda: not client.keys("*staging*"))


def test_attempts_are_exhausted(make_service, client):
    service = make_service(load__workers=1, load__attempts=2, **SMALL)
    put_long(service)
    batch = start_load(service)
    killed = set()
    while len(killed) < 3:
        running = set(harness.until("it runs, or is over", lambda: is_over(service, batch) and {0} or {
            pid for pid in holders(client).values() if pid not in killed}))
        if running == {0}:
            break
        killed |= running
        for pid in running:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    answer = harness.until("it is over", lambda: is_over(service, batch))
    # The third to take it only marks the ticket, and may have been hit as well.
    assert answer["state"] == "failed" and re.search("begun [23] times", answer["error"]["message"]), answer
    ticket = service.ticket("long")
    assert ticket["status"] == "FAILED" and "load.attempts" in ticket["error"]["message"]
    # Nothing is wrong with the file: asked for again, it is loaded.
    again = start_load(service)
    assert harness.until("it is done", lambda: is_over(service, again))["state"] == "done"


def test_a_worker_that_stood_still_is_fenced(make_service, client, swaps):
    """Stopped for longer than its leases last, it finds its load done by another."""
    service = make_service(load__workers=2, load__lease=1, store__lease=1, **SMALL)
    put_long(service)
    batch = start_load(service)
    harness.until("rows are being staged", lambda: client.keys("*staging*"))
    (pid,) = holders(client).values()
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = harness.until("another one did it", lambda: is_over(service, batch))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert answer["state"] == "done" and answer["tickets"][0]["attempts"] == 2, answer
    load_id = client.hget("long.META", "LOAD_ID").decode()
    assert load_id == answer["tickets"][0]["load_id"]
    stamp = os.stat(service.path("long.ticket")).st_mtime_ns
    harness.until("it has noticed", lambda: "taken over by another worker" in service.log())
    harness.until("nothing is left of its try", lambda: not client.keys("*staging*"))
    assert client.hget("long.META", "LOAD_ID").decode() == load_id
    assert os.stat(service.path("long.ticket")).st_mtime_ns == stamp, "it marked the ticket"
    assert swaps.by_name == {"long": 1}
    harness.check_counts(client, "long")


def test_redis_restarts_between(tmp_path):
    """What waits is in Redis: it survives Redis and the service."""
    with tempfile.TemporaryDirectory(prefix="slc-") as folder:
        server = harness.RedisServer(folder, persistent=True)
        server.start()
        client = redis.Redis(unix_socket_path=server.socket)
        client.config_set("appendfsync", "always")
        service = harness.Service(tmp_path, server.url, load__workers=1, **SMALL).start()
        try:
            for number in range(30):
                service.put(f"t{number}.csv", TABLE, prim_index="id")
            put_long(service)
            assert service.call("GET", "/register_replicas").status == 200
            waiting = subprocess.Popen(service.curl_command("POST", "/loadDf2redis", "?force_reload=1",
                                                            key=service.key), stdout=subprocess.PIPE)
            harness.until("something runs", lambda: client.hlen(JOBS + ":running") == 1)
            server.kill()
            assert service.call("POST", "/v1/loads", "{}").status == 503
            server.start()
            out, _ = waiting.communicate(timeout=4 * harness.PATIENCE)
            answer = harness.parse_answer(out)
            assert answer.status == 200, answer
            assert all(client.hlen(f"t{number}") == 2 for number in range(30)) and client.hlen("long") == LONG
        finally:
            service.stop()
            server.stop()


def test_a_full_queue_and_a_client_that_leaves(make_service, client):
    service = make_service(load__workers=1, load__waiting_max=2, **SMALL)
    put_long(service)
    service.put("a.csv", TABLE, prim_index="id")
    assert service.call("GET", "/register_replicas").status == 200
    caller = subprocess.Popen(service.curl_command("POST", "/loadDf2redis", "?force_reload=1", key=service.key),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    harness.until("it runs", lambda: client.hlen(JOBS + ":running") == 1)
    answer = service.call("POST", "/v1/loads", '{"force":true}')
    assert answer.status == 503 and int(answer.headers["retry-after"]) > 0, answer
    caller.kill()
    caller.wait()
    harness.until("both are loaded all the same", lambda: client.hlen("a") == 2 and client.hlen("long") == LONG)
    harness.until("there is room again", lambda: service.call("POST", "/v1/loads", "{}").status == 202)


def test_progress_is_seen_by_anyone(tmp_path, make_service, client):
    service = make_service(load__workers=1, **SMALL)
    os.makedirs(tmp_path / "two")
    other = make_service(tmp_path / "two", stream=service.stream, load__workers=1, **SMALL)
    put_long(service, rows=3 * LONG)
    batch = start_load(service)
    seen = []

    def look():
        answer = load(other, batch)
        (ticket,) = answer["tickets"]
        if ticket["state"] == "running":
            seen.append((ticket["percent"], ticket["stage"], ticket["rows_read"]))
        return answer["ended"]

    harness.until("it is over", look)
    assert any(0 < percent < 100 for percent, _, _ in seen), seen
    assert [percent for percent, _, _ in seen] == sorted(percent for percent, _, _ in seen)
    assert load(other, batch)["tickets"][0]["rows_written"] == 3 * LONG


def test_what_is_over_is_forgotten(make_service, client):
    service = make_service(load__history=3, load__workers=1, **SMALL)
    service.put("a.csv", TABLE, prim_index="id")
    batches = []
    for _ in range(6):
        batches.append(start_load(service, "a"))
        harness.until("it is over", lambda: is_over(service, batches[-1]))
    kept = [batch["id"] for batch in service.call("GET", "/v1/loads").json()["loads"]]
    assert kept == batches[:-4:-1]
    assert service.call("GET", "/v1/loads/" + batches[0]).status == 404
    assert len(client.keys(JOBS + ":batch:*")) == 3
    assert 0 < client.ttl(JOBS + ":batch:" + batches[-1]) <= 604800
