"""/openapi.json is true: every operation in it is called, and every answer is what it says."""
import json
import re
import urllib.parse

import pytest

import harness

jsonschema = pytest.importorskip("jsonschema", reason="needs python3-jsonschema")
if not hasattr(jsonschema, "Draft202012Validator"):
    pytest.skip("python3-jsonschema is too old for draft 2020-12", allow_module_level=True)

PEOPLE = "id,name,age\n1,Ada,36\n2,Blaise,39\na/b ä,Carl,77\n"
KEY_PATH = urllib.parse.quote("a/b ä", safe="")

# operationId -> calls: the parts of the path, the body, and the status that is to come.
CALLS = {
    "checkFingerprint": [({}, {"md5_key": harness.KEY}, 200), ({}, {"md5_key": "no"}, 401), ({}, {}, 422)],
    "registerReplicas": [({}, None, 200)],
    "loadDf2redis": [({}, {"email": ""}, 200), ({}, {"force_reload": True}, 500), ({}, {"email": "nobody"}, 422),
                     ({}, {"force_reload": "perhaps"}, 422)],
    "getRegisteredReplics": [({}, None, 200)],
    "getTopNFromReplica": [({}, {"replica": "people", "topn": 2}, 200), ({}, {"replica": "nobody"}, 404),
                           ({}, {"replica": "people", "topn": 0}, 422), ({}, {}, 422)],
    "listReplicas": [({}, None, 200)],
    "getReplica": [({"name": "people"}, None, 200), ({"name": "nobody"}, None, 404)],
    "getProfile": [({"name": "people"}, None, 200), ({"name": "nobody"}, None, 404)],
    "getPlan": [({"name": "people"}, None, 200), ({"name": "nobody"}, None, 404)],
    "getRow": [({"name": "people", "key": "1"}, None, 200), ({"name": "people", "key": KEY_PATH}, None, 200),
               ({"name": "people", "key": "none"}, None, 404), ({"name": "nobody", "key": "1"}, None, 404),
               ({"name": "people", "key": "%FF"}, None, 400)],
    "listRows": [({"name": "people"}, None, 200), ({"name": "nobody"}, None, 404),
                 ({"name": "people", "?": "limit=1"}, None, 200), ({"name": "people", "?": "limit=0"}, None, 422),
                 ({"name": "people", "?": "limit=10001"}, None, 422), ({"name": "people", "?": "cursor=x"}, None, 422)],
    "listTickets": [({}, None, 200)],
    "startLoad": [({}, {"replica": "people", "force": True}, 202), ({}, None, 202), ({}, {"replica": "nobody"}, 404),
                  ({}, {"force": 7}, 422)],
    "listLoads": [({}, None, 200)],
    "getLoad": [({"id": "LOAD"}, None, 200), ({"id": "none"}, None, 404)],
    "getLoadEvents": [({"id": "LOAD"}, None, 200), ({"id": "none"}, None, 404)],
    "getHealth": [({}, None, 200)],
    "getReadiness": [({}, None, 200)],
    "getMetrics": [({}, None, 200)],
    "getOpenApi": [({}, None, 200)],
    "getDocs": [({}, None, 200)],
    # These take away what the others need.
    "clearRedisCache": [({}, {"replica": "people", "remove": False}, 200), ({}, {"replica": "people"}, 422),
                        ({}, {"replica": "nobody", "remove": True}, 404),
                        ({}, {"replica": "people", "remove": True}, 200)],
    "deleteReplica": [({"name": "nobody"}, None, 404), ({"name": "people"}, None, 204)],
    "unregisterReplicas": [({}, None, 200)],
    "stopCallingRegistry": [({}, None, 200)],
}


def operations(spec):
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path, operation


