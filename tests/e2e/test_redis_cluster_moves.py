"""A Redis Cluster whose slots move and whose nodes die while tables are loaded and read, in every layout."""
import json
import shutil
import signal
import threading

import pytest

import cluster_peers
import cluster_tables
import harness
from cluster_tables import SLOWLY, check_replica, rows_of, until_rows_are_written, write_table

pytestmark = pytest.mark.skipif(not shutil.which("redis-cli"), reason="no redis-cli to make a cluster with")


@pytest.fixture(params=cluster_tables.LAYOUTS)
def layout(request):
    return cluster_tables.Layout(request.param)


def of(*names):
    """These layouts stand for all: `columns` is written as `packed` is, `json` as `keys`."""
    return pytest.mark.parametrize("layout", names, indirect=True)


def move(cluster, name):
    source = cluster.owner(name)
    target = next(server for server in cluster.servers if server is not source)
    cluster.reshard(source, target, 20)
    assert cluster.owner(name) is target


def test_a_slot_moves_in_the_middle(tmp_path, cluster, empty_cluster, layout):
    """The load's own slot, with the rows written so far, goes to another master between two chunks."""
    name = cluster_peers.early_name()
    cli = harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, name, 500), "--index", "id", *layout)
    process = cli.start("load", write_table(tmp_path, name, layout.rows), "--index", "id", *SLOWLY, *layout)
    until_rows_are_written(cluster, name, process)
    try:
        assert process.poll() is None and rows_of(empty_cluster, cluster, name) == 500
        move(cluster, name)
    finally:
        process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(cluster.client(), cluster, name, layout.rows)
    assert len(json.loads(cli.ok("top", name, "-n", "5", "--json").stdout)) == 5
    assert len(cli.ok("export", name).stdout.splitlines()) == layout.rows + 1


@of("rows", "packed", "columns", "keys")
def test_a_slot_stays_half_moved(tmp_path, cluster, empty_cluster, layout):
    """Some keys here, some there: readers see all of them, a load waits until its patience is used up."""
    name = cluster_peers.early_name()
    cli = harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, name, 12_000), "--index", "id", "--set", "load.chunk_bytes=64KiB", *layout)
    source = cluster.owner(name)
    target = next(server for server in cluster.servers if server is not source)
    service = harness.Service(tmp_path, cluster.url).start()
    with cluster.half_moved(name, source, target):
        try:
            assert target.client().dbsize() > 0
            assert len(cli.ok("export", name).stdout.splitlines()) == 12_001
            assert len(json.loads(cli.ok("top", name, "-n", "2999", "--json").stdout)) == 2999
            for key in range(0, 12_000, 1191):
                row = service.call("GET", f"/v1/replicas/{name}/rows/{key}")
                assert row.status == 200 and row.json()["key"] == str(key), row
            page = service.call("GET", f"/v1/replicas/{name}/rows?limit=7000").json()
            page = service.call("GET", f"/v1/replicas/{name}/rows?limit=7000&cursor={page['next_cursor']}").json()
            assert len(page["rows"]) == 5000 and page["next_cursor"] is None
        finally:
            service.stop()
        line = cli.refused(3, "load", write_table(tmp_path, name, 100), "--index", "id", "--set", "redis.patience=0", *layout)
        assert "cluster is moving" in line or "is moving it" in line
        assert len(cli.ok("export", name).stdout.splitlines()) == 12_001
    cli.ok("load", write_table(tmp_path, name, 100), "--index", "id", *layout)
    check_replica(cluster.client(), cluster, name, 100)


@of("rows", "packed", "keys")
def test_slots_move_all_the_time(tmp_path, cluster, empty_cluster, layout):
    """Loads one after the other while the slot goes round; a reader sees the old table or the new one."""
    name = cluster_peers.early_name()
    cli = harness.CommandLine(tmp_path, cluster.url)
    sizes = [(20_000 if layout.name in ("rows", "packed", "columns") else 4_000) + 100 * number for number in range(4)]
    tables = [write_table(tmp_path, name, size) for size in sizes]
    cli.ok("load", tables[0], "--index", "id", *layout)
    over, seen, unread, moves, loads = threading.Event(), set(), [], [], 0

    def read():
        while not over.is_set():
            done = cli("export", name)
            if done.returncode == 0:  # loaded over and over is a fair answer
                seen.add(len(done.stdout.splitlines()) - 1)
            else:
                unread.append(done.stderr)

    def shove():
        while not over.is_set():
            before = loads
            target = cluster.servers[(cluster.servers.index(cluster.owner(name)) + 1) % 3]
            cluster.move_slot(name, target)
            moves.append(target)
            # One that never rests leaves no time for a load.
            harness.until("a load is done", lambda: loads > before or over.is_set(), 3 * harness.PATIENCE)

    threads = [threading.Thread(target=read), threading.Thread(target=shove)]
    for thread in threads:
        thread.start()
    try:
        while len(moves) < 7:
            done = cli("load", tables[(loads + 1) % 4], "--index", "id", *SLOWLY, *layout)
            assert done.returncode == 0, done
            loads += 1
    finally:
        over.set()
        for thread in threads:
            thread.join()
    cluster.until_whole()
    check_replica(cluster.client(), cluster, name, sizes[loads % 4])
    assert seen <= set(sizes), ("a reader saw half a table", seen)
    assert not [line for line in unread if "loaded anew" not in line and "over and over" not in line], unread


