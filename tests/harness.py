"""What the tests start and ask: the program, real redis-servers, the service, curl.

Nothing here waits a fixed time: what takes a while is asked for again until a deadline.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SANITIZED = bool(os.environ.get("SLUICE_TEST_SANITIZED"))
# The sanitizers make everything several times slower.
PATIENCE = 90.0 if SANITIZED else 30.0
KEY = "correct-horse-battery-staple-42"


def program():
    """The program under test: $SLUICE, else that of scripts/test or scripts/run."""
    named = os.environ.get("SLUICE")
    if named:
        return os.path.abspath(named)
    for folder in ("build-test", "build"):
        path = os.path.join(ROOT, folder, "src", "cli", "sluice")
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError("there is no sluice to test: scripts/test builds it, or set SLUICE")


def clean_environment(home, **more):
    """None of the tester's own settings reach the program, but for those of the sanitizers."""
    kept = {name: value for name, value in os.environ.items()
            if name in ("PATH", "TMPDIR") or name.endswith("SAN_OPTIONS")}
    return {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", **more}


def until(what, probe, patience=None):
    """Ask `probe` until it gives something true, and return that; fail after the deadline."""
    deadline = time.monotonic() + (patience or PATIENCE)
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def choices(option):
    """What an option may be set to."""
    done = subprocess.run([program(), "options", "--json"], capture_output=True, check=True, text=True,
                          env=clean_environment("/"))
    return next(row for row in json.loads(done.stdout) if row["key"] == option)["choices"]


class RedisServer:
    """A redis-server of the tests' own, on a unix socket and a loopback port; without persistence unless asked for."""

    def __init__(self, folder, persistent=False):
        self.socket = os.path.join(folder, "r.sock")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.unix_url = "unix://" + self.socket
        self._arguments = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket",
                           self.socket, "--save", "", "--appendonly", "yes" if persistent else "no", "--dir", str(folder), "--logfile",
                           os.path.join(folder, "redis.log")]
        self.process = None

    def start(self):
        import redis

        self.process = subprocess.Popen(self._arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        client = redis.Redis(unix_socket_path=self.socket)

        def answers():
            if self.process.poll() is not None:
                raise AssertionError("redis-server ended at its start")
            try:
                return client.ping()
            except redis.ConnectionError:
                return False

        until("redis-server answers", answers)
        client.close()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def documented(layout):
    """What the code that docs/layouts.md shows for a layout defines, by name."""
    with open(os.path.join(ROOT, "docs", "layouts.md"), encoding="utf-8") as page:
        code = re.search(rf"```python {layout}\n(.*?)```", page.read(), re.DOTALL).group(1)
    names = {}
    exec(compile(code, f"docs/layouts.md ({layout})", "exec"), names)
    return names


class Answer:
    """One HTTP answer, as curl -i showed it."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


def parse_answer(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Answer(int(lines[0].split()[1]), headers, body.decode("utf-8"))


class Service:
    """`sluice serve`, with a stream directory and a state directory of its own."""

    def __init__(self, folder, redis_url, stream=None, key=KEY, **options):
        self.folder = str(folder)
        self.stream = str(stream or os.path.join(self.folder, "IN_STREAM"))
        self.state = os.path.join(self.folder, "state")
        self.log_path = os.path.join(self.folder, "serve.log")
        self.key = key
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        os.makedirs(self.stream, exist_ok=True)
        settings = {"http.port": self.port, "source.stream_dir": self.stream, "state_dir": self.state,
                    "source.settle_ms": 0, "limits.rate": 0, "log.format": "text"}
        if redis_url:
            settings["redis.url"] = redis_url
        settings.update({name.replace("__", "."): value for name, value in options.items()})
        self._arguments = [program(), "serve"]
        for name, value in settings.items():
            self._arguments += ["--set", f"{name}={value}"]
        self.process = None

    def start(self, wait=True):
        environment = clean_environment(self.folder)
        if self.key:
            environment["SLUICE_AUTH_KEY"] = self.key
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, cwd=self.folder)
        if wait:
            until("the service answers", self._answers)
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the service ended with {self.process.returncode}:\n{self.log()}")
        done = subprocess.run(["curl", "-fsS", "-o", "/dev/null", "--max-time", "5", self.base + "/healthz"],
                              capture_output=True, check=False)
        return done.returncode == 0

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(PATIENCE)

    def stop(self):
        """TERM, and the exit status; a service that is gone already is fine."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the service did not stop:\n{self.log()}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def curl_command(self, method, path, data=None, *more, key=None):
        command = ["curl", "-sS", "-i", "--max-time", "120"]
        if method != ("GET" if data is None else "POST"):
            command += ["-X", method]
        if data is not None:
            command += ["-d", data]
        if key:
            command += ["-H", "Authorization: Bearer " + key]
        return [*command, *more, self.base + path]

    def curl(self, method, path, data=None, *more, key=None):
        """As an old client calls it: no cookies are kept, each call is a process of its own."""
        stdin = b""
        if data is not None and len(data) > 100_000:  # more than an argument may have
            stdin, data = data.encode(), "@-"
        done = subprocess.run(self.curl_command(method, path, data, *more, key=key), capture_output=True,
                              input=stdin, check=False)
        assert done.returncode == 0, f"curl: {done.stderr.decode()}\n{self.log()}"
        return parse_answer(done.stdout)

    def call(self, method, path, data=None, *more):
        """The same with the key."""
        return self.curl(method, path, data, *more, key=self.key)

    # ---- the stream directory

    def path(self, name):
        return os.path.join(self.stream, name)

    def put(self, name, content, **ticket):
        """A data file and its ticket, the ticket last."""
        if content is not None:
            with open(self.path(name), "wb") as out:
                out.write(content if isinstance(content, bytes) else content.encode())
        return self.put_ticket(name, **ticket)

    def put_ticket(self, name, ticket_name=None, **more):
        ticket = {"file_name": name, "status": "READY", "load_dttm": "2022-02-20:18:18:32", **more}
        path = self.path(ticket_name or name.split(".")[0] + ".ticket")
        with open(path + ".tmp", "w", encoding="utf-8") as out:
            json.dump(ticket, out, ensure_ascii=False)
        os.rename(path + ".tmp", path)
        return path

    def ticket(self, stem):
        with open(self.path(stem + ".ticket"), encoding="utf-8") as source:
            return json.load(source)

    def load_all(self, force=True):
        assert self.call("GET", "/register_replicas").status == 200
        return self.call("POST", "/loadDf2redis", f"?email=a@b.c&force_reload={int(force)}")


class CommandLine:
    """The program, one call at a time."""

    def __init__(self, folder, redis_url):
        self.folder, self.redis_url = str(folder), redis_url

    def start(self, *arguments, redis=True, environment=None, **popen):
        command = [program(), *map(str, arguments)]
        if redis:
            command += ["--redis", self.redis_url]
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        return subprocess.Popen(command, env=clean_environment(self.folder, **(environment or {})),
                                cwd=self.folder, **popen)

    def __call__(self, *arguments, redis=True, environment=None):
        process = self.start(*arguments, redis=redis, environment=environment)
        try:
            out, err = process.communicate(timeout=4 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise AssertionError(f"sluice {' '.join(map(str, arguments))} does not end") from None
        done = subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())
        assert done.returncode >= 0, f"killed by signal {-done.returncode}: {done}"
        return done

    def ok(self, *arguments, **options):
        done = self(*arguments, **options)
        assert done.returncode == 0, done
        return done

    def refused(self, status, *arguments, **options):
        """It ends with `status`, says why in one line on stderr, and nothing on stdout; returns the line."""
        done = self(*arguments, **options)
        assert done.returncode == status, done
        assert done.stdout == "", done
        return one_line(done.stderr)


def one_line(text):
    assert text.endswith("\n") and text.count("\n") == 1 and text.strip(), f"not one line: {text!r}"
    return text.strip()


def meta(client, name):
    """NAME.META as text by field."""
    fields = client.hgetall(f"{name}.META")
    return {key.decode(): value.decode() for key, value in fields.items()}


def check_counts(client, name):
    """The sum that holds for every replica; returns (read, written, rejected, duplicates)."""
    fields = meta(client, name)
    counts = [int(fields[field]) for field in ("ROWS_READ", "ROWS_WRITTEN", "ROWS_REJECTED", "DUPLICATE_KEYS")]
    read, written, rejected, duplicates = counts
    assert read == written + rejected + duplicates, counts
    return tuple(counts)


def have(tool):
    return shutil.which(tool) is not None


def processes(pattern):
    """The pids of the processes whose command line holds `pattern`."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as source:
                    if pattern.encode() in source.read().replace(b"\0", b" "):
                        found.append(int(entry))
            except OSError:
                continue
    return found


STAMP = re.compile(r"\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d")
