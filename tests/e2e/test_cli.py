"""The command line: what each command prints, its exit status, and its one-line errors."""
import fcntl
import hashlib
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

import harness

TABLE = "id,name,age\n1,Ada,36\n2,Blaise,39\n3,Carl,77\n"
COMMANDS = ("serve", "load", "profile", "ticket", "loads", "ls", "show", "top", "export", "drop", "wallet", "token", "mail", "check", "options",
            "completion")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture
def loaded(cli, table):
    cli.ok("load", table, "--index", "id")
    return table


def on_a_terminal(cli, *arguments, columns=80, environment=None):
    """Run with a terminal as standard error; returns the exit status, stdout, and what the terminal got."""
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal can be had here: {error}")
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = cli.start(*arguments, stderr=theirs, environment=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    out, _ = process.communicate(timeout=harness.PATIENCE)
    return process.returncode, out.decode(), shown.decode()


# ---- help and usage


def test_overview_and_version(cli):
    for arguments in (["--help"], ["-h"], ["help"]):
        done = cli.ok(*arguments, redis=False)
        assert all(re.search(rf"^  {name}\b", done.stdout, re.MULTILINE) for name in COMMANDS), done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80
    assert re.fullmatch(r"sluice \d+\.\d+\.\d+\n", cli.ok("--version", redis=False).stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(cli, command):
    text = cli.ok(command, "--help", redis=False).stdout
    assert text.startswith(f"Usage: sluice {command}") and "Example" in text and "Exit status" in text
    assert cli.ok("help", command, redis=False).stdout == text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("arguments", [[], ["lode"], ["load"], ["load", "--indx", "id", "x.csv"], ["top"],
                                       ["top", "x", "-n", "many"], ["top", "x", "-n", "-1"], ["show"],
                                       ["show", "a", "b"], ["ls", "extra"], ["load", "x.csv", "--set", "prep.scael=none"],
                                       ["load", "x.csv", "--set", "prep.scale=sideways"],
                                       ["load", "x.csv", "--set", "nonsense"], ["load", "x.csv", "--set"],
                                       ["options", "--frob"]])
def test_bad_usage(cli, arguments):
    done = cli(*arguments, redis=False)
    assert done.returncode == 2, done
    if arguments:
        harness.one_line(done.stderr)


def test_unknown_key_names_the_nearest(cli, table):
    assert "prep.scale" in cli.refused(2, "load", table, "--set", "prep.scael=none")
    assert "SLUICE_PREP_SCALE" in cli.refused(2, "load", table, environment={"SLUICE_PREP_SCAEL": "none"})


# ---- load


def test_load(cli, client, table):
    done = cli.ok("load", table, "--index", "id")
    assert done.stderr == "", "silent in a pipe"
    assert json.loads(client.hget("people", "1"))[0] == "Ada"
    assert harness.check_counts(client, "people") == (3, 3, 0, 0)


def test_load_over_tcp(cli, client, table, redis_server):
    cli.ok("load", table, "--redis", redis_server.url, redis=False)
    assert client.hlen("people") == 3


def test_load_into_another_database(cli, client, table, redis_server):
    cli.ok("load", table, "--redis", redis_server.url[:-1] + "5", redis=False)
    assert client.dbsize() == 0
    client.execute_command("SWAPDB", 0, 5)
    assert client.hlen("people") == 3


def test_load_several(cli, client, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.csv").write_text(TABLE)
    (tmp_path / "bad.csv").write_bytes(b"")
    done = cli("load", *(tmp_path / f"{name}.csv" for name in ("a", "bad", "b", "c")), "--index", "id")
    assert done.returncode == 1
    assert "bad.csv" in harness.one_line(done.stderr)
    assert {name.decode() for name in client.lrange("REPLICA_REGISTRY", 0, -1)} == {"a", "b", "c"}


def test_load_as_json(cli, client, table):
    done = cli.ok("load", table, "--index", "id", "--json")
    said = json.loads(done.stdout)
    assert "people" in done.stdout and isinstance(said, (dict, list))


def test_dry_run_writes_nothing(cli, client, table):
    cli.ok("load", table, "--index", "id", "--dry-run")
    assert client.dbsize() == 0


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big.csv"
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,a,b\n" + "".join(f"{number},{number * 3},text {number}\n" for number in range(300_000)))
    return path


def test_load_shows_progress_on_a_terminal(cli, client, big):
    status, _, shown = on_a_terminal(cli, "load", big, "--index", "id")
    assert status == 0 and client.hlen("big") == 300_000
    assert "%" in shown and "big" in shown, shown


def test_progress_on_a_narrow_terminal(cli, big):
    """What counts is there, and no line reaches the edge, where it could not be taken back."""
    _, _, shown = on_a_terminal(cli, "load", big, "--index", "id", columns=40)
    lines = re.split(r"\r\x1b\[K", shown)
    assert any(re.search(r"\d %  [\d,]+ rows", line) for line in lines), shown
    assert all(len(line.split("\r\n")[0]) < 40 for line in lines), shown


def test_no_progress_on_a_dumb_terminal(cli, big):
    status, _, shown = on_a_terminal(cli, "load", big, "--index", "id", environment={"TERM": "dumb"})
    assert status == 0 and shown == ""


def test_load_without_redis(cli, table):
    nobody = f"redis://127.0.0.1:{harness.free_port()}/0"
    line = cli.refused(3, "load", table, "--redis", nobody, "--set", "redis.patience=0", redis=False)
    assert "127.0.0.1" in line


def test_load_of_a_replica_name_that_is_refused(cli, client, tmp_path):
    (tmp_path / "star*.csv").write_text(TABLE)
    cli.refused(1, "load", tmp_path / "star*.csv")
    assert client.dbsize() == 0


def test_load_with_a_private_redis(cli, tmp_path, table):
    """With no redis.url a server of its own is started, keeps what was loaded, and stops with the program."""
    state = tmp_path / "state"
    cli.ok("load", table, "--index", "id", "--set", f"state_dir={state}", redis=False)
    assert not harness.processes(str(state))
    done = cli.ok("top", "people", "-n", "1", "--json", "--set", f"state_dir={state}", redis=False)
    assert "Ada" in done.stdout
    assert not harness.processes(str(state))


# ---- profile


def test_profile(cli, client, table):
    done = cli.ok("profile", table, redis=False)
    assert "age" in done.stdout and "50.6" in done.stdout, done.stdout
    assert client.dbsize() == 0
    said = json.loads(cli.ok("profile", table, "--json", redis=False).stdout)
    columns = said["columns"] if "columns" in said else said["profile"]["columns"]
    assert columns["age"]["mean"] == pytest.approx(152 / 3)
    assert "missing" in columns["age"]


def test_profile_of_nothing(cli, tmp_path):
    assert "gone.csv" in cli.refused(1, "profile", tmp_path / "gone.csv", redis=False)


# ---- ticket


def test_ticket(cli, tmp_path, table):
    cli.ok("ticket", table, "--index", "id", "--set", "prep.scale=none", redis=False)
    with open(tmp_path / "people.ticket", encoding="utf-8") as source:
        ticket = json.load(source)
    assert (ticket["file_name"], ticket["status"], ticket["prim_index"]) == ("people.csv", "READY", "id")
    assert harness.STAMP.fullmatch(ticket["load_dttm"])
    assert ticket["options"] == {"prep.scale": "none"}
    if "sha256" in ticket:
        assert ticket["sha256"] == hashlib.sha256(TABLE.encode()).hexdigest()
    assert sorted(os.listdir(tmp_path)) == ["people.csv", "people.ticket"]


def test_ticket_of_what_is_not_there(cli, tmp_path):
    assert "gone.csv" in cli.refused(1, "ticket", tmp_path / "gone.csv", redis=False)


def test_a_written_ticket_loads(cli, client, service):
    with open(service.path("people.csv"), "w", encoding="utf-8") as out:
        out.write(TABLE)
    cli.ok("ticket", service.path("people.csv"), "--index", "ID", "--set", "prep.scale=none", redis=False)
    assert service.load_all().status == 200
    assert json.loads(client.hget("people", "3")) == ["Carl", 77]


# ---- ls, show, top, drop


def test_ls(cli, client, loaded):
    assert "people" in cli.ok("ls").stdout
    assert "people" in json.dumps(json.loads(cli.ok("ls", "--json").stdout))
    client.flushall()
    cli.ok("ls")
    assert json.loads(cli.ok("ls", "--json").stdout) in ([], {"replicas": []})


def test_show(cli, client, loaded):
    text = cli.ok("show", "people").stdout
    assert all(word in text for word in ("people", "age", "name", "3")), text
    assert "ROWS_WRITTEN" in cli.ok("show", "people", "--json").stdout or \
        "rows_written" in cli.ok("show", "people", "--json").stdout
    assert "nobody" in cli.refused(1, "show", "nobody")


def test_top(cli, client, loaded):
    said = json.loads(cli.ok("top", "people", "-n", "2", "--json").stdout)
    assert list(said) == ["1", "2"] and said["1"] == json.loads(client.hget("people", "1"))
    text = cli.ok("top", "people", "-n", "2").stdout
    assert "Ada" in text and "Blaise" in text and "Carl" not in text
    assert "nobody" in cli.refused(1, "top", "nobody")


def test_drop(cli, client, loaded):
    cli.ok("drop", "people")
    assert not client.exists("people", "people.META")
    assert client.lrange("REPLICA_REGISTRY", 0, -1) == []
    assert "people" in cli.refused(1, "drop", "people")


@pytest.mark.parametrize("arguments", [["ls"], ["show", "people"], ["top", "people"], ["export", "people"], ["drop", "people"]])
def test_without_redis(cli, arguments):
    nobody = f"redis://127.0.0.1:{harness.free_port()}/0"
    cli.refused(3, *arguments, "--redis", nobody, redis=False)


# ---- check, options


def test_check(cli, client, tmp_path):
    (tmp_path / "IN_STREAM").mkdir()
    cli.ok("check", "--set", f"source.stream_dir={tmp_path / 'IN_STREAM'}")
    assert client.dbsize() == 0 and os.listdir(tmp_path) == ["IN_STREAM"], "it changes nothing"
    nobody = f"redis://127.0.0.1:{harness.free_port()}/0"
    done = cli("check", "--redis", nobody, "--set", f"source.stream_dir={tmp_path / 'IN_STREAM'}", redis=False)
    assert done.returncode == 3, done
    done = cli("check", "--set", "http.port=99999999")
    assert done.returncode == 2, done
    (tmp_path / "bad.yaml").write_text("http:\n  prot: 8003\n")
    done = cli("check", "--config", tmp_path / "bad.yaml")
    assert done.returncode == 2 and "http.port" in done.stderr, done


def test_options(cli):
    text = cli.ok("options", redis=False).stdout
    for key in ("redis.url", "http.port", "prep.scale", "reader.delimiter", "auth.key", "limits.rate", "store.layout"):
        assert key in text, key
    markdown = cli.ok("options", "--markdown", redis=False).stdout
    assert "|" in markdown and "redis.url" in markdown


def test_secrets_are_never_shown(cli, table):
    secret = "s3cr3t-pa55"
    for arguments in (["load", table, "--redis", f"redis://:{secret}@127.0.0.1:{harness.free_port()}/0", "--set",
                       "redis.patience=0"],
                      ["check", "--redis", f"redis://:{secret}@127.0.0.1:{harness.free_port()}/0"],
                      ["load", table, "--set", f"auth.kye={secret}"]):
        done = cli(*arguments, redis=False)
        assert done.returncode in (2, 3), done
        assert secret not in done.stdout + done.stderr, done


def test_configuration_in_rising_precedence(cli, client, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("v\n1\n2\n3\n")
    (tmp_path / "c.yaml").write_text("prep:\n  scale: standard\n")

    def first(*arguments, environment=None):
        cli.ok("load", path, *arguments, environment=environment)
        return json.loads(client.hget("t", "2"))[0]

    assert first() == 1
    assert first("--config", tmp_path / "c.yaml") == pytest.approx(1.224744871391589)
    assert first("--config", tmp_path / "c.yaml", environment={"SLUICE_PREP_SCALE": "maxabs"}) == 1
    assert first("--config", tmp_path / "c.yaml", "--set", "prep.scale=none",
                 environment={"SLUICE_PREP_SCALE": "maxabs"}) == 3


def test_the_umask_counts_for_what_is_written(cli, loaded, tmp_path):
    """A page or an export holds values of the file; one that is there keeps the mode that it has."""
    written = {"page.html": ("profile", loaded, "--html"), "plan.json": ("profile", loaded, "--plan-out"),
               "out.csv": ("export", "people", "--output")}
    for mask, mode in ((0o077, 0o600), (0o002, 0o600)):
        for name, arguments in written.items():
            process = cli.start(*arguments, tmp_path / name, redis=arguments[0] == "export", umask=mask)
            assert process.wait(harness.PATIENCE) == 0, process.stderr.read()
            assert (tmp_path / name).stat().st_mode & 0o777 == mode, name
    process = cli.start("ticket", loaded, redis=False, umask=0o027)
    assert process.wait(harness.PATIENCE) == 0
    assert loaded.with_suffix(".ticket").stat().st_mode & 0o777 == 0o640


def test_output_into_a_closed_pipe(cli, loaded):
    process = cli.start("options", redis=False)
    process.stdout.read(1)
    process.stdout.close()
    _, err = process.communicate(timeout=harness.PATIENCE)
    assert process.returncode == 0 and err == b""


def test_interrupted(cli, client, tmp_path):
    """Ctrl-C ends a load soon; the old replica stays and nothing is left over after the next start."""
    import signal
    path = tmp_path / "big.csv"
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,a\n" + "".join(f"{number},{number}\n" for number in range(400_000)))
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "big.csv").write_text("id,a\n1,1\n")
    cli.ok("load", tmp_path / "small" / "big.csv", "--index", "id")
    process = cli.start("load", path, "--index", "id")
    harness.until("rows are being staged", lambda: client.keys("*staging*") or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=harness.PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if process.returncode != 0:
        assert client.hlen("big") == 1
    cli.ok("load", tmp_path / "small" / "big.csv", "--index", "id")
    assert not client.keys("*staging*")