def test_a_reader_while_the_slot_goes_round(tmp_path, cluster, empty_cluster):
    """Many keys asked for at a time, and the slot back at its first master before all answers are read."""
    name = cluster_peers.early_name()
    cli = harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, name, 100_000), "--index", "id", *cluster_tables.Layout("packed"))
    over, seen = threading.Event(), set()

    def read():
        while not over.is_set():
            done = cli("export", name)
            seen.add(len(done.stdout.splitlines()) - 1 if done.returncode == 0 else done.stderr)

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(30):
        cluster.move_slot(name, cluster.servers[(cluster.servers.index(cluster.owner(name)) + 1) % 3])
    over.set()
    reader.join()
    assert seen == {100_000}


@of("rows", "packed")
def test_a_master_is_gone_for_a_while(tmp_path, cluster, empty_cluster, layout):
    cli = harness.CommandLine(tmp_path, cluster.url)
    name = cluster_peers.early_name()
    victim = cluster.owner(name)
    cli.ok("load", write_table(tmp_path, name, 500), "--index", "id", *layout)
    process = cli.start("load", write_table(tmp_path, name, layout.rows), "--index", "id", *SLOWLY, *layout)
    until_rows_are_written(cluster, name, process)
    victim.kill()
    process.send_signal(signal.SIGCONT)
    line = cli.refused(3, "load", write_table(tmp_path, name, 600), "--index", "id", "--set", "redis.patience=0")
    assert line
    victim.start()
    cluster.until_whole()
    out, err = process.communicate(timeout=2 * harness.PATIENCE)
    assert process.returncode == 0, (out, err)
    check_replica(cluster.client(), cluster, name, layout.rows)


def pages(service, name, behind, between):
    """All row keys, page by page, with something done once `behind` rows were read; begun again when the service says so."""
    keys, cursor, done = [], "", False
    while cursor is not None:
        page = service.call("GET", f"/v1/replicas/{name}/rows?limit=4000&cursor={cursor}")
        if page.status == 410 and done:
            keys, cursor = [], ""
            continue
        assert page.status == 200, page
        keys += [row["key"] for row in page.json()["rows"]]
        cursor = page.json()["next_cursor"]
        if not done and len(keys) > behind:
            between()
            done = True
    assert done
    return keys


@pytest.mark.parametrize("may_ask_who", [True, False])
def test_pages_of_a_hash_that_moves(tmp_path, cluster, empty_cluster, may_ask_who):
    """Each server lays a hash out in its own order: a place in it is none in the same hash elsewhere."""
    name, rows = cluster_peers.early_name(), 30_000
    path = tmp_path / f"{name}.csv"
    path.write_text("id,value\n" + "".join(f"key{number},{number}\n" for number in range(rows)))
    harness.CommandLine(tmp_path, cluster.url).ok("load", path, "--index", "id")

    def allow(server):
        server.ask("ACL SETUSER", "careful", "on", ">secret", "~*", "&*", "+@all", "+info" if may_ask_who else "-info")

    for server in cluster.servers:
        allow(server)
    service = harness.Service(tmp_path, cluster.url.replace("://", "://careful:secret@")).start()
    try:
        source = cluster.owner(name)
        target = next(server for server in cluster.servers if server is not source)

        def restart():
            target.kill()
            target.start()
            allow(target)
            cluster.until_whole()

        keys = pages(service, name, rows // 2, lambda: cluster.move_slot(name, target))
        assert len(keys) == len(set(keys)) == rows
        if may_ask_who:  # else a server is known by its address
            keys = pages(service, name, rows // 2, restart)
            assert len(keys) == len(set(keys)) == rows
    finally:
        service.stop()


def test_a_slot_moves_while_rows_get_their_plain_names(tmp_path, cluster, empty_cluster):
    """The switch behind the commit goes on where the slot is then."""
    name, plain = cluster_peers.early_name(), cluster_tables.Layout("plain")
    cli = harness.CommandLine(tmp_path, cluster.url)
    cli.ok("load", write_table(tmp_path, name, 9_000), "--index", "id", *plain)
    owner = cluster.owner(name).client()
    for turn in range(10):
        rows = 12_000 + turn
        process = cli.start("load", write_table(tmp_path, name, rows), "--index", "id", *plain, "--set", "redis.max_block_usec=50")
        while process.poll() is None and not owner.hexists(f"{{{name}}}.META", "SWITCH"):
            continue
        process.send_signal(signal.SIGSTOP)
        try:
            caught = process.poll() is None and owner.hexists(f"{{{name}}}.META", "SWITCH")
            if caught:
                move(cluster, name)
        finally:
            process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=2 * harness.PATIENCE)
        assert process.returncode == 0, (out, err)
        check_replica(cluster.client(), cluster, name, rows)
        assert not cluster.client().hexists(f"{{{name}}}.META", "SWITCH")
        assert len(cli.ok("export", name).stdout.splitlines()) == rows + 1
        if caught:
            return
    pytest.fail("no load was caught in the middle of its switch: this test showed nothing")
