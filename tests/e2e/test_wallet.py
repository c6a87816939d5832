"""The wallet and tokens as their users meet them: terminals, pipes, a Redis with a password, killed writers."""
import os
import pty
import select
import signal
import random
import shutil
import subprocess
import tempfile
import time

import pytest

import harness

PASSPHRASE = "correct horse battery"
SECRET = "p@ss:w/rd ${x} %40 \u00fc"


@pytest.fixture
def wallet(cli, tmp_path):
    """The command line with a state directory and a passphrase file of its own."""
    place = tmp_path / "passphrase"
    place.write_text(PASSPHRASE + "\n")
    state = tmp_path / "state"

    class Wallet:
        environment = {"SLUICE_STATE_DIR": str(state), "SLUICE_WALLET_PASSPHRASE_FILE": str(place)}
        path = state / "wallet"

        def run(self, *arguments, value=None, status=0, environment=None):
            done = subprocess.run([harness.program(), *arguments], input=(value or "").encode(), capture_output=True,
                                  cwd=tmp_path, timeout=harness.PATIENCE, check=False,
                                  env=harness.clean_environment(tmp_path, **(environment or self.environment)))
            assert done.returncode == status, done
            return done.stdout.decode() if status == 0 else harness.one_line(done.stderr.decode())

        def set(self, name, value, **more):
            return self.run("wallet", "set", name, value=value, **more)

    return Wallet()


def typing(arguments, answers, environment, folder):
    """Run with a terminal of its own and type an answer at each question; the exit status and what was shown."""
    try:
        pid, terminal = pty.fork()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal can be had here: {error}")
    if pid == 0:
        os.chdir(folder)
        os.execve(harness.program(), [harness.program(), *arguments], harness.clean_environment(folder, **environment))
    shown, asked = b"", 0
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: the other side is closed
            break
        if not piece:
            break
        shown += piece
        while asked < len(answers) and shown.count(b": ") > asked:
            os.write(terminal, answers[asked])
            asked += 1
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_set_get_ls_rm(wallet):
    assert wallet.set("redis", SECRET + "\n") == "redis: added\n"
    assert wallet.set("smtp", "two\nlines\n") == "smtp: added\n"
    assert wallet.set("redis", SECRET) == "redis: changed\n"
    assert wallet.run("wallet", "get", "redis") == SECRET + "\n"
    assert wallet.run("wallet", "get", "smtp") == "two\nlines\n"
    assert wallet.run("wallet", "ls") == "redis\nsmtp\n"
    assert wallet.run("wallet", "ls", "--json") == '["redis","smtp"]\n'
    assert wallet.run("wallet", "rm", "smtp") == "smtp: removed\n"
    assert "has no \"smtp\"" in wallet.run("wallet", "get", "smtp", status=1)
    assert wallet.path.stat().st_mode & 0o777 == 0o600
    assert SECRET.encode() not in wallet.path.read_bytes() and b"redis" not in wallet.path.read_bytes()


def test_a_value_never_stands_on_the_command_line(wallet):
    line = wallet.run("wallet", "set", "redis", "hunter2", status=2)
    assert "never given there" in line and "hunter2" not in line
    assert not wallet.path.exists()


def test_the_passphrase_changes(wallet, tmp_path):
    wallet.set("redis", SECRET)
    before = wallet.path.read_bytes()
    assert "8 to 1024" in wallet.run("wallet", "passwd", value="short", status=2)
    assert wallet.path.read_bytes() == before
    assert wallet.run("wallet", "passwd", value="another passphrase\n") == "passphrase: changed\n"
    assert "the passphrase is wrong" in wallet.run("wallet", "get", "redis", status=2)
    (tmp_path / "passphrase").write_text("another passphrase")
    assert wallet.run("wallet", "get", "redis") == SECRET + "\n"


