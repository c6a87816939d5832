"""Reports by mail, through a real SMTP server: TLS, login, refusals, restarts."""
import email.utils
import json
import os
import re
import shutil
import subprocess

import pytest

import harness

pytest.importorskip("aiosmtpd", reason="the test mail server needs python3-aiosmtpd")

import mail_server  # noqa: E402  (needs the module above)

GOOD = "id,age,income,fixed,copy\n" + "".join(f"{i},{20 + i % 50},{1000.5 + i * 7},7,{20 + i % 50}\n" for i in range(400))
GAPS = "id,v,w\n" + "".join(f"{i},{'' if i % 4 == 0 else i},x\n" for i in range(100)) + "1,2\n3\n4,5,6,7\n"


@pytest.fixture
def make_mail_server(tmp_path):
    if not harness.have("openssl"):
        pytest.skip("the certificate is made by openssl, which is not installed")
    started = []

    def make(tls="starttls", start=True, port=None):
        folder = tmp_path / f"mail{len(started)}"
        folder.mkdir()
        server = mail_server.MailServer(folder, tls, port)
        started.append(server)
        return server.start() if start else server

    yield make
    for server in started:
        server.stop()


def options(server, **more):
    return {"mail__url": server.url, "mail__user": mail_server.USER, "mail__password": mail_server.PASSWORD,
            "mail__ca_file": server.certificate, "mail__from": "Größe & Co <sluice@sluice.test>",
            "mail__retry_after": 0.05, "http__workers": 1, **more}


def load(service, mail="", force=1):
    assert service.call("GET", "/register_replicas").status == 200
    return service.call("POST", "/loadDf2redis", f"?email={mail}&force_reload={force}")


def listed(service, cli):
    return json.loads(cli.ok("mail", "ls", "--json", "--set", f"state_dir={service.state}", redis=False).stdout)


def settled(service, cli, state, count=1):
    return harness.until(f"the mail is {state}", lambda: [mail for mail in listed(service, cli) if mail["state"] == state][:count])


def body(message, subtype):
    return message.get_body((subtype,)).get_content()


# ---- what is in a mail


def test_a_report(make_mail_server, make_service, cli, client):
    server = make_mail_server()
    service = make_service(**options(server))
    service.put("grosse.csv", GOOD)
    service.put("gaps.csv", GAPS)
    assert load(service, "a@b.example,c@d.example").status == 200
    mails = server.wait(2)
    assert [(mail[0], mail[1]) for mail in mails] == [("sluice@sluice.test", ["a@b.example"]), ("sluice@sluice.test", ["c@d.example"])]
    assert all(mail[3] and mail[4] for mail in mails)  # encrypted, logged in

    raw = mails[0][2]
    assert all(len(line) <= 998 for line in raw.split(b"\r\n")) and raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = server.message(0)
    assert not message.defects and not any(part.defects for part in message.walk())
    assert message["From"] == "Größe & Co <sluice@sluice.test>" and message["To"] == "a@b.example"
    assert server.message(1)["To"] == "c@d.example"
    assert message["Subject"] == "[sluice] 2 tables loaded"
    assert re.fullmatch(r"<[0-9a-f]{32}\.\d+@sluice\.test>", message["Message-ID"].strip())
    assert email.utils.parsedate_to_datetime(message["Date"]).utcoffset() is not None
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    for subtype in ("plain", "html"):
        said = body(message, subtype)
        for fact in ("grosse", "gaps", "400 rows", "5 columns", "fixed", "copy", "25", "103 read", "3 rejected", "row 101", "minmax"):
            assert fact in said, (subtype, fact)
        assert "too few fields" in said or "fields" in said
    assert "<script" not in body(message, "html") and "http" not in body(message, "html").replace("http-equiv", "")
    for name in ("grosse", "gaps"):
        harness.until("the metadata says that it was sent",
                      lambda name=name: json.loads(harness.meta(client, name)["MAIL"])["state"] == "sent")
    assert service.stop() == 0
    for secret in (mail_server.PASSWORD, "m%40il"):
        assert secret not in service.log()
    assert "a@b.example" not in service.log()


