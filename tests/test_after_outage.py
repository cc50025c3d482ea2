"""When a provider answers again, what waited for its own backoff is checked soon; and a provider that says "slow down" is left
alone for as long as it says."""

import time

import logins
import pytest
from harness import eventually, moment
from standins import faults


@pytest.fixture
def granary(start_granary):
    return start_granary(checks={"interval": "2h", "confirm_after": "1s", "outage_after": "1s", "timeout": "5s"})


def connected(granary, providers, number):
    return [(login := logins.valley(providers), granary.connect(login)) for _ in range(number)]


def wait_of(credential):
    return moment(credential.status()["nextCheckTime"]) - time.time()


def put_off(pairs, fault):
    """Fails until each waits for longer than any wake-up would let it."""
    for login, _ in pairs:
        login.fail(fault)
    for _, credential in pairs:
        for _ in range(60):
            if wait_of(credential) > 700 and credential.status()["reason"]:
                break
            credential.checked()
        assert wait_of(credential) > 700
    for login, _ in pairs:
        login.heal()


def test_the_first_success_brings_forward_what_waits(granary, providers):
    pairs = connected(granary, providers, 5)
    put_off(pairs, faults.answer(500))
    assert pairs[0][1].checked()["status"] == "OK"
    for _, credential in pairs[1:]:
        eventually(lambda: wait_of(credential) <= 601, 10)
    waits = [wait_of(credential) for _, credential in pairs[1:]]
    assert max(waits) - min(waits) > 1, "they do not come all at once"


def test_all_there_are_if_fewer(granary, providers):
    pairs = connected(granary, providers, 2)
    put_off(pairs, faults.answer(502))
    assert pairs[0][1].checked()["status"] == "OK"
    eventually(lambda: wait_of(pairs[1][1]) <= 601, 10)


def test_one_among_many_is_no_outage(granary, providers):
    pairs = connected(granary, providers, 3)
    put_off(pairs[:2], faults.answer(500))
    assert pairs[0][1].checked()["status"] == "OK"
    time.sleep(2)
    assert wait_of(pairs[1][1]) > 690


def test_a_retry_after_is_waited_for(granary, providers):
    pairs = connected(granary, providers, 5)
    put_off(pairs[:4], faults.answer(500))
    pairs[4][0].fail(faults.answer(503, Retry_After="1800"))
    assert pairs[4][1].checked()["reason"] == "provider_error"
    pairs[4][0].heal()
    assert pairs[0][1].checked()["status"] == "OK"
    eventually(lambda: wait_of(pairs[1][1]) <= 601, 10)
    assert wait_of(pairs[4][1]) > 1700


def test_a_lane_that_says_slow_down_is_left_alone(start_granary, providers):
    granary = start_granary(checks={"interval": "1s", "confirm_after": "1s"})
    pairs = connected(granary, providers, 4)
    for login, _ in pairs[:3]:
        login.fail(faults.answer(429, Retry_After="300"))
    eventually(lambda: all(c.status()["reason"] == "rate_limited" for _, c in pairs[:3]), 20)
    time.sleep(1)
    before = len(pairs[3][0].calls())
    time.sleep(4)
    assert len(pairs[3][0].calls()) == before, "the clock waits with all of the lane"
    assert pairs[3][1].checked()["status"] == "OK", "requests go on"