def check(spec, operation, answer, what):
    """The answer is one of those that the description names, with its type and shape."""
    described = operation["responses"].get(str(answer.status))
    assert described is not None, f"{what} answers {answer.status}, which is not described: {answer}"
    assert re.fullmatch("[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])
    content = described.get("content")
    if content is None:
        assert answer.body == "", what
        return
    kind = answer.headers["content-type"]
    assert kind in content, f"{what}: {kind} is none of {list(content)}"
    if kind == "application/json":
        schema = {**content[kind]["schema"], "components": spec["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json())


@pytest.fixture
def loaded(service):
    service.put("people.csv", PEOPLE, prim_index="id")
    service.put("gone.csv", None)
    assert service.load_all().status == 500  # of the ticket without a file
    return service


def test_every_operation_answers_as_described(loaded):
    # The ticket that failed stays in the lists, with its error; loads do not meet it any more.
    first = loaded.call("POST", "/v1/loads", '{"force":true,"replica":"people"}').json()["id"]
    harness.until("it is loaded",
                  lambda: loaded.call("GET", "/v1/loads/" + first).json()["state"] in ("done", "failed"))
    spec = loaded.curl("GET", "/openapi.json").json()
    known = {name: (method, path, operation) for name, method, path, operation in operations(spec)}
    assert set(known) == set(CALLS), "an operation is described and not tried here, or the other way round"
    assert len(known) == sum(len(methods) for methods in spec["paths"].values()), "an operationId stands twice"
    for name, calls in CALLS.items():
        method, path, operation = known[name]
        for parts, body, status in calls:
            filled = path + ("?" + parts["?"] if "?" in parts else "")
            for part, value in parts.items():
                filled = filled.replace("{%s}" % part, first if value == "LOAD" else value)
            answer = loaded.call(method, filled, None if body is None else json.dumps(body))
            what = f"{method} {filled} {body}"
            assert answer.status == status, f"{what}: {answer}"
            check(spec, operation, answer, what)
            if body and all(not isinstance(value, bool) for value in body.values()):
                form = loaded.call(method, filled, urllib.parse.urlencode(body))
                check(spec, operation, form, what + " as a form")


def test_every_operation_refuses_strangers_as_described(service):
    spec = service.curl("GET", "/openapi.json").json()
    for name, method, path, operation in operations(spec):
        answer = service.curl(method, re.sub(r"\{\w+\}", "x", path), "{}" if method == "POST" else None)
        assert (answer.status == 401) == (operation["security"] != []), f"{name}: {answer}"
        check(spec, operation, answer, f"{method} {path} of a stranger")


def test_limits_and_absent_peers_answer_as_described(make_service, tmp_path):
    service = make_service(tmp_path, limits__rate="1/minute")
    spec = service.curl("GET", "/openapi.json").json()
    for name, method, path, operation in operations(spec):
        filled = re.sub(r"\{\w+\}", "x", path)
        answers = [service.call(method, filled, "{}" if method == "POST" else None) for _ in range(2)]
        limited = name not in ("getHealth", "getReadiness", "getMetrics")
        assert (answers[1].status == 429) == limited, f"{name}: {answers}"
        if limited:
            assert "retry-after" in answers[1].headers
        check(spec, operation, answers[1], f"{method} {path} again")


def test_the_description_is_whole(service):
    answer = service.curl("GET", "/openapi.json")
    spec = answer.json()
    assert answer.status == 200 and spec["openapi"].startswith("3.1.") and answer.headers["etag"]
    used = set(re.findall(r'"#/components/([a-zA-Z]+/\w+)"', answer.body))
    defined = {f"{kind}/{name}" for kind in ("schemas", "headers") for name in spec["components"][kind]}
    assert used == defined, "a part is referred to and not there, or there and of no use"
    for schema in spec["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    tags = {tag["name"] for tag in spec["tags"]}
    for name, _, _, operation in operations(spec):
        assert set(operation["tags"]) <= tags and operation["summary"], name
        assert all(parameter["description"] for parameter in operation["parameters"]), name


def test_the_page_needs_nobody_else(service):
    """One document: its own script and style, allowed by their digests, and no other host."""
    import base64
    import hashlib

    answer = service.curl("GET", "/docs")
    assert answer.status == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    for tag in ("script", "style"):
        inside = re.findall(f"<{tag}>(.*?)</{tag}>", answer.body, re.S)
        assert len(inside) == 1 and len(inside[0]) > 1000
        digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!openapi\.json|data:,)", answer.body)
    assert "http://" not in answer.body and "https://" not in answer.body and "@import" not in answer.body
