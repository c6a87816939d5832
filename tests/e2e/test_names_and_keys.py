"""Under which names the service answers, what becomes of approvals when their key goes, and guesses made at once."""
import concurrent.futures
import http.client
import json
import re
import signal
import socket
import subprocess

import pytest

import harness


def ask(service, path="/getRegisteredReplics", method="GET", **headers):
    """One call with these headers (Host among them) and nothing else that could count."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=harness.PATIENCE)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": f"127.0.0.1:{service.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def approve(service, key=None, *more):
    return service.curl("POST", "/check_fingerprint", json.dumps({"md5_key": key or service.key}), *more)


def raw(service, request):
    with socket.create_connection(("127.0.0.1", service.port), timeout=harness.PATIENCE) as client:
        client.sendall(request.encode())
        got = b""
        while part := client.recv(65536):
            got += part
        return got.decode()


# ---- names


def test_a_foreign_page_does_not_get_in_by_the_address(make_service):
    """DNS rebinding: the page's own name leads here, and the browser calls from the approved address."""
    service = make_service(http__workers=1)
    cookie = approve(service).headers["set-cookie"].split(";")[0]
    good = ["127.0.0.1", "[::1]:8003", "localhost:8003", "etl", "etl.local:80", "10.1.2.3:8003", socket.gethostname()]
    for name in good:
        assert ask(service, Host=name)[0] == 200, name
    for name in ("evil.example.com", f"evil.example.com:{service.port}", "127.0.0.1.evil.com", "localhost.evil.com."):
        for more in ({}, {"Origin": f"http://{name}"}, {"User_Agent": "curl/8"}, {"Sec_Fetch_Site": "same-origin"}):
            status, body, _ = ask(service, Host=name, **more)
            assert status == 401 and "http.allowed_hosts" in json.loads(body)["detail"], (name, more, body)
        assert ask(service, Host=name, Cookie=cookie)[0] == 200, "a cookie belongs to its name"
        assert ask(service, Host=name, Authorization="Bearer " + service.key)[0] == 200
        assert ask(service, "/healthz", Host=name)[0] == 200
        answer = raw(service, f"GET http://{name}/getRegisteredReplics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert answer.startswith("HTTP/1.1 401"), "what the request line says goes before Host"


def test_listed_names(make_service):
    service = make_service(http__workers=1, http__allowed_hosts='["etl.example.org", ".corp.example"]')
    approve(service)
    for name in ("etl.example.org", "ETL.example.org:8003", "a.corp.example", "127.0.0.1:1", "localhost"):
        assert ask(service, Host=name)[0] == 200, name
    for name in ("evil.example.com", "corp.example", "xetl.example.org"):
        for path in ("/getRegisteredReplics", "/healthz", "/nothing"):
            status, body, _ = ask(service, path, Host=name, Authorization="Bearer " + service.key)
            assert status == 421 and "http.allowed_hosts" in json.loads(body)["detail"], (name, body)


def test_any_name(make_service):
    service = make_service(http__workers=1, http__allowed_hosts='["*"]')
    approve(service)
    assert ask(service, Host="whatever.example.com")[0] == 200


@pytest.mark.parametrize("head", ("Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: user@etl\r\n", "Host: etl:http\r\n", "Host: [::1\r\n"))
def test_hosts_that_are_none(service, head):
    answer = raw(service, f"GET /healthz HTTP/1.1\r\n{head}Connection: close\r\n\r\n")
    assert answer.startswith("HTTP/1.1 400 ") and "detail" in answer


def test_names_that_a_proxy_passes_on(make_service):
    """A proxy asks under an address and says what it was called; only a trusted one is listened to."""
    service = make_service(http__workers=1, http__trusted_proxies='["127.0.0.1"]')
    approve(service, None, "-H", "X-Forwarded-For: 192.0.2.7")
    forwarded = {"X_Forwarded_For": "192.0.2.7"}
    assert ask(service, **forwarded)[0] == 200
    assert ask(service, **forwarded, X_Forwarded_Host="etl")[0] == 200
    assert ask(service, **forwarded, X_Forwarded_Host="evil.example.com")[0] == 401
    assert ask(service, **forwarded, X_Forwarded_Host="etl, evil.example.com")[0] == 401


def test_a_forwarded_name_of_anyone_else_does_not_count(service):
    approve(service)
    assert ask(service, X_Forwarded_Host="evil.example.com")[0] == 200


def test_names_are_checked_by_the_configuration(tmp_path):
    done = subprocess.run([harness.program(), "check", "--set", 'http.allowed_hosts=["http://etl"]'], check=False,
                          capture_output=True, text=True, env=harness.clean_environment(tmp_path))
    assert done.returncode == 2 and "http.allowed_hosts" in done.stderr, done


# ---- cookies behind TLS


def test_the_cookie_is_secure_behind_a_trusted_tls_proxy(make_service, tmp_path):
    def cookie(service, *headers):
        return approve(service, None, *[part for header in headers for part in ("-H", header)]).headers["set-cookie"]

    trusting = make_service(http__workers=1, http__trusted_proxies='["127.0.0.1"]')
    assert "; Secure" in cookie(trusting, "X-Forwarded-Proto: https")
    assert "; Secure" in cookie(trusting, "X-Forwarded-Proto: https, http")
    assert "; Secure" not in cookie(trusting, "X-Forwarded-Proto: http")
    assert "; Secure" not in cookie(trusting)
    plain = make_service(folder=tmp_path / "second", http__workers=1)
    assert "; Secure" not in cookie(plain, "X-Forwarded-Proto: https"), "anyone can say so"


# ---- keys that go


def token(service, *arguments):
    done = subprocess.run([harness.program(), "token", *arguments, "--set", f"state_dir={service.state}"], check=True,
                          capture_output=True, text=True, env=harness.clean_environment(service.folder))
    return done.stdout + done.stderr


def http_workers(service):
    with open(f"/proc/{service.process.pid}/task/{service.process.pid}/children", encoding="ascii") as children:
        return {pid for pid in children.read().split() if comm(pid) == "sluice-http"}


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as name:
            return name.read().strip()
    except OSError:
        return ""


def reload(service):
    """HUP, until the new generation has taken over and the old one, which answers to its end, is gone."""
    before, old = service.log().count("the configuration was read again"), http_workers(service)
    service.signal(signal.SIGHUP)
    harness.until("a reload", lambda: service.log().count("the configuration was read again") > before)
    harness.until("the old workers' end", lambda: not old & http_workers(service))


def test_approvals_end_with_the_token_that_made_them(make_service):
    service = make_service(http__workers=2)
    secret = re.search(r"[A-Za-z0-9_-]{43}", token(service, "new", "--name", "guest")).group(0)
    reload(service)
    owner = approve(service).headers["set-cookie"].split(";")[0]
    guest = approve(service, secret).headers["set-cookie"].split(";")[0]
    assert ask(service)[0] == 200 and ask(service, Cookie=guest)[0] == 200 and ask(service, Cookie=owner)[0] == 200
    token(service, "rm", "guest")
    reload(service)
    # A worker of before may take one more connection, until it has heard that it is to end.
    harness.until("the token is no key", lambda: ask(service, Authorization="Bearer " + secret)[0] == 401)
    harness.until("the cookie goes with its token", lambda: ask(service, Cookie=guest)[0] == 401)
    harness.until("so does the approval of the address", lambda: ask(service)[0] == 401)
    assert ask(service, Cookie=owner)[0] == 200, "others stay"


def test_approvals_end_with_the_key_and_outlive_a_restart_without_a_change(make_service):
    service = make_service(http__workers=1)
    cookie = approve(service).headers["set-cookie"].split(";")[0]
    service.stop()
    service.start()
    assert ask(service, Cookie=cookie)[0] == 200 and ask(service)[0] == 200
    service.stop()
    service.key = "another-key-than-before"
    service.start()
    assert ask(service, Cookie=cookie)[0] == 401 and ask(service)[0] == 401


# ---- guesses


def test_guesses_at_the_same_time_are_counted_one_by_one(make_service, client):
    """Workers that read, add and write would let dozens through."""
    service = make_service(http__workers=4, http__threads=4)

    def guess(number):
        return ask(service, Authorization=f"Bearer guess{number}")[0]

    with concurrent.futures.ThreadPoolExecutor(48) as pool:
        seen = list(pool.map(guess, range(96)))
    assert set(seen) == {401, 429}, seen
    # Three are free; after that one for each delay (1 s, 2 s, ...) that has passed meanwhile.
    count = int(client.get("REPLICA_REGISTRY:session:guesses:127.0.0.1").split(b":")[0])
    assert seen.count(401) == count, "each that was looked at was counted"
    assert count <= 6, count
