"""The simulation: the product's operations on a simulated clock, store and network. No invariant breaks in 20,000 histories, and
each fault that can be planted is found within as many."""

import re
import subprocess

import pytest
from harness import BINARY, ROOT

SIMULATION = ROOT / "build" / "release" / "granary_sim"
PLANTED = (ROOT / "src" / "domain" / "planted.hpp").read_text()
FAULTS = re.findall(r'"(\w+)"', PLANTED)[1:]  # the first is none
HISTORIES = 20000


def simulate(*arguments):
    return subprocess.run([SIMULATION, *map(str, arguments)], capture_output=True, text=True, timeout=900)


def test_no_history_breaks_an_invariant():
    done = simulate("--histories", HISTORIES, "--seed", 1)
    assert done.returncode == 0, done.stdout
    assert f"{HISTORIES} histories, no invariant broken" in done.stdout


# What a single process, without claims on rows, must be found to do wrong: the product as it is shipped.
ALONE = ["token_sent_before_it_is_noted", "spending_never_noted", "lost_answer_forgotten", "refused_token_asked_for_again"]


@pytest.mark.parametrize("fault", [None, *ALONE])
def test_a_process_that_has_the_store_to_itself(fault):
    number = FAULTS.index(fault) + 1 if fault else 0
    done = simulate("--histories", HISTORIES if fault else HISTORIES // 2, "--seed", 1, "--alone", "--fault", number)
    assert done.returncode == (1 if fault else 0), done.stdout


@pytest.mark.parametrize(("number", "fault"), list(enumerate(FAULTS, 1)), ids=FAULTS)
def test_a_planted_fault_is_found(number, fault):
    done = simulate("--histories", HISTORIES, "--seed", 1, "--fault", number)
    assert done.returncode == 1, f"{fault} was not found"
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


# What long runs found since the plans were last drawn in another way (2026-11-23, PUTs of what was sent last), by the seed that
# showed it. What was found before has its tests elsewhere: its seeds tell other stories now.
FOUND = {
    618: "a PUT of a token whose answer was lost, and which met an outage, made that forgotten",
    2434: "the stored token was sent although a PUT had spent it and what came for it waited for a probe",
    4302: "a PUT of the token that another process was spending replaced the fields under it",
    11847: "a PUT spent a token that another process had replaced since it was read",
    11973: "a PUT of the stored token met an unlink, and its lost answer was forgotten",
    22540: "a PUT's token that was noted but had not left counted as lost",
    700007530: "a PUT that was not sent took the note of another process's refresh for a lost answer",
    500082234: "a process that stood still ended a PUT whose answer it had lost, while another was trying it",
    500006896: "a check dropped the candidate that another process's PUT was about to send",
    28287: "a process that stood still removed a candidate that another had refreshed, and stored its own",
    500589871: "the oracle's own: it held a spent token against a server that had been given another grant since",
    500547309: "new tokens came for a login that another process had called UNAUTHENTICATED, and it waited its day for a check",
    500407677: "the oracle's own: two pauses that met were longer than a claim together, and it looked at each alone",
    500731637: "the plan's own: an outage began after the calm had, in which a revoked login is to be found in time",
}


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_stays_mended(seed):
    assert simulate("--histories", 1, "--seed", seed).returncode == 0, FOUND[seed]


def test_shrinking_leaves_out_what_is_not_needed():
    done = simulate("--histories", HISTORIES, "--seed", 1, "--fault", FAULTS.index("confirmed_at_once") + 1)
    least, all_of_them = map(int, re.search(r"(\d+) of its (\d+) actions are enough", done.stdout).groups())
    assert least < all_of_them


def test_there_are_enough_faults():
    assert len(FAULTS) >= 15


def test_the_product_has_no_planted_faults():
    assert b"planted_fault" not in BINARY.read_bytes()
    assert b"planted_fault" in SIMULATION.read_bytes()


def test_the_breaker_tells_an_outage_from_growers_who_leave():
    """Five thousand growers of one provider: all refused at once, in several kinds of weather, or one in a hundred revoked."""
    done = simulate("--breaker")
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 11
