"""Who gets in: approvals, limits and bounds, over several workers and two services of one Redis."""
import concurrent.futures
import http.client
import json
import os
import re
import socket
import subprocess
import time

import pytest

import harness

WORKERS = 4


def raw(service, request, patience=None):
    """What comes back on one connection, until the service closes it."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=patience or harness.PATIENCE) as client:
        try:
            client.sendall(request if isinstance(request, bytes) else request.encode())
        except OSError:
            pass
        got = b""
        while True:
            try:
                part = client.recv(65536)
            except ConnectionResetError:
                return got
            if not part:
                return got
            got += part


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def fresh(service, path="/getRegisteredReplics", headers=None):
    """One call on a connection of its own, so that any worker may take it."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=harness.PATIENCE)
    try:
        connection.request("GET", path, headers={"Authorization": "Bearer " + service.key} if headers is None else headers)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


@pytest.fixture
def many(make_service):
    return lambda **options: make_service(http__workers=WORKERS, http__threads=2, **options)


# ---- approvals


def approve(service):
    return service.curl("POST", "/check_fingerprint", json.dumps({"md5_key": service.key}))


def test_no_route_but_the_open_ones_answers_without_approval(many):
    """Walks the table that the service itself publishes, so that a new route cannot be forgotten."""
    service = many()
    document = service.call("GET", "/openapi.json")
    if document.status != 200:
        pytest.skip("there is no /openapi.json")
    paths = document.json()["paths"]
    assert len(paths) > 15
    for path, operations in paths.items():
        for method in operations:
            filled = re.sub(r"\{[^}]*\}", "x", path)
            answer = service.curl(method.upper(), filled)
            if "security" in operations[method] and operations[method]["security"] == []:
                assert answer.status != 401, (method, path)
                assert not path.startswith("/v1") and path not in ("/metrics", "/register_replicas"), path
            else:
                assert answer.status == 401, (method, path, answer)


def test_an_approval_counts_in_every_worker_and_ends_in_every_worker(many):
    service = many()
    assert fresh(service, headers={}).status == 401
    assert approve(service).status == 200
    for _ in range(40):
        assert fresh(service, headers={}).status == 200, "the address is approved"
    assert service.curl("GET", "/stop_calling_registry").body == "null"
    for _ in range(40):
        assert fresh(service, headers={}).status == 401, "it has ended, everywhere at once"


def test_an_approval_counts_for_another_service_of_the_same_redis(many, tmp_path):
    first, second = many(), many(folder=tmp_path / "second")
    cookie = approve(first).headers["set-cookie"].split(";")[0]
    assert fresh(second, headers={"Cookie": cookie}).status == 200
    assert fresh(first, headers={"Cookie": cookie}).status == 200
    assert second.curl("GET", "/stop_calling_registry", None, "-H", "Cookie: " + cookie).status == 200
    harness.until("it has ended in the other one", lambda: fresh(first, headers={"Cookie": cookie}).status == 401, 2)


def test_cookie_attributes(many):
    cookie = approve(many()).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie
    assert re.match(r"sluice_session=[A-Za-z0-9_-]{43};", cookie)


def test_cookies_and_addresses_expire(many, client):
    service = many(auth__session_ttl=1)
    cookie = {"Cookie": approve(service).headers["set-cookie"].split(";")[0]}
    assert fresh(service, headers=cookie).status == 200 and fresh(service, headers={}).status == 200
    keys = client.keys("REPLICA_REGISTRY:session:*")
    assert len(keys) == 2 and all(0 < client.ttl(key) <= 1 for key in keys)
    harness.until("the cookie expires", lambda: fresh(service, headers=cookie).status == 401)
    harness.until("the address expires", lambda: fresh(service, headers={}).status == 401)


def test_redis_holds_no_token(many, client):
    service = many()
    token = approve(service).headers["set-cookie"].split(";")[0].split("=")[1]
    for key in client.keys("*"):
        assert token.encode() not in key
        assert client.type(key) != b"string" or token.encode() not in client.get(key)


