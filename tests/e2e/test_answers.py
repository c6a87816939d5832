"""HTTP around the answers: tags and 304, compression, HEAD, methods that a path does not have."""
import gzip
import json
import urllib.error
import urllib.request

import pytest

import harness

PEOPLE = "id,name,age\n1,Ada,36\n2,Blaise,39\n3,Carl,77\n"
PATHS = ["/v1/replicas/people", "/v1/replicas/people/profile", "/v1/replicas/people/plan",
         "/v1/replicas/people/rows/2"]


@pytest.fixture
def loaded(service):
    service.put("people.csv", PEOPLE, prim_index="id")
    assert service.load_all().status == 200
    return service


def ask(service, path, method="GET", **headers):
    """Bytes as they come: nothing is decompressed. Returns (status, headers, body)."""
    request = urllib.request.Request(service.base + path, method=method, headers={
        "Authorization": "Bearer " + service.key, **{name.replace("_", "-"): value for name, value in headers.items()}})
    try:
        with urllib.request.urlopen(request, timeout=harness.PATIENCE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read()


@pytest.mark.parametrize("path", PATHS)
def test_tags_are_those_of_the_load(loaded, client, path):
    load_id = harness.meta(client, "people")["LOAD_ID"]
    status, headers, body = ask(loaded, path)
    assert status == 200 and headers["etag"] == f'"{load_id}"' and "no-cache" in headers["cache-control"]
    status, headers, empty = ask(loaded, path, If_None_Match=headers["etag"])
    assert (status, empty, headers["etag"]) == (304, b"", f'"{load_id}"')
    assert ask(loaded, path, If_None_Match='"another"')[2] == body
    assert loaded.load_all().status == 200
    status, headers, _ = ask(loaded, path, If_None_Match=f'"{load_id}"')
    assert status == 200 and headers["etag"] == '"%s"' % harness.meta(client, "people")["LOAD_ID"]
    assert ask(loaded, "/v1/replicas/nobody", If_None_Match="*")[0] == 404


def test_a_row_that_lies_otherwise(loaded, client):
    """Not to be had by one question: it is read the longer way, the first time and after it."""
    row = ask(loaded, PATHS[3])[2]
    client.hset("people.META", "LAYOUT", '{"version":1,"layout":"rows","and":"more"}')
    for _ in range(3):
        status, headers, body = ask(loaded, PATHS[3])
        assert status == 200 and body == row
        assert ask(loaded, PATHS[3], If_None_Match=headers["etag"])[0] == 304
        assert ask(loaded, "/v1/replicas/people/rows/99")[0] == 404


@pytest.mark.parametrize("layout", ["packed"])
def test_rows_of_another_layout(make_service, tmp_path, client, layout):
    """Whatever the layout: the same rows by their keys, and 404 for others, the first time and after it."""
    service = make_service(tmp_path, store__layout=layout)
    service.put("n.csv", "k,v\n" + "".join(f"key {i},{i}\n" for i in range(300)), prim_index="k")
    assert service.load_all().status == 200
    assert json.loads(client.hget("n.META", "LAYOUT"))["layout"] == layout
    for _ in range(2):
        for key in (0, 7, 299):
            said = json.loads(ask(service, f"/v1/replicas/n/rows/key%20{key}")[2])
            assert said["key"] == f"key {key}" and len(said["values"]) == 1
        assert ask(service, "/v1/replicas/n/rows/key%20300")[0] == 404
    page = json.loads(ask(service, "/v1/replicas/n/rows?limit=300")[2])["rows"]
    assert page[7] == json.loads(ask(service, "/v1/replicas/n/rows/key%207")[2])


def test_many_at_once(loaded):
    """Rows and names asked for by many at the same time: each gets his own."""
    from concurrent.futures import ThreadPoolExecutor

    def one(i):
        key = str(i % 3 + 1)
        if i % 5 == 0:
            return ask(loaded, "/getRegisteredReplics")[2] == b'{"LIST_OF_REGISTERED_REPLICS":"people"}'
        if i % 7 == 0:
            return ask(loaded, "/v1/replicas/people/rows/nobody")[0] == 404
        return json.loads(ask(loaded, f"/v1/replicas/people/rows/{key}")[2])["key"] == key

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(600)))


def test_the_list_has_a_tag_of_its_content(loaded):
    tag = ask(loaded, "/v1/replicas")[1]["etag"]
    assert ask(loaded, "/v1/replicas", If_None_Match=tag)[0] == 304
    assert loaded.load_all().status == 200
    assert ask(loaded, "/v1/replicas", If_None_Match=tag)[0] == 200


def test_compressed_when_asked_for(loaded):
    path = PATHS[1]
    _, plain_headers, plain = ask(loaded, path)
    assert len(plain) >= 1024 and "content-encoding" not in plain_headers
    status, headers, body = ask(loaded, path, Accept_Encoding="br, gzip;q=0.8")
    assert status == 200 and headers["content-encoding"] == "gzip" and "accept-encoding" in headers["vary"]
    assert int(headers["content-length"]) == len(body) < len(plain) and gzip.decompress(body) == plain
    # Other bytes, another strong tag; both mean the same load.
    assert headers["etag"] != plain_headers["etag"]
    for tag in (headers["etag"], plain_headers["etag"]):
        assert ask(loaded, path, If_None_Match=tag, Accept_Encoding="gzip")[0] == 304
    for refused in ("gzip;q=0", "identity", "identity, gzip;q=0.5"):
        assert ask(loaded, path, Accept_Encoding=refused)[2] == plain


def test_head_is_a_get_without_a_body(loaded):
    for encoding in ("identity", "gzip"):
        _, of_get, body = ask(loaded, PATHS[1], Accept_Encoding=encoding)
        status, of_head, empty = ask(loaded, PATHS[1], "HEAD", Accept_Encoding=encoding)
        assert status == 200 and empty == b"" and int(of_head["content-length"]) == len(body)
        assert of_head["etag"] == of_get["etag"] and of_head["content-type"] == of_get["content-type"]
    assert ask(loaded, PATHS[0], "HEAD", If_None_Match=ask(loaded, PATHS[0])[1]["etag"])[0] == 304


@pytest.mark.parametrize("method, path, allow", [
    ("OPTIONS", "/getRegisteredReplics", {"GET", "HEAD"}), ("POST", "/v1/replicas", {"GET", "HEAD"}),
    ("PUT", "/v1/loads", {"GET", "HEAD", "POST"}), ("GET", "/loadDf2redis", {"POST"}),
    ("PATCH", "/v1/replicas/x", {"GET", "HEAD", "DELETE"})])
def test_methods_that_a_path_does_not_have(service, method, path, allow):
    status, headers, body = ask(service, path, method)
    assert status == 405 and json.loads(body) == {"detail": "Method Not Allowed"}
    assert {name.strip() for name in headers["allow"].split(",")} == allow


def test_ranges_are_not_offered(loaded):
    status, headers, _ = ask(loaded, PATHS[1], Range="bytes=0-9")
    assert status == 200 and "accept-ranges" not in headers and "content-range" not in headers
