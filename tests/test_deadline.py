"""One deadline for who waits: `[checks] timeout` bounds the wait for a turn, the settling of an interrupted PUT and all exchanges
together. A token request that was sent goes on to its own end, and what it gives is kept whatever its caller was told."""

import time

import logins
import pytest
from background import all_at_once, in_background
from harness import eventually
from logins import SLUGS, new_login
from probed import PROBE, PROBE_PATH
from problems import assert_problem
from standins import faults

TIMEOUT = 2
PASSWORDS = [slug for slug in SLUGS if slug != "ag-leader-credentials"]


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"timeout": f"{TIMEOUT}s", "confirm_after": "1s"})


def within_the_timeout(request, limit=3 * TIMEOUT):
    started = time.monotonic()
    answer = request()
    took = time.monotonic() - started
    assert took < limit, f"answered after {took:.1f} s"
    return answer


@pytest.mark.parametrize("fault", [faults.hang(20), faults.drip(0.2)], ids=["hang", "drip"])
@pytest.mark.parametrize("slug", PASSWORDS)
def test_a_put_is_answered_in_time(granary, providers, slug, fault):
    credential = granary.connect(new_login(providers, slug))
    before = credential.get().text
    new = new_login(providers, slug)
    new.fail(fault)
    answer = within_the_timeout(lambda: credential.put(new.body))
    assert_problem(answer, 503, "providerUnavailable", reason="timeout")
    assert credential.get().text == before


def test_all_exchanges_of_a_put_share_its_time(granary, providers):
    """Each page of Sentera's is fast enough by itself; a login whose query is not answered is unavailable."""
    credential = granary.connect(logins.sentera(providers))
    new = logins.sentera(providers, [(f"o-{number}", f"Farm {number}") for number in range(60)])
    new.stand_in.page_limit[new.account] = 1
    new.fail(faults.delay(0.4), path="/graphql")
    answer = within_the_timeout(lambda: credential.put(new.body))
    assert_problem(answer, 503, "providerUnavailable", reason="timeout")


def interrupted(server, providers, slug):
    """A credential with a PUT that a kill cut off, whose provider hangs still."""
    login = new_login(providers, slug)
    credential = server.connect(login)
    new = new_login(providers, slug)
    new.fail(faults.hang(60))
    in_background(lambda: pytest.raises(Exception, lambda: credential.put(new.body)))
    eventually(new.calls)
    time.sleep(0.1)
    server.kill()
    server.start()
    return login, credential, new


@pytest.mark.parametrize("slug", PASSWORDS)
def test_a_put_over_an_interrupted_one_is_answered_in_time(start_granary, providers, slug):
    """Fault 8: settling the one that was interrupted had its own time, and so had the slot and the question."""
    server = start_granary(checks={"timeout": f"{TIMEOUT}s"})
    login, credential, _ = interrupted(server, providers, slug)
    third = new_login(providers, slug)
    third.fail(faults.hang(60))
    answer = within_the_timeout(lambda: credential.put(third.body))
    assert_problem(answer, 503, "providerUnavailable", reason=["timeout", "rate_limited"])
    assert credential.values()["username"] == login.body["username"]


def test_a_check_over_an_interrupted_put_is_answered_in_time(start_granary, providers):
    server = start_granary(checks={"timeout": f"{TIMEOUT}s"})
    login, credential, _ = interrupted(server, providers, "valley-credentials")
    login.fail(faults.hang(60))
    answer = within_the_timeout(credential.check)
    assert (answer.status_code, answer.json()["status"]) == (200, "OK")


def test_a_put_that_waits_for_a_check_is_answered_in_time(granary, providers):
    """Its turn, and then its own exchange: the time of both is one."""
    login = logins.valley(providers)
    credential = granary.connect(login)
    login.fail(faults.hang(20), times=1)
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    new = logins.valley(providers)
    new.fail(faults.hang(20))
    answer = within_the_timeout(lambda: credential.put(new.body))
    assert_problem(answer, 503, "providerUnavailable", reason=["timeout", "rate_limited"])
    assert checked().json()["reason"] == "timeout"


def test_puts_that_wait_for_one_another_are_answered_in_time(granary, providers):
    """Fault 8: the fourth of them waited for three others first."""
    credential = granary.connect(logins.valley(providers))
    before = credential.get().text
    given = [logins.valley(providers) for _ in range(4)]
    for new in given:
        new.fail(faults.hang(20))
    answers = all_at_once([lambda new=new: within_the_timeout(lambda: credential.put(new.body)) for new in given])
    for answer in answers:
        assert_problem(answer, 503, "providerUnavailable", reason=["timeout", "rate_limited"])
    assert credential.get().text == before


# A one-use token that was sent.


def test_a_put_whose_probe_hangs_is_answered_in_time(start_granary, providers):
    """The token is spent, the probe after it says nothing: the login works as far as anybody knows, and is checked again soon."""
    server = start_granary(checks={"timeout": f"{TIMEOUT}s"}, providers={"ag-leader": {"parameters": PROBE}})
    credential = server.connect(logins.ag_leader(providers))
    new = logins.ag_leader(providers)
    new.fail(faults.hang(20), path=PROBE_PATH)
    answer = within_the_timeout(lambda: credential.put(new.body))
    assert (answer.status_code, answer.json()["status"]) == (200, "OK"), answer.text
    assert credential.values()["refreshToken"] == new.record.refresh_token
    assert credential.standing() == ("OK", "timeout")
    new.heal()
    assert credential.checked()["status"] == "OK" and credential.standing() == ("OK", None)