def test_a_load_that_failed(make_mail_server, make_service):
    server = make_mail_server()
    service = make_service(**options(server))
    service.put("good.csv", "id,v\n1,2\n")
    service.put("bad.csv", "id,v\n1,2\n", prim_index="nothing")
    assert load(service, "a@b.example").status == 500
    server.wait()
    message = server.message()
    assert message["Subject"] == "[sluice] 1 table loaded, 1 failed"
    assert "nothing" in body(message, "plain") and "FAILED" in body(message, "plain")
    assert "untouched" in body(message, "html")


def test_names_from_files_are_only_text(make_mail_server, make_service):
    server = make_mail_server()
    service = make_service(**options(server))
    service.put("t.csv", 'id,"<b>x</b>\u202e","a\r\nBcc: e@f.example",empty\n1,<i>y</i>,z,\n2,<i>y</i>,z,\n')
    load(service, "a@b.example")
    server.wait()
    message = server.message()
    assert message["Bcc"] is None and len(server.mails) == 1
    html = body(message, "html")
    assert "<b>x" not in html and "&lt;b&gt;x&lt;/b&gt;" in html and "<i>y" not in html and "\u202e" not in html


# ---- recipients


@pytest.mark.parametrize("address", [
    "nobody", "a@b@c", "a b@c.d", "a@b%0d%0aRCPT TO:<x@y.z>", "a@b.c%0aBcc: x@y.z", "<a@b.c>", "a@b.c>", '"a b"@c.d', "a@[127.0.0.1]",
    "a@-b.c", "a@b..c", ".a@b.c", "a@b.c%00", "x" * 65 + "@b.c", "ä@b.c", ",".join(f"u{i}@b.c" for i in range(21))])
def test_addresses_that_are_none(service, address):
    answer = service.call("POST", "/loadDf2redis", f"?email={address}&force_reload=0")
    assert answer.status == 422 and "email" in answer.body


def test_domains(make_mail_server, make_service):
    server = make_mail_server()
    service = make_service(**options(server, mail__allow_domains="b.example,.corp.example", mail__to="ops@anywhere.example"))
    service.put("t.csv", "id\n1\n")
    assert load(service, "a@other.example").status == 422
    assert load(service, "a@corp.example").status == 422
    assert load(service, "a@b.example,A@B.example;x@de.corp.example").status == 200
    server.wait(4)
    assert sorted(mail[1][0] for mail in server.mails) == ["A@B.example", "a@b.example", "ops@anywhere.example", "x@de.corp.example"]


def test_standing_recipients_and_watching(make_mail_server, make_service):
    server = make_mail_server()
    service = make_service(**options(server, mail__to="ops@b.example", mail__when="problems", watch="true", source__poll_ms=50))
    service.put("fine.csv", "id\n1\n")
    harness.until("it was loaded", lambda: service.call("GET", "/getRegisteredReplics").body.count("fine"))
    service.put("gaps.csv", GAPS)
    server.wait()
    assert len(server.mails) == 1 and server.mails[0][1] == ["ops@b.example"]
    assert server.message()["Subject"] == "[sluice] gaps: 100 rows loaded, 3 rejected"


# ---- on the way


