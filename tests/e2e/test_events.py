"""GET /v1/loads/{id}/events: server-sent events about a load."""
import json
import signal
import socket
import threading

import pytest

import harness

ROWS = "id,v\n" + "".join(f"{i},{i}\n" for i in range(500))


class Listener:
    """One client: a raw connection, read by a thread of its own."""

    def __init__(self, service, number, last=None, method="GET"):
        self._socket = socket.create_connection(("127.0.0.1", service.port), timeout=harness.PATIENCE)
        more = f"Last-Event-ID: {last}\r\n" if last else ""
        self._socket.sendall(f"{method} /v1/loads/{number}/events HTTP/1.1\r\nHost: x\r\n{more}"
                             f"Authorization: Bearer {service.key}\r\nConnection: close\r\n\r\n".encode())
        self.raw = b""
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            while part := self._socket.recv(65536):
                self.raw += part
        except OSError:
            pass
        self.over.set()

    def answer(self):
        return harness.parse_answer(self.raw)

    def events(self):
        """[(event, id, data)], without what chunked coding puts between."""
        text = self.raw.partition(b"\r\n\r\n")[2]
        if b"chunked" in self.raw.partition(b"\r\n\r\n")[0].lower():
            body, left = b"", text
            while left:
                size, _, left = left.partition(b"\r\n")
                length = int(size or b"0", 16)
                body, left = body + left[:length], left[length + 2:]
            text = body
        found = []
        for block in text.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                found.append((fields["event"], fields["id"], json.loads(fields["data"])))
        return found

    def wait_for(self, event):
        return harness.until(f"the event {event}", lambda: [one for one in self.events() if one[0] == event])

    def close(self):
        self._socket.close()


@pytest.fixture
def service(make_service):
    return make_service(source__settle_ms=2500)


@pytest.fixture
def waiting(service):
    """A load that waits until its file has rested; its id."""
    service.put("n.csv", ROWS, prim_index="id")
    assert service.call("GET", "/register_replicas").status == 200
    return service.call("POST", "/v1/loads", "{}").json()["id"]


def test_from_the_begin_to_the_end(service, waiting):
    number = waiting
    listeners = [Listener(service, number) for _ in range(5)]
    for listener in listeners:
        first = listener.wait_for("progress")[0]
        assert first[2]["id"] == number and first[2]["state"] in ("queued", "running")
    for listener in listeners:
        assert listener.over.wait(harness.PATIENCE), "the stream does not end behind its end"
        head = listener.answer().headers
        assert head["content-type"] == "text/event-stream" and head["x-accel-buffering"] == "no"
        assert head["cache-control"] == "no-store" and "content-encoding" not in head
        events = listener.events()
        assert [event for event, _, _ in events].count("end") == 1 and events[-1][0] == "end"
        assert b"retry: 2000" in listener.raw
        assert len({identity for _, identity, _ in events}) == len(events)
        told = service.call("GET", "/v1/loads/" + number).json()
        assert events[-1][2] == {name: value for name, value in told.items() if name != "mail"}
        assert events[-1][2]["state"] == "done" and events[-1][2]["rows_written"] == 500
    # Who lost the connection before the end is told it; who has it is sent away for good.
    end = listeners[0].events()[-1]
    late = Listener(service, number, last=listeners[0].events()[0][1])
    assert late.over.wait(harness.PATIENCE) and late.events() == [end]
    back = Listener(service, number, last=end[1])
    assert back.over.wait(harness.PATIENCE) and back.answer().status == 204


def test_redis_is_asked_when_something_has_changed(service, waiting, client):
    """Not by each listener, nor again and again while nothing happens."""
    def asked():
        return client.info("commandstats")["cmdstat_hgetall"]["calls"]

    listeners = [Listener(service, waiting) for _ in range(40)]
    for listener in listeners:
        listener.wait_for("progress")
    before = asked()
    for listener in listeners:
        assert listener.over.wait(harness.PATIENCE) and listener.events()[-1][0] == "end"
    assert asked() - before < 80


def test_there_is_no_such_load(service):
    for number in ("none", "0" * 32, "x" * 32):
        answer = service.call("GET", f"/v1/loads/{number}/events")
        assert answer.status == 404 and answer.headers["content-type"] == "application/json"
    assert service.curl("GET", f"/v1/loads/{'0' * 32}/events").status == 401


def test_a_head_of_it_ends(service, waiting):
    number = waiting
    head = Listener(service, number, method="HEAD")
    assert head.over.wait(harness.PATIENCE)
    assert head.answer().status == 200 and head.answer().headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_the_streams_at_once(service, waiting, number):
    listener = Listener(service, waiting)
    listener.wait_for("progress")
    service.signal(number)
    assert listener.over.wait(harness.PATIENCE) and listener.events()
    assert service.wait() == 0


def test_clients_that_go_away_do_no_harm(service, waiting):
    number = waiting
    listeners = [Listener(service, number) for _ in range(20)]
    for listener in listeners:
        listener.wait_for("progress")
        listener.close()
    last = Listener(service, number)
    assert last.over.wait(harness.PATIENCE) and last.events()[-1][0] == "end"
    assert service.call("GET", "/healthz").status == 200


def test_the_log_says_which_load_a_call_was_about(make_service, tmp_path):
    service = make_service(tmp_path, log__format="json")
    service.put("n.csv", ROWS, prim_index="id")
    assert service.call("GET", "/register_replicas").status == 200
    number = service.call("POST", "/v1/loads", "{}").json()["id"]
    assert service.call("GET", "/v1/loads/" + number).status == 200
    assert service.call("POST", "/loadDf2redis", "?force_reload=1").status == 200

    def logged():
        lines = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
        found = {line["route"]: line for line in lines if line.get("message") == "request"}
        return found if {"/v1/loads", "/v1/loads/{id}", "/loadDf2redis"} <= set(found) else None

    found = harness.until("the calls are logged", logged)
    assert found["/v1/loads"]["load"] == found["/v1/loads/{id}"]["load"] == number
    assert len(found["/loadDf2redis"]["load"]) == 32 and found["/loadDf2redis"]["load"] != number
    assert "load" not in found["/register_replicas"] and found["/register_replicas"]["request_id"]
