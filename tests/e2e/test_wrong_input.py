"""Every kind of wrong input: a clear error in the ticket, the answer and on stderr; nothing else suffers."""
import json
import os

import pytest

import harness

GOOD = "id,v\n1,10\n2,20\n3,30\n"
GARBAGE = bytes(range(256)) * 64

# What lies in bad.csv, further keys of its ticket, and words that the message should have one of.
CASES = {
    "missing file": (None, {}, ("bad.csv",)),
    "unknown prim_index": (GOOD, {"prim_index": "nosuch"}, ("nosuch",)),
    "binary garbage": (GARBAGE, {}, ("bad.csv",)),
    "garbage with a NUL": (b"a,b\n1,\x002\n", {}, ("NUL", "binary", "0 byte", "zero")),
    "not UTF-8": (b"a,b\n1,\xff\xfe\xfa\n", {}, ("UTF-8", "row")),
    "0 bytes": (b"", {}, ("empty", "0 bytes")),
    "only white space": (b"\n\n \n", {}, ("empty", "no ", "header", "row")),
    "a header without rows": ("id,v\n", {}, ("row",)),
    "rows of the wrong width": ("id,v\n1,10\n2,20,200\n", {"options": {"reader.on_bad_row": "fail"}}, ("2",)),
    "no row of the right width": ("id,v\n1\n2\n3\n", {"options": {"reader.header": "yes"}}, ("row",)),
    "an open quote": ('id,v\n1,"open\n2,20\n3,30\n', {}, ("quote",)),
    "two columns of one name as index": ("id,ID,v\n1,2,3\n", {"prim_index": "Id"}, ("Id", "ID", "id")),
    "every key missing": ("id,v\n,1\n,2\n", {"prim_index": "id"}, ("key", "id", "row")),
    "a gzip file by name alone": (b"\x1f\x8b\x08\x00garbage, not gzip at all", {}, ("bad.csv",)),
}


@pytest.fixture
def old_replica(service, client):
    """A replica `bad` from a good file, and what it looks like."""
    service.put("bad.csv", GOOD, prim_index="id")
    assert service.load_all().status == 200
    os.unlink(service.path("bad.csv"))
    return client.hgetall("bad"), client.hgetall("bad.META")


@pytest.mark.parametrize("case", CASES)
def test_through_the_service(service, client, old_replica, case):
    content, ticket, words = CASES[case]
    service.put("bad.csv", content, **ticket)
    service.put("good.csv", GOOD, prim_index="id")
    answer = service.load_all()
    assert answer.status == 500, answer
    body = answer.json()
    assert body["file_name"] == "bad.csv" and body["status"] == "FAILED"
    written = service.ticket("bad")
    assert written["status"] == "FAILED" and written["error"] == body["error"]
    message = body["error"]["message"]
    assert message and "\n" not in message
    assert any(word.lower() in json.dumps(body).lower() for word in words), message
    assert service.ticket("good")["status"] == "PROCESSED" and client.hlen("good") == 3
    assert (client.hgetall("bad"), client.hgetall("bad.META")) == old_replica
    assert not client.keys("*staging*")
    service.put("bad.csv", GOOD, prim_index="id")
    assert service.load_all().status == 200, "the same ticket with good data is loaded"


