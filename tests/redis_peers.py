"""Redis servers of every kind that the tests start on loopback, and peers that misbehave: TLS, Sentinel, a cutting proxy,
a scripted server.

The server's program is $SLUICE_TEST_REDIS_SERVER, else redis-server; so can the tests be run with another one.
"""
import contextlib
import os
import random
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest
import redis

import harness

PROGRAM = os.environ.get("SLUICE_TEST_REDIS_SERVER") or "redis-server"


HANDED_OUT = set()


def free_port():
    """One below those that the kernel gives to outgoing connections: it is still free when the server binds it."""
    while True:
        port = random.randrange(12000, 32000)
        if port in HANDED_OUT:
            continue
        HANDED_OUT.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def programs():
    """The servers to test with: the usual one, and Valkey where it is installed."""
    if PROGRAM != "redis-server":
        return [PROGRAM]
    missing = pytest.mark.skipif(not shutil.which("valkey-server"), reason="valkey-server is not installed")
    return [PROGRAM, pytest.param("valkey-server", marks=missing)]


class Server:
    """A server with any configuration, on a loopback port; `tls_port` is set with TLS."""

    def __init__(self, folder, *arguments, program=PROGRAM, port=None, name="server"):
        self.port = port or free_port()
        self.folder = os.path.join(str(folder), f"{name}-{self.port}")
        os.makedirs(self.folder, exist_ok=True)
        self.log = os.path.join(self.folder, "log")
        self.socket = os.path.join(self.folder, "s")
        self.arguments = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket, "--save", "",
                          "--dir", self.folder, "--logfile", self.log, *map(str, arguments)]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None

    def start(self, ready=True):
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        if ready:
            harness.until("the server answers", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise AssertionError("the server ended at its start: " + log.read()[-2000:])
        client = self.client()
        try:
            return client.ping()
        except redis.ConnectionError:
            return False
        except redis.ResponseError:
            return True
        finally:
            client.close()

    def client(self, **more):
        return redis.Redis(unix_socket_path=self.socket, **more)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(*arguments, **options):
    """A Server for a while."""
    with tempfile.TemporaryDirectory(prefix="slc-") as folder:
        server = Server(folder, *arguments, **options)
        try:
            yield server.start()
        finally:
            server.stop()


# ---- Certificates


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


class Authority:
    """A certificate authority in a folder, and what it signs."""

    def __init__(self, folder, name="ca"):
        self.folder = str(folder)
        self.cert, self.key = self.path(name + ".crt"), self.path(name + ".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.key,
                "-out", self.cert, "-subj", f"/CN={name}", "-days", "2")

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, name, names, days=2, passphrase=None):
        """The paths of a certificate for these subjectAltNames and of its key."""
        cert, key, request = self.path(name + ".crt"), self.path(name + ".key"), self.path(name + ".csr")
        encryption = ["-passout", "pass:" + passphrase] if passphrase else ["-nodes"]
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *encryption, "-keyout", key,
                "-out", request, "-subj", f"/CN={name}")
        with open(self.path(name + ".ext"), "w", encoding="ascii") as out:
            out.write(f"subjectAltName={names}\n")
        when = ["-days", days] if days > 0 else ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]
        if days > 0:
            openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-out", cert,
                    "-extfile", self.path(name + ".ext"), *when)
        else:
            self._sign_expired(request, cert, name)
        return cert, key

    def _sign_expired(self, request, cert, name):
        # Only `openssl ca` of OpenSSL 3.0 can date a certificate back.
        database = self.path(name + ".db")
        os.makedirs(database, exist_ok=True)
        open(os.path.join(database, "index"), "w", encoding="ascii").close()
        config = self.path(name + ".conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}/index\nnew_certs_dir={database}\n"
                      "rand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-notext", "-config", config, "-in", request, "-out", cert, "-cert", self.cert, "-keyfile",
                self.key, "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-extfile",
                self.path(name + ".ext"))


def tls_arguments(authority, cert, key, port, clients="no"):
    return ["--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority.cert,
            "--tls-auth-clients", clients]


# ---- Peers that misbehave


