"""What `meson install` and the Debian package bring along."""
import os
import re
import shutil
import subprocess

import pytest

import harness


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that stands for / after `meson install`."""
    build = os.environ.get("SLUICE_BUILD_DIR")
    if not build or not shutil.which("meson"):
        pytest.skip("needs meson and the build folder (SLUICE_BUILD_DIR)")
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", str(root)], text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def only(root, pattern):
    found = [path for path in root.rglob(pattern) if path.is_file()]
    assert len(found) == 1, (pattern, found)
    return found[0]


def words_of(installed, command, words):
    """What bash offers for the last of `words`."""
    script = only(installed, "sluice.bash")
    # Outside of a real completion compopt complains; the words are what counts.
    line = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluice 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", line, "bash", str(script), command, *words], capture_output=True, text=True,
                          check=True, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    return done.stdout.split()


@pytest.mark.parametrize("words, expected", [
    (["lo"], {"load"}),
    (["help", "prof"], {"profile"}),
    (["load", "--dry"], {"--dry-run"}),
    (["load", "--set", "reader.deli"], {"reader.delimiter="}),
    (["completion", ""], {"bash", "zsh", "fish"}),
    (["wallet", ""], {"set", "get", "rm", "ls", "passwd"}),
    (["token", ""], {"new", "ls", "rm"}),
    (["mail", "r"], {"retry", "rm"}),
    (["options", ""], set()),
    (["load", "--index", "x"], set()),
    (["nonsense", ""], set()),
])
def test_bash_completes(installed, words, expected):
    found = set(words_of(installed, "sluice", words))
    assert expected <= found and (expected or not found)


def test_bash_offers_replicas_and_expands_nothing(installed, tmp_path):
    """Names come from outside; one that looks like a command is only text."""
    folder = tmp_path / "bin"
    folder.mkdir()
    stub = folder / "sluice"
    stub.write_text('#!/bin/sh\nprintf "%s\\n" plain \'$(touch pwned)\' "two words"\n')
    stub.chmod(0o755)
    script = only(installed, "sluice.bash")
    line = f'source "{script}"; COMP_WORDS=(sluice show ""); COMP_CWORD=2; _sluice 2>/dev/null; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, cwd=tmp_path,
                          env={"PATH": f"{folder}:{os.environ['PATH']}"})
    assert done.stdout.splitlines() == ["plain", r"\$\(touch\ pwned\)", r"two\ words"]
    assert not (tmp_path / "pwned").exists()


def test_fish_completes(installed):
    if not shutil.which("fish"):
        pytest.skip("there is no fish")
    script = only(installed, "sluice.fish")
    for given, expected in (("sluice lo", "load"), ("sluice load --dr", "--dry-run"),
                            ("sluice load --set http.por", "http.port="), ("sluice completion zs", "zsh")):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{given}'"], text=True,
                              capture_output=True, check=True)
        assert expected in [line.split("\t")[0] for line in done.stdout.splitlines()], (given, done.stdout)


def test_zsh_reads_its_script(installed):
    if not shutil.which("zsh"):
        pytest.skip("there is no zsh")
    script = only(installed, "_sluice")
    line = f"autoload -Uz compinit; compinit -u -D; source {script}; print -r -- $_comps[sluice]"
    done = subprocess.run(["zsh", "-f", "-c", line], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("_sluice", "")


def test_manual_pages(installed):
    for name, words in (("sluice.1", ["completion", "serve"]), ("sluice.yaml.5", ["redis.url", "SLUICE_REDIS_URL"])):
        page = only(installed, name)
        text = page.read_text(encoding="utf-8")
        assert all(word in text for word in words)
        if shutil.which("groff"):
            done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", str(page)], capture_output=True, text=True,
                                  check=True)
            assert done.stderr == ""


def test_the_manual_page_has_every_command(installed):
    shown = subprocess.run([harness.program(), "help"], capture_output=True, text=True, check=True,
                           env=harness.clean_environment("/")).stdout
    commands = re.findall(r"^  ([a-z]+)  ", shown, re.MULTILINE)
    page = only(installed, "sluice.1").read_text(encoding="utf-8")
    synopsis = page[page.index(".SH SYNOPSIS"):page.index(".SH DESCRIPTION")]
    assert len(commands) > 10 and not [name for name in commands if rf"\fBsluice {name}\fR" not in synopsis]


def test_the_unit_lets_loads_stand_back(installed):
    """systemd's group @resources, which the unit takes away, has setpriority(2) in it."""
    filters = [line.partition("=")[2].split() for line in only(installed, "sluice.service").read_text().splitlines()
               if line.startswith("SystemCallFilter=")]
    taken = next(i for i, words in enumerate(filters) if "~@resources" in words)
    given = {word for words in filters[taken + 1:] for word in words}
    assert {"setpriority", "setrlimit", "prlimit64"} <= given


def test_the_example_is_a_configuration(installed, tmp_path):
    """Every option stands in it, commented out; with the comments taken away it is a configuration that passes."""
    text = only(installed, "sluice.yaml.example").read_text(encoding="utf-8")
    plain = tmp_path / "plain.yaml"
    plain.write_text(text, encoding="utf-8")
    done = subprocess.run([harness.program(), "check", "--json", "--config", str(plain), "--set", f"state_dir={tmp_path}",
                           "--set", f"source.stream_dir={tmp_path}"], capture_output=True, text=True, check=False,
                          env=harness.clean_environment(tmp_path))
    assert done.returncode in (0, 3), done.stdout + done.stderr


def test_the_debian_package(tmp_path):
    for tool in ("dpkg-buildpackage", "dh"):
        if not shutil.which(tool):
            pytest.skip(f"there is no {tool} (packages debhelper and dpkg-dev)")
    if harness.SANITIZED:
        pytest.skip("the package is built without sanitizers, in a build of its own")
    done = subprocess.run([os.path.join(harness.ROOT, "scripts", "package"), "--out", str(tmp_path)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    package, = tmp_path.glob("sluice_*.deb")
    root = tmp_path / "root"
    subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
    fields = subprocess.run(["dpkg-deb", "-f", str(package)], capture_output=True, text=True, check=True).stdout
    assert "libmicrohttpd" in fields and "${" not in fields
    for path in ("usr/bin/sluice", "etc/sluice/sluice.yaml", "usr/lib/systemd/system/sluice.service",
                 "usr/lib/sysusers.d/sluice.conf", "usr/lib/tmpfiles.d/sluice.conf",
                 "usr/share/man/man1/sluice.1.gz", "usr/share/man/man5/sluice.yaml.5.gz",
                 "usr/share/bash-completion/completions/sluice.bash", "usr/share/zsh/vendor-completions/_sluice",
                 "usr/share/fish/vendor_completions.d/sluice.fish", "usr/share/sluice/run_registry.sh",
                 "usr/share/sluice/mount_in_stream.sh", "usr/share/sluice/set_cred_wallet.sh",
                 "usr/share/doc/sluice/layouts.md", "usr/share/doc/sluice/grafana/sluice.json"):
        assert (root / path).is_file() or (root / path.replace("usr/lib", "lib", 1)).is_file(), path
    # What it installs as configuration is one that the program takes.
    done = subprocess.run([str(root / "usr/bin/sluice"), "check", "--config", str(root / "etc/sluice/sluice.yaml"),
                           "--set", f"state_dir={tmp_path}", "--set", f"source.stream_dir={tmp_path}"],
                          capture_output=True, text=True, check=False, env=harness.clean_environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
