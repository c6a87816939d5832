"""Tickets: states, what is kept, how they are rewritten, and the options that they carry."""
import hashlib
import json
import os
import subprocess
import tempfile
import threading

import pytest

import harness

TABLE = "id,v\n1,10\n2,20\n3,30\n"


def test_unknown_keys_and_their_order_are_kept_to_the_byte(service):
    text = ('{ "zz" : [1, 2.50, {"deep":  null}],\n  "file_name": "t.csv",\t"status":"READY",\n'
            '  "note": "caf\\u00e9 \\/ \\"quoted\\"", "load_dttm": "2022-02-20:18:18:32", "big": 12345678901234567890 }\n')
    with open(service.path("t.csv"), "w", encoding="utf-8") as out:
        out.write(TABLE)
    with open(service.path("t.ticket"), "w", encoding="utf-8") as out:
        out.write(text)
    assert service.load_all().status == 200
    with open(service.path("t.ticket"), encoding="utf-8") as source:
        after = source.read()
    stamp = json.loads(after)["load_dttm"]
    assert stamp != "2022-02-20:18:18:32"
    assert after == text.replace("READY", "PROCESSED").replace("2022-02-20:18:18:32", stamp)


def test_states(service, client):
    service.put("t.csv", TABLE)
    assert service.call("GET", "/register_replicas").status == 200
    assert service.ticket("t")["status"] == "REGISTERED"
    assert service.call("GET", "/unregister_replicas").status == 200
    assert service.ticket("t")["status"] == "READY"
    assert service.call("POST", "/loadDf2redis", "?force_reload=0").status == 200
    assert service.ticket("t")["status"] == "READY", "only registered tickets are loaded"
    assert not client.exists("t")
    assert service.load_all(force=False).status == 200
    assert service.ticket("t")["status"] == "PROCESSED"
    assert service.call("GET", "/unregister_replicas").status == 200
    assert service.ticket("t")["status"] == "READY"
    os.unlink(service.path("t.csv"))
    assert service.load_all().status == 500
    failed = service.ticket("t")
    assert failed["status"] == "FAILED" and set(failed["error"]) == {"code", "message", "row", "column"}
    assert service.call("GET", "/unregister_replicas").status == 200
    assert service.ticket("t")["status"] == "READY" and "error" not in service.ticket("t")


