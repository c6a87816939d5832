#!/usr/bin/python3
"""What another client notices of a Redis server, until standard input ends.

  watch_redis.py SOCKET

Asks GET of a small key about a thousand times a second and takes each answer's time; looks at used_memory fifty
times a second, between them. Prints JSON: gets, p50_usec, p99_usec, max_usec, first_bytes, peak_bytes.
"""
import json
import select
import socket
import sys
import time

PAUSE_SECONDS = 0.001
MEMORY_EVERY = 20


class Client:
    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)

    def ask(self, command):
        """Send, and read the whole of a bulk string."""
        self._socket.sendall(command)
        answer = self._socket.recv(1 << 16)
        while b"\r\n" not in answer:
            answer += self._socket.recv(1 << 16)
        head, _, rest = answer.partition(b"\r\n")
        wanted = int(head[1:]) + 2 if head[:1] == b"$" and head != b"$-1" else 0
        while len(rest) < wanted:
            rest += self._socket.recv(1 << 16)
        return rest

    def used_memory(self):
        for line in self.ask(b"*2\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n").split(b"\r\n"):
            if line.startswith(b"used_memory:"):
                return int(line.partition(b":")[2])
        raise ValueError("Redis does not say what memory it uses")


def main():
    client = Client(sys.argv[1])
    first = peak = client.used_memory()
    took = []
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        start = time.perf_counter()
        client.ask(b"*2\r\n$3\r\nGET\r\n$5\r\nbench\r\n")
        took.append(time.perf_counter() - start)
        if len(took) % MEMORY_EVERY == 0:
            peak = max(peak, client.used_memory())
    took.sort()
    print(json.dumps({"gets": len(took), "p50_usec": round(1e6 * took[len(took) // 2], 1),
                      "p99_usec": round(1e6 * took[len(took) * 99 // 100], 1), "max_usec": round(1e6 * took[-1], 1),
                      "first_bytes": first, "peak_bytes": max(peak, client.used_memory())}))


if __name__ == "__main__":
    main()
