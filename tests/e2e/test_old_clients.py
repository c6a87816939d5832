"""The calls of today's clients: plain curl, no cookies, the exact bodies of the compatible API."""
import json

import harness

PEOPLE = "id,name,age\n1,Ada,36\n2,Blaise,39\n3,Carl,77\n"


def approve(service):
    answer = service.curl("POST", "/check_fingerprint", json.dumps({"md5_key": service.key}))
    assert answer.status == 200, answer
    return answer


def test_the_whole_round(service, client):
    service.put("people.csv", PEOPLE, prim_index="id", colour="blue")

    answer = approve(service)
    assert answer.body == '{"auth_status":"approved","isApprovedSession":true}'
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))

    answer = service.curl("GET", "/register_replicas")
    assert (answer.status, answer.body) == (200, '{"registry":"success"}')
    assert service.ticket("people")["status"] == "REGISTERED"

    answer = service.curl("POST", "/loadDf2redis", "?email=a@b.c&force_reload=1")
    assert answer.status == 200, answer
    ticket = service.ticket("people")
    assert answer.body == ('{"file_name":"people.csv","status":"PROCESSED","load_dttm":"%s"}'
                           % ticket["load_dttm"])
    assert harness.STAMP.fullmatch(ticket["load_dttm"]) and ticket["load_dttm"] > "2022-02-20:18:18:32"
    assert ticket["status"] == "PROCESSED"
    assert list(ticket) == ["file_name", "status", "load_dttm", "prim_index", "colour"]

    answer = service.curl("GET", "/getRegisteredReplics")
    assert (answer.status, answer.body) == (200, '{"LIST_OF_REGISTERED_REPLICS":"people"}')

    answer = service.curl("POST", "/getTopNFromReplica", "?replica=people&topn=2")
    assert answer.status == 200, answer
    assert answer.body == '{"1":%s,"2":%s}' % (client.hget("people", "1").decode(),
                                               client.hget("people", "2").decode())
    assert json.loads(client.hget("people", "1"))[0] == "Ada"

    answer = service.curl("POST", "/clearRedisCache", "?replica=people&remove=1")
    assert (answer.status, answer.body) == (200, '{"clear_cache":"success"}')
    assert not client.exists("people")
    assert client.lrange("REPLICA_REGISTRY", 0, -1) == [b"people"]
    answer = service.curl("GET", "/getRegisteredReplics")
    assert answer.body == '{"LIST_OF_REGISTERED_REPLICS":"people"}'
    answer = service.curl("POST", "/getTopNFromReplica", "?replica=people&topn=2")
    assert (answer.status, answer.body) == (200, "{}")

    answer = service.curl("GET", "/stop_calling_registry")
    assert (answer.status, answer.body) == (200, "null")
    assert answer.headers["content-type"] == "application/json"
    answer = service.curl("GET", "/register_replicas")
    assert (answer.status, answer.body) == (401, '{"registry":"blocked"}')

    approve(service)
    answer = service.curl("GET", "/unregister_replicas")
    assert (answer.status, answer.body) == (200, '{"unregistry":"success"}')
    assert service.ticket("people")["status"] == "READY"
    assert not client.exists("people", "people.META", "REPLICA_REGISTRY")
    answer = service.curl("GET", "/getRegisteredReplics")
    assert (answer.status, answer.body) == (200, '{"LIST_OF_REGISTERED_REPLICS":"EMPTY"}')


def test_a_wrong_key_is_denied(service):
    answer = service.curl("POST", "/check_fingerprint", '{"md5_key":"wrong"}')
    assert (answer.status, answer.body) == (401, '{"auth_status":"denied","isApprovedSession":false}')
    assert service.curl("GET", "/register_replicas").status == 401


def test_a_guesser_is_slowed_down(service):
    statuses = [service.curl("POST", "/check_fingerprint", '{"md5_key":"guess %d"}' % turn).status
                for turn in range(8)]
    assert statuses[0] == 401
    assert statuses[-1] == 429, statuses
    answer = service.curl("POST", "/check_fingerprint", '{"md5_key":"guess"}')
    assert int(answer.headers["retry-after"]) >= 1


def test_every_endpoint_but_health_and_docs_needs_a_session(service):
    for method, path, data in (("GET", "/register_replicas", None), ("POST", "/loadDf2redis", "?force_reload=1"),
                               ("GET", "/getRegisteredReplics", None), ("GET", "/unregister_replicas", None),
                               ("POST", "/getTopNFromReplica", "?replica=people&topn=1"),
                               ("POST", "/clearRedisCache", "?replica=people&remove=1")):
        answer = service.curl(method, path, data)
        assert answer.status == 401, (path, answer)
    assert service.curl("GET", "/healthz").status == 200


def test_the_key_as_bearer_works_on_every_call(service):
    assert service.call("GET", "/getRegisteredReplics").status == 200
    assert service.curl("GET", "/getRegisteredReplics").status == 401, "a Bearer call approves nobody else"
    assert service.curl("GET", "/getRegisteredReplics", key="wrong").status == 401


