"""Memory does not grow with the file, but for what load.keep allows."""
import os
import subprocess

import pytest

import harness

SMALL, LARGE = 100_000, 1_000_000
MAKE_DATA = os.path.join(harness.ROOT, "bench", "make_data.py")


def peak_bytes(cli, path, *options):
    """The peak resident size of a load, as the kernel counted it. That of this process, from which the
    program was forked, is a floor of the figure; so a small helper does the measuring."""
    code = ("import os, sys\n"
            "pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
            "_, status, usage = os.wait4(pid, 0)\n"
            "print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024)\n")
    done = subprocess.run(["/usr/bin/python3", "-S", "-c", code, harness.program(), "load", str(path), "--index", "id",
                           "--redis", cli.redis_url, *options], capture_output=True, text=True, check=True,
                          env=harness.clean_environment(cli.folder), cwd=cli.folder)
    status, peak = map(int, done.stdout.split()[-2:])
    assert status == 0, done
    return peak


@pytest.mark.skipif(harness.SANITIZED, reason="the address sanitizer multiplies memory")
def test_a_million_rows_take_about_what_a_hundred_thousand_take(tmp_path, client, cli):
    peaks = {}
    for rows in (SMALL, LARGE):
        path = tmp_path / f"users{rows}.csv"
        subprocess.run(["/usr/bin/python3", MAKE_DATA, "users", str(rows), str(path)], check=True)
        peaks[rows] = peak_bytes(cli, path, "--set", "load.keep=0")
        assert client.hlen(f"users{rows}") == rows
        client.flushall()
        peaks[rows, "kept"] = peak_bytes(cli, path)
        assert client.hlen(f"users{rows}") == rows
        path.unlink()
        client.flushall()
    megabytes = {key: peak / 2**20 for key, peak in peaks.items()}
    assert peaks[LARGE, "kept"] <= 256 * 2**20, megabytes
    assert peaks[LARGE, "kept"] <= peaks[LARGE] + 168 * 2**20, megabytes  # load.keep, and what goes with it
    assert peaks[LARGE] <= 1.3 * peaks[SMALL] + 32 * 2**20, megabytes
