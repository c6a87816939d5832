"""The program from outside: help texts, exit statuses, one-line errors.

Run as `test_program.py PATH-OF-SLUICE`; needs nothing but Python's library.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import unicodedata
import unittest

SLUICE = ""


def run(*args, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    return subprocess.run([SLUICE, *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env=environment, **more)


class Program(unittest.TestCase):
    def assert_error(self, done, status, *parts):
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith("sluice: "), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_overview(self):
        done = run("help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("Usage: sluice COMMAND", done.stdout)
        self.assertIn("  options ", done.stdout)
        for args in (["--help"], ["-h"], ["help", "help"]):
            self.assertEqual(run(*args).stdout, done.stdout)

    def test_every_command_has_help(self):
        overview = run("help").stdout.split("Commands:\n")[1].split("\n\n")[0]
        names = re.findall(r"^  (\w+) ", overview, re.M)
        self.assertIn("options", names)
        for name in names:
            if name == "help":
                continue
            done = run("help", name)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.startswith("Usage: sluice " + name), done.stdout)
            for part in ("\nOptions:\n", "\nExample", "\nExit status:\n", "--help"):
                self.assertIn(part, done.stdout)
            for line in done.stdout.split("\n"):
                self.assertLessEqual(len(line), 80, line)
            self.assertEqual(run(name, "--help").stdout, done.stdout)
            self.assertEqual(run(name, "-h").stdout, done.stdout)

    def test_version(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^sluice \d+\.\d+\.\d+\n$")

    def test_bad_usage(self):
        self.assert_error(run(), 2, "sluice help")
        self.assert_error(run("optoins"), 2, 'nearest known one is "options"')
        self.assert_error(run("opt"), 2, 'nearest known one is "options"')
        self.assert_error(run("help", "optoins"), 2, 'nearest known one is "options"')
        self.assert_error(run("--jsn"), 2, "--jsn")
        self.assert_error(run("options", "--jsn"), 2, "--json")
        self.assert_error(run("options", "extra"), 2, '"extra"', "usage: sluice options")
        self.assert_error(run("options", "--json", "--yaml"), 2, "one of")
        self.assert_error(run("new\nline"), 2, "new line")

    def test_options(self):
        done = run("options", "--json")
        keys = [option["key"] for option in json.loads(done.stdout)]
        self.assertIn("http.port", keys)
        self.assertEqual(len(keys), len(set(keys)))
        text, page, example = run("options").stdout, run("options", "--markdown").stdout, run("options", "--yaml").stdout
        for key in keys:
            self.assertIn("\n%s\n" % key, text)
            self.assertIn("| `%s` |" % key, page)
        self.assertIn("\n  #port: 8003\n", example)

    def test_profile_of_hostile_data(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "t\x1b[31m.csv")
            with open(path, "w", encoding="utf-8") as out:
                out.write("\x1b[2Jname,a very long name of a column that goes on and on,値段\n")
                out.writelines("\x07%d,\u202e日本語の長い長い長い長い長い長い長い文,%d\n" % (i, i) for i in range(9))
                out.write("short\n")
            before = os.listdir(folder)
            done = run("profile", path)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual([c for c in done.stdout if not c.isprintable() and c != "\n"], [])
            for line in done.stdout.split("\n"):
                wide = sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)
                self.assertLessEqual(wide, 80, line)
            self.assertIn("1 of 10 rows (10 %) does not fit and is rejected; it is row 10: ", done.stdout)
            said = json.loads(run("profile", path, "--json").stdout)
            self.assertEqual((said["file"], said["rows_read"], said["rows_rejected"]), (path, 10, 1))
            self.assertEqual(said["first_reject"]["row"], 10)
            self.assertEqual(said["profile"]["columns"]["値段"]["max"], 8)
            self.assertEqual(os.listdir(folder), before)

    def test_ticket(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "t.csv"), "w", encoding="ascii") as out:
                out.write("Id,v\n1,2\n")
            at_once = {"cwd": folder}
            done = run("ticket", "t.csv", "--index", "id", "--set", "prep.scale=none", "--json", **at_once)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            said = json.loads(done.stdout)
            with open(os.path.join(folder, "t.ticket"), encoding="ascii") as source:
                text = source.read()
            self.assertEqual((said["path"], said["ticket"]), ("t.ticket", json.loads(text)))
            self.assertEqual(said["ticket"]["size"], 9)
            self.assert_error(run("ticket", "t.csv", **at_once), 1, "t.ticket", "--force")
            self.assert_error(run("ticket", "t.csv", "--force", "--index", "di", **at_once), 1, '"di"', '"Id"')
            self.assert_error(run("ticket", "t.csv", "--force", "--set", "prep.scael=none", **at_once), 2, "prep.scale")
            self.assert_error(run("ticket", "t.csv", "--force", "--set", "http.port=1", **at_once), 2, "http.port")
            self.assert_error(run("ticket", "gone.csv", **at_once), 1, "gone.csv")
            with open(os.path.join(folder, "t.ticket"), encoding="ascii") as source:
                self.assertEqual(source.read(), text, "what is refused changes nothing")
            self.assertEqual(run("ticket", "t.csv", "--force", **at_once).returncode, 0)

    def test_check_of_this_machine(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket() as taken:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                http = "http.port=%d" % free.getsockname()[1]
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            settings = ["--set", "state_dir=" + os.path.join(folder, "state"), "--set", "auth.key=s3cret", "--set", http]
            stream = ["--set", "source.stream_dir=" + folder]
            redis = ["--redis", "redis://:pa55@127.0.0.1:%d/0" % port, "--set", "redis.timeout_ms=300"]
            done = run("check", "--json", *settings, *stream, *redis)
            self.assertEqual(done.returncode, 3, done)
            found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
            self.assertEqual((found["redis"]["status"], found["stream dir"]["status"]), ("fail", "ok"))
            self.assertNotIn("s3cret", done.stdout + done.stderr)
            self.assertNotIn("pa55", done.stdout + done.stderr)
            done = run("check", *settings, *redis, "--set", "source.stream_dir=" + os.path.join(folder, "none"))
            self.assertEqual(done.returncode, 2, done)
            self.assertEqual(done.stderr, "sluice: 2 checks failed; see above what to do\n")
            self.assertEqual(os.listdir(folder), [], "nothing is made")

    def test_output_that_fails(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([SLUICE, "options"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)

    def test_reader_that_goes(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([SLUICE, "options"], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    SLUICE = os.path.abspath(sys.argv.pop(1))
    unittest.main()
