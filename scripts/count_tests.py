#!/usr/bin/python3
"""Count test results over the runners that scripts/test starts.

  count_tests.py FOLDER SUITE...          FOLDER/SUITE.json (meson's log) or SUITE.xml (pytest's JUnit report)
  count_tests.py --write-skipped FILE WHAT    a report that says that a whole suite could not run

Prints a line for each suite and each failure, and last "PASSED FAILED SKIPPED". A suite whose report
is missing or cannot be read counts as one failure: its runner broke before it could say anything.
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

CMOCKA_LINE = re.compile(r"^\[\s*(PASSED|FAILED|SKIPPED)\s*\] (\d+) test\(s\)", re.MULTILINE)
MESON_SKIPPED = ("SKIP",)
MESON_PASSED = ("OK", "EXPECTEDFAIL")


def count_meson(path):
    """meson's testlog.json, one program a line. A cmocka program counts as the tests it says it ran."""
    passed = failed = skipped = 0
    notes = []
    with open(path, encoding="utf-8", errors="replace") as log:
        programs = [json.loads(line) for line in log if line.strip()]
    if not programs:
        raise ValueError("no program ran")
    for program in programs:
        output = (program.get("stdout") or "") + (program.get("stderr") or "")
        said = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
        for kind, count in CMOCKA_LINE.findall(output):
            said[kind] += int(count)
        ok = program["result"] in MESON_PASSED
        if program["result"] in MESON_SKIPPED:
            said["SKIPPED"] = max(1, said["SKIPPED"])
        elif not any(said.values()):
            said["PASSED" if ok else "FAILED"] = 1
        elif not ok and not said["FAILED"]:
            # Every test passed, and yet the program failed: a crash at its end, a leak, a time-out.
            said["FAILED"] = 1
        passed += said["PASSED"]
        failed += said["FAILED"]
        skipped += said["SKIPPED"]
        if said["FAILED"]:
            notes.append(f"FAILED  {program['name']} ({program['result'].lower()})")
    return passed, failed, skipped, notes


def count_junit(path):
    passed = failed = skipped = 0
    notes = []
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            notes.append(f"FAILED  {name}")
        elif skip is not None and skip.get("type") != "pytest.xfail":
            skipped += 1
            notes.append(f"SKIPPED {name}: {skip.get('message')}")
        else:
            passed += 1
    return passed, failed, skipped, notes


def main(arguments):
    if arguments[0] == "--write-skipped":
        case = ElementTree.Element("testcase", classname=arguments[2], name="all")
        ElementTree.SubElement(case, "skipped", message="its runner is not installed")
        suite = ElementTree.Element("testsuite")
        suite.append(case)
        ElementTree.ElementTree(suite).write(arguments[1])
        return
    totals = [0, 0, 0]
    for name in arguments[1:]:
        path = os.path.join(arguments[0], name)
        try:
            if os.path.exists(path + ".json"):
                *counts, notes = count_meson(path + ".json")
            else:
                *counts, notes = count_junit(path + ".xml")
        except (OSError, ValueError, KeyError, ElementTree.ParseError) as fault:
            counts, notes = [0, 1, 0], [f"FAILED  {name}: its runner left no report ({fault})"]
        for note in notes:
            print(note)
        # "ok" and "not ok": the words of the last line are for the last line alone.
        print(f"{name}: {counts[0]} ok, {counts[1]} not ok, {counts[2]} left out")
        totals = [total + count for total, count in zip(totals, counts)]
    print(*totals)


if __name__ == "__main__":
    main(sys.argv[1:])