def test_no_address_without_a_time_to_live(many):
    service = many(auth__session_ttl=0)
    assert approve(service).status == 200
    assert fresh(service, headers={}).status == 401


def test_guessing_is_slowed_in_all_workers_together(many):
    service = many()
    seen = [fresh(service, headers={"Authorization": f"Bearer guess{n}"}).status for n in range(20)]
    assert seen[0] == 401 and 429 in seen[:8], seen
    assert seen[-1] == 429
    assert fresh(service).status == 429, "even the right key waits"
    assert approve(service).status == 429


def test_forwarded_for_counts_from_trusted_proxies_only(make_service, tmp_path):
    plain = make_service()
    trusting = make_service(folder=tmp_path / "second", http__trusted_proxies='["127.0.0.1"]')
    for service, counts in ((plain, False), (trusting, True)):
        headers = {"X-Forwarded-For": "192.0.2.7"}
        done = service.curl("POST", "/check_fingerprint", json.dumps({"md5_key": service.key}),
                            "-H", "X-Forwarded-For: 192.0.2.7")
        assert done.status == 200
        assert fresh(service, headers=headers).status == 200
        assert fresh(service, headers={}).status == (401 if counts else 200)
        assert fresh(service, headers={"X-Forwarded-For": "192.0.2.8"}).status == (401 if counts else 200)
        service.curl("GET", "/stop_calling_registry", None, "-H", "X-Forwarded-For: 192.0.2.7")


# ---- the rate limit


def in_one_window(services, path, calls):
    """The statuses of calls that fell into one window of their limit (told by its end)."""
    for _ in range(10):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            start = time.monotonic()
            answers = list(pool.map(lambda n: fresh(services[n % len(services)], path), range(calls)))
            took = time.monotonic() - start
        if took < 0.9:
            return answers
        time.sleep(1.1)
    pytest.skip("the machine is too slow to call so often within a second")


def test_ten_a_second_for_all_workers_together(many):
    service = many(limits__rate="10/second")
    answers = in_one_window([service], "/getRegisteredReplics", 60)
    assert [answer.status for answer in answers].count(200) == 10, [answer.status for answer in answers]
    blocked = next(answer for answer in answers if answer.status == 429)
    assert int(blocked.getheader("retry-after")) >= 1 and blocked.getheader("x-ratelimit-limit") == "10"
    assert blocked.getheader("x-ratelimit-remaining") == "0"
    harness.until("the next window", lambda: fresh(service).status == 200, 3)


def test_ten_a_second_for_two_services_of_one_redis(many, tmp_path, client):
    services = [many(limits__rate="10/second"), many(folder=tmp_path / "second", limits__rate="10/second")]
    answers = in_one_window(services, "/getRegisteredReplics", 60)
    assert [answer.status for answer in answers].count(200) == 10
    keys = client.keys("REPLICA_REGISTRY:limit:*")
    assert len(keys) <= 1 and all(client.pttl(key) <= 1000 for key in keys)


def test_exact_over_a_long_window(many):
    """Here no window can end meanwhile."""
    service = many(limits__rate="25/hour")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: fresh(service).status, range(80)))
    assert seen.count(200) == 25 and seen.count(429) == 55


def test_large_limits_are_taken_in_lots_and_never_exceeded(many):
    service = many(limits__rate="1500/hour")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: fresh(service).status, range(1800)))
    assert seen.count(200) <= 1500 and seen.count(200) >= 1500 - 3 * WORKERS * 2


def test_blocked_bodies(many):
    service = many(limits__rate="2/hour")
    assert service.curl("GET", "/register_replicas").json() == {"registry": "blocked"}
    seen = [service.call("GET", "/register_replicas") for _ in range(3)]
    assert seen[-1].status == 429 and seen[-1].json() == {"registry": "blocked"}
    assert int(seen[-1].headers["retry-after"]) > 1


