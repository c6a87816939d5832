"""`sluice loads`: what was asked to be loaded, and how far it is."""
import json

import harness


def test_loads(service, client, cli):
    assert "Nothing was asked" in cli.ok("loads").stdout
    assert cli.ok("loads", "--json").stdout == "[]\n"
    service.put("a.csv", "id,v\n1,10\n2,20\n", prim_index="id")
    service.put("bad.csv", b"")
    assert service.call("GET", "/register_replicas").status == 200
    batch = service.call("POST", "/v1/loads", "{}").json()["id"]
    followed = cli("loads", batch, "--follow")
    assert followed.returncode == 1, followed  # one of the two has failed
    lines = followed.stdout.splitlines()
    assert any(line.startswith("a.ticket") and "done" in line for line in lines), lines
    assert any(line.startswith("bad.ticket") and "failed" in line for line in lines), lines
    (listed,) = json.loads(cli.ok("loads", "--json").stdout)
    assert (listed["id"], listed["state"], listed["count"], listed["done"], listed["failed"]) == (batch, "failed", 2, 1, 1)
    assert listed["rows_written"] == 2 and listed["percent"] == 100
    assert batch in cli.ok("loads").stdout
    shown = json.loads(cli("loads", batch, "--json").stdout)
    assert {ticket["ticket"]: ticket["state"] for ticket in shown["tickets"]} == {"a.ticket": "done", "bad.ticket": "failed"}


def test_following_ends_when_nobody_reads(make_service, cli):
    """A file that still grows keeps its load waiting; `sluice loads ID --follow | head -1` need not."""
    service = make_service(**{"source.settle_ms": 600000})
    service.put("a.csv", "id,v\n1,10\n")
    assert service.call("GET", "/register_replicas").status == 200
    batch = service.call("POST", "/v1/loads", "{}").json()["id"]
    process = cli.start("loads", batch, "--follow")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(harness.PATIENCE) == 0


def test_what_is_not_there(cli):
    assert "no load of that id" in cli.refused(1, "loads", "0123456789abcdef0123456789abcdef")
    assert "no load of that id" in cli.refused(1, "loads", "../x")
    assert "--follow needs the ID" in cli.refused(2, "loads", "--follow")
