"""What is piped in: standard input, FIFOs, <(...) and sockets, packed or not."""
import gzip
import json
import os
import signal
import socket
import subprocess

import pytest

import harness

TABLE = b"id,name,age\n1,Ada,36\n2,Blaise,39\n3,Carl,77\n"


@pytest.fixture
def piped(cli):
    """Run with `data` piped in."""
    def run(data, *arguments, **more):
        process = cli.start(*arguments, stdin=subprocess.PIPE, **more)
        out, err = process.communicate(data, timeout=harness.PATIENCE)
        return process.returncode, out.decode(), err.decode()
    return run


def rows_of(client, name):
    return {key.decode(): json.loads(row) for key, row in client.hgetall(name).items()}


ROWS = {"1": ["Ada", 36], "2": ["Blaise", 39], "3": ["Carl", 77]}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_load(piped, client, pack):
    status, out, err = piped(pack(TABLE), "load", "-", "--name", "people", "--index", "id", "--json",
                             "--set", "prep.scale=none")
    assert (status, err) == (0, "")
    assert json.loads(out)["rows_written"] == 3
    assert rows_of(client, "people") == ROWS
    assert harness.meta(client, "people")["FROMFPATH"] == "standard input"


def test_workbook(piped, client):
    with open(os.path.join(harness.ROOT, "samples", "IN_STREAM", "AVATAR_SAMPLE.xlsx"), "rb") as book:
        status, _, err = piped(book.read(), "load", "-", "--name", "avatar")
    assert (status, err) == (0, "")
    assert client.hlen("avatar") > 0


def test_profile(piped):
    status, out, err = piped(TABLE, "profile", "-", "--json", redis=False)
    assert (status, err) == (0, "")
    assert list(json.loads(out)["profile"]["columns"]) == ["id", "name", "age"]


def test_redirected_file_is_not_copied(cli, client, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(TABLE)
    with open(path, "rb") as table:
        process = cli.start("load", "-", "--name", "people", "--set", "reader.spool_dir=/nowhere", stdin=table)
        assert process.communicate(timeout=harness.PATIENCE)[1] == b""
    assert process.returncode == 0 and client.hlen("people") == 3


def test_name_is_required(piped, cli):
    status, _, err = piped(TABLE, "load", "-")
    assert status == 2
    assert err == ("sluice: standard input: what is piped in has no name of its own; "
                   "give the replica one with --name\n")
    status, _, err = piped(TABLE, "load", "-", "--name", "a/b")
    assert status == 1 and err.count("\n") == 1
    assert "--name is for one file; 2 were given" in cli.refused(2, "load", "a.csv", "b.csv", "--name", "x")


def test_file_under_another_name(cli, client, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(TABLE)
    cli.ok("load", path, "--name", "people")
    assert client.hlen("people") == 3 and not client.exists("t")


def test_fifo_by_path(cli, client, tmp_path):
    """Its writer comes when the program already waits; its name is the replica's."""
    path = tmp_path / "people.csv"
    os.mkfifo(path)
    process = cli.start("load", path, "--index", "id", "--set", "prep.scale=none")
    with open(path, "wb") as fifo:  # waits for the reader
        fifo.write(TABLE)
    out, err = process.communicate(timeout=harness.PATIENCE)
    assert (process.returncode, err) == (0, b"")
    assert rows_of(client, "people") == ROWS


def test_process_substitution(cli, client):
    ours, theirs = os.pipe()
    os.write(theirs, TABLE)
    os.close(theirs)
    process = cli.start("load", f"/dev/fd/{ours}", "--name", "people", pass_fds=[ours])
    os.close(ours)
    _, err = process.communicate(timeout=harness.PATIENCE)
    assert (process.returncode, err) == (0, b"")
    assert client.hlen("people") == 3


def test_socket(cli):
    ours, theirs = socket.socketpair()
    process = cli.start("profile", "-", redis=False, stdin=theirs)
    theirs.close()
    ours.sendall(TABLE)
    ours.close()
    out, err = process.communicate(timeout=harness.PATIENCE)
    assert (process.returncode, err) == (0, b"") and b"3 rows" in out


def test_cut_off(piped, client):
    status, _, err = piped(gzip.compress(TABLE)[:-12], "load", "-", "--name", "people")
    assert status == 1 and "the gzip data end early" in err
    assert not client.exists("people")
    status, _, err = piped(TABLE[:-4], "load", "-", "--name", "people")
    assert "ends in the middle of a line; was the pipe cut off?" in err
    status, _, err = piped(b"", "load", "-", "--name", "people")
    assert status == 1
    assert "standard input: nothing was piped in; did the program before the pipe fail?" in err


def test_bounds(piped, tmp_path):
    status, _, err = piped(TABLE, "load", "-", "--name", "p", "--set", "reader.spool_max_bytes=10")
    assert status == 1 and "more than 10 bytes were piped in; raise reader.spool_max_bytes" in err
    status, _, err = piped(TABLE, "load", "-", "--name", "p", "--set", f"reader.spool_dir={tmp_path}/none")
    assert status != 0 and "see reader.spool_dir" in err


def test_rejects_go_to_the_current_folder(piped, tmp_path):
    status, out, _ = piped(TABLE + b"4,x\n", "load", "-", "--name", "people")
    assert status == 0 and "1 rejected" in out
    assert (tmp_path / "people.rejects.csv").exists()


def test_leaves_nothing(cli, tmp_path):
    """Stopped while it waits for more: no file stays, and it ends at once."""
    process = cli.start("load", "-", "--name", "people", "--set", f"reader.spool_dir={tmp_path}",
                        stdin=subprocess.PIPE)
    process.stdin.write(TABLE)
    process.stdin.flush()

    def spooled():
        for fd in os.listdir(f"/proc/{process.pid}/fd"):
            try:
                if os.readlink(f"/proc/{process.pid}/fd/{fd}").startswith(str(tmp_path)):
                    return True
            except FileNotFoundError:
                pass
        return False

    harness.until("the spool file", spooled)
    assert os.listdir(tmp_path) == []
    process.send_signal(signal.SIGTERM)
    process.wait(harness.PATIENCE)
    assert process.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)
    process.stdin.close()
    assert os.listdir(tmp_path) == []
