"""/metrics: what is documented is what is there, Prometheus can read it, and the dashboard asks for nothing else."""
import json
import os
import re

import pytest

import harness

PARSER = pytest.importorskip("prometheus_client.parser", reason="needs python3-prometheus-client")
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.fixture
def page(service):
    """The page after calls of every outcome: a load, rejected rows, a wrong key, a path that is not there."""
    service.put("n.csv", "k,v\n1,2\n1,3\n4,5,6\n7,8\n", prim_index="k")
    service.put("gone.csv", None)
    assert service.load_all().status == 500
    assert service.call("GET", "/nowhere").status == 404
    assert service.curl("GET", "/v1/replicas").status == 401
    last = "route=\"/v1/replicas\",status=\"401\""
    text = harness.until("the last call is counted", lambda: (
        lambda answer: answer.body if answer.status == 200 and last in answer.body else None)(
            service.call("GET", "/metrics")))
    return text


def families(page):
    """Name as it stands in the TYPE line -> type; prometheus_client takes _total away."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.M))


def documented():
    with open(os.path.join(harness.ROOT, "docs", "metrics.md"), encoding="utf-8") as source:
        rows = re.findall(r"^\| `(sluice_\w+)` \| (\w+) \|(.*?)\| (.+) \|$", source.read(), re.M)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels.split(":")[0])) if ":" in labels
                   else set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows}


def test_documented_is_what_is_there(page):
    there = families(page)
    told = documented()
    assert {name: kind for name, (kind, _) in told.items()} == there
    for family in PARSER.text_string_to_metric_families(page):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name in told, f"{name} is not documented"
        assert family.documentation.endswith(".") or name == "sluice_build_info", name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == told[name][1], sample


def test_reconnects_are_counted(make_service, client):
    def reconnects():
        return int(re.search(r"^sluice_redis_reconnects_total (\d+)$", service.call("GET", "/metrics").body, re.M).group(1))

    service = make_service(http__workers=1)
    assert service.call("GET", "/getRegisteredReplics").status == 200
    before = reconnects()
    client.client_kill_filter(_type="normal", skipme=True)
    harness.until("lost connections are made anew and counted", lambda: reconnects() > before)


def test_the_format_is_right(page):
    assert page.endswith("\n") and "\r" not in page
    helps = re.findall(r"^# HELP (\S+) \S", page, re.M)
    assert helps == list(families(page)), "each family has one HELP and one TYPE, in this order"
    samples = [(sample.name, tuple(sorted(sample.labels.items())))
               for family in PARSER.text_string_to_metric_families(page) for sample in family.samples]
    assert len(samples) == len(set(samples)), "a series stands twice"
    for family in PARSER.text_string_to_metric_families(page):
        assert family.samples, f"{family.name} has no samples"
        if family.type != "histogram":
            continue
        for count in (sample for sample in family.samples if sample.name.endswith("_count")):
            buckets = [sample for sample in family.samples if sample.name.endswith("_bucket") and
                       {**sample.labels, "le": None} == {**count.labels, "le": None}]
            values = [bucket.value for bucket in buckets]
            assert values == sorted(values) and buckets[-1].labels["le"] == "+Inf" and values[-1] == count.value


def value(page, name, **labels):
    for family in PARSER.text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name and all(sample.labels.get(key) == wanted for key, wanted in labels.items()):
                return sample.value
    raise KeyError(name)


def test_what_is_counted(page):
    assert value(page, "sluice_loads_total", result="done") == 1
    assert value(page, "sluice_loads_total", result="failed") == 1
    assert [value(page, f"sluice_{name}_total") for name in (
        "rows_read", "rows_written", "rows_rejected", "duplicate_keys")] == [4, 2, 1, 1]
    assert value(page, "sluice_file_bytes_total") > 0
    assert value(page, "sluice_http_requests_total", route="", status="404") == 1
    assert value(page, "sluice_http_request_seconds_count", route="/register_replicas") == 1
    assert value(page, "sluice_workers", role="http") >= 1
    assert value(page, "sluice_processes") >= 1 + value(page, "sluice_workers", role="http")
    assert value(page, "sluice_memory_bytes") > 1 << 20 and value(page, "sluice_open_files") > 5
    assert 0 <= value(page, "sluice_cpu_seconds_total") < 60  # in hundredths of a second


def test_the_dashboard_asks_for_what_is_there(page):
    with open(os.path.join(harness.ROOT, "packaging", "grafana", "sluice.json"), encoding="utf-8") as source:
        dashboard = json.load(source)
    there = {name + suffix for name, kind in families(page).items() for suffix in SUFFIXES[kind]}
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    asked = set()
    for panel in panels:
        assert panel["title"] and panel["targets"]
        for target in panel["targets"]:
            names = set(re.findall(r"sluice_\w+", target["expr"]))
            assert names and names <= there, f"{panel['title']}: {names - there}"
            asked |= names
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    # Every family is on it: a metric that nobody looks at is of no use.
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked} == set(families(page))
