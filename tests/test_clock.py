"""What Granary does by itself: checks every interval, refreshes before a token ends, waits after refusals and outages, and
leaves alone what is unlinked or deleted. The interval here is one second."""

import time

import logins
import pytest
from harness import eventually, moment
from logins import SLUGS, new_login
from standins import faults


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"interval": "1s", "confirm_after": "1s", "outage_after": "3s", "timeout": "1s"})


@pytest.fixture(scope="module")
def calm(start_module_granary):
    """A server whose clock comes every six hours."""
    return start_module_granary()


def calls_within(login, seconds):
    before = len(login.calls())
    time.sleep(seconds)
    return len(login.calls()) - before


@pytest.mark.parametrize("slug", SLUGS)
def test_every_interval_there_is_a_check(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    eventually(lambda: len(login.calls()) >= 5, 15)
    assert credential.standing() == ("OK", None)
    if slug == "ag-leader-credentials":
        assert not login.record.reused


@pytest.mark.parametrize("slug", SLUGS)
def test_a_revoked_login_is_found_and_then_left_alone(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    login.revoke()
    if slug == "sentera-credentials":
        login.stand_in.expire_tokens(login.account)
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"), 15)
    assert credential.values()["status"] == "UNAUTHENTICATED"
    assert calls_within(login, 2.5) == 0


def test_an_outage_is_none_until_it_lasts(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    login.fail(faults.answer(502))
    started = time.monotonic()
    eventually(lambda: credential.status()["reason"] == "provider_error", 15)
    eventually(lambda: credential.standing() == ("TEMPORARILY_UNAVAILABLE", "provider_error"), 20)
    assert time.monotonic() - started > 2.5
    assert credential.values()["status"] == "TEMPORARILY_UNAVAILABLE"
    login.heal()
    eventually(lambda: credential.standing() == ("OK", None), 15)


def test_retry_after_holds_the_clock_back(granary, providers):
    login = logins.valley(providers)
    granary.connect(login)
    login.fail(faults.retry_after(429, "4"), times=1)
    before = len(login.calls())
    held = eventually(lambda: login.calls()[before:], 15)[0]
    after = eventually(lambda: login.calls()[before + 1 :], 20)[0]
    assert after.time - held.time >= 3.9


@pytest.mark.parametrize("how", ["unlinked", "deleted", "user deleted"])
def test_what_is_gone_is_not_checked(granary, providers, how):
    login = logins.valley(providers)
    credential = granary.connect(login)
    number = credential.values()["id"]
    if how == "unlinked":
        credential.unlink()
    elif how == "deleted":
        credential.delete()
    else:
        granary.request("DELETE", f"/services/usermanagement/api/users/{credential.user_id}")
    assert calls_within(login, 2.5) <= 1, "one may have been under way"
    assert calls_within(login, 1.5) == 0
    if how == "unlinked":
        assert credential.link(login.user_key, number).status_code == 200
        eventually(lambda: calls_within(login, 0.2) > 0)


def test_a_token_is_refreshed_before_it_ends(start_granary, providers):
    """A lifetime of 6 s is refreshed by min(max(0.6, 60), 3) = 3 s before its end; the interval is six hours."""
    server = start_granary(checks={"refresh_floor": "1s"})
    login = logins.ag_leader(providers)
    login.record.expires_in = 6
    credential = server.connect(login)
    first = credential.values()["accessToken"]
    status = credential.status()
    assert 0 < moment(status["nextCheckTime"]) - moment(status["lastCheckedTime"]) <= 3.1
    eventually(lambda: credential.values()["accessToken"] != first, 12)
    second = login.calls()[1]
    assert second.time - login.calls()[0].time <= 6
    eventually(lambda: len(login.calls()) >= 3, 12)
    assert not login.record.reused


def test_two_refreshes_are_ten_seconds_apart(start_granary, providers):
    """Whatever a provider says of the lifetime, if nothing else is configured."""
    server = start_granary()
    login = logins.ag_leader(providers)
    login.record.expires_in = 1
    status = server.connect(login).status()
    assert 9 <= moment(status["nextCheckTime"]) - moment(status["lastCheckedTime"]) <= 10.1


@pytest.mark.parametrize("value", [None, 0, -5, "3600", 1e18, 0.5, [], True, "soon", 10**30])
def test_an_odd_lifetime_does_no_harm(calm, providers, value):
    login = logins.ag_leader(providers)
    login.fail(faults.edited(lambda answer: answer.update(expires_in=value)))
    credential = calm.connect(login)
    assert credential.checked()["status"] == "OK"
    assert credential.status()["nextCheckTime"] is not None
    assert len(login.calls()) < 10 and not login.record.reused


def test_the_clock_goes_on_after_a_restart(start_granary, providers):
    server = start_granary(checks={"interval": "1s"})
    login = logins.valley(providers)
    credential = server.connect(login)
    server.stop()
    before = len(login.calls())
    time.sleep(1.5)
    assert len(login.calls()) == before
    server.start()
    eventually(lambda: len(login.calls()) >= before + 2, 15)
    assert credential.standing() == ("OK", None)


def test_checks_are_spread(start_granary, providers):
    """Forty credentials that are all overdue at the start do not arrive as a herd in every round."""
    server = start_granary(checks={"interval": "4s"})
    given = [logins.valley(providers) for _ in range(40)]
    for login in given:
        server.connect(login)
    before = {login.account: len(login.calls()) for login in given}
    time.sleep(10)
    times = sorted(call.time for login in given for call in login.calls()[before[login.account] :])
    assert len(times) >= 60
    thickest = max(len([t for t in times if start <= t < start + 0.2]) for start in times)
    assert thickest < 30
