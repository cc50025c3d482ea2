"""The wall clock is set while checks are due by it: by two hours back, as happens to a machine that had a wrong time when it started.
Elapsed time goes on, and so do the checks: each that lies further ahead than its own kind can wait is due."""

import time

import logins
import pytest
from harness import eventually, moment
from wall_clock import HOUR, WallClock

BACK = -2 * HOUR
CHECKS = {"confirm_after": "1s", "outage_after": "2s", "timeout": "1s"}


@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path)


@pytest.fixture
def busy(start_granary, clock):
    """Each second it checks everything."""
    return clock.give_to(start_granary(checks={"interval": "1s", **CHECKS}))


@pytest.fixture
def calm(start_granary, clock):
    """Every six hours: two hours more or less are nothing special for such a check, but they are for what comes in between."""
    return clock.give_to(start_granary(checks=CHECKS))


def asked_again(login, more=3):
    calls = len(login.calls())
    return eventually(lambda: len(login.calls()) >= calls + more, 30)


def test_checks_go_on_when_the_clock_is_set_back(busy, clock, providers):
    login = logins.valley(providers)
    credential = busy.connect(login)
    asked_again(login, 2)
    clock.set(BACK)
    asked_again(login)
    assert credential.standing() == ("OK", None)
    assert moment(credential.status()["lastCheckedTime"]) < time.time() - HOUR, "the clock was set"


def test_checks_go_on_when_the_clock_was_set_back_between_two_runs(busy, clock, providers):
    login = logins.valley(providers)
    busy.connect(login)
    busy.stop()
    clock.set(BACK)
    busy.start()
    asked_again(login)


def test_a_token_is_refreshed_before_it_ends_when_the_clock_is_set_back(calm, clock, providers):
    """Fault 13: it ended, and the refresh came two hours later."""
    login = logins.ag_leader(providers)
    login.record.expires_in = 20
    credential = calm.connect(login)
    clock.set(BACK)
    asked_again(login, 1)
    assert credential.standing() == ("OK", None) and not login.record.reused


def test_a_refusal_is_confirmed_when_the_clock_is_set_back(calm, clock, providers):
    """Fault 13: who left was found two hours later."""
    login = logins.valley(providers)
    credential = calm.connect(login)
    login.refuse()
    assert credential.checked()["reason"] == "refused_once"
    clock.set(BACK)
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"), 20)


def test_a_refusal_of_before_a_start_is_confirmed_when_the_clock_was_set_back(calm, clock, providers):
    login = logins.valley(providers)
    credential = calm.connect(login)
    login.refuse()
    assert credential.checked()["reason"] == "refused_once"
    calm.kill()
    clock.set(BACK)
    calm.start()
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"), 20)


def test_a_clock_set_ahead_confirms_nothing_at_once(start_granary, clock, providers):
    """The smaller of wall time and elapsed time counts: an hour on the clock is no hour."""
    server = clock.give_to(start_granary(checks={"confirm_after": "30s"}))
    login = logins.valley(providers)
    credential = server.connect(login)
    login.refuse()
    assert credential.checked()["reason"] == "refused_once"
    clock.set(HOUR)
    time.sleep(0.2)
    assert credential.checked()["status"] == "OK"
