"""Tables on a Redis Cluster: how the tests of one and of the other kind of trouble load them and look at them."""
import json
import signal

import harness

LAYOUTS = ("rows", "packed", "columns", "keys", "json")
ROWS = {"rows": 200_000, "packed": 300_000, "columns": 600_000, "keys": 100_000, "json": 100_000, "plain": 50_000}
SLOWLY = ("--set", "load.threads=1", "--set", "store.pairs_per_command=1", "--set", "redis.window_bytes=64KiB",
          "--set", "load.chunk_bytes=64KiB")


class Layout(tuple):
    """What chooses it on a command line, and how many rows take a while to load; plain is keys under plain names."""

    def __new__(cls, name):
        if name == "plain":
            made = super().__new__(cls, ("--set", "store.layout=keys", "--set", "store.key_prefix=plain"))
        else:
            made = super().__new__(cls, ("--set", f"store.layout={name}"))
        made.name = name
        made.rows = ROWS[name] // (3 if harness.SANITIZED else 1)
        return made


def write_table(tmp_path, name, rows, generation=0):
    folder = tmp_path / f"g{generation}-{rows}"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.csv"
    if not path.exists():
        path.write_text("id,value\n" + "".join(f"{number},{number % 7 + generation}\n" for number in range(rows)))
    return path


def rows_of(client, cluster, name):
    """The rows that are there, by the keys themselves; as docs/layouts.md has them."""
    layout = json.loads(client.hget(f"{{{name}}}.META", "LAYOUT"))
    if layout["layout"] == "rows":
        return client.hlen(name)
    owner = cluster.owner(name).client()
    if layout["layout"] == "packed":
        with owner.pipeline(transaction=False) as pipeline:
            for bucket in range(layout["buckets"]):
                pipeline.hlen(layout["prefix"] + str(bucket))
            return sum(pipeline.execute())
    keys = len(owner.keys(layout["prefix"] + "*"))
    if layout["layout"] == "columns":
        assert keys == layout["chunks"] + 1
        return layout["rows"]
    return keys


def leftovers(cluster, client, name):
    """Keys of loads, but for those of the rows that are the replica's."""
    prefix = json.loads(client.hget(f"{{{name}}}.META", "LAYOUT")).get("prefix", "-")[:-1].encode()
    return [key for key in cluster.keys()
            if any(word in key for word in (b"staging", b"lease", b"garbage"))
            or (key.startswith(b"{%s}:" % name.encode()) and not key.startswith(prefix))]


def check_replica(client, cluster, name, rows):
    assert rows_of(client, cluster, name) == rows
    for meta_key in (f"{{{name}}}.META", f"{name}.META"):
        meta = {key.decode(): value.decode() for key, value in client.hgetall(meta_key).items()}
        counts = [int(meta[field]) for field in ("ROWS_READ", "ROWS_WRITTEN", "ROWS_REJECTED", "DUPLICATE_KEYS")]
        assert counts == [rows, rows, 0, 0]
    assert leftovers(cluster, client, name) == []


def until_rows_are_written(cluster, name, process):
    """Rows of a load in progress are there, in whatever layout. The process stands still then."""
    home = cluster.owner("REPLICA_REGISTRY:staging").client()

    def written():
        assert process.poll() is None, ("the load was over too soon", process.communicate())
        for load in home.hkeys("REPLICA_REGISTRY:staging"):
            owner = cluster.owner(name).client()
            process.send_signal(signal.SIGSTOP)
            if (owner.exists(f"REPLICA_REGISTRY:staging:{load.decode()}:{{{name}}}")
                    or owner.keys(f"{{{name}}}:{load.decode()}[:#]*")):
                return True
            process.send_signal(signal.SIGCONT)
        return False

    harness.until("rows are being written", written)
