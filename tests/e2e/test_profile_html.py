"""`sluice profile --html`: one page that stands alone, whatever the file's names and values are."""
import base64
import csv
import hashlib
import html.parser
import os
import re

import pytest

import harness

SAMPLE = os.path.join(harness.ROOT, "samples", "IN_STREAM", "sample_us_users.csv")
# Elements without an end tag (HTML Living Standard, 13.1.2); the page closes all others.
VOID = {"meta", "link", "input", "br", "hr", "img", "col"}
# Attributes through which a browser would fetch something or run something.
FETCHING = {"src", "srcset", "href", "xlink:href", "data", "action", "formaction", "poster", "background", "ping",
            "manifest", "cite", "longdesc", "style", "srcdoc", "http-equiv"}

HOSTILE = [
    "<script>alert('name')</script>",
    "</style><script>alert(1)</script>",
    "</title></head><body onload=alert(2)>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)' x='",
    '" onfocus="alert(8)" autofocus="',
    "<!-- <svg onload=alert(5)> -->",
    "]]><iframe src=https://evil.example/></iframe>",
    "<a href=javascript:alert(6)>x</a>",
    "&lt;script&gt;alert(7)&lt;/script&gt; & &#60;b&#62;",
    "</bdi></a></td></tr></table><base href=//evil.example>",
    "url(https://evil.example/x.png) @import 'x'",
]


class Page(html.parser.HTMLParser):
    """A page taken apart; that every element is closed in its turn is checked on the way."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.source = source
        self.open, self.seen, self.attributes, self.texts = [], set(), [], {}
        self.feed(source)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.seen.add((tag, *sorted(names)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open, self.getpos())
        self.open.pop()

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data!r}")

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data!r}")

    def all(self, tag):
        return self.texts.get(tag, [])


def check_stands_alone(page):
    """Nothing is loaded from anywhere, and what runs is what the page's policy names."""
    assert page.source.startswith("<!doctype html>")
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name, value)
        if name in ("href", "xlink:href"):
            assert value.startswith("#") or (tag == "link" and value.startswith("data:image/svg+xml,")), (tag, value)
        elif name == "http-equiv":
            assert value == "Content-Security-Policy"
        else:
            assert name not in FETCHING, (tag, name, value)
    targets = {value for _, name, value in page.attributes if name == "id"}
    assert {value[1:] for tag, name, value in page.attributes if name.endswith("href") and value[0] == "#"} <= targets

    [style], [script] = page.all("style"), page.all("script")
    for text in (style, script):
        assert not re.search(r"https?:|//[a-z]|@import|\bfetch\b|XMLHttpRequest|WebSocket|import\(", text), text
    assert not re.search(r"url\((?!#|[\"']?data:)", style)
    [policy] = [value for tag, name, value in page.attributes if name == "content" and "default-src" in value]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["base-uri"] == "'none'" and rules["form-action"] == "'none'"
    for rule, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'", rule


def profile(cli, table, tmp_path):
    out = tmp_path / "page.html"
    done = cli.ok("profile", table, "--html", out, redis=False)
    assert re.fullmatch(rf"wrote {re.escape(str(out))} \([\d.]+ [kM]B\)\n", done.stdout), done.stdout
    assert done.stderr == ""
    return Page(out.read_text(encoding="utf-8"))


