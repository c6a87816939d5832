"""The layouts as docs/layouts.md says they are read, by redis-py and the page's own code; kills and reloads of them."""
import json
import random
import subprocess
import threading
import time

import pytest

import harness

ROWS = 4_000 if harness.SANITIZED else 30_000
KILLS = 5 if harness.SANITIZED else 12


def write(folder, version, rows=ROWS, keys=str):
    folder.mkdir(exist_ok=True)
    path = folder / "table.csv"
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,version,value\n")
        out.writelines(f"{keys(number)},{version},{number % 997}\n" for number in range(rows))
    return path


def leftovers(client, prefix=None):
    found = (key.decode() for key in client.keys())
    return sorted(key for key in found if key not in ("REPLICA_REGISTRY", "table", "table.META")
                  and not (prefix and key.startswith(prefix)))


def unicode_key(number):
    return f"ключ-{number}-☂" if number % 3 else str(number - 50)


def rising_key(number):
    return str(number + number // 3 + number // 7 - 100)


def sparse_key(number):
    return str(3 * number)


def signed_key(number):
    return f"+{number}" if number == 2_000 else str(number)


@pytest.mark.parametrize("layout, index, keys, bucket", [
    ("rows", (), unicode_key, None), ("rows", ("--index", "id"), unicode_key, None),
    ("packed", (), unicode_key, "ordinal"), ("packed", ("--index", "id"), unicode_key, "crc32"),
    ("packed", ("--index", "id"), str, "integer"), ("packed", ("--index", "id"), rising_key, "integer"),
    ("packed", ("--index", "id"), sparse_key, "crc32"), ("packed", ("--index", "id"), signed_key, "crc32")])
def test_rows_are_found_as_documented(tmp_path, client, cli, layout, index, keys, bucket):
    shown = harness.documented(layout)
    look_up, read_all = shown["look_up"], shown["read_all"]
    rows = 2_500
    path = write(tmp_path / "a", "A", rows, keys)
    cli.ok("load", path, *index, "--set", f"store.layout={layout}", "--set", "prep.scale=none", "--set", "prep.impute=none")
    found = read_all(client, "table")
    fields = harness.meta(client, "table")
    where = json.loads(fields["LAYOUT"])
    assert (where["layout"], where.get("bucket")) == (layout, bucket)
    assert ("first" in where) == (bucket == "integer")
    # Readers that know no other rules than the first two would look in the wrong bucket.
    assert where["version"] == (2 if bucket == "integer" else 1)
    assert len(found) == rows == int(fields["ROWS_WRITTEN"])
    for number in range(rows):
        key = keys(number) if index else str(number)
        row = (["A", number % 997] if index else [keys(number), "A", number % 997])
        assert found[key] == row
        if number % 100 == 0:
            assert look_up(client, "table", key) == row


def numbers(fields):
    return {name: int(fields[name]) for name in ("ROWS_READ", "ROWS_WRITTEN", "ROWS_REJECTED", "DUPLICATE_KEYS")}


@pytest.mark.parametrize("how", ["last", "first"])
def test_counts_agree_and_both_layouts_hold_the_same(tmp_path, client, cli, how):
    folder = tmp_path / "d"
    folder.mkdir()
    path = folder / "table.csv"
    dice = random.Random(4)
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,text\n")
        for number in range(6000):
            if number % 500 == 7:
                out.write(f"{number},too,many\n")
            elif number % 700 == 9:
                out.write(f",without a key {number}\n")
            else:
                out.write(f"{dice.randrange(3000)},{'x' * (dice.randrange(40) ** 3 % 9001)}{number}\n")
    seen = {}
    for layout in ("rows", "packed"):
        cli.ok("load", path, "--index", "id", "--set", f"store.layout={layout}", "--set",
               f"store.on_duplicate={how}")
        counts = numbers(harness.meta(client, "table"))
        assert counts["ROWS_READ"] == counts["ROWS_WRITTEN"] + counts["ROWS_REJECTED"] + counts["DUPLICATE_KEYS"]
        assert counts["DUPLICATE_KEYS"] > 0 and counts["ROWS_REJECTED"] > 0
        seen[layout] = (counts, harness.documented(layout)["read_all"](client, "table"))
    assert seen["rows"] == seen["packed"]


def test_acl_without_restore(tmp_path, client, cli, redis_server):
    path = write(tmp_path / "a", "A", 1000)
    client.acl_setuser("loader", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"],
                       commands=["+@all", "-restore"])
    try:
        url = f"redis://loader:secret@127.0.0.1:{redis_server.port}/0"
        done = cli("load", path, "--index", "id", "--set", "store.layout=packed", "--redis", url, redis=False)
        assert done.returncode == 0, done
    finally:
        client.acl_deluser("loader")
    assert len(harness.documented("packed")["read_all"](client, "table")) == 1000


@pytest.mark.parametrize("index, keys", [((), str), (("--index", "id"), str), (("--index", "id"), unicode_key)],
                         ids=["ordinals", "numbers", "texts"])
def test_killed_at_many_moments(tmp_path, client, cli, index, keys):
    packed = (*index, "--set", "store.layout=packed", "--set", "prep.scale=none")
    path = {version: write(tmp_path / version, version, ROWS, keys) for version in "AB"}
    cli.ok("load", path["A"], *packed)
    start = time.monotonic()
    cli.ok("load", path["A"], *packed)
    whole_load = time.monotonic() - start
    dice = random.Random(5)
    read_all = harness.documented("packed")["read_all"]
    for turn in range(KILLS):
        process = cli.start("load", path["B"], *packed)
        try:
            process.communicate(timeout=whole_load * (turn + dice.random()) / KILLS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        rows = read_all(client, "table")
        assert len(rows) == ROWS
        assert len({row[-2] for row in rows.values()}) == 1, "a mixed replica"
    cli.ok("load", path["A"], *packed)
    where = json.loads(client.hget("table.META", "LAYOUT"))
    assert leftovers(client, where["prefix"]) == []
    cli.ok("load", path["A"], *index, "--set", "store.layout=rows")
    assert leftovers(client) == []
    cli.ok("load", path["A"], *packed)
    cli.ok("drop", "table")
    assert client.keys() == []


def test_readers_never_see_a_mix(tmp_path, client, cli, redis_server):
    import redis

    path = {version: write(tmp_path / version, version, 3000) for version in "AB"}
    layouts = ["packed", "rows", "packed", "packed", "rows", "rows", "packed"]
    cli.ok("load", path["A"], "--index", "id", "--set", "store.layout=packed")
    over, reads, mixed = threading.Event(), [], []

    def poll():
        reader = redis.Redis(unix_socket_path=redis_server.socket)
        functions = {layout: harness.documented(layout)["read_all"] for layout in ("rows", "packed")}
        while not over.is_set():
            before = reader.hmget("table.META", "LAYOUT", "LOAD_ID")
            layout = json.loads(before[0])["layout"]
            try:
                rows = functions[layout](reader, "table")
            except KeyError:  # the layout changed under it
                continue
            if reader.hmget("table.META", "LAYOUT", "LOAD_ID") != before:
                continue
            reads.append(layout)
            if len(rows) != 3000 or len({row[0] for row in rows.values()}) != 1:
                mixed.append((layout, len(rows)))

    threads = [threading.Thread(target=poll) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for turn, layout in enumerate(layouts):
            seen = len(reads)
            cli.ok("load", path["AB"[turn % 2]], "--index", "id", "--set", f"store.layout={layout}")
            harness.until("somebody reads it", lambda: len(reads) > seen)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert mixed == [] and set(reads) == {"rows", "packed"}