class Proxy:
    """Forwards bytes between clients and a server, and does what `on_request`/`on_answer` say.

    Both are called with (connection number from 0, bytes so far in this direction, bytes) and give the bytes to forward,
    or None to cut the connection at once.
    """

    def __init__(self, port, on_request=None, on_answer=None):
        self._target = ("127.0.0.1", port)
        self._hooks = {True: on_request, False: on_answer}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.connections = 0
        self.cuts = 0
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._wake.send(b"x")
        self._thread.join(harness.PATIENCE)
        self._listener.close()

    def retarget(self, port):
        """For the connections from now on."""
        self._target = ("127.0.0.1", port)

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    for other in list(self._selector.get_map().values()):
                        if other.data:
                            other.fileobj.close()
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._forward(key.fileobj, key.data)

    def _accept(self):
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        number = self.connections
        self.connections += 1
        to_server = {"to": server, "request": True, "number": number, "bytes": 0}
        to_client = {"to": client, "request": False, "number": number, "bytes": 0}
        self._selector.register(client, selectors.EVENT_READ, to_server)
        self._selector.register(server, selectors.EVENT_READ, to_client)

    def _forward(self, source, data):
        hook = self._hooks[data["request"]]
        try:
            piece = source.recv(65536)
            before = data["bytes"]
            data["bytes"] += len(piece)
            if piece and hook:
                piece = hook(data["number"], before, piece)
                self.cuts += piece is None
                if piece == b"":  # more has to come first
                    return
            if not piece:
                raise ConnectionError
            data["to"].sendall(piece)
        except OSError:
            self._close(source, data["to"])

    def _close(self, *sockets):
        for one in sockets:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()


class FakeServer:
    """Answers whole commands with what `answer(connection number, list of words)` gives: bytes, or None to hang up."""

    def __init__(self, answer):
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._open = []
        self.connections = 0

    def __enter__(self):
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _run(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client, self.connections), daemon=True).start()
            self.connections += 1

    def _serve(self, client, number):
        with client, client.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
            while True:
                head = stream.readline()
                if not head.startswith(b"*"):
                    return
                words = []
                for _ in range(int(head[1:])):
                    size = int(stream.readline()[1:])
                    words.append(stream.read(size + 2)[:-2])
                answer = self._answer(number, words)
                if answer is None:
                    return
                client.sendall(answer)


# ---- Sentinel


class Sentinel:
    """One sentinel that watches a master on loopback and is quick to decide."""

    def __init__(self, folder, port, master_port, name="mymaster"):
        self.port, self.name = port, name
        self.folder = os.path.join(str(folder), f"sentinel-{port}")
        os.makedirs(self.folder, exist_ok=True)
        self.config = os.path.join(self.folder, "sentinel.conf")
        with open(self.config, "w", encoding="ascii") as out:
            out.write(f"port {port}\nbind 127.0.0.1\ndir {self.folder}\nlogfile {self.folder}/log\n"
                      f"sentinel monitor {name} 127.0.0.1 {master_port} 1\n"
                      f"sentinel down-after-milliseconds {name} 500\nsentinel failover-timeout {name} 5000\n")
        self.process = None
        self._client = None

    def start(self):
        self.process = subprocess.Popen([PROGRAM, self.config, "--sentinel"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Its connections stay logged in whatever the tests do to the users.
        self._client = redis.Redis(host="127.0.0.1", port=self.port)

        def answers():
            try:
                return self._client.ping()
            except redis.ConnectionError:
                return False

        harness.until("the sentinel answers", answers)
        return self

    def ask(self, *words):
        return self._client.execute_command(" ".join(words[:2]), *words[2:]) if words[0] == "SENTINEL" \
            else self._client.execute_command(*words)

    def master_port(self):
        return int(self._client.sentinel_get_master_addr_by_name(self.name)[1])

    def failover(self):
        """Order one, when the sentinel is ready for it."""
        def done():
            try:
                return self._client.execute_command("SENTINEL", "FAILOVER", self.name)
            except redis.ResponseError:
                return False

        harness.until("the sentinel fails over", done)

    def stop(self):
        self.process.kill()
        self.process.wait()
