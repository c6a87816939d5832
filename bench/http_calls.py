"""The HTTP rows of bench/run: requests a second and latency with wrk, sluice and a FastAPI service in turns, both
with 4 worker processes over the same Redis. Another key each time: nothing is to be won by keeping an answer.
"""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ("fastapi", "uvicorn", "gunicorn", "redis")
KEY = "a-key-for-the-benchmark-alone"
CONNECTIONS, WRK_THREADS, PATIENCE = 64, 2, 30
CALLS = {"healthz": "/healthz", "registry": "/getRegisteredReplics", "row": None}
# wrk asks for rows 1..N of the table in turn, each of its threads from a place of its own.
ROWS_SCRIPT = """
local at = 0
function setup(thread) thread:set("first", at) at = at + 7919 end
function init(args) next_row = first end
function request()
  next_row = next_row % {rows} + 1
  return wrk.format("GET", "/v1/replicas/{replica}/rows/" .. next_row)
end
"""
# wrk's own summary is rounded and in changing units.
REPORT_SCRIPT = """
function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path, method="GET", data=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, data=data,
                                     headers={"Authorization": "Bearer " + KEY})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return answer.read()


class Server:
    """A program that answers on a port; it and all that it started are gone at the end."""

    def __init__(self, command, port, folder, environment):
        self.port, self._log = port, open(os.path.join(folder, f"{port}.log"), "wb")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                                         env={**os.environ, **environment}, cwd=folder, start_new_session=True)

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                get(self.port, "/healthz")
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        with open(self._log.name, errors="replace") as log:
            raise RuntimeError("it does not answer: " + log.read()[-1000:])

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def memory_bytes(self):
        """Of the process and its children: shared pages count once in all (Pss)."""
        pids, total = [self._process.pid], 0
        for pid in pids:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                pids += [int(child) for child in children.read().split()]
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as maps:
                total += int(re.search(r"^Pss:\s+(\d+) kB", maps.read(), re.M)[1]) * 1024
        return total


def peer_python(data):
    """A Python with the peer's packages, in an environment below bench/data; None when it cannot be had."""
    folder = os.path.join(data, "venv-http")
    python = os.path.join(folder, "bin", "python")
    probe = [python, "-c", "import " + ", ".join(PACKAGES)]
    if os.path.exists(python) and subprocess.run(probe, capture_output=True).returncode == 0:
        return python
    for command in (["/usr/bin/python3", "-m", "venv", folder], [python, "-m", "pip", "install", "-q", *PACKAGES], probe):
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
            return None
    return python


def wrk(folder, port, call, replica, rows, seconds):
    """One run; requests a second, latencies in milliseconds."""
    script = os.path.join(folder, call + ".lua")
    with open(script, "w", encoding="ascii") as out:
        out.write(REPORT_SCRIPT + (ROWS_SCRIPT.format(rows=rows, replica=replica) if call == "row" else ""))
    done = subprocess.run(["wrk", f"-t{WRK_THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script,
                           "-H", "Authorization: Bearer " + KEY, f"http://127.0.0.1:{port}{CALLS[call] or '/'}"],
                          capture_output=True, text=True, check=True)
    requests, usec, p50, p99, bad, failed = map(int, re.search(r"RESULT (.*)", done.stdout)[1].split())
    if bad or failed or not requests:
        raise RuntimeError(f"{call}: {requests} requests, {bad} with a wrong status, {failed} without an answer")
    return {"per_second": requests / usec * 1e6, "p50_ms": p50 / 1000, "p99_ms": p99 / 1000}


def middle(samples):
    return {key: round(statistics.median(sample[key] for sample in samples), 3) for key in samples[0]}


def sluice_server(sluice, redis, folder, port, stream):
    settings = {"http.port": port, "http.workers": 4, "http.threads": 4, "redis.url": redis.url, "state_dir": folder + "/state",
                "source.stream_dir": stream, "source.settle_ms": 0, "limits.rate": 0, "log.level": "warning"}
    command = [sluice, "serve"] + [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return Server(command, port, folder, {"SLUICE_AUTH_KEY": KEY})


def peer_server(python, redis, folder, port):
    command = [python, "-m", "gunicorn", "-w", "4", "-k", "uvicorn.workers.UvicornWorker", "-b", f"127.0.0.1:{port}",
               "--chdir", HERE, "http_peer:application"]
    return Server(command, port, folder, {"REDIS_SOCKET": redis.socket})


def timed_load(port):
    start = time.perf_counter()
    get(port, "/loadDf2redis", "POST", b"?force_reload=1")
    return time.perf_counter() - start


def during_a_load(server, folder, replica, rows, seconds):
    """Latency of the registry's names while a load runs; None when that was over too soon to tell."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        load = pool.submit(timed_load, server.port)
        found = wrk(folder, server.port, "registry", replica, rows, seconds)
        return found if load.result() >= 0.8 * seconds else None


def measure(sluice, redis, table_csv, rows, data, folder, runs, seconds, say):
    """{"calls": {call: {"sluice": {...}, "FastAPI": {...}, "ratio"}}, "idle_bytes": {...}, "loading": {...}, "skipped": ...}"""
    replica, stream = os.path.basename(table_csv).split(".")[0], os.path.join(folder, "IN_STREAM")
    result = {"calls": {}, "idle_bytes": {}}
    if not shutil.which("wrk"):
        return {"skipped": "wrk is missing (package wrk)"}
    os.makedirs(stream)
    shutil.copyfile(table_csv, os.path.join(stream, os.path.basename(table_csv)))
    with open(os.path.join(stream, replica + ".ticket"), "w", encoding="ascii") as out:
        json.dump({"file_name": os.path.basename(table_csv), "status": "READY", "load_dttm": "2022-02-20:18:18:32",
                   "prim_index": "id"}, out)
    python = peer_python(data)
    if python is None:
        result["skipped"] = "FastAPI and gunicorn could not be installed from PyPI"
    with sluice_server(sluice, redis, folder, free_port(), stream) as server:
        result["idle_bytes"]["sluice"] = server.memory_bytes()
        get(server.port, "/register_replicas")
        get(server.port, "/loadDf2redis", "POST", b"?force_reload=1")
        names = {"sluice": server.port}
        peer = peer_server(python, redis, folder, free_port()).__enter__() if python else None
        try:
            if peer:
                names["FastAPI"] = peer.port
                result["idle_bytes"]["FastAPI"] = peer.memory_bytes()
            for call in CALLS:
                samples = {name: [] for name in names}
                for _ in range(runs):  # in turns, so that what else the machine does hits both alike
                    for name, port in names.items():
                        samples[name].append(wrk(folder, port, call, replica, rows, seconds))
                found = {name: middle(values) for name, values in samples.items()}
                if peer:
                    found["ratio"] = round(found["sluice"]["per_second"] / found["FastAPI"]["per_second"], 1)
                result["calls"][call] = found
                say(f"  {call}: {found}")
        finally:
            if peer:
                peer.__exit__()
        loading = during_a_load(server, folder, replica, rows, 2)
        if loading:
            result["loading"] = {**loading, "idle_p50_ms": result["calls"]["registry"]["sluice"]["p50_ms"],
                                 "idle_p99_ms": result["calls"]["registry"]["sluice"]["p99_ms"]}
    return result