def test_limits_and_the_key_work_while_redis_is_away(short_folder, tmp_path):
    folder = os.path.join(short_folder, "away")
    os.makedirs(folder, exist_ok=True)
    server = harness.RedisServer(folder)
    server.start()
    service = harness.Service(tmp_path, server.url, http__workers=1, limits__rate="5/hour")
    try:
        service.start()
        assert fresh(service).status == 200
        server.kill()
        assert fresh(service, "/metrics").status == 200, "the key is known without Redis"
        seen = [fresh(service).status for _ in range(8)]
        assert set(seen[:4]) == {503} and seen[-1] == 429, seen
        assert fresh(service, "/metrics", {"Authorization": "Bearer wrong"}).status == 401
        server.start()
        harness.until("it goes on", lambda: fresh(service, "/metrics", {}).status == 401)
    finally:
        service.stop()
        server.stop()


# ---- bounds


def test_slow_headers_are_cut_by_a_deadline(make_service):
    service = make_service(http__header_timeout=0.5)
    with socket.create_connection(("127.0.0.1", service.port), timeout=harness.PATIENCE) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        start = time.monotonic()
        cut = trickle(client, b"X-Slow: y\r\n")
        assert cut and time.monotonic() - start < 10
    assert "sluice_http_slow_clients_total 1\n" in service.call("GET", "/metrics").body


def trickle(client, line):
    """Send a line a tenth of a second until the service has had enough; never idle for long."""
    client.settimeout(0.1)
    deadline = time.monotonic() + harness.PATIENCE
    while time.monotonic() < deadline:
        try:
            client.sendall(line)
            if client.recv(1000) == b"":
                return True
        except socket.timeout:
            continue
        except OSError:
            return True
    return False


def test_slow_headers_of_a_second_request(make_service):
    service = make_service(http__header_timeout=0.5, http__timeout=1)
    with socket.create_connection(("127.0.0.1", service.port), timeout=harness.PATIENCE) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert trickle(client, b"X-Slow: y\r\n")


def test_slow_bodies_are_cut_by_a_deadline(make_service):
    service = make_service(http__body_timeout=0.5)
    with socket.create_connection(("127.0.0.1", service.port), timeout=harness.PATIENCE) as client:
        client.sendall(b"POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
        assert trickle(client, b"xxxxxxxxxx")
    assert service.curl("GET", "/healthz").status == 200


def test_a_patient_client_is_not_cut(make_service):
    """Deadlines are for what is being sent: a quiet keep-alive connection rests longer than they are."""
    service = make_service(http__header_timeout=0.3, http__body_timeout=0.3)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=harness.PATIENCE)
    for _ in range(3):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        time.sleep(0.8)  # longer than the deadlines: that is what is tested
    connection.close()


def test_bounds_of_sizes(make_service):
    service = make_service(http__max_body_bytes="2KiB", http__max_header_bytes="2KiB", http__max_url_bytes="512")
    head = "Host: x\r\nConnection: close\r\n"
    assert status_of(raw(service, f"GET /{'a' * 600} HTTP/1.1\r\n{head}\r\n")) == 414
    assert status_of(raw(service, f"GET /healthz HTTP/1.1\r\n{head}X: {'a' * 3000}\r\n\r\n")) == 431
    assert status_of(raw(service, f"POST /check_fingerprint HTTP/1.1\r\n{head}Content-Length: 3000\r\n\r\n" +
                         "a" * 3000)) == 413
    assert status_of(raw(service, f"GET /healthz HTTP/1.1\r\n{head}\r\n")) == 200
    assert status_of(raw(service, f"GET /{'a' * 200_000} HTTP/1.1\r\n{head}\r\n")) in (414, 431)