@pytest.mark.parametrize("case", CASES)
def test_on_the_command_line(cli, client, tmp_path, case):
    content, ticket, words = CASES[case]
    (tmp_path / "bad.csv").write_text(GOOD)
    cli.ok("load", tmp_path / "bad.csv", "--index", "id")
    before = client.hgetall("bad"), client.hgetall("bad.META")
    (tmp_path / "bad.csv").unlink()
    if content is not None:
        (tmp_path / "bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    arguments = ["--index", ticket["prim_index"]] if "prim_index" in ticket else []
    for name, value in ticket.get("options", {}).items():
        arguments += ["--set", f"{name}={value}"]
    line = cli.refused(1, "load", tmp_path / "bad.csv", *arguments)
    assert "bad.csv" in line and any(word.lower() in line.lower() for word in words), line
    assert (client.hgetall("bad"), client.hgetall("bad.META")) == before
    assert not client.keys("*staging*")


TICKETS = {
    "no JSON": "this is no ticket",
    "cut off": '{"file_name": "bad.csv", "status": "REA',
    "an array": '["bad.csv"]',
    "no file_name": '{"status": "READY", "load_dttm": "2022-02-20:18:18:32"}',
    "file_name of a wrong type": '{"file_name": 7, "status": "READY", "load_dttm": "2022-02-20:18:18:32"}',
    "a key twice": '{"file_name": "bad.csv", "file_name": "good.csv", "status": "READY",'
                   ' "load_dttm": "2022-02-20:18:18:32"}',
    "nested deeply": '{"file_name": "bad.csv", "status": "READY", "load_dttm": "2022-02-20:18:18:32", "x": '
                     + "[" * 5000 + "]" * 5000 + "}",
    "empty": "",
}


@pytest.mark.parametrize("case", TICKETS)
def test_faulty_tickets(service, client, case):
    with open(service.path("bad.csv"), "w", encoding="utf-8") as out:
        out.write(GOOD)
    with open(service.path("bad.ticket"), "w", encoding="utf-8") as out:
        out.write(TICKETS[case])
    service.put("good.csv", GOOD)
    answer = service.load_all()
    assert answer.status == 500, answer
    assert answer.json()["status"] == "FAILED" and "bad.ticket" in answer.body
    assert service.ticket("good")["status"] == "PROCESSED" and client.hlen("good") == 3
    assert not client.exists("bad")


@pytest.mark.parametrize("faulty", [{"load_dttm": "yesterday"}, {"sha256": "xyz"}, {"size": "9"}, {"options": []}])
def test_a_faulty_ticket_is_reported_until_it_is_marked(service, client, faulty):
    """One that is FAILED asks for no load any more; a call without force is not spoilt by it for ever."""
    service.put("bad.csv", GOOD, **faulty)
    service.put("good.csv", GOOD)
    assert service.call("GET", "/register_replicas").status == 200
    ticket = service.ticket("bad")
    assert ticket["status"] == "FAILED" and ticket["error"]["code"] == "ticket"
    written = os.stat(service.path("bad.ticket")).st_mtime_ns
    assert service.call("POST", "/loadDf2redis", "?force_reload=0").status == 200 and client.hlen("good") == 3
    assert service.call("GET", "/register_replicas").status == 200
    assert os.stat(service.path("bad.ticket")).st_mtime_ns == written
    (shown,) = [one for one in service.call("GET", "/v1/tickets").json()["tickets"] if one["ticket"] == "bad.ticket"]
    assert shown["status"] == "FAILED" and shown["file_name"] == "bad.csv" and shown["error"]["code"] == "ticket"
    assert service.load_all().status == 500  # by force whatever the state is
    assert service.call("GET", "/unregister_replicas").status == 200
    assert service.ticket("bad")["status"] == "READY"


def test_an_unknown_status(service, client):
    """Registering says what is wrong with it; FAILED from then on, it is loaded by force like any other."""
    service.put("bad.csv", GOOD, status="SLEEPY")
    assert service.call("GET", "/register_replicas").status == 200
    ticket = service.ticket("bad")
    assert ticket["status"] == "FAILED" and "SLEEPY" in ticket["error"]["message"]
    assert service.call("POST", "/loadDf2redis", "?force_reload=0").status == 200
    assert not client.exists("bad")
    assert service.load_all().status == 200 and client.hlen("bad") == 3


NAMES = ["../secret.csv", "/etc/passwd", "a/b.csv", "..", ".hidden.csv", "t.csv\0x", "line\nbreak.csv", "bell\a.csv",
         "open{brace.csv", "star*.csv", "comma,.csv", ".csv", "x" * 300 + ".csv", "t.csv~", "t.part", ""]


@pytest.mark.parametrize("name", NAMES, ids=[repr(name[:20]) for name in NAMES])
def test_names_that_are_refused(service, client, name):
    secret = os.path.join(service.folder, "secret.csv")
    with open(secret, "w", encoding="utf-8") as out:
        out.write(GOOD)
    if name and "/" not in name and "\0" not in name and name != ".." and len(name) < 250:
        with open(service.path(name), "w", encoding="utf-8") as out:
            out.write(GOOD)
    service.put_ticket(name, ticket_name="odd.ticket")
    service.put("good.csv", GOOD)
    answer = service.load_all()
    assert answer.status == 500, answer
    ticket = service.ticket("odd")
    assert ticket["status"] == "FAILED" and ticket["error"]["message"]
    assert ticket["file_name"] == name
    assert service.ticket("good")["status"] == "PROCESSED"
    assert client.lrange("REPLICA_REGISTRY", 0, -1) == [b"good"]
    # But for what the queue keeps of it for a minute.
    keys = {key.decode() for key in client.keys("*good*") if not key.startswith(b"{REPLICA_REGISTRY}:jobs:")}
    assert keys == {"good", "good.META"}


@pytest.mark.parametrize("name", ["räksmörgås.csv", "two words.csv", "日本.csv", "it's (1) #2 & 100%.csv"])
def test_strange_names_that_are_fine(service, client, name):
    service.put(name, GOOD, prim_index="id")
    answer = service.load_all()
    assert answer.status == 200, answer
    replica = name.removesuffix(".csv")
    assert client.hlen(replica) == 3
    assert service.call("GET", "/getRegisteredReplics").json() == {"LIST_OF_REGISTERED_REPLICS": replica}
    answer = service.call("POST", "/getTopNFromReplica", "?topn=1", "--data-urlencode", "replica=" + replica)
    assert answer.status == 200 and list(answer.json()) == ["1"], answer


@pytest.mark.parametrize("how", ["link out", "relative link out", "link to a link", "directory link", "fifo", "directory"])
def test_what_is_no_plain_file_inside(service, client, how):
    outside = os.path.join(service.folder, "outside")
    os.makedirs(outside)
    with open(os.path.join(outside, "secret.csv"), "w", encoding="utf-8") as out:
        out.write(GOOD)
    path = service.path("bad.csv")
    if how == "link out":
        os.symlink(os.path.join(outside, "secret.csv"), path)
    elif how == "relative link out":
        os.symlink("../outside/secret.csv", path)
    elif how == "link to a link":
        os.symlink("../outside/secret.csv", service.path(".hop"))
        os.symlink(".hop", path)
    elif how == "directory link":
        os.symlink("../outside", service.path("sub"))
        os.symlink("sub/secret.csv", path)
    elif how == "fifo":
        os.mkfifo(path)
    else:
        os.mkdir(path)
    service.put_ticket("bad.csv")
    service.put("good.csv", GOOD)
    answer = service.load_all()
    assert answer.status == 500 and answer.json()["file_name"] == "bad.csv", answer
    assert service.ticket("bad")["status"] == "FAILED"
    assert service.ticket("good")["status"] == "PROCESSED"
    assert not client.exists("bad")


def test_a_link_inside_the_directory_is_fine(service, client):
    with open(service.path("real.csv"), "w", encoding="utf-8") as out:
        out.write(GOOD)
    os.symlink("real.csv", service.path("linked.csv"))
    service.put_ticket("linked.csv")
    assert service.load_all().status == 200
    assert client.hlen("linked") == 3


def test_bad_rows_are_rejected_and_counted(service, client):
    service.put("t.csv", "id,v\n1,10\n2\n3,30,300\n,40\n5,50\n5,55\n", prim_index="id")
    assert service.load_all().status == 200
    assert harness.check_counts(client, "t") == (6, 2, 3, 1)
    assert set(client.hkeys("t")) == {b"1", b"5"}
    with open(service.path("t.rejects.csv"), encoding="utf-8", newline="") as source:
        rejects = source.read()
    for number in ("2", "3", "4"):
        assert any(line.startswith(number + ",") for line in rejects.splitlines()), rejects
    assert len(rejects.splitlines()) == 4, rejects


@pytest.mark.parametrize("way, kept, written", [("last", 55, 2), ("first", 50, 2), ("fail", None, None)])
def test_equal_keys(cli, client, tmp_path, way, kept, written):
    (tmp_path / "t.csv").write_text("id,v\n1,10\n5,50\n5,55\n")
    arguments = ("load", tmp_path / "t.csv", "--index", "id", "--set", "store.on_duplicate=" + way,
                 "--set", "prep.scale=none")
    if kept is None:
        line = cli.refused(1, *arguments)
        assert "row 3" in line
        assert not client.exists("t")
        return
    cli.ok(*arguments)
    assert json.loads(client.hget("t", "5")) == [kept]
    assert harness.check_counts(client, "t") == (3, written, 0, 1)
