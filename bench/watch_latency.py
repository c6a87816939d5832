#!/usr/bin/python3
"""From a ticket's arrival (its rename into place) to its rows readable in Redis, in watch mode.

watch_latency.py SLUICE [TICKETS [ROWS]]: starts a redis-server and a service of its own, lets tickets of ROWS rows
arrive one at a time, asks Redis for the last row until it is there, and prints one line of JSON: p50_ms, p99_ms, max_ms,
and how much of a core the service took at rest behind them.
"""
import json
import os
import shutil
import socket as socketlib
import subprocess
import sys
import tempfile
import time

import redis


def processes_of(pid):
    found = {pid}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8") as stat:
                    if int(stat.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found |= processes_of(int(name))
            except OSError:
                pass
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def wait_for(probe, what, seconds=30):
    end = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain: {what}")
        time.sleep(0.01)


def free_port():
    with socketlib.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def arrive(stream, number, rows):
    """The data file first, then its ticket; returns when the rename was done."""
    name = f"t{number}"
    with open(os.path.join(stream, name + ".csv"), "w", encoding="utf-8") as out:
        out.write("id,a,b,c\n")
        out.writelines(f"{row},{row * 7 % 1009},{row / 3:.4f},text {row % 97}\n" for row in range(rows))
    size = os.path.getsize(os.path.join(stream, name + ".csv"))
    path = os.path.join(stream, name + ".ticket")
    with open(path + ".tmp", "w", encoding="utf-8") as out:
        json.dump({"file_name": name + ".csv", "status": "READY", "load_dttm": "2022-02-20:18:18:32",
                   "prim_index": "id", "size": size}, out)
    start = time.perf_counter()
    os.rename(path + ".tmp", path)
    return start


def measure(program, tickets, rows):
    folder = tempfile.mkdtemp(prefix="slc-")
    stream = os.path.join(folder, "IN_STREAM")
    os.mkdir(stream)
    socket = os.path.join(folder, "r.sock")
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder,
                               "--logfile", os.path.join(folder, "redis.log")])
    service = None
    try:
        client = redis.Redis(unix_socket_path=socket)
        wait_for(lambda: os.path.exists(socket) and client.ping(), "redis-server")
        with open(os.path.join(folder, "log"), "wb") as log:
            service = subprocess.Popen(
                [program, "serve", "--redis", "unix://" + socket, "--set", "watch=true", "--set",
                 f"http.port={free_port()}", "--set", "source.stream_dir=" + stream, "--set", "state_dir=" + folder + "/state"],
                stdout=log, stderr=log, cwd=folder)
        arrive(stream, "first", rows)
        wait_for(lambda: client.exists("tfirst"), "the first ticket")
        times = []
        for number in range(tickets):
            start = arrive(stream, number, rows)
            while client.hget(f"t{number}", str(rows - 1)) is None:
                if time.perf_counter() - start > 30:
                    raise SystemExit("waited in vain for a ticket")
            times.append((time.perf_counter() - start) * 1e3)
        pids = processes_of(service.pid)
        time.sleep(1)
        before, since = cpu_seconds(pids), time.monotonic()
        time.sleep(10)
        idle = (cpu_seconds(pids) - before) / (time.monotonic() - since)
        times.sort()
        return {"tickets": tickets, "rows": rows, "p50_ms": round(times[len(times) // 2], 2),
                "p99_ms": round(times[max(0, int(len(times) * 0.99) - 1)], 2), "max_ms": round(times[-1], 2),
                "idle_cpu_percent": round(100 * idle, 3)}
    finally:
        if service:
            service.terminate()
            service.wait()
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    print(json.dumps(measure(arguments[0], int(arguments[1]) if len(arguments) > 1 else 500,
                             int(arguments[2]) if len(arguments) > 2 else 1000)))
