"""store.json=redisjson: rows as documents of RedisJSON, with the module where there is one, and with a peer that is strict about its commands."""
import json
import os
import random
import re
import subprocess

import pytest
import redis

import harness
import redis_peers

ROWS = 3_000
DOCUMENT = "--set", "store.layout=json", "--set", "store.json=redisjson"


# ---- A server that has the module


class Pretender:
    """In front of a server without the module: JSON.SET and JSON.GET as RedisJSON has them, all else as it comes.

    A document is kept as a string that GET would not understand, its numbers written in another way than they came.
    """

    GET = b"""local text = redis.call('GET', KEYS[1])
        if not text then return false end
        if string.sub(text, 1, 5) ~= 'json:' then return redis.error_reply('Existing key has wrong Redis type') end
        return string.sub(text, 6)"""

    def __init__(self):
        self.waiting = {}
        self.documents = 0

    def on_request(self, number, before, piece):
        data = (self.waiting.get(number, b"") if before else b"") + piece
        out, at = [], 0
        while (found := self.command(data, at)) is not None:
            words, end = found
            out.append(data[at:end] if not words[0].upper().startswith(b"JSON.") else self.encode(*self.translate(words)))
            at = end
        self.waiting[number] = data[at:]
        return b"".join(out)

    @staticmethod
    def command(data, at):
        """The words of the command at a place, and its end; None: it is not whole."""
        words, line = [], data.find(b"\r\n", at)
        if line < 0:
            return None
        assert data[at:at + 1] == b"*", data[at:at + 20]
        count, at = int(data[at + 1:line]), line + 2
        for _ in range(count):
            line = data.find(b"\r\n", at)
            if line < 0:
                return None
            length = int(data[at + 1:line])
            if len(data) < line + 2 + length + 2:
                return None
            words.append(data[line + 2:line + 2 + length])
            at = line + 2 + length + 2
        return words, at

    @staticmethod
    def encode(*words):
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

    def translate(self, words):
        name = words[0].upper()
        if name == b"JSON.GET" and len(words) == 3 and words[2] == b".":
            return b"EVAL", self.GET, b"1", words[1]
        if name != b"JSON.SET" or len(words) != 4 or words[2] != b"$":
            return b"NO-SUCH-USE-OF", name
        try:
            document = self.parse(words[3].decode("utf-8"))
            assert isinstance(document, dict)
        except (ValueError, AssertionError):
            return b"NO-JSON", words[3]
        self.documents += 1
        return b"SET", words[1], b"json:" + json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    @staticmethod
    def parse(text):
        def refuse(word):
            raise ValueError(word)

        def unlike(pairs):
            assert len(dict(pairs)) == len(pairs)
            return dict(pairs)

        return json.loads(text, parse_constant=refuse, object_pairs_hook=unlike,
                          parse_int=lambda digits: float(digits) if digits == "-0" or abs(int(digits)) >= 2**64 else int(digits))


def has_module(client):
    try:
        client.execute_command("JSON.GET", "none", ".")
    except redis.ResponseError:
        return False
    return True


def with_module():
    """What starts a server with the real module; None: nothing does."""
    library = os.environ.get("SLUICE_TEST_REDISJSON")
    if library:
        return ["--loadmodule", library]
    with redis_peers.running() as server:
        return [] if has_module(server.client()) else None


class Peer:
    def __init__(self, url, client, documents=None):
        self.url, self.client, self.documents = url, client, documents


@pytest.fixture(scope="module")
def real():
    found = with_module()
    if found is None:
        yield None
    else:
        with redis_peers.running(*found) as server:
            yield server


@pytest.fixture(params=["pretended", "real"])
def peer(request, redis_server, client, real):
    if request.param == "real":
        if not real:
            pytest.skip("no RedisJSON: redis-server is none of version 8, and SLUICE_TEST_REDISJSON names no rejson.so")
        real.client().flushall()
        yield Peer(f"redis://127.0.0.1:{real.port}/0", real.client())
    else:
        pretender = Pretender()
        with redis_peers.Proxy(redis_server.port, on_request=pretender.on_request) as proxy:
            yield Peer(proxy.url, redis.Redis(port=proxy.port), lambda: pretender.documents)


@pytest.fixture
def cli(tmp_path, peer):
    return harness.CommandLine(tmp_path, peer.url)


def write(tmp_path, version="A", rows=ROWS):
    """Texts that are hard to quote, numbers of every size, gaps."""
    dice, folder = random.Random(5), tmp_path / version
    folder.mkdir(exist_ok=True)
    hard = ["plain", 'say "x"', "line\nbreak", "\u00e9\u2602", "\\", "tab\t", "{'a': 1}", "\x7f", "null", "$."]
    fractions = [0.5, 1e20, 1e-7, -0.0, 123456789.25, 1e300, 3, 1e15, 2.5e-5, -1e21]
    path = folder / "t.csv"
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,version,text,whole,big,fraction,flag,day,gap\n")
        for number in range(rows):
            text = dice.choice(hard).replace('"', '""')
            out.write(f'k{number}/\u00fc,{version},"{text}",{dice.randrange(-10**6, 10**6)},{2**63 + dice.randrange(2**62)},'
                      f'{dice.choice(fractions)},{dice.choice(["true", "false"])},2024-01-{dice.randrange(1, 29):02},'
                      f'{dice.choice(["", "x"])}\n')
    return path


