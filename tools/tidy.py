#!/usr/bin/env python3
"""Runs clang-tidy over src/ (not the tests), two files at a time, with the flags of a build folder. Prints what it finds and
exits 1 then."""

import concurrent.futures
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tidy(build, source):
    done = subprocess.run(["clang-tidy-19", "--quiet", "-p", build, source], cwd=ROOT, capture_output=True, text=True)
    return source, done.returncode, done.stdout


def main():
    build = sys.argv[1]
    database = json.loads((ROOT / build / "compile_commands.json").read_text())
    sources = sorted({entry["file"] for entry in database if "/src/" in entry["file"] and not entry["file"].endswith("_test.cpp")})
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for source, code, output in pool.map(lambda file: tidy(build, file), sources):
            if code != 0:
                failed += 1
                print(f"--- {source}\n{output}")
    print(f"clang-tidy: {len(sources)} files, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
