"""scripts/run_registry.sh, as cron runs it."""
import os
import subprocess

import harness

SCRIPT = os.path.join(harness.ROOT, "scripts", "run_registry.sh")


def run(service, *arguments, key=harness.KEY, **more):
    environment = harness.clean_environment(service.folder, HOST="0.0.0.0", APP_PORT=str(service.port), **more)
    if key:
        environment["SLUICE_KEY"] = key
    return subprocess.run([SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_registering_and_loading(service, client, tmp_path):
    service.put("a.csv", "id,v\n1,10\n2,20\n", prim_index="id")
    done = run(service)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert service.ticket("a")["status"] == "REGISTERED" and not client.exists("a")
    key_file = tmp_path / "key"
    key_file.write_text(harness.KEY + "\n")
    done = run(service, "--load", key=None, SLUICE_KEY_FILE=str(key_file), SLUICE_EMAIL="a@b.c")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert service.ticket("a")["status"] == "PROCESSED" and client.hlen("a") == 2
    stamp = client.hget("a.META", "LOAD_ID")
    assert run(service, "--force").returncode == 0
    assert client.hget("a.META", "LOAD_ID") != stamp
    # It has ended its session: the address alone is not let in any more.
    assert service.curl("GET", "/getRegisteredReplics").status == 401


def test_what_can_go_wrong(service, tmp_path):
    done = run(service, key="wrong")
    assert done.returncode == 1 and "the key was answered 401" in done.stderr
    assert run(service, key=None).returncode == 2
    assert run(service, "--what").returncode == 2
    assert run(service, key=None, SLUICE_KEY_FILE=str(tmp_path / "none")).returncode == 2
    service.put("bad.csv", b"")
    done = run(service, "--load")
    assert done.returncode == 1 and "the load was answered 500" in done.stderr and "FAILED" in done.stderr
    assert harness.KEY not in done.stderr + service.log()
    service.stop()
    done = run(service)
    assert done.returncode == 3 and "cannot reach" in done.stderr
