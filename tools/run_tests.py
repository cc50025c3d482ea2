#!/usr/bin/env python3
"""Runs every test: the rules of the source, the unit tests, the black-box tests against the built binary. Ends with one line
of counts, `N passed, N failed, N skipped`, and exits 1 unless none failed. Arguments go to pytest; where they name files, these alone
are run."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TWO_FILES_AT_A_TIME = ("-n", "2", "--dist", "loadfile")  # most tests wait for a clock; those of a file share a server


def run(command):
    """Shows the output as it comes and returns it with the exit code."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in process.stdout:
        lines.append(line)
        print(line, end="", flush=True)
    return process.wait(), "".join(lines)


def count(output, word):
    return sum(int(number) for number in re.findall(rf"(\d+) {word}", output))


def run_what_is_beside_the_code():
    """The rules of the source and the unit tests: how many passed, how many failed."""
    code, _ = run([sys.executable, "tools/check_source.py"])
    passed, failed = (1, 0) if code == 0 else (0, 1)
    code, output = run(["build/release/unit_tests", "--gtest_brief=1"])
    ran = count(output, "tests? from")
    broken = len(set(re.findall(r"^\[  FAILED  \] (\S+)", output, re.M)))
    if code != 0 and broken == 0:
        broken = 1  # it did not come to its end
    return passed + max(ran - broken, 0), failed + broken


def main():
    passed = failed = skipped = 0
    files = [argument for argument in sys.argv[1:] if Path(ROOT, argument.split("::")[0]).exists()]
    if not files:
        passed, failed = run_what_is_beside_the_code()

    options = [argument for argument in sys.argv[1:] if argument not in files]
    pytest = [sys.executable, "-m", "pytest", "-q", *TWO_FILES_AT_A_TIME, "-p", "no:cacheprovider"]
    code, output = run([*pytest, *(files or ["tests"]), *options])
    closing = output.strip().splitlines()[-1] if output.strip() else ""
    passed += count(closing, "passed")
    skipped += count(closing, "skipped")
    worse = count(closing, "failed") + count(closing, "errors?")
    failed += worse if worse or code == 0 else 1

    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
