#!/usr/bin/env python3
"""The rules of the house that a machine can hold: layers by direct includes, banned words, file and line lengths, secrets in
reach of the store. Prints each breach as file:line and exits 1."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES_MAX = 500
LINE_LENGTH_MAX = 140

# What each folder may include, beside itself and base. The design's table.
LAYERS = {
    "base": set(),
    "config": set(),
    "domain": set(),
    "crypto": set(),
    "http": set(),
    "sealing": {"crypto"},
    "store": {"domain"},
    "provider": {"domain", "crypto", "http"},
    "check": {"domain", "crypto", "http", "sealing", "store", "provider"},
    "operation": {"domain", "crypto", "http", "sealing", "store", "provider", "check"},
    "scheduler": {"domain", "check"},
    "api": {"domain", "http", "operation"},
    "cli": {"config", "domain", "http", "operation"},
    "sandbox": {"domain", "crypto", "http"},
    "simulation": {"domain", "crypto", "http", "sealing", "store", "provider", "check", "operation", "scheduler"},
}

# operation/ headers that name store, sealing and provider: for operation/*.cpp, main, the scheduler's loop and tests.
INTERNAL_HEADERS = {"parts.hpp"}
MAY_USE_INTERNAL = {"operation", "scheduler", "simulation", ""}

# A simulation runs this code on its own clock, store and provider: nothing here may wait or look at time by itself.
SIMULATED = {"domain", "provider", "sealing", "check", "operation", "scheduler"}
NOT_SIMULATABLE = [r"_timer\b", r"std::thread", r"std::mutex", r"lock_guard", r"_clock::now\(", r"random_device", r"asio::detached"]

BANNED = [
    (r"\b(class|struct|namespace) \w*(Manager|Helper|Utils?|Impl|Common)\b", "a name that says nothing"),
    (r"\bFIXME\b|\bXXX\b", "FIXME: mend it or write TODO(issue)"),
    (r"\bTODO(?!\([^)]+\))", "TODO needs (issue)"),
    (r"std::cout\b|std::cerr\b|printf\(\"DEBUG", "debug output"),
    (r"\brand\(\)|mt19937", "not a source of randomness"),
    (r"EVP_(des|rc4|md5)|_ecb\b", "a broken cipher"),
    (r"using namespace std\b", "using namespace std"),
]


def source_files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "src"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split() if name.endswith((".cpp", ".hpp")) and (ROOT / name).exists()]


def folder_of(path):
    parts = path.relative_to(ROOT / "src").parts
    return parts[0] if len(parts) > 1 else ""


def layer_breaches(path, lines):
    folder = folder_of(path)
    is_test = path.name.endswith("_test.cpp")
    if not folder:
        return
    for number, line in enumerate(lines, 1):
        match = re.match(r'#include "([^"]+)"', line)
        if not match:
            continue
        target = Path(match[1])
        other = target.parts[0] if len(target.parts) > 1 else ""
        if other not in {folder, "base"} | LAYERS[folder]:
            yield number, f"{folder}/ may not include {other}/"
        if other == "operation" and target.name in INTERNAL_HEADERS and folder not in MAY_USE_INTERNAL and not is_test:
            yield number, f"{match[1]} is internal to operation/"


def word_breaches(path, lines):
    rules = list(BANNED)
    if folder_of(path) in SIMULATED and not path.name.endswith("_test.cpp"):
        rules += [(pattern, "not in code that a simulation runs") for pattern in NOT_SIMULATABLE]
    for number, line in enumerate(lines, 1):
        for pattern, why in rules:
            if re.search(pattern, line):
                yield number, f"{why}: {line.strip()[:80]}"


def length_breaches(path, lines):
    if len(lines) > FILE_LINES_MAX:
        yield len(lines), f"{len(lines)} lines; split it by noun at {FILE_LINES_MAX}"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_LENGTH_MAX and "R\"" not in line:
            yield number, f"{len(line)} characters"


def main():
    breaches = []
    for path in source_files():
        lines = path.read_text(encoding="utf-8").splitlines()
        for rule in (layer_breaches, word_breaches, length_breaches):
            breaches += [f"{path.relative_to(ROOT)}:{number}: {what}" for number, what in rule(path, lines)]
    print("\n".join(breaches) if breaches else "source: layers, words and lengths are in order")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