@pytest.mark.parametrize("option,bound", (("http__max_connections_per_address", 6), ("http__max_connections", 6)))
def test_bounds_of_connections(many, option, bound):
    """In all workers together; what is refused is closed at once, and room is given back."""
    service = many(**{option: bound})
    kept = []
    try:
        for _ in range(bound):
            harness.until("room, for the connections before this test are over", lambda: keep_one(service, kept))
        assert raw(service, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == b"", "one too many"
        kept.pop().close()
        harness.until("room again", lambda: status_of(
            raw(service, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200)
    finally:
        for client in kept:
            client.close()
    harness.until("it is counted", lambda: refusals(service) > 0)


def keep_one(service, kept):
    client = socket.create_connection(("127.0.0.1", service.port), timeout=harness.PATIENCE)
    try:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        if client.recv(1000).startswith(b"HTTP/1.1 200"):
            kept.append(client)
            return True
    except ConnectionError:
        pass
    client.close()
    return False


def refusals(service):
    page = service.call("GET", "/metrics").body
    return int(re.search(r"^sluice_http_connections_refused_total (\d+)$", page, re.M).group(1))


# ---- what is no request


@pytest.mark.parametrize("path", ("/v1/replicas/..%2f..%2fx", "/v1/replicas/%2e%2e", "//v1/replicas", "/v1//replicas",
                                  "/./v1/replicas", "/healthz/../v1/replicas", "/healthz/..%2fv1/replicas",
                                  "/healthz%2f..%2fv1%2freplicas", "/V1/replicas", "/v1/replicas/", "/v1/replicas%00",
                                  "/healthz;/../v1/replicas", "http://x/v1/replicas", "/v1/replicas?x=/healthz",
                                  "/v1/replicas#/healthz", "/%76%31/replicas"))
def test_no_way_around_the_approval(service, path):
    answer = raw(service, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status_of(answer) in (400, 401, 404), answer[:300]
    assert b"replicas\":" not in answer


@pytest.mark.parametrize("request_text,allowed", (
    ("GET /healthz HTTP/1.1\r\n\r\n", {400}),
    ("GET /healthz\r\n\r\n", {400, 505, None}),
    ("GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404, 200, None}),
    ("GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", {400, 505, None}),
    ("GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", {400, None}),
    ("GET /healthz HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", {400, 200, None}),
    ("\x00\x01\x02\x03\r\n\r\n", {400, None}),
    ("POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", {400, None}),
    ("POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", {400, None}),
    ("POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {400, None}),
    ("POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {400, None}),
    ("POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", {400, 501, None}),
    ("BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405, 501}),
    ("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\rSet-Cookie: b\r\n\r\n", {400, 200, None})))
def test_what_is_malformed_is_refused(service, request_text, allowed):
    request = request_text.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
    answer = raw(service, request.encode("latin-1"), patience=10)
    assert status_of(answer) in allowed, answer[:300]
    assert b"Set-Cookie" not in answer
    assert service.curl("GET", "/healthz").status == 200


def test_pipelined_requests_are_answered_in_order(service):
    head = f"Host: x\r\nAuthorization: Bearer {service.key}\r\n"
    wanted = [("/healthz", 200), ("/nowhere", 404), ("/getRegisteredReplics", 200), ("/healthz", 200)]
    request = "".join(f"GET {path} HTTP/1.1\r\n{head}X-Request-ID: n{n}\r\n\r\n" for n, (path, _) in enumerate(wanted))
    request += f"GET /healthz HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
    answer = raw(service, request)
    assert [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answer)] == [s for _, s in wanted] + [200]
    assert re.findall(rb"x-request-id: (n\d)", answer) == [b"n0", b"n1", b"n2", b"n3"]


def test_tls(make_service, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                           "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                          capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no openssl to make a certificate with")
    service = make_service(start=False, http__workers=2, http__tls_cert_file=cert, http__tls_key_file=key)
    service.base = service.base.replace("http:", "https:")
    service.start(wait=False)
    harness.until("it listens", lambda: "listening" in service.log())
    answer = service.curl("POST", "/check_fingerprint", json.dumps({"md5_key": service.key}), "--cacert", str(cert))
    assert answer.status == 200 and "; Secure" in answer.headers["set-cookie"]
    assert raw(service, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 10)[:5] != b"HTTP/"
    assert service.stop() == 0


def test_a_key_that_is_not_the_certificates(make_service, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_text("no certificate")
    key.write_text("no key")
    service = make_service(start=False, http__tls_cert_file=cert, http__tls_key_file=key)
    service.start(wait=False)
    assert service.wait() == 2
    assert "holds no certificate" in service.log()
