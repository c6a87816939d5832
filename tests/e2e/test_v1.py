"""The v1 API: replicas, rows, tickets, loads that run in the background, metrics."""
import json

import pytest

import harness

PEOPLE = "id,name,age\n1,Ada,36\n2,Blaise,39\n3,Carl,77\n"


@pytest.fixture
def loaded(service):
    service.put("people.csv", PEOPLE, prim_index="id")
    assert service.load_all().status == 200
    return service


def test_replicas(loaded, client):
    fields = harness.meta(client, "people")
    listed = loaded.call("GET", "/v1/replicas").json()["replicas"]
    assert listed == [{"name": "people", "loaded": True, "load_dttm": fields["LOAD_DTTM"], "load_id": fields["LOAD_ID"],
                       "shape": [3, 2]}]
    said = loaded.call("GET", "/v1/replicas/people").json()
    assert said["name"] == "people" and said["meta"]["COLUMNS"] == ["name", "age"]
    assert said["meta"]["ROWS_WRITTEN"] == 3 and said["meta"]["DB_NAME"] == "people"
    assert said["meta"]["LAYOUT"] == {"version": 1, "layout": "rows"}
    assert loaded.call("GET", "/v1/replicas/nobody").status == 404
    assert loaded.call("GET", "/v1/replicas/people/profile").json() == json.loads(fields["PROFILE"])
    assert loaded.call("GET", "/v1/replicas/people/plan").json() == json.loads(fields["PLAN"])


def test_metadata_of_another_program(loaded, cli, client):
    """A table that is there from before, whose metadata are no JSON, spoils no answer: what is none is a text."""
    client.hset("old", "1", "[1]")
    client.hset("old.META", mapping={"COLUMNS": "['a']", "DF_SHAPE": "(1, 1)", "ROWS_READ": "nan", "LAYOUT": "rows",
                                     "PROFILE": "{'a': NaN}", "LOAD_DTTM": "2022-02-22:19:35:32"})
    client.lpush("REPLICA_REGISTRY", "old")
    listed = loaded.call("GET", "/v1/replicas").json()["replicas"]
    assert listed[0] == {"name": "old", "loaded": True, "load_dttm": "2022-02-22:19:35:32", "load_id": None, "shape": None}
    meta = loaded.call("GET", "/v1/replicas/old").json()["meta"]
    assert meta == {"COLUMNS": "['a']", "DF_SHAPE": "(1, 1)", "ROWS_READ": "nan", "LAYOUT": "rows",
                    "LOAD_DTTM": "2022-02-22:19:35:32"}
    assert loaded.call("GET", "/v1/replicas/old/profile").status == 404
    shown = json.loads(cli.ok("show", "old", "--json").stdout)
    assert shown["COLUMNS"] == "['a']" and shown["ROWS_READ"] == "nan" and shown["PROFILE"] == "{'a': NaN}"
    shown = json.loads(cli.ok("show", "people", "--json").stdout)
    assert shown["LAYOUT"]["layout"] == "rows" and shown["DRIFT"]["version"] == 1 and shown["PLAN"]["sluice_plan"] == 1


def test_rows(loaded, client):
    said = loaded.call("GET", "/v1/replicas/people/rows/2").json()
    assert said == {"key": "2", "values": json.loads(client.hget("people", "2"))}
    assert loaded.call("GET", "/v1/replicas/people/rows/99").status == 404
    assert loaded.call("GET", "/v1/replicas/nobody/rows/2").status == 404


def test_delete(loaded, client):
    answer = loaded.call("DELETE", "/v1/replicas/people")
    assert answer.status == 204 and answer.body == ""
    assert client.keys("people*") == [] and client.lrange("REPLICA_REGISTRY", 0, -1) == []
    assert loaded.call("DELETE", "/v1/replicas/people").status == 404


def test_odd_names_and_keys_in_the_path(service, client):
    service.put("räk smörgås.csv", 'k,v\na/b,1\n"c d?e#f%",2\nä,3\n', prim_index="k")
    assert service.load_all().status == 200
    base = "/v1/replicas/r%C3%A4k%20sm%C3%B6rg%C3%A5s"
    assert service.call("GET", base).json()["name"] == "räk smörgås"
    for key, path in (("a/b", "a%2Fb"), ("c d?e#f%", "c%20d%3Fe%23f%25"), ("ä", "%C3%A4")):
        answer = service.call("GET", f"{base}/rows/{path}")
        assert answer.status == 200 and answer.json()["key"] == key, answer


def test_a_load_in_the_background(service, client):
    service.put("people.csv", PEOPLE + "4,no\n1,Ada,36\n", prim_index="id")
    service.put("gone.csv", None)
    assert service.call("GET", "/register_replicas").status == 200
    answer = service.call("POST", "/v1/loads", '{"force":true}')
    assert answer.status == 202, answer
    number = answer.json()["id"]
    assert answer.headers["location"] == f"/v1/loads/{number}"

    def over():
        said = service.call("GET", f"/v1/loads/{number}").json()
        return said if said["state"] in ("done", "failed") else None

    said = harness.until("the load is over", over)
    assert said["state"] == "failed" and said["percent"] == 100 and said["count"] == 2
    assert (said["rows_read"], said["rows_written"], said["rows_rejected"], said["duplicate_keys"]) == (5, 3, 1, 1)
    tickets = {ticket["ticket"]: ticket for ticket in said["tickets"]}
    assert tickets["gone.ticket"]["error"]["message"] and tickets["people.ticket"]["error"] is None
    assert tickets["people.ticket"]["load_id"] == harness.meta(client, "people")["LOAD_ID"]
    assert number in [load["id"] for load in service.call("GET", "/v1/loads").json()["loads"]]
    assert service.call("GET", "/v1/loads/nosuch").status == 404


def test_a_load_of_one_replica(service, client):
    for name in ("a", "b"):
        service.put(name + ".csv", PEOPLE)
    assert service.call("GET", "/register_replicas").status == 200
    answer = service.call("POST", "/v1/loads", '{"replica":"b","force":true}')
    assert answer.status == 202
    harness.until("b is loaded", lambda: client.exists("b.META"))
    assert not client.exists("a")
    assert service.call("POST", "/v1/loads", '{"replica":"nobody"}').status == 404


def test_tickets(service):
    service.put("people.csv", PEOPLE, prim_index="id")
    service.put("gone.csv", None)
    service.load_all()
    tickets = {ticket["ticket"]: ticket for ticket in service.call("GET", "/v1/tickets").json()["tickets"]}
    assert tickets["people.ticket"]["status"] == "PROCESSED" and tickets["people.ticket"]["replica"] == "people"
    assert tickets["gone.ticket"]["status"] == "FAILED" and tickets["gone.ticket"]["error"]["message"]


def test_metrics(loaded):
    answer = loaded.call("GET", "/metrics")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain")
    lines = [line for line in answer.body.splitlines() if line and not line.startswith("#")]
    assert lines and all(float(line.rsplit(" ", 1)[1]) >= 0 for line in lines)
    assert any(line.startswith("sluice_") for line in lines)
    assert loaded.curl("GET", "/metrics").status == 401


@pytest.mark.parametrize("path", ["/v1/replicas", "/v1/replicas/people", "/v1/replicas/people/rows/1", "/v1/tickets",
                                  "/v1/loads", "/v1/loads/x"])
def test_needs_a_session(service, path):
    assert service.curl("GET", path).status == 401
