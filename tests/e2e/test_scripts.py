"""scripts/run as a newcomer calls it, and the makers of samples and benchmark data."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

import harness

SAMPLES = os.path.join(harness.ROOT, "samples", "IN_STREAM")


def digests(folder):
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as source:
            found[name] = hashlib.sha256(source.read()).hexdigest()
    return found


def test_the_samples_are_what_their_maker_makes(tmp_path):
    subprocess.run([os.path.join(harness.ROOT, "scripts", "make_samples.py"), "--dir", str(tmp_path)], check=True,
                   capture_output=True)
    made = digests(tmp_path)
    committed = digests(SAMPLES)
    assert made == {name: committed.get(name) for name in made}
    assert sum(os.path.getsize(os.path.join(SAMPLES, name)) for name in made) < 1_500_000


@pytest.fixture
def checkout():
    """What scripts/run needs, in a folder of its own, with the program under test as if it had been built."""
    folder = tempfile.mkdtemp(prefix="slc-")
    for name in ("scripts", "samples"):
        shutil.copytree(os.path.join(harness.ROOT, name), os.path.join(folder, name))
    target = os.path.join(folder, "build", "src", "cli")
    os.makedirs(target)
    shutil.copy2(harness.program(), os.path.join(target, "sluice"))
    # A build folder in which ninja finds nothing to do: this is the second run, without the compiler.
    with open(os.path.join(folder, "build", "build.ninja"), "w", encoding="utf-8") as out:
        out.write("rule none\n  command = true\nbuild all: phony\n")
    yield folder
    subprocess.run([os.path.join(folder, "scripts", "run"), "--stop"], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


def environment(folder):
    return harness.clean_environment(folder)


def expect_loaded(text):
    for name, rows in (("sample_us_users", 5000), ("weather_stations", 1200), ("products", 800),
                       ("AVATAR_SAMPLE", r"\d+")):
        assert re.search(rf"^{name} +{rows} +\d+ +0 +[\d.]+$", text, re.MULTILINE), text
    return re.search(r"http://127\.0\.0\.1:\d+", text)[0]


def test_detached(checkout):
    run = os.path.join(checkout, "scripts", "run")
    before = digests(os.path.join(checkout, "samples", "IN_STREAM"))
    port = str(harness.free_port())
    # A file, not a pipe: the service that stays must not hold this test's pipe open.
    with tempfile.TemporaryFile("w+") as out:
        done = subprocess.run([run, "--detach", "--port", port], stdout=out, stderr=out, env=environment(checkout),
                              check=False, timeout=300)
        out.seek(0)
        text = out.read()
    assert done.returncode == 0, text
    assert expect_loaded(text).endswith(":" + port)
    # The commands that it tells the user to go on with do work.
    commands = re.search(r"Go on with:\n((?:  .*\n)+)", text)[1].splitlines()
    script = "\n".join(line.strip() for line in commands if not line.startswith("   "))
    done = subprocess.run(["bash", "-e", "-c", script], capture_output=True, text=True, check=False,
                          env=environment(checkout))
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    assert "sample_us_users" in done.stdout
    key_file = os.path.join(checkout, ".state", "api.key")
    assert os.stat(key_file).st_mode & 0o077 == 0
    again = subprocess.run([run, "--detach"], capture_output=True, text=True, env=environment(checkout), check=False)
    assert again.returncode == 1 and "--stop" in again.stderr
    subprocess.run([run, "--stop"], check=True, capture_output=True, timeout=120)
    assert not harness.processes(checkout), "the service and its Redis are gone"
    assert digests(os.path.join(checkout, "samples", "IN_STREAM")) == before, "git would see no change"


def test_in_the_foreground(checkout):
    process = subprocess.Popen([os.path.join(checkout, "scripts", "run"), "--port", str(harness.free_port())],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(checkout),
                               # A shell that runs the tests in the background ignores Ctrl-C, and a script cannot
                               # trap what was ignored when it began.
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    text = ""
    for line in process.stdout:
        text += line
        if "Ctrl-C" in line:
            break
    expect_loaded(text)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=harness.PATIENCE)[0]
    assert process.returncode == 0, text + rest
    assert not harness.processes(checkout), "the service and its Redis are gone"
    for name in ("sample_us_users", "weather_stations", "products"):
        with open(os.path.join(checkout, "samples", "IN_STREAM", name + ".ticket"), encoding="utf-8") as source:
            assert json.load(source)["status"] == "READY"


def test_the_containers_entrypoint(tmp_path):
    """A secret comes from a file; one that cannot be read ends the start and never counts as empty."""
    program = tmp_path / "sluice"
    program.write_text('#!/bin/bash\nprintf "%s|" "$@" "$SLUICE_AUTH_KEY" "${SLUICE_AUTH_KEY_FILE-unset}"\n')
    program.chmod(0o755)
    (tmp_path / "key").write_text("secret key\n")
    entrypoint = os.path.join(harness.ROOT, "packaging", "docker", "entrypoint.sh")

    def start(path):
        return subprocess.run([entrypoint, "serve"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLUICE_AUTH_KEY_FILE": str(path)})

    assert start(tmp_path / "key").stdout == "serve|secret key|unset|"
    for path in (tmp_path / "none", tmp_path):
        done = start(path)
        assert done.returncode == 2 and done.stdout == "" and "SLUICE_AUTH_KEY_FILE" in done.stderr, done


def test_wrong_port():
    for port in ("0", "65536", "http"):
        done = subprocess.run([os.path.join(harness.ROOT, "scripts", "run"), "--port", port], capture_output=True,
                              check=False)
        assert done.returncode == 2 and done.stdout == b""


def test_bench_runs(tmp_path):
    """The whole of bench/run on a few rows: every figure is there, or said to be left out."""
    out = tmp_path / "bench.json"
    done = subprocess.run([os.path.join(harness.ROOT, "bench", "run"), "--rows", "2000", "--reference-rows", "500", "--runs",
                           "1", "--only", "load,reference", "--sluice", harness.program(), "--out", str(out)],
                          capture_output=True, text=True, check=False, env=harness.clean_environment(tmp_path))
    assert done.returncode == 0, done
    said = json.loads(out.read_text())
    assert [row["name"] for row in said["results"]] == [
        "sluice load", "redis-cli --pipe, one HSET a row", "redis-cli --pipe, 512 pairs a HSET",
        "pandas + redis-py, one HSET a row", "pandas + redis-py, pipelined by 1,000"]
    assert all(row.get("seconds", 0) > 0 or row.get("skipped") for row in said["results"])
    assert len(said["ratios"]) >= 2