AS_IT_IS = "--set", "prep.scale=none", "--set", "prep.impute=none", "--set", "load.chunk_bytes=64KiB"


# ---- Tests


@pytest.mark.parametrize("more", [(), ("--index", "id"), ("--index", "id", "--set", "store.key_prefix=plain")],
                         ids=["ordinals", "keys", "plain"])
def test_the_same_as_rows(tmp_path, peer, cli, more):
    path, seen = write(tmp_path), {}
    for name, options in (("rows", ()), ("documents", DOCUMENT)):
        cli.ok("load", path, *more, *AS_IT_IS, *options)
        seen[name] = (cli.ok("export", "t", "--format", "csv").stdout, cli.ok("top", "t", "-n", "50", "--json").stdout)
    assert seen["rows"] == seen["documents"]
    where = json.loads(peer.client.hget("t.META", "LAYOUT"))
    assert where["version"] == 2 and where["values"] == "redisjson"
    if peer.documents:
        assert peer.documents() == ROWS + 1  # one to try it out
    harness.check_counts(peer.client, "t")
    key = where["prefix"] + ("k7/\u00fc" if more else "7")
    document = json.loads(peer.client.execute_command("JSON.GET", key, "."))
    assert document["version"] == "A" and list(document)[-1] == "gap"
    cli.ok("drop", "t")
    assert peer.client.keys() == []


@pytest.mark.parametrize("form", ["string", "redisjson", "auto"])
def test_read_as_documented(tmp_path, peer, cli, form):
    with open(os.path.join(harness.ROOT, "docs", "layouts.md"), encoding="utf-8") as page:
        code = re.search(r"```python json\n(.*?)```", page.read(), re.DOTALL).group(1)
    names = {}
    exec(compile(code, "docs/layouts.md (json)", "exec"), names)
    for prefix in ("load", "plain"):
        cli.ok("load", write(tmp_path, rows=600), "--index", "id", *AS_IT_IS, "--set", "store.layout=json", "--set", f"store.json={form}",
               "--set", f"store.key_prefix={prefix}")
        rows = names["read_all"](peer.client, "t")
        assert list(rows) == [f"k{number}/\u00fc" for number in range(600)]
        assert rows["k9/\u00fc"] == names["look_up"](peer.client, "t", "k9/\u00fc")
        assert {row["version"] for row in rows.values()} == {"A"}


def test_a_service_and_a_time_to_live(tmp_path, peer, cli, make_service):
    cli.ok("load", write(tmp_path), "--index", "id", *AS_IT_IS, *DOCUMENT, "--set", "store.ttl_seconds=1000")
    where = json.loads(peer.client.hget("t.META", "LAYOUT"))
    assert 900 < peer.client.ttl(where["prefix"] + "k7/\u00fc") <= 1000
    service = make_service(redis_url=peer.url)
    row = service.call("GET", "/v1/replicas/t/rows/k7%2F%C3%BC").json()
    assert row["key"] == "k7/\u00fc" and row["values"][0] == "A"
    assert len(service.call("GET", "/v1/replicas/t/rows?limit=700").json()["rows"]) == 700
    service.stop()


def test_killed(tmp_path, peer, cli):
    path = {version: write(tmp_path, version) for version in "AB"}
    cli.ok("load", path["A"], "--index", "id", *AS_IT_IS, *DOCUMENT)
    dice = random.Random(1)
    for turn in range(4):
        process = cli.start("load", path["B"], "--index", "id", *AS_IT_IS, *DOCUMENT)
        try:
            process.communicate(timeout=dice.random() * 0.3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        lines = cli.ok("export", "t", "--format", "csv").stdout
        assert len(re.findall(r"^k\d+/\u00fc,A,", lines, re.M)) in (0, ROWS)
    cli.ok("load", path["A"], "--index", "id", *AS_IT_IS, *DOCUMENT)
    assert peer.client.dbsize() == ROWS + 1 + 2
    cli.ok("drop", "t")
    assert peer.client.keys() == []


@pytest.mark.parametrize("peer", ["real"], indirect=True)
def test_without_the_right(tmp_path, peer, real):
    peer.client.acl_setuser("loader", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"],
                            commands=["+@all", "-json.set"])
    loader = harness.CommandLine(tmp_path, f"redis://loader:secret@127.0.0.1:{real.port}/0")
    assert "store.json" in loader.refused(2, "load", write(tmp_path), *DOCUMENT)
    assert peer.client.keys() == []
    loader.ok("load", write(tmp_path), "--set", "store.layout=json", "--set", "store.json=auto")
    assert b"values" not in peer.client.hget("t.META", "LAYOUT")
    peer.client.acl_deluser("loader")


def test_without_the_module(tmp_path, redis_server, client):
    if has_module(client):
        pytest.skip("this redis-server has RedisJSON")
    cli = harness.CommandLine(tmp_path, redis_server.url)
    line = cli.refused(2, "load", write(tmp_path), *DOCUMENT)
    assert "store.json" in line and "RedisJSON" in line
    assert client.keys() == []
    cli.ok("load", write(tmp_path), "--set", "store.layout=json", "--set", "store.json=auto")
    where = json.loads(client.hget("t.META", "LAYOUT"))
    assert where["version"] == 1 and "values" not in where
    assert client.get(where["prefix"] + "0").startswith(b"{")