def write_csv(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows(rows)
    return path


@pytest.fixture
def hostile(tmp_path):
    """Names, values, the file's name and a rejected row, all of them up to no good."""
    names = HOSTILE + ["plain", "all one", "n<1>", "day"]
    rows = [[HOSTILE[(i + j) % len(HOSTILE)] if i % 3 else "" for j in range(len(HOSTILE))]
            + [f"</script><b>{i}", HOSTILE[0], i * i, f"2022-02-{i % 28 + 1:02}"] for i in range(60)]
    return write_csv(tmp_path / "<img src=x onerror='alert(0)'>&amp;\".csv", [names, *rows, ["<u>short</u>"]])


def test_sample(cli, tmp_path):
    page = profile(cli, SAMPLE, tmp_path)
    check_stands_alone(page)
    with open(SAMPLE, encoding="utf-8", newline="") as source:
        names = next(csv.reader(source))
    assert page.all("h1") == ["sample_us_users.csv"]
    assert page.all("h3") == names
    assert len(page.all("article")) == len(names) and len(page.all("tr")) == len(names) + 1
    assert "5,000" in page.all("dd")
    said = page.all("section")[0]
    for sentence in ("country is constant (always “US”); prep.drop_constant leaves such columns out",
                     "age_copy is the same as age in every row; prep.drop_duplicated leaves such columns out",
                     "prep.impute=auto fills gaps there with the median"):
        assert sentence in said, said


def test_the_terminal_says_the_same(cli, tmp_path):
    """Both are made of one set of findings; the terminal groups them and breaks lines."""
    page = profile(cli, SAMPLE, tmp_path)
    terminal = " ".join(cli.ok("profile", SAMPLE, redis=False).stdout.split())
    for said in ("always “US”", "the same as age in every row", "prep.drop_constant leaves such columns out",
                 "prep.impute=auto fills gaps there with the median", "1 to 5000 without a gap"):
        assert said in page.all("section")[0] and said in terminal, terminal


def test_standard_output_and_the_file_are_one_page(cli, tmp_path):
    page = profile(cli, SAMPLE, tmp_path)
    done = cli.ok("profile", SAMPLE, "--html", "-", redis=False)
    made = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
    assert len(made.findall(done.stdout)) == 1
    assert made.sub("", done.stdout) == made.sub("", page.source)


def test_hostile_file(cli, tmp_path, hostile):
    page = profile(cli, hostile, tmp_path)
    check_stands_alone(page)
    # All of it is there to read, as it stands in the file ...
    assert page.all("h1") == [hostile.name]
    assert page.all("h3") == HOSTILE + ["plain", "all one", "n<1>", "day"]
    text = "".join(page.all("main"))
    for value in HOSTILE:
        assert (value if len(value) <= 40 else value[:30]) in text, value
    assert "1 of 61 rows" in text and "it is row 61" in text
    # ... and none of it as markup.
    outside = page.source.replace(page.all("style")[0], "").replace(page.all("script")[0], "")
    assert {tag for tag, *_ in page.seen}.isdisjoint({"img", "iframe", "base", "u", "object", "embed", "form"})
    for value in HOSTILE + ["</script><b>0", "n<1>", "<u>", hostile.name]:
        if re.search("[<>\"']", value):
            assert value not in outside, value


def test_hostile_values_add_no_markup(cli, tmp_path, hostile):
    """The same table with harmless values has the same elements with the same attributes."""
    with open(hostile, encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))
    harmless = [[re.sub(r"[^0-9A-Za-z-]", "_", cell) for cell in row] for row in rows]
    tame = profile(cli, write_csv(tmp_path / "tame.csv", harmless), tmp_path)
    assert profile(cli, hostile, tmp_path).seen == tame.seen


def test_invisible_characters_are_shown(cli, tmp_path):
    """Control characters and marks that turn the direction of writing do not get through."""
    table = write_csv(tmp_path / "t.csv", [["a\x1b[2J", "\u202egnp.exe", "c\x9b\x07"],
                                           *[["x\x08y", "\u2066z\u2069", "\ufeffq\x7f"]] * 3])
    page = profile(cli, table, tmp_path)
    check_stands_alone(page)
    odd = [c for c in page.source
           if (c < " " and c != "\n") or "\x7f" <= c < "\xa0" or c in "\u202e\u2066\u2069\ufeff"]
    assert odd == []
    assert page.all("h3")[0] == "a\ufffd[2J"


def test_next_to_nothing(cli, tmp_path):
    page = profile(cli, write_csv(tmp_path / "t.csv", [["a", "b"], ["", 1]]), tmp_path)
    check_stands_alone(page)
    assert "a has no values" in page.all("section")[0]


def test_usage(cli, tmp_path):
    table = write_csv(tmp_path / "t.csv", [["a"], [1]])
    cli.refused(2, "profile", table, "--html", "-", "--json", redis=False)
    cli.refused(2, "profile", table, "--html", redis=False)
    gone = tmp_path / "gone" / "page.html"
    assert str(gone) in cli.refused(1, "profile", table, "--html", gone, redis=False)
    assert not any(name.endswith((".html", ".tmp")) for name in os.listdir(tmp_path))