def test_tls_from_the_start_and_a_wallet(make_mail_server, make_service, tmp_path):
    server = make_mail_server("tls")
    (tmp_path / "passphrase").write_text("correct horse battery")
    place = {"SLUICE_STATE_DIR": str(tmp_path / "state"), "SLUICE_WALLET_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
    subprocess.run([harness.program(), "wallet", "set", "smtp"], input=mail_server.PASSWORD.encode(), check=True,
                   env=harness.clean_environment(tmp_path, **place), capture_output=True)
    service = make_service(**options(server, mail__password="${wallet:smtp}", wallet__passphrase_file=tmp_path / "passphrase"))
    service.put("t.csv", "id\n1\n")
    load(service, "a@b.example")
    assert server.wait()[0][3:] == (True, True)


def test_without_encryption_only_when_told_so(make_mail_server, make_service, cli):
    server = make_mail_server("none")
    service = make_service(**options(server))
    service.put("t.csv", "id\n1\n")
    load(service, "a@b.example")
    mail = harness.until("it was tried", lambda: [m for m in listed(service, cli) if m["attempts"] > 1])[0]
    assert "no STARTTLS" in mail["reason"] and mail["state"] == "waiting" and not server.mails
    service.stop()
    again = make_service(**options(server, mail__tls="none"))
    assert server.wait()[0][3] is False
    again.stop()


def test_a_server_that_is_not_trusted(make_mail_server, make_service, cli):
    server = make_mail_server()
    service = make_service(**options(server, mail__ca_file=""))
    service.put("t.csv", "id\n1\n")
    load(service, "a@b.example")
    mail = harness.until("it was tried", lambda: [m for m in listed(service, cli) if m["attempts"] > 0])[0]
    assert "no trusted encryption" in mail["reason"] and "mail.ca_file" in mail["reason"]
    assert server.commands == 0


def test_a_wrong_password(make_mail_server, make_service, cli):
    server = make_mail_server()
    service = make_service(**options(server, mail__password="wrong-password", mail__give_up_after=0))
    service.put("t.csv", "id\n1\n")
    assert load(service, "a@b.example").status == 200
    mail = settled(service, cli, "failed")[0]
    assert "refused the login" in mail["reason"] and "wrong-password" not in json.dumps(mail) + service.log()
    assert server.commands == 0


def test_refusals(make_mail_server, make_service, cli):
    server = make_mail_server()
    server.answers = {"gone@b.example": "550 5.1.1 no such user here", "later@b.example": "451 4.7.1 greylisted, come back"}
    service = make_service(**options(server))
    service.put("t.csv", "id\n1\n")
    load(service, "good@b.example,gone@b.example,later@b.example")
    mail = harness.until("it was tried twice", lambda: [m for m in listed(service, cli) if m["attempts"] > 1])[0]
    assert {r["address"]: r["state"] for r in mail["recipients"]} == {
        "good@b.example": "sent", "gone@b.example": "failed", "later@b.example": "waiting"}
    assert "451 4.7.1 greylisted, come back" in mail["reason"]
    server.answers.pop("later@b.example")
    settled(service, cli, "failed")  # for good, because of the one that is gone
    assert sorted(m[1][0] for m in server.mails) == ["good@b.example", "later@b.example"]
    load_id = service.call("GET", "/v1/loads").json()["loads"][0]["id"]
    assert load_id == mail["id"]
    shown = service.call("GET", f"/v1/loads/{load_id}").json()["mail"]
    assert shown["state"] == "failed" and shown["recipients"] == 3

    server.answers.clear()
    done = cli.ok("mail", "retry", "--set", f"state_dir={service.state}", redis=False)
    assert done.stdout.startswith("1 ")
    settled(service, cli, "sent")
    assert sorted(m[1][0] for m in server.mails) == ["gone@b.example", "good@b.example", "later@b.example"]
    cli.ok("mail", "rm", load_id, "--set", f"state_dir={service.state}", redis=False)
    assert listed(service, cli) == []
    assert "no mail" in cli.refused(1, "mail", "retry", load_id, "--set", f"state_dir={service.state}", redis=False)


def test_a_refusal_that_is_no_text(make_mail_server, make_service, cli):
    """In a script of its own, or with control characters: what it says is still JSON."""
    server = make_mail_server()
    server.answers = {"gone@b.example": "550 5.1.1 größe \x1b[31m".encode("latin-1")}
    service = make_service(**options(server))
    service.put("t.csv", "id\n1\n")
    load(service, "gone@b.example")
    mail = settled(service, cli, "failed")[0]
    answer = service.call("GET", f"/v1/loads/{mail['id']}")
    assert answer.json()["mail"]["reason"].endswith("550 5.1.1 gr??e ?[31m")
    assert service.stop() == 0
    assert "größe" not in service.log() and "\x1b" not in service.log()


def test_the_server_is_away_and_comes_back(make_mail_server, make_service, cli):
    server = make_mail_server(start=False)
    service = make_service(**options(server))
    service.put("t.csv", "id\n1\n")
    assert load(service, "a@b.example").status == 200
    mail = harness.until("it was tried", lambda: [m for m in listed(service, cli) if m["attempts"] > 1])[0]
    assert "cannot be reached" in mail["reason"]
    server.start()
    server.wait()
    settled(service, cli, "sent")


def test_nothing_is_sent_while_the_spool_cannot_be_written(make_mail_server, make_service, cli):
    """A mail of which nobody could note down that it was sent would be sent again and again."""
    server = make_mail_server(start=False)
    service = make_service(**options(server))
    service.put("t.csv", "id\n1\n")
    load(service, "a@b.example")
    harness.until("it was tried", lambda: [m for m in listed(service, cli) if m["attempts"] > 0])
    lock = os.path.join(service.state, "mail", ".lock")
    os.unlink(lock)
    os.mkdir(lock)
    before = service.log().count("cannot be written down")
    server.start()
    harness.until("it was noticed", lambda: service.log().count("cannot be written down") >= before + 2)
    assert not server.mails
    os.rmdir(lock)
    server.wait()
    settled(service, cli, "sent")
    assert len(server.mails) == 1


def test_a_killed_service_leaves_its_mails_to_the_next(make_mail_server, make_service, cli):
    server = make_mail_server(start=False)
    service = make_service(**options(server, http__workers=2, mail__retry_after=600))
    service.put("t.csv", "id\n1\n")
    load(service, "a@b.example")
    harness.until("it was tried", lambda: [m for m in listed(service, cli) if m["attempts"] > 0])
    service.kill()
    server.start()
    again = make_service(**options(server, http__workers=3))
    cli.ok("mail", "retry", listed(again, cli)[0]["id"], "--set", f"state_dir={again.state}", redis=False)
    server.wait()
    settled(again, cli, "sent")
    assert again.stop() == 0
    assert len(server.mails) == 1  # three processes, one mail


@pytest.mark.parametrize("how", ["killed", "reloaded"])
def test_a_report_outlives_who_was_asked_for_it(make_mail_server, make_service, how):
    server = make_mail_server()
    more = options(server, source__settle_ms=2000)
    service = make_service(**more)
    content = "id,v\n" + "".join(f"{i},{i}\n" for i in range(50))
    service.put("slow.csv", content[:100], size=len(content))  # whole is what its ticket says
    service.call("GET", "/register_replicas")
    caller = subprocess.Popen(service.curl_command("POST", "/loadDf2redis", "?email=a@b.example&force_reload=0", key=service.key),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    notes = os.path.join(service.state, "mail")
    harness.until("it is noted down", lambda: os.path.isdir(notes) and any(n.endswith(".asked") for n in os.listdir(notes)))
    if how == "killed":
        service.kill()
        service = make_service(**more)
    else:
        service.signal(1)
        harness.until("the configuration was read", lambda: "configuration" in service.log())
    with open(service.path("slow.csv"), "w", encoding="ascii") as out:
        out.write(content)
    server.wait()
    caller.kill()
    caller.wait()
    assert server.message()["Subject"].startswith("[sluice] slow")
    harness.until("the note is gone", lambda: not any(n.endswith(".asked") for n in os.listdir(notes)))
    assert len(server.mails) == 1


def test_without_a_mail_server(make_service):
    service = make_service()
    service.put("t.csv", "id\n1\n")
    assert load(service, "a@b.example").status == 200
    load_id = service.call("GET", "/v1/loads").json()["loads"][0]["id"]
    assert service.call("GET", f"/v1/loads/{load_id}").json()["mail"] is None
    assert not os.path.exists(os.path.join(service.state, "mail"))
    harness.until("it is told", lambda: "mail.url is not set" in service.log())


def test_wrong_configuration(cli):
    for setting, has in (("mail.from=nobody", "mail.from"), ("mail.to=a@b,nobody", "mail.to: item 2"), ("mail.url=http://x", "mail.url"),
                         ("mail.from=x\r\nBcc: y <a@b.c>", "mail.from")):
        line = cli.refused(2, "serve", "--set", "mail.url=smtp://127.0.0.1", "--set", setting)
        assert has in line


def test_a_browser_can_show_it(make_mail_server, make_service, tmp_path):
    browser = shutil.which("chromium")
    if not browser:
        pytest.skip("chromium is not installed")
    server = make_mail_server()
    service = make_service(**options(server))
    service.put("gaps.csv", GAPS)
    load(service, "a@b.example")
    server.wait()
    (tmp_path / "mail.html").write_text(body(server.message(), "html"), encoding="utf-8")
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                           "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path}/chromium", "--dump-dom",
                           f"file://{tmp_path}/mail.html"], capture_output=True, timeout=harness.PATIENCE, check=False)
    if done.returncode != 0:
        pytest.skip(f"chromium does not run here: {done.stderr[-200:]!r}")
    assert b"100 rows" in done.stdout and b"Rejected rows" in done.stdout
