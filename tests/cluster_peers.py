"""A Redis Cluster on loopback whose nodes the tests start, kill, promote and move slots between.

A cluster agrees on things some time after a command has said OK, and an order that is given before that comes to nothing:

- A replica that was just made, or whose master has just changed, follows in milliseconds; the other nodes hear of it at its next
  ping. Until then its master ignores that it wants to take over, and the others give it no vote. So orders wait until
  all nodes say the same of each other (`until_agreed`).
- A server remembers the votes of its last election. Told to take over again within two seconds it "wins" with the old votes
  and the old epoch, and is sent back by the others; up to twice that it does nothing at all. So each server's
  last election is noted here and waited for.
- The less the node time-out, the quicker a dead master is replaced, and the sooner a busy machine's living one is. So it is long, and
  short only while a master is to be replaced.
"""
import contextlib
import subprocess
import time

import redis
from redis.crc import key_slot

import harness
import redis_peers

SLOTS = 16384
HURRIED_MS = 500
# cluster.c of Redis: twice the node time-out, at least two seconds, until an election's votes are void; twice that until the next.
ELECTION_SECONDS = 2 * max(2 * HURRIED_MS / 1000, 2.0)


def slot_of(name):
    return key_slot(name.encode())


def early_name(slots=20):
    """A name whose slot is among the first of all: the first master's, and what `reshard` takes first."""
    return next(name for name in (f"t{number}" for number in range(1_000_000)) if slot_of(name) < slots)


class Node(redis_peers.Server):
    """One server of a cluster; `seen_port` is the one that its neighbours and TLS clients know, with TLS another than `port`."""

    def __init__(self, folder, name, timeout_ms, arguments=(), tls_port=None):
        self.bus_port = redis_peers.free_port()
        super().__init__(folder, "--cluster-enabled", "yes", "--cluster-port", self.bus_port, "--cluster-node-timeout", timeout_ms,
                         "--cluster-replica-validity-factor", 0, "--repl-diskless-sync-delay", 0, "--appendonly", "yes",
                         "--appendfsync", "no", *arguments, name=name)
        self.seen_port = tls_port or self.port
        self.elected = -ELECTION_SECONDS

    def lives(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, *words):
        client = self.client()
        try:
            return client.execute_command(*words)
        finally:
            client.close()

    def identity(self):
        return self.ask("CLUSTER MYID").decode()

    def role(self):
        return self.ask("ROLE")

    def is_master(self):
        return self.role()[0] == b"master"

    def set_timeout(self, milliseconds):
        self.ask("CONFIG SET", "cluster-node-timeout", milliseconds)

    def view(self):
        """What it says of all nodes: {identity: (role and state, its master, epoch, link, slots)}."""
        found = {}
        for line in self.ask("CLUSTER", "NODES").decode().splitlines():
            identity, _, flags, master, _, _, epoch, link, *slots = line.split(" ")
            found[identity] = (flags.replace("myself,", ""), master, epoch, link, tuple(slots))
        return found