def test_on_a_terminal(wallet, tmp_path):
    environment = {"SLUICE_STATE_DIR": wallet.environment["SLUICE_STATE_DIR"]}
    status, shown = typing(["wallet", "set", "redis"],
                           [b"first value\n", b"other\n", b"hunter2\n", b"hunterX\x7f2\n",
                            b"correct horse\n", b"wrong\x15correct horse\n"], environment, tmp_path)
    assert status == 0, shown
    assert "not the same" in shown and "redis: added" in shown
    assert "hunter" not in shown and "horse" not in shown and "first" not in shown
    status, shown = typing(["wallet", "get", "redis"], [b"correct horse\n"], environment, tmp_path)
    assert status == 0 and "hunter2" in shown and "horse" not in shown
    before = wallet.path.read_bytes()
    status, shown = typing(["wallet", "rm", "redis"], [b"wrong horse\n"], environment, tmp_path)
    assert status == 2 and "the passphrase is wrong" in shown
    status, shown = typing(["wallet", "rm", "redis"], [b"\x03"], environment, tmp_path)
    assert status != 0 and "given up" in shown
    assert wallet.path.read_bytes() == before


def test_a_service_that_runs_asks_nobody(wallet, tmp_path, redis_server):
    """HUP with a wallet whose passphrase has changed, or that is needed for the first time, is refused at once."""
    environment = {"SLUICE_STATE_DIR": wallet.environment["SLUICE_STATE_DIR"]}
    wallet.set("key", "a-key-of-the-wallet")
    service = harness.Service(tmp_path, redis_server.url, key=None, auth__key="${wallet:key}")
    service.state = environment["SLUICE_STATE_DIR"]
    arguments = [f"state_dir={service.state}" if part.startswith("state_dir=") else part for part in service._arguments]
    try:
        pid, terminal = pty.fork()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal can be had here: {error}")
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(harness.program(), arguments, harness.clean_environment(tmp_path, **environment))
    shown = bytearray()

    def shows(text):
        if select.select([terminal], [], [], 0)[0]:
            shown.extend(os.read(terminal, 65536))
        return shown.count(text)

    try:
        harness.until("the question", lambda: shows(b"passphrase: "))
        os.write(terminal, PASSPHRASE.encode() + b"\n")
        harness.until("the start", lambda: shows(b"listening"))
        os.kill(pid, signal.SIGHUP)
        harness.until("what was typed is remembered", lambda: shows(b"the configuration was read again"))
        wallet.path.unlink()
        other = tmp_path / "other"
        other.write_text("another passphrase\n")
        wallet.run("wallet", "set", "key", value="x", environment={
            **environment, "SLUICE_WALLET_PASSPHRASE_FILE": str(other)})
        for times in (1, 2):
            os.kill(pid, signal.SIGHUP)
            harness.until("a refusal", lambda: shows(b"the new configuration is refused") == times)
        assert shown.count(b"passphrase: ") == 1, "it asked again"
        os.kill(pid, signal.SIGTERM)
        harness.until("the end", lambda: shows(b"info    stopped"))
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(pid, 0)
        os.close(terminal)


def test_without_a_terminal_it_says_where_to_put_the_passphrase(wallet, tmp_path):
    wallet.set("redis", SECRET)
    done = subprocess.run([harness.program(), "wallet", "ls"], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          start_new_session=True, cwd=tmp_path,
                          env=harness.clean_environment(tmp_path, SLUICE_STATE_DIR=wallet.environment["SLUICE_STATE_DIR"]))
    assert done.returncode == 2 and b"set wallet.passphrase_file" in done.stderr


def test_a_systemd_credential(wallet, tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "sluice-wallet").write_text(PASSPHRASE)
    wallet.set("redis", SECRET)
    environment = {"SLUICE_STATE_DIR": wallet.environment["SLUICE_STATE_DIR"], "CREDENTIALS_DIRECTORY": str(folder)}
    assert wallet.run("wallet", "get", "redis", environment=environment) == SECRET + "\n"