def test_a_ticket_is_never_seen_half_written(service):
    """Whoever reads the ticket while its state changes sees one whole state."""
    service.put("t.csv", TABLE, padding="x" * 200_000)
    path = service.path("t.ticket")
    stop, faults, seen = threading.Event(), [], set()

    def watch():
        while not stop.is_set():
            with open(path, "rb") as source:
                raw = source.read()
            try:
                ticket = json.loads(raw)
                seen.add(ticket["status"])
                assert len(ticket["padding"]) == 200_000
            except (ValueError, KeyError, AssertionError) as fault:
                faults.append((fault, len(raw)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(10):
            assert service.load_all().status == 200
            assert service.call("GET", "/unregister_replicas").status == 200
    finally:
        stop.set()
        watcher.join()
    assert not faults, faults[:3]
    assert "READY" in seen and len(seen) >= 2
    assert sorted(os.listdir(service.stream)) == ["t.csv", "t.ticket"], "no temporary file stays"


def test_hidden_and_temporary_tickets_are_skipped(service):
    service.put("t.csv", TABLE)
    for name in (".t2.ticket", "t3.ticket~", "t4.ticket.part", "t5.ticket.tmp"):
        service.put_ticket("t.csv", ticket_name=name)
    assert service.load_all().status == 200
    assert service.call("GET", "/getRegisteredReplics").json() == {"LIST_OF_REGISTERED_REPLICS": "t"}


def test_prim_index_in_any_case(service, client):
    service.put("t.csv", "Id,v\n7,10\n8,20\n", prim_index="iD")
    assert service.load_all().status == 200
    assert set(client.hkeys("t")) == {b"7", b"8"}
    assert harness.meta(client, "t")["INDEX_COLUMN"] == "Id"


def test_size_and_digest_are_checked(service, client):
    digest = hashlib.sha256(TABLE.encode()).hexdigest()
    service.put("t.csv", TABLE, size=len(TABLE), sha256=digest)
    assert service.load_all().status == 200
    before = harness.meta(client, "t")["LOAD_ID"]
    for wrong in ({"size": len(TABLE) + 1}, {"sha256": "0" * 64}):
        service.put_ticket("t.csv", **wrong)
        answer = service.load_all()
        assert answer.status == 500 and answer.json()["status"] == "FAILED", answer
        assert harness.meta(client, "t")["LOAD_ID"] == before, "the old replica stays"


def test_two_tickets_for_one_replica(service, client):
    """The newest load_dttm wins; the other one says why it lost."""
    service.put("t.csv", "v\n1\n", load_dttm="2022-02-20:18:18:32")
    service.put("t.old.csv", "v\n1\n2\n", load_dttm="2021-01-01:00:00:00")
    os.rename(service.path("t.ticket"), service.path("newer.ticket"))
    service.put_ticket("t.csv", ticket_name="newer.ticket", load_dttm="2022-02-20:18:18:32")
    service.put_ticket("t.old.csv", ticket_name="older.ticket", load_dttm="2021-01-01:00:00:00")
    answer = service.load_all()
    assert answer.status == 500, answer
    assert service.ticket("newer")["status"] == "PROCESSED"
    older = service.ticket("older")
    assert older["status"] == "FAILED" and older["error"]["message"]
    assert client.hlen("t") == 1


def test_options_of_one_file(service, client):
    service.put("t.csv", "id;v\n1;10\n2;\n3;30\n",
                options={"reader.delimiter": ";", "prep.scale": "none", "prep.impute": "constant",
                         "prep.impute_value": "-1"})
    service.put("u.csv", "id,v\n1,10\n2,\n3,30\n")
    assert service.load_all().status == 200
    assert [json.loads(row)[1] for row in client.hmget("t", "0", "1", "2")] == [10, -1, 30]
    assert [json.loads(row)[1] for row in client.hmget("u", "0", "1", "2")] == [0, 0.5, 1]


@pytest.mark.parametrize("options", ({"prep.scael": "none"}, {"prep.scale": "sideways"}, {"http.port": 1}, "none"))
def test_wrong_options_of_one_file(service, options):
    service.put("t.csv", TABLE, options=options)
    service.put("u.csv", TABLE)
    answer = service.load_all()
    assert answer.status == 500, answer
    assert service.ticket("t")["status"] == "FAILED" and service.ticket("t")["error"]["message"]
    assert service.ticket("u")["status"] == "PROCESSED"


def test_a_directory_that_cannot_be_written_to(redis_server, client):
    """The tickets stay as they are, the state lives in the metastore, and the log says so."""
    if os.getuid() != 0:
        pytest.skip("needs root, to start the service as somebody who may not write")
    with tempfile.TemporaryDirectory(prefix="slc-ro-") as folder:
        os.chmod(folder, 0o755)
        service = harness.Service(folder, redis_server.url)
        service.put("t.csv", TABLE)
        os.makedirs(service.state)
        os.chown(service.state, 65534, 65534)
        service._arguments = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *service._arguments]
        if subprocess.run([*service._arguments[:4], harness.program(), "options"], capture_output=True,
                          check=False).returncode != 0:
            pytest.skip("the program lies where another user may not run it")
        try:
            service.start()
            answer = service.load_all()
            assert answer.status == 200 and answer.json()["status"] == "PROCESSED", answer
            assert service.ticket("t")["status"] == "READY", "it could not be rewritten"
            assert client.hlen("t") == 3
            before = harness.meta(client, "t")["LOAD_ID"]
            assert service.call("POST", "/loadDf2redis", "?force_reload=0").status == 200
            assert harness.meta(client, "t")["LOAD_ID"] == before, "the metastore knows that it is PROCESSED"
            assert "t.ticket" in service.log()
        finally:
            service.stop()
