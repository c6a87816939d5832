"""GET /v1/replicas/{name}/rows: pages of one load."""
import re
import urllib.parse

import pytest


def pages(service, path, limit):
    """Follow the links; the rows of each page."""
    url, found = f"{path}?limit={limit}", []
    while url:
        answer = service.call("GET", url)
        assert answer.status == 200, answer
        body = answer.json()
        found.append(body["rows"])
        link = re.fullmatch(r'<([^>]*)>; rel="next"', answer.headers.get("link", ""))
        assert (link is not None) == (body["next_cursor"] is not None)
        url = link and link[1]
        assert not url or url.startswith(path + "?") and urllib.parse.quote(body["next_cursor"]) in url
    return found


@pytest.fixture
def numbers(service):
    service.put("n.csv", "k,v\n" + "".join(f"key {i},{i * 3}\n" for i in range(1000)), prim_index="k")
    assert service.load_all().status == 200
    return service


@pytest.mark.parametrize("limit", [1000, 999, 300, 77])
def test_every_row_once_in_load_order(numbers, limit):
    found = pages(numbers, "/v1/replicas/n/rows", limit)
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1) and len(found[-1]) <= limit
    keys = [row["key"] for page in found for row in page]
    assert keys == [f"key {i}" for i in range(1000)]
    top = numbers.call("POST", "/getTopNFromReplica", '{"replica":"n","topn":1000}').json()
    assert {row["key"]: row["values"] for page in found for row in page} == top


def test_a_cursor_belongs_to_one_load(numbers):
    cursor = numbers.call("GET", "/v1/replicas/n/rows?limit=10").json()["next_cursor"]
    assert numbers.call("GET", "/v1/replicas/n/rows?limit=10&cursor=" + cursor).status == 200
    assert numbers.load_all().status == 200
    answer = numbers.call("GET", "/v1/replicas/n/rows?limit=10&cursor=" + cursor)
    assert answer.status == 410 and "begin again" in answer.json()["detail"]
    cursor = numbers.call("GET", "/v1/replicas/n/rows?limit=10").json()["next_cursor"]
    assert numbers.call("POST", "/clearRedisCache", "?replica=n&remove=1").status == 200
    assert numbers.call("GET", "/v1/replicas/n/rows?limit=10&cursor=" + cursor).status == 410
    assert numbers.call("GET", "/v1/replicas/n/rows").json() == {"rows": [], "next_cursor": None}


def test_odd_names_are_escaped_in_the_link(service):
    service.put("a&b=ä@#% x.csv", "v\n1\n2\n3\n", ticket_name="odd.ticket")
    assert service.load_all().status == 200
    name = service.call("GET", "/v1/replicas").json()["replicas"][0]["name"]
    found = pages(service, f"/v1/replicas/{urllib.parse.quote(name, safe='')}/rows", 2)
    assert [row["key"] for page in found for row in page] == ["0", "1", "2"]


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "cursor=x", "cursor=%00", "cursor=" + "A" * 900])
def test_wrong_parameters(numbers, query):
    answer = numbers.call("GET", "/v1/replicas/n/rows?" + query)
    assert answer.status == 422 and answer.json()["detail"][0]["loc"] == ["query", query.split("=")[0]], answer