def test_a_killed_writer_loses_nothing(wallet):
    wallet.set("keep", SECRET)
    dice = random.Random(7)
    started = time.monotonic()
    wallet.set("kept", "old")
    usual = time.monotonic() - started
    killed = 0
    for i in range(30):
        process = subprocess.Popen([harness.program(), "wallet", "set", "kept"], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=harness.clean_environment(wallet.path.parent, **wallet.environment))
        process.stdin.write(f"new {i}".encode())
        process.stdin.close()
        try:
            process.wait(usual * dice.uniform(0.3, 1.2))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    assert killed > 0
    assert wallet.run("wallet", "get", "keep") == SECRET + "\n"
    assert wallet.run("wallet", "get", "kept").split()[0] in ("old", "new")
    wallet.set("kept", "last")
    assert sorted(os.listdir(wallet.path.parent)) == ["wallet", "wallet.lock"]


def test_writers_at_the_same_time(wallet):
    wallet.set("first", "x")
    writers = [subprocess.Popen([harness.program(), "wallet", "set", f"name-{i}"], stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL,
                                env=harness.clean_environment(wallet.path.parent, **wallet.environment))
               for i in range(8)]
    for writer in writers:
        writer.stdin.write(b"x")
        writer.stdin.close()
    assert [writer.wait(harness.PATIENCE) for writer in writers] == [0] * 8
    assert len(wallet.run("wallet", "ls").split()) == 9


@pytest.fixture
def guarded_redis(short_folder):
    """A redis-server that wants a password which needs escaping everywhere."""
    import redis

    folder = tempfile.mkdtemp(dir=short_folder)
    server = harness.RedisServer(folder)
    server.start()
    client = redis.Redis(unix_socket_path=server.socket)
    client.config_set("requirepass", SECRET)
    client.close()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_redis_password(wallet, guarded_redis, tmp_path, make_service):
    import redis

    wallet.set("redis", SECRET)
    (tmp_path / "t.csv").write_text("id,v\n1,2\n")
    url = f"redis://:${{wallet:redis}}@127.0.0.1:{guarded_redis.port}/0"
    (tmp_path / "sluice.yaml").write_text(f'redis: {{url: "{url}"}}\n')
    wallet.run("load", "t.csv", "--index", "id")
    client = redis.Redis(unix_socket_path=guarded_redis.socket, password=SECRET)
    assert client.hget("t", "1") is not None

    (tmp_path / "IN_STREAM").mkdir()
    shown = wallet.run("check", "--set", f"http.port={harness.free_port()}")
    assert "***" in shown and SECRET not in shown and "p%40ss" not in shown
    assert wallet.run("ls") != ""
    line = wallet.run("ls", "--redis", url.replace("wallet:redis", "wallet:typo"), status=2)
    assert "redis.url: the wallet" in line and "sluice wallet set typo" in line
    line = wallet.run("ls", environment={**wallet.environment, "SLUICE_WALLET_PATH": "elsewhere"}, status=2)
    assert "there is no wallet at elsewhere" in line

    service = make_service(redis_url=url, wallet__passphrase_file=tmp_path / "passphrase")
    assert "t" in service.call("GET", "/getRegisteredReplics").body
    service.signal(1)  # HUP reads the configuration, and with it the wallet, again
    harness.until("the configuration was read", lambda: "configuration" in service.log() or "reload" in service.log())
    with open(f"/proc/{service.process.pid}/limits", encoding="ascii") as limits:
        assert [line.split()[4] for line in limits if line.startswith("Max core file size")] == ["0"]
    service.stop()
    assert SECRET not in service.log() and "p%40ss" not in service.log()


def test_an_escaped_reference_is_text(wallet, tmp_path, client, redis_server):
    wallet.set("redis", SECRET)
    (tmp_path / "t.csv").write_text("id,v,w\n1,a,1\n2,,2\n")
    wallet.run("load", "t.csv", "--index", "id", "--redis", redis_server.unix_url,
               "--set", "prep.columns.v.impute=constant", "--set", "prep.columns.v.impute_value=$${wallet:redis}")
    assert b"${wallet:redis}" in client.hget("t", "2")


