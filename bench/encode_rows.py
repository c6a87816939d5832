#!/usr/bin/python3
"""Write the rows of a replica as ready-made Redis commands, for `redis-cli --pipe`.

  encode_rows.py SOCKET REPLICA KEY FILE PAIRS

Reads the hash REPLICA through the unix socket and writes HSET commands on KEY with PAIRS rows each. What
redis-cli then does with the file is the least that any program must do that writes these rows.
"""
import os
import socket
import sys

SCAN_COUNT = b"5000"


class Connection:
    """Just enough of RESP2 for HSCAN: requests out, replies in."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._in = self._socket.makefile("rb", buffering=1 << 20)

    def call(self, *parts):
        self._socket.sendall(command(parts))
        return self._reply()

    def _reply(self):
        line = self._in.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self._in.read(length + 2)[:-2]
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        raise ConnectionError(f"Redis: {line.decode(errors='replace').strip()}")


def command(parts):
    pieces = [b"*%d\r\n" % len(parts)]
    for part in parts:
        pieces.append(b"$%d\r\n%s\r\n" % (len(part), part))
    return b"".join(pieces)


def pairs_of(connection, replica):
    cursor = b"0"
    while True:
        cursor, flat = connection.call(b"HSCAN", replica, cursor, b"COUNT", SCAN_COUNT)
        yield from zip(flat[::2], flat[1::2])
        if cursor == b"0":
            return


def main(arguments):
    if len(arguments) != 5:
        sys.exit(__doc__)
    path, replica, key, out_path, pairs = arguments
    pairs = int(pairs)
    head = [b"HSET", key.encode()]
    rows = 0
    with open(out_path + ".part", "wb") as out:
        batch = list(head)
        # HSCAN may say a row twice while a hash is being rehashed; nothing writes here, so it does not.
        for field, value in pairs_of(Connection(path), replica.encode()):
            batch += (field, value)
            rows += 1
            if rows % pairs == 0:
                out.write(command(batch))
                batch = list(head)
        if len(batch) > len(head):
            out.write(command(batch))
    os.rename(out_path + ".part", out_path)
    print(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
