"""The service's processes: the master's signals under load, each on the real thing."""
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

import harness

WORKERS = 3


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as source:
        return [int(child) for child in source.read().split()]


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as source:
            return source.read().strip()
    except OSError:
        return ""


def workers(service, role="http", pid=None):
    return sorted(child for child in children(pid or service.process.pid) if comm(child) == f"sluice-{role}")


def is_there(pid):
    return os.path.exists(f"/proc/{pid}") and comm(pid) != ""


def read(path):
    return path.read_text() if path.exists() else ""


class Clients:
    """Keep-alive clients that call again and again, and count everything that goes wrong."""

    def __init__(self, service, count=8, path="/healthz", reconnect=True, pause=0.0):
        self.port, self.path, self.reconnect, self.pause = service.port, path, reconnect, pause
        self.answers, self.wrong, self.refused = 0, [], 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.more(50)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(harness.PATIENCE)

    def more(self, count):
        """Wait for so many more good answers."""
        wanted = self.answers + count
        harness.until("more answers", lambda: self.answers >= wanted or self.wrong)

    def ended(self):
        return not any(thread.is_alive() for thread in self._threads)

    def _note(self, what):
        with self._lock:
            self.wrong.append(what)

    def _connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.PATIENCE)
        connection.connect()
        return connection

    def _run(self):
        connection = None
        while not self._stop.is_set():
            if connection is None:
                try:
                    connection = self._connect()
                except ConnectionRefusedError:
                    with self._lock:
                        self.refused += 1
                    if not self.reconnect:
                        return
                    time.sleep(0.01)
                    continue
                except OSError as error:
                    self._note(f"connect: {error!r}")
                    return
            try:
                connection.request("GET", self.path)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._note(repr(error))
                connection = None
                continue
            if answer.status >= 500:
                self._note(f"status {answer.status}")
            with self._lock:
                self.answers += 1
            if answer.getheader("connection", "").lower() == "close":
                connection.close()
                connection = None
            if self.pause:
                self._stop.wait(self.pause)


@pytest.fixture
def many(make_service):
    """A service of several HTTP workers."""
    def make(**options):
        service = make_service(http__workers=WORKERS, http__threads=2, **options)
        harness.until("all workers run", lambda: len(workers(service)) == WORKERS)
        return service

    return make


def test_all_workers_answer_and_metrics_tell_of_all(many):
    service = many()
    with Clients(service) as clients:
        clients.more(500)
    assert not clients.wrong
    page = service.call("GET", "/metrics").body
    counted = re.search(r'^sluice_http_requests_total\{method="GET",route="/healthz",status="200"\} (\d+)$', page, re.M)
    assert int(counted.group(1)) >= clients.answers
    assert f'sluice_workers{{role="http"}} {WORKERS}\n' in page


def test_a_killed_worker_is_back_within_a_second(many):
    service = many()
    harness.until("they have lived a moment", lambda: time.monotonic() - service_started(service) > 1.2)
    before = workers(service)
    start = time.monotonic()
    os.kill(before[0], signal.SIGKILL)
    harness.until("another worker", lambda: len(set(workers(service)) - {before[0]}) == WORKERS)
    assert time.monotonic() - start < (1 if not harness.SANITIZED else 10)
    assert set(before[1:]) < set(workers(service)), "the others stay"
    harness.until("it is counted",
                  lambda: "sluice_worker_restarts_total 1\n" in service.call("GET", "/metrics").body)