def test_tokens(wallet, make_service, tmp_path):
    token = wallet.run("token", "new", "--name", "dashboard").strip()
    other = wallet.run("token", "new").strip()
    assert [line.split()[1] for line in wallet.run("token", "ls").splitlines()] == ["dashboard", "token-1"]
    kept = (tmp_path / "state" / "tokens").read_text()
    assert token not in kept and other not in kept
    service = make_service()
    for key in (token, other, service.key):
        assert service.curl("GET", "/getRegisteredReplics", key=key).status == 200
    assert service.curl("POST", "/check_fingerprint", f'{{"md5_key":"{token}"}}').status == 200
    service.stop()
    wallet.run("token", "rm", "dashboard")
    assert "no token" in wallet.run("token", "rm", "dashboard", status=1)
    again = make_service(auth__session_ttl=0)
    assert again.curl("GET", "/getRegisteredReplics", key=token).status == 401
    assert again.curl("GET", "/getRegisteredReplics", key=other).status == 200
    third = wallet.run("token", "new", "--name", "third").strip()
    assert again.curl("GET", "/getRegisteredReplics", key=third).status == 401
    again.signal(1)
    harness.until("the new token is accepted",
                  lambda: again.curl("GET", "/getRegisteredReplics", key=third).status == 200)


def test_the_script_for_containers(wallet, tmp_path):
    script = os.path.join(harness.ROOT, "scripts", "set_cred_wallet.sh")
    environment = harness.clean_environment(tmp_path, SLUICE=harness.program(), **wallet.environment)

    def run(given):
        return subprocess.run([script], input=given.encode(), capture_output=True, env=environment, cwd=tmp_path, check=True)

    done = run(SECRET + "\nmail password\n")
    assert SECRET.encode() not in done.stdout + done.stderr
    assert wallet.run("wallet", "get", "redis") == SECRET + "\n"
    assert wallet.run("wallet", "get", "smtp") == "mail password\n"
    run("\nother\n")
    assert wallet.run("wallet", "get", "redis") == SECRET + "\n"
    assert wallet.run("wallet", "get", "smtp") == "other\n"
    # A stand-in for the engine shows what it is called with.
    engine = tmp_path / "engine"
    engine.write_text('#!/bin/sh\necho "$@" >>called\nshift 4\nexec "$SLUICE" "$@"\n')
    engine.chmod(0o755)
    subprocess.run([script, "--container", "box", "--engine", str(engine)], input=b"third\n\n", capture_output=True,
                   env=environment, cwd=tmp_path, check=True)
    assert (tmp_path / "called").read_text() == "exec -i box sluice wallet set redis\n"
    assert wallet.run("wallet", "get", "redis") == "third\n"


def test_the_desktops_secret_service(wallet, tmp_path):
    for tool in ("dbus-run-session", "gnome-keyring-daemon", "secret-tool"):
        if not harness.have(tool):
            pytest.skip(f"no Secret Service can be started: {tool} is not installed")
    (tmp_path / "steps.sh").write_text(
        'set -e\nprintf "\\n" | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n'
        'printf %s "$SECRET" | secret-tool store --label=redis service sluice username redis\n'
        'exec "$SLUICE" check --json --set \'log.file=/nowhere/${wallet:redis}\' --set wallet.secret_service=true\n')
    done = subprocess.run(["dbus-run-session", "--", "sh", "steps.sh"], capture_output=True, cwd=tmp_path, check=False,
                          timeout=harness.PATIENCE,
                          env=harness.clean_environment(tmp_path, SLUICE=harness.program(), SECRET="of-the-desktop",
                                                        XDG_RUNTIME_DIR=str(tmp_path), **wallet.environment))
    assert b"/nowhere/of-the-desktop" in done.stdout, done  # what the check of the log file tried
    assert b"the wallet" not in done.stderr
