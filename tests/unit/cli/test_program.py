"""The program from outside: help texts, exit statuses, one-line errors.

Run as `test_program.py PATH-OF-SLUICE`; needs nothing but Python's library.
"""

import json
import os
import re
import subprocess
import sys
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