class Cluster:
    """Masters that share the slots, and replicas of them; `arguments(number)` are those of one node beyond the usual."""

    def __init__(self, folder, masters=3, replicas=0, timeout_ms=2000, arguments=lambda number: (), tls_ports=()):
        self.folder, self.timeout_ms = folder, timeout_ms
        self.servers = [Node(folder, f"node{number}", timeout_ms, arguments(number), tls_ports[number] if tls_ports else None)
                        for number in range(masters + replicas)]
        self._masters = masters
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{server.seen_port}" for server in self.servers[:masters])

    def start(self):
        """Replica number i follows master number i modulo their number."""
        masters, replicas = self.servers[:self._masters], self.servers[self._masters:]
        for server in self.servers:
            server.start(ready=False)
        for server in self.servers:
            harness.until("the server answers", server.answers)
        for number, server in enumerate(masters):
            first, behind = SLOTS * number // len(masters), SLOTS * (number + 1) // len(masters)
            server.ask("CLUSTER SET-CONFIG-EPOCH", number + 1)
            server.ask("CLUSTER ADDSLOTS", *range(first, behind))
        for server in self.servers[1:]:
            self.servers[0].ask("CLUSTER MEET", "127.0.0.1", server.seen_port, server.bus_port)
        for number, server in enumerate(replicas):
            self.follow(server, masters[number % len(masters)])
        self.until_whole()
        return self

    def stop(self):
        for server in self.servers:
            server.stop()

    def living(self):
        return [server for server in self.servers if server.lives()]

    # ---- Waiting for what the nodes agree on

    def until_whole(self):
        def whole():
            return all(server.ask("CLUSTER INFO")["cluster_state"] == "ok" for server in self.living())

        harness.until("the cluster is whole", whole)

    def until_agreed(self):
        """All living nodes say the same of each other, and nothing bad."""
        def agreed():
            living = self.living()
            identities = {server.identity() for server in living}
            views = [{identity: said for identity, said in server.view().items() if identity in identities} for server in living]
            return (views.count(views[0]) == len(living) == len(views[0])
                    and all(link == "connected" and flags in ("master", "slave") for flags, _, _, link, _ in views[0].values()))

        harness.until("the nodes agree", agreed)

    def until_follows(self, server, master):
        """It has all that the master has sent so far."""
        def follows():
            role = server.role()
            return role[0] == b"slave" and role[2:4] == [master.seen_port, b"connected"]

        harness.until("the replica follows", follows)

    # ---- Replicas and their masters

    def follow(self, server, master):
        identity = master.identity()

        def told():
            try:
                return identity in server.view() and server.ask("CLUSTER REPLICATE", identity)
            except redis.ResponseError:  # as long as it knows the name alone
                return False

        harness.until("the replica is told", told)
        self.until_follows(server, master)

    def replica_of(self, master):
        identity = master.identity()
        return next(server for server in self.living() if server.view()[server.identity()][1] == identity)

    def master_of(self, replica):
        identity = replica.view()[replica.identity()][1]
        return next(server for server in self.living() if server.identity() == identity)

    def until_listed(self, replica):
        """Whoever asks any of the nodes for the map of slots is told of it."""
        harness.until("the replica is in the map", lambda: all(
            any(int(node[1]) == replica.seen_port for _, _, *nodes in server.ask("CLUSTER", "SLOTS") for node in nodes)
            for server in self.living()))

    @contextlib.contextmanager
    def hurried(self, candidate):
        """For a failover to `candidate`: nodes give each other up quickly, and it has forgotten its last election."""
        self.until_agreed()
        harness.until("its last election is forgotten", lambda: time.monotonic() > candidate.elected + ELECTION_SECONDS)
        for server in self.living():
            server.set_timeout(HURRIED_MS)
        try:
            yield
            candidate.elected = time.monotonic()
        finally:
            for server in self.living():
                server.set_timeout(self.timeout_ms)

    def until_owned(self, name, master):
        """All living nodes know the slot of a name as that master's."""
        harness.until("all nodes know whose slot it is", lambda: all(
            self.owner_by(server, name) is master for server in self.living()))

    def step_down(self, name):
        """The master of a name and its replica change places, by order."""
        master = self.owner(name)
        replica = self.replica_of(master)
        with self.hurried(replica):
            assert replica.ask("CLUSTER", "FAILOVER") == b"OK"
            self.until_owned(name, replica)
        self.until_follows(master, replica)

    def die(self, name):
        """The master of a name ends as by kill -9; its replica takes over, and it comes back as the replica's."""
        master = self.owner(name)
        replica = self.replica_of(master)
        with self.hurried(replica):
            master.kill()
            self.until_owned(name, replica)
        self.come_back(master, replica)

    def come_back(self, server, master):
        server.start()
        self.until_follows(server, master)

    # ---- Slots and keys

    def client(self):
        return redis.RedisCluster(host="127.0.0.1", port=self.living()[0].port)

    def cli(self, *words):
        done = subprocess.run(["redis-cli", *map(str, words)], capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout.decode()[-2000:] + done.stderr.decode()
        return done.stdout.decode()

    def owner(self, key):
        """The server that has the slot of a key."""
        found = self.owner_by(self.living()[0], key)
        assert found, "the slot is nobody's"
        return found

    def owner_by(self, asked, key):
        """The same in the eyes of one of them."""
        slot = asked.ask("CLUSTER KEYSLOT", key)
        for first, last, node, *_ in asked.ask("CLUSTER", "SLOTS"):
            if int(first) <= slot <= int(last):
                return next((server for server in self.servers if int(node[1]) in (server.port, server.seen_port)), None)
        return None

    def masters(self):
        return [server for server in self.living() if server.is_master()]

    def keys(self):
        return sorted(key for server in self.masters() for key in server.client().keys())

    def reshard(self, source, target, slots):
        self.cli("--cluster", "reshard", f"127.0.0.1:{source.port}", "--cluster-from", source.identity(),
                 "--cluster-to", target.identity(), "--cluster-slots", slots, "--cluster-yes")

    @contextlib.contextmanager
    def half_moved(self, name, source, target):
        """The slot of a name on its way, about half of its keys there; it arrives afterwards."""
        slot = slot_of(name)
        target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source.identity())
        source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.identity())

        def migrate(most):
            client = source.client()
            while most > 0:
                keys = client.execute_command("CLUSTER GETKEYSINSLOT", slot, min(most, 10))
                if not keys:
                    return
                client.execute_command("MIGRATE", "127.0.0.1", target.seen_port, "", 0, 5000, "KEYS", *keys)
                most -= len(keys)

        migrate(source.ask("CLUSTER COUNTKEYSINSLOT", slot) // 2)
        try:
            yield
        finally:
            migrate(1_000_000)
            for server in (target, source, *self.masters()):
                server.ask("CLUSTER SETSLOT", slot, "NODE", target.identity())

    def move_slot(self, name, target):
        """As `reshard` does it, but this slot alone, and with all nodes agreed on it afterwards."""
        with self.half_moved(name, self.owner(name), target):
            pass
        self.until_owned(name, target)
