"""The stream directory on an sshfs mount, with a real sshd on loopback: links that break, hang and come back."""
import getpass
import os
import shutil
import signal
import stat
import subprocess
import time

import pytest

import harness

SCRIPT = os.path.join(harness.ROOT, "scripts", "mount_in_stream.sh")
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))


def why_not():
    for tool in ("sshfs", "ssh-keygen", "fusermount3"):
        if not shutil.which(tool):
            return f"there is no {tool}"
    if not SSHD:
        return "there is no sshd"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return f"/dev/fuse cannot be used here: {error.strerror}"
    return None


pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


class Far:
    """The other machine: an sshd with keys of its own, and what can happen to the link."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.port = harness.free_port()
        self.stream = self._path("far")
        self.point = self._path("near")
        os.makedirs(self.stream)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._path(key)], check=True)
        shutil.copy(self._path("user.pub"), self._path("authorized"))
        with open(self._path("host.pub"), encoding="ascii") as public, \
                open(self._path("known"), "w", encoding="ascii") as known:
            known.write(f"[127.0.0.1]:{self.port} {' '.join(public.read().split()[:2])}\n")
        with open(self._path("sshd.conf"), "w", encoding="ascii") as out:
            out.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self._path('host')}\nPidFile none\n"
                      f"AuthorizedKeysFile {self._path('authorized')}\nStrictModes no\nUsePAM no\n"
                      "PasswordAuthentication no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.daemon = None

    def _path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        with open(self._path("sshd.log"), "ab") as log:
            self.daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", self._path("sshd.conf")], stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log, start_new_session=True)

        def listens():
            assert self.daemon.poll() is None, "sshd ended at its start"
            done = subprocess.run(["ssh-keyscan", "-T", "2", "-p", str(self.port), "127.0.0.1"], capture_output=True,
                                  check=False)
            return b"ssh-" in done.stdout
        harness.until("sshd listens", listens)

    def processes(self):
        """The daemon and the sessions that it has forked."""
        pids = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as source:
                    fields = source.read().rpartition(")")[2].split()
            except OSError:
                continue
            pids.append((int(entry), int(fields[1])))
        found = {self.daemon.pid}
        while True:
            more = {pid for pid, parent in pids if parent in found} | found
            if more == found:
                return found
            found = more

    def signal(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def drop(self):
        """The machine goes away: the daemon, its sessions and their connections."""
        if self.daemon and self.daemon.poll() is None:
            self.signal(signal.SIGKILL)
            self.daemon.wait()

    def script(self, *arguments):
        return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False, timeout=60)

    def mount(self, *options):
        return self.script("--port", str(self.port), "--identity", self._path("user"), "--known-hosts",
                           self._path("known"), *options, f"{getpass.getuser()}@127.0.0.1:{self.stream}", self.point)

    def put(self, name, text, **ticket):
        """As a writer over there does it: the file, then its ticket renamed into place."""
        with open(os.path.join(self.stream, name), "w", encoding="utf-8") as out:
            out.write(text)
        base = name.split(".")[0]
        done = subprocess.run([harness.program(), "ticket", os.path.join(self.stream, name), "--force"],
                              capture_output=True, text=True, check=False, env=harness.clean_environment(self.folder))
        assert done.returncode == 0, done.stderr
        return os.path.join(self.stream, base + ".ticket")


@pytest.fixture
def far(tmp_path):
    machine = Far(tmp_path)
    machine.start()
    yield machine
    machine.signal(signal.SIGCONT)
    machine.script("--unmount", machine.point)
    machine.drop()


def table(rows):
    return "id,v\n" + "".join(f"{i},{i * 3}\n" for i in range(rows))


def test_mounting(far):
    assert far.script("--check", far.point).returncode == 1
    done = far.mount()
    assert done.returncode == 0, done.stderr
    assert os.path.ismount(far.point)
    again = far.mount()
    assert again.returncode == 0 and "already" in again.stdout
    assert far.script("--check", far.point).stdout.strip().endswith("mounted, and answers")
    assert far.script("--unmount", far.point).returncode == 0
    assert not os.path.ismount(far.point)
    assert far.mount("--read-only").returncode == 0
    with pytest.raises(OSError):
        open(os.path.join(far.point, "x"), "w", encoding="utf-8")


@pytest.mark.parametrize("arguments, words", [
    (["-oProxyCommand=touch x:/d", "/mnt"], "no option"),
    (["--", "-oProxyCommand=touch x:/d", "/mnt"], "not of the form"),
    (["host", "/mnt"], "not of the form"),
    (["host:/d"], "mount point"),
    (["--port", "22; touch x", "host:/d", "/mnt"], "no port"),
    (["--identity", "/nonexistent", "host:/d", "/mnt"], "cannot be read"),
])
def test_wrong_usage(arguments, words, tmp_path):
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_unknown_host_is_not_believed(far):
    with open(os.path.join(far.folder, "known"), "w", encoding="ascii"):
        pass
    done = far.mount()
    assert done.returncode == 3 and not os.path.ismount(far.point)


def test_what_is_written_over_there_is_loaded_here(far, make_service, client):
    assert far.mount().returncode == 0
    make_service(source__stream_dir=far.point, watch="true", source__poll_ms=50)
    ticket = far.put("t.csv", table(500))
    harness.until("it is loaded", lambda: client.hlen("t") == 500)
    harness.until("the ticket over there says so", lambda: '"PROCESSED"' in open(ticket, encoding="utf-8").read())
    far.put("t.csv", table(700))
    harness.until("it is loaded again", lambda: client.hlen("t") == 700)


def test_a_read_only_mount(far, make_service, client):
    ticket = far.put("t.csv", table(50))
    before = open(ticket, encoding="utf-8").read()
    assert far.mount("--read-only").returncode == 0
    service = make_service(source__stream_dir=far.point, watch="true", source__poll_ms=50)
    harness.until("it is loaded", lambda: client.hlen("t") == 50)
    harness.until("it says so", lambda: "loaded ticket=t.ticket" in service.log())
    assert open(ticket, encoding="utf-8").read() == before
    assert "could not be written down" not in service.log(), "there were no rejected rows"


def test_the_link_drops_in_the_middle_of_a_load(far, make_service, client):
    """The table that was there stays whole; when the link is back, the load is done."""
    far.put("t.csv", table(10))
    assert far.mount().returncode == 0
    service = make_service(source__stream_dir=far.point, watch="true", source__poll_ms=50)
    harness.until("the first is loaded", lambda: client.hlen("t") == 10)
    rows = 400_000
    ticket = far.put("t.csv", table(rows))
    harness.until("the load is under way", lambda: client.hlen("REPLICA_REGISTRY:staging") > 0 or client.hlen("t") == rows)
    far.drop()
    assert client.hlen("t") in (10, rows)
    assert service.call("GET", "/getRegisteredReplics").status == 200
    far.start()
    harness.until("the load is done", lambda: client.hlen("t") == rows, 120)
    harness.until("the ticket over there says so", lambda: '"PROCESSED"' in open(ticket, encoding="utf-8").read(), 60)
    harness.until("nothing is left behind", lambda: not client.exists("REPLICA_REGISTRY:staging"), 60)


def test_a_dead_mount_does_not_hang_the_service(far, make_service, client):
    """The other side is silent: no error, no answer. Health and API go on, and the service can be stopped."""
    far.put("t.csv", table(10))
    assert far.mount().returncode == 0
    service = make_service(source__stream_dir=far.point, watch="true", source__poll_ms=50, graceful_timeout="3s")
    harness.until("it is loaded", lambda: client.hlen("t") == 10)
    assert service.call("GET", "/readyz").status == 200
    far.signal(signal.SIGSTOP)

    def unavailable():
        started = time.monotonic()
        answer = service.call("GET", "/readyz")
        assert time.monotonic() - started < 10
        return answer.status == 503 and answer.json()["stream_dir"] == "unavailable"
    harness.until("it says that it is not ready", unavailable)
    assert service.call("GET", "/healthz").status == 200
    assert service.call("GET", "/getRegisteredReplics").status == 200
    assert service.call("POST", "/getTopNFromReplica", "?replica=t&topn=3").status == 200
    far.signal(signal.SIGCONT)
    harness.until("it is ready again", lambda: service.call("GET", "/readyz").status == 200, 90)
    far.put("t.csv", table(20))
    harness.until("what came meanwhile is loaded", lambda: client.hlen("t") == 20, 90)
    far.signal(signal.SIGSTOP)
    started = time.monotonic()
    service.signal(signal.SIGTERM)
    service.wait()
    assert time.monotonic() - started < 30


def test_kept_mounted(far):
    """--keep mounts again what went away."""
    with open(os.path.join(far.folder, "keep.log"), "wb") as log:
        keeper = subprocess.Popen([SCRIPT, "--keep", "--port", str(far.port), "--identity", os.path.join(far.folder, "user"),
                                   "--known-hosts", os.path.join(far.folder, "known"),
                                   f"{getpass.getuser()}@127.0.0.1:{far.stream}", far.point], stdout=log, stderr=log)
    try:
        harness.until("it is mounted", lambda: os.path.ismount(far.point))
        subprocess.run(["fusermount3", "-u", far.point], check=True)
        harness.until("it is mounted again", lambda: os.path.ismount(far.point), 60)
    finally:
        keeper.terminate()
        assert keeper.wait(30) == 0
    assert not os.path.ismount(far.point)
    assert stat.S_ISDIR(os.stat(far.point).st_mode)