def test_the_cookie_of_an_approval(make_service, tmp_path):
    service = make_service(auth__session_ttl=0)
    answer = approve(service)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert service.curl("GET", "/getRegisteredReplics").status == 401, "session_ttl 0: the address counts for nothing"
    pair = cookie.split(";")[0]
    assert len(pair.partition("=")[2]) >= 43, "256 bits"
    assert service.curl("GET", "/getRegisteredReplics", None, "-H", "Cookie: " + pair).status == 200
    assert service.curl("GET", "/getRegisteredReplics", None, "-H", "Cookie: " + pair[:-1]).status == 401


def test_the_rate_limit(make_service):
    service = make_service(limits__rate="3/minute")
    approve(service)
    answers = [service.curl("GET", "/register_replicas") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["x-ratelimit-limit"] == "3"
    assert int(answers[3].headers["x-ratelimit-reset"]) > 0
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert answers[3].body == '{"registry":"blocked"}'
    assert service.curl("GET", "/getRegisteredReplics").status == 200, "each endpoint has a limit of its own"


def test_forms_of_parameters(service):
    service.put("people.csv", PEOPLE, prim_index="id")
    service.load_all()
    expected = service.call("POST", "/getTopNFromReplica", "?replica=people&topn=2").body
    assert list(json.loads(expected)) == ["1", "2"]
    as_json = ("-H", "Content-Type: application/json")
    for data, more in (("replica=people&topn=2", ()), ("?replica=p%65ople&topn=%32", ()),
                       ("%3Freplica%3Dpeople%26topn%3D2", ()),
                       ('{"replica":"people","topn":2}', as_json), ('{"replica": "people", "topn": "2"}', as_json),
                       ('{"replica":"people","topn":2}', ())):
        answer = service.call("POST", "/getTopNFromReplica", data, *more)
        assert (answer.status, answer.body) == (200, expected), data
    answer = service.call("POST", "/getTopNFromReplica?replica=people&topn=2")
    assert (answer.status, answer.body) == (200, expected)


def test_bad_parameters_have_fastapis_shape(service):
    service.put("people.csv", PEOPLE, prim_index="id")
    service.load_all()
    for data, at in (("?replica=people&topn=many", "topn"), ("?topn=3", "replica"), ("?replica=people&topn=-1", "topn")):
        answer = service.call("POST", "/getTopNFromReplica", data)
        assert answer.status == 422, (data, answer)
        detail = answer.json()["detail"]
        assert at in detail[0]["loc"] and detail[0]["msg"] and detail[0]["type"], answer
    answer = service.call("POST", "/getTopNFromReplica", "?replica=nobody&topn=1")
    assert answer.status == 404 and isinstance(answer.json()["detail"], str)
    assert service.call("GET", "/no_such_call").status == 404
    answer = service.call("GET", "/loadDf2redis")
    assert answer.status == 405 and isinstance(answer.json()["detail"], str)


def test_newest_replica_is_named_first(service, client):
    for name in ("first", "second", "third"):
        service.put(name + ".csv", PEOPLE)
        answer = service.load_all(force=False)
        assert answer.status == 200 and answer.json()["file_name"] == name + ".csv"
    answer = service.call("GET", "/getRegisteredReplics")
    assert answer.json() == {"LIST_OF_REGISTERED_REPLICS": "third, second, first"}
    assert client.lrange("REPLICA_REGISTRY", 0, -1) == [b"third", b"second", b"first"]


def test_without_force_only_registered_tickets_are_loaded(service, client):
    service.put("people.csv", PEOPLE)
    assert service.load_all().status == 200
    before = harness.meta(client, "people")["LOAD_ID"]
    answer = service.call("POST", "/loadDf2redis", "?email=a@b.c&force_reload=0")
    assert answer.status == 200, answer
    assert harness.meta(client, "people")["LOAD_ID"] == before
    answer = service.call("POST", "/loadDf2redis", "?email=a@b.c&force_reload=1")
    assert answer.status == 200 and answer.json()["file_name"] == "people.csv"
    assert harness.meta(client, "people")["LOAD_ID"] != before


def test_a_failed_ticket_does_not_hold_up_the_others(service, client):
    service.put("people.csv", PEOPLE)
    service.put("gone.csv", None)
    answer = service.load_all()
    assert answer.status == 500
    body = answer.json()
    assert body["file_name"] == "gone.csv" and body["status"] == "FAILED"
    assert set(body["error"]) == {"code", "message", "row", "column"} and body["error"]["message"]
    assert service.ticket("gone")["status"] == "FAILED"
    assert service.ticket("people")["status"] == "PROCESSED"
    assert client.hlen("people") == 3
    service.put("gone.csv", PEOPLE)
    assert service.load_all().status == 200
    assert "error" not in service.ticket("gone") and service.ticket("gone")["status"] == "PROCESSED"
