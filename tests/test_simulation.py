"""The simulation: the product's operations on a simulated clock, store and network. No invariant breaks in 20,000 histories, and
each of its mutants is found within as many."""

import re
import subprocess

import pytest
from harness import BINARY, ROOT

SIMULATION = ROOT / "build" / "release" / "granary_sim"
ROWS = (ROOT / "src" / "simulation" / "mutants.hpp").read_text().split("kMutants[] = {")[1].split("};")[0]
MUTANTS = re.findall(r'\{"(\w+)",', ROWS)[1:]  # the first is none
HISTORIES = 20000


def simulate(*arguments):
    return subprocess.run([SIMULATION, *map(str, arguments)], capture_output=True, text=True, timeout=900)


def test_no_history_breaks_an_invariant():
    done = simulate("--histories", HISTORIES, "--seed", 1)
    assert done.returncode == 0, done.stdout
    assert f"{HISTORIES} histories, no invariant broken" in done.stdout


@pytest.mark.parametrize(("number", "mutant"), list(enumerate(MUTANTS, 1)), ids=MUTANTS)
def test_a_mutant_is_found(number, mutant):
    done = simulate("--histories", HISTORIES, "--seed", 1, "--fault", number)
    assert done.returncode == 1, f"{mutant} was not found"
    found = re.search(r"seed (\d+) breaks (\w+): (.*)", done.stdout)
    assert found, done.stdout
    # Shrunk, and told line by line down to the moment when it broke.
    least, all_of_them = map(int, re.search(r"(\d+) of its (\d+) actions are enough", done.stdout).groups())
    assert least <= all_of_them
    lines = done.stdout.splitlines()
    assert re.match(r"  0\.0+ process 1 starts", lines[3]) and lines[-1].startswith(f"  {found[2]}: ")
    # The seed alone replays it.
    again = simulate("--histories", 1, "--seed", found[1], "--fault", number)
    assert again.returncode == 1 and found[0] in again.stdout
    assert simulate("--histories", 1, "--seed", found[1]).returncode == 0, "without the fault nothing breaks"


# What runs have found since the plans were last drawn in another way (2026-11-30, one process), by the seed that showed it. What
# was found before has its tests elsewhere: its seeds tell other stories now.
FOUND = {
    600281421: "a clock that jumped a day ahead spent one of the three tries of a password for nothing",
    600195476: "a fuse that was blown before the calm: the revoked login is noticed when it lets its credential ask",
    19917: "two refused PUTs of the stored password used up its tries, and it stayed OK with no next check",
    600028725: "an answer that the store could not record, by request, left its token under way: the next one is told so",
}


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_stays_mended(seed):
    assert simulate("--histories", 1, "--seed", seed).returncode == 0, FOUND[seed]


def test_shrinking_leaves_out_what_is_not_needed():
    done = simulate("--histories", HISTORIES, "--seed", 1, "--fault", MUTANTS.index("confirmed_at_once") + 1)
    least, all_of_them = map(int, re.search(r"(\d+) of its (\d+) actions are enough", done.stdout).groups())
    assert least < all_of_them


def test_there_are_enough_mutants():
    assert len(MUTANTS) >= 24


def test_the_product_knows_nothing_of_the_simulation():
    assert b"MutantStore" in SIMULATION.read_bytes()
    assert b"MutantStore" not in BINARY.read_bytes()
    for file in (ROOT / "src").rglob("*.?pp"):
        beside = file.relative_to(ROOT / "src").parts[0] == "simulation" or file.name.endswith("_test.cpp")
        assert beside or '#include "simulation/' not in file.read_text(), file


def test_the_tables_in_the_documents_are_those_of_the_code():
    printed = subprocess.run([SIMULATION, "--tables"], capture_output=True, text=True, check=True).stdout
    text = (ROOT / "docs" / "reliability.md").read_text()
    assert text.split("<!-- tables -->\n")[1].split("<!-- /tables -->")[0] == printed, "./dev tables"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_breaker_tells_an_outage_from_growers_who_leave(seed):
    """Five thousand growers of one provider: all refused at once, in several kinds of weather, or one in a hundred revoked."""
    done = simulate("--breaker", "--seed", seed)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 12