def service_started(service):
    """The monotonic time at which its process started."""
    with open(f"/proc/{service.process.pid}/stat", encoding="ascii") as source:
        ticks = int(source.read().rsplit(")", 1)[1].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK") + time.monotonic() - time.clock_gettime(time.CLOCK_BOOTTIME)


def test_no_worker_outlives_a_killed_master(many):
    service = many()
    family = children(service.process.pid)
    service.kill()
    harness.until("they are gone", lambda: not any(is_there(pid) for pid in family))
    service.start()


def test_hup_loses_no_request(many):
    service = many()
    with Clients(service) as clients:
        for _ in range(5):
            before = set(workers(service))
            service.signal(signal.SIGHUP)
            harness.until("new workers", lambda: not before & set(workers(service)) and
                          len(workers(service)) == WORKERS)
            clients.more(500)
    assert not clients.wrong and not clients.refused, (clients.wrong[:5], service.log()[-2000:])
    assert clients.answers > 2500


def test_hup_spares_idle_connections(many):
    """Connections that rest while the workers are replaced get their next answer all the same."""
    service = many()
    with Clients(service, count=6, pause=0.3) as clients:
        for _ in range(3):
            before = set(workers(service))
            service.signal(signal.SIGHUP)
            harness.until("new workers", lambda: not before & set(workers(service)))
            clients.more(6)
    assert not clients.wrong and not clients.refused


def test_term_loses_no_request(many):
    service = many()
    with Clients(service, reconnect=False) as clients:
        clients.more(2000)
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        harness.until("the clients are turned away", lambda: clients.ended())
    assert not clients.wrong, (clients.wrong[:5], service.log()[-2000:])
    assert clients.refused == 8


def test_hup_takes_a_new_configuration_over(tmp_path, make_service):
    config = tmp_path / "sluice.yaml"
    config.write_text("http:\n  workers: 2\n  max_body_bytes: 1KiB\n")
    service = make_service(start=False)
    service._arguments += ["--config", str(config)]
    service.start()
    harness.until("both workers", lambda: len(workers(service)) == 2)  # one of them answers already
    assert service.call("POST", "/check_fingerprint", "x" * 3000).status == 413
    config.write_text("http:\n  workers: 4\n  max_body_bytes: 64KiB\n")
    service.signal(signal.SIGHUP)
    harness.until("it is taken over", lambda: "the configuration was read again" in service.log())
    harness.until("four workers", lambda: len(workers(service)) == 4)
    harness.until("the new bound", lambda: service.call("POST", "/check_fingerprint", "x" * 3000).status != 413)


@pytest.mark.parametrize("text", ["http:\n  workres: 2\n", "http: [", "http:\n  tls_cert_file: /nonexistent\n"])
def test_a_broken_configuration_keeps_the_old_one_running(tmp_path, make_service, text):
    config = tmp_path / "sluice.yaml"
    config.write_text("http:\n  workers: 2\n")
    service = make_service(start=False)
    service._arguments += ["--config", str(config)]
    service.start()
    harness.until("both workers", lambda: len(workers(service)) == 2)  # one of them answers already
    before = workers(service)
    config.write_text(text)
    service.signal(signal.SIGHUP)
    harness.until("it is refused", lambda: "the new configuration is refused" in service.log())
    assert workers(service) == before
    assert service.curl("GET", "/healthz").status == 200
    config.write_text("http:\n  workers: 3\n")
    service.signal(signal.SIGHUP)
    harness.until("a good one is taken over", lambda: len(workers(service)) == 3)


def test_ttin_and_ttou(many):
    service = many()
    service.signal(signal.SIGTTIN)
    harness.until("one more", lambda: len(workers(service)) == WORKERS + 1)
    with Clients(service) as clients:
        for left in (WORKERS, WORKERS - 1):
            service.signal(signal.SIGTTOU)
            harness.until("one less", lambda left=left: len(workers(service)) == left)
        clients.more(200)
    assert not clients.wrong and not clients.refused


def test_usr1_reopens_the_log_in_all_processes(many, tmp_path):
    log = tmp_path / "service.log"
    service = many(log__file=log, log__format="json")
    os.rename(log, tmp_path / "old.log")
    service.signal(signal.SIGUSR1)
    harness.until("a new file", log.exists)
    with Clients(service, path="/nowhere") as clients:
        clients.more(500)
    harness.until("every worker writes to it",
                  lambda: {int(pid) for pid in re.findall(r'"pid":(\d+)', log.read_text())} >= set(workers(service)))


def test_usr2_then_term_swaps_the_binary(tmp_path, make_service):
    """Old and new run side by side on one socket; nobody is refused, and the pid file follows."""
    pid_file = tmp_path / "sluice.pid"
    service = make_service(http__workers=2, pid_file=pid_file)
    old = service.process.pid
    new = None
    assert int(pid_file.read_text()) == old
    with Clients(service, reconnect=True) as clients:
        try:
            service.signal(signal.SIGUSR2)
            second = tmp_path / "sluice.pid.2"
            harness.until("the new master runs", lambda: second.exists() and second.read_text().strip())
            new = int(second.read_text())
            assert new != old and int(pid_file.read_text()) == old
            harness.until("its workers run", lambda: len(workers(service, pid=new)) == 2)
            harness.until("it answers", lambda: service.log().count("listening") == 2)
            clients.more(300)
            service.signal(signal.SIGTERM)
            assert service.wait() == 0
            harness.until("the pid file follows", lambda: read(pid_file).strip() == str(new))
            assert not second.exists()
            clients.more(1000)
        finally:
            clients.stop()
            if new:
                os.kill(new, signal.SIGTERM)
                harness.until("the new one ends", lambda: not is_there(new))
    assert not clients.wrong and not clients.refused, (clients.wrong[:5], service.log()[-3000:])
    assert not pid_file.exists()


def test_the_private_redis_survives_the_change_of_hands():
    folder = tempfile.mkdtemp(prefix="slc-")
    service = harness.Service(folder, None, http__workers=2)
    new = None
    try:
        service.start()
        service.put("t.csv", "id,v\n1,10\n", prim_index="id")
        assert service.load_all().status == 200
        server = int(re.search(r"redis_pid=(\d+)", service.log()).group(1))
        service.signal(signal.SIGUSR2)
        harness.until("the new one answers", lambda: service.log().count("listening") == 2)
        new = int(re.search(r"new_master=(\d+)", service.log()).group(1))
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        assert is_there(server), "the same redis-server goes on"
        harness.until("the rows are there", lambda: service.call("GET", "/getRegisteredReplics").json() ==
                      {"LIST_OF_REGISTERED_REPLICS": "t"})
        os.kill(new, signal.SIGTERM)
        harness.until("all ends with the last master", lambda: not is_there(new) and not is_there(server))
    finally:
        if service.process.poll() is None:
            service.kill()
        if new and is_there(new):
            os.kill(new, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def test_the_keeper_does_not_hold_the_listening_socket():
    """Else connections would be made that no worker takes up, when the workers are gone already."""
    folder = tempfile.mkdtemp(prefix="slc-")
    service = harness.Service(folder, None, http__workers=1)
    try:
        service.start()
        sockets = {}
        for pid in [service.process.pid, *children(service.process.pid)]:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            sockets[comm(pid)] = {link for link in links if link.startswith("socket:")}
        with open(f"/proc/{service.process.pid}/net/tcp", encoding="ascii") as table:
            rows = [row.split() for row in table.readlines()[1:]]
        listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{service.port:04X}")}
        assert len(listening) == 1 and listening <= sockets["sluice-http"]
        assert "sluice-redis" in sockets
        assert not listening & sockets["sluice-redis"]
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_usr2_with_a_binary_that_does_not_start(tmp_path, make_service, monkeypatch):
    copy = tmp_path / "sluice"
    shutil.copy(harness.program(), copy)
    monkeypatch.setenv("SLUICE", str(copy))
    service = make_service(http__workers=1)
    os.rename(copy, tmp_path / "away")
    service.signal(signal.SIGUSR2)
    harness.until("it says so", lambda: "the new binary does not start" in service.log())
    copy.write_text("#!/bin/sh\nexit 3\n")
    copy.chmod(0o755)
    service.signal(signal.SIGUSR2)
    harness.until("it goes on", lambda: "the new binary has ended; this one goes on" in service.log())
    assert service.curl("GET", "/healthz").status == 200


def test_graceful_timeout_ends_what_hangs(many):
    """A request that never comes to its end holds the stop up for graceful_timeout, and no longer."""
    service = many(graceful_timeout=1)
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        harness.until("it is in flight",
                      lambda: "sluice_http_requests_in_flight 2\n" in service.call("GET", "/metrics").body)
        start = time.monotonic()
        service.signal(signal.SIGTERM)
        harness.until("it stops", lambda: "stopping" in service.log())
        service.signal(signal.SIGUSR2)  # nothing is begun any more
        service.signal(signal.SIGHUP)
        assert service.wait() == 0
        assert time.monotonic() - start >= 1
    assert "requests were cut off: graceful_timeout is over" in service.log()
    assert "new binary" not in service.log()


def test_a_stop_of_the_whole_group(many):
    """timeout(1) and some supervisors tell every process: that no worker is there any more is no fault then."""
    service = many(graceful_timeout=10)
    loader = harness.until("a worker that loads is there", lambda: workers(service, "load"))[0]
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
        harness.until("it is in flight",
                      lambda: "sluice_http_requests_in_flight 2\n" in service.call("GET", "/metrics").body)
        service.signal(signal.SIGTERM)
        harness.until("it stops", lambda: "stopping" in service.log())
        os.kill(loader, signal.SIGTERM)
        harness.until("the worker has ended", lambda: not is_there(loader))
        client.sendall(b"x")
        assert service.wait() == 0
    assert "is replaced" not in service.log()


def test_a_stopped_worker_is_killed(many):
    """One that does not even react to signals (here: it is stopped) does not hold the service up for ever."""
    service = many(graceful_timeout=0)
    os.kill(workers(service)[0], signal.SIGSTOP)
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
    assert "a worker did not end in time and is killed" in service.log()


def test_int_is_quick(many):
    service = many(graceful_timeout=3600)
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"POST /check_fingerprint HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        harness.until("it is in flight",
                      lambda: "sluice_http_requests_in_flight 2\n" in service.call("GET", "/metrics").body)
        service.signal(signal.SIGINT)
        assert service.wait() == 0


def test_every_descriptor_is_close_on_exec(many):
    service = many()
    with Clients(service) as clients:
        clients.more(100)
        for pid in [service.process.pid, *children(service.process.pid)]:
            for name in os.listdir(f"/proc/{pid}/fdinfo"):
                if int(name) <= 2:
                    continue
                try:
                    with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as source:
                        flags = int(re.search(r"flags:\s*(\d+)", source.read()).group(1), 8)
                    target = os.readlink(f"/proc/{pid}/fd/{name}")
                except OSError:
                    continue
                assert flags & os.O_CLOEXEC, (comm(pid), name, target)


class Manager:
    """The socket of a service manager."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(harness.PATIENCE)
        self.said = []

    def wait_for(self, words):
        deadline = time.monotonic() + harness.PATIENCE
        while not any(words in text for text in self.said):
            assert time.monotonic() < deadline, (words, self.said)
            self.said.append(self.socket.recv(4096).decode())
        return next(text for text in self.said if words in text)

    def close(self):
        self.socket.close()


@pytest.mark.parametrize("abstract", (False, True))
def test_the_service_manager_is_told(make_service, short_folder, monkeypatch, abstract):
    name = f"\0sluice-test-{os.getpid()}" if abstract else os.path.join(short_folder, "notify")
    manager = Manager(name)
    try:
        given = {"NOTIFY_SOCKET": name.replace("\0", "@"), "WATCHDOG_USEC": "400000"}
        monkeypatch.setattr(harness, "clean_environment",
                            lambda home, **more: {"PATH": os.environ["PATH"], "HOME": str(home), **given, **more})
        service = make_service(http__workers=1)
        assert f"MAINPID={service.process.pid}" in manager.wait_for("READY=1")
        manager.wait_for("WATCHDOG=1")
        service.signal(signal.SIGHUP)
        assert re.search(r"MONOTONIC_USEC=\d+", manager.wait_for("RELOADING=1"))
        manager.said = [text for text in manager.said if "READY=1" not in text]
        manager.wait_for("READY=1")
        service.signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        assert service.wait() == 0
    finally:
        manager.close()
        if not abstract:
            os.unlink(name)


def test_check_of_a_configuration(tmp_path):
    config = tmp_path / "sluice.yaml"
    config.write_text("http:\n  workers: 2\n")
    command = [harness.program(), "serve", "--check", "--config", str(config)]
    good = subprocess.run(command, capture_output=True, env=harness.clean_environment(tmp_path), check=False)
    assert good.returncode == 0, good
    config.write_text("http:\n  workers: many\n")
    bad = subprocess.run(command, capture_output=True, env=harness.clean_environment(tmp_path), check=False)
    assert bad.returncode == 2 and b"http.workers" in bad.stderr and bad.stderr.count(b"\n") == 1


def test_a_pid_file_of_another_process(tmp_path, make_service):
    pid_file = tmp_path / "sluice.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    service = make_service(start=False, pid_file=pid_file)
    service.start(wait=False)
    assert service.wait() == 2
    assert str(os.getpid()) in service.log() and int(pid_file.read_text()) == os.getpid()
    pid_file.write_text("999999999\n")
    service.start()
    assert int(pid_file.read_text()) == service.process.pid
