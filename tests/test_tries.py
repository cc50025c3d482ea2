"""A wrong password is shown three times, and then no more: whatever is killed meanwhile, however often the server starts, and however
many credentials hold it. A provider that sees more locks the account."""

import time

import logins
import pytest
from background import in_background
from harness import eventually, moment
from logins import new_login, stored
from standins import faults
from wall_clock import HOUR, WallClock

TRIES = 3
SLUGS = ["valley-credentials", "agvance-credentials", "sentera-credentials"]


def crash_in_put(server, credential, new):
    """Kills the server while the provider has the PUT's password."""
    calls = len(new.calls())
    new.fail(faults.hang(20), times=1)
    in_background(lambda: pytest.raises(Exception, lambda: credential.put(new.body)))
    eventually(lambda: len(new.calls()) > calls)
    time.sleep(0.1)
    server.kill()


@pytest.mark.parametrize("status", ["OK", "UNAUTHENTICATED"])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_password_of_an_interrupted_put_is_shown_once_more(start_granary, providers, slug, status):
    """Fault 4: over whatever stood there, and whatever comes by the clock afterwards."""
    server = start_granary(checks={"interval": "1s", "confirm_after": "1s", "timeout": "20s"})
    login, credential = stored(server, providers, status, slug)
    new = new_login(providers, slug)
    new.revoke()
    crash_in_put(server, credential, new)
    server.start()
    time.sleep(4)
    assert 1 <= len(new.calls()) <= 2
    assert credential.values()["username"] == login.body["username"]


@pytest.mark.parametrize("status", ["OK", "UNAUTHENTICATED"])
@pytest.mark.parametrize("slug", ["valley-credentials", "ag-leader-credentials"])
def test_a_loop_of_crashes_shows_a_mistyped_login_no_more_often(start_granary, providers, slug, status):
    """Section 5 of the review: one PUT, and the wrong password was shown once more at each start, without bound."""
    server = start_granary(checks={"timeout": "20s"})
    login, credential = stored(server, providers, status, slug)
    new, name = new_login(providers, slug), {"valley-credentials": "apid"}.get(slug, "publicKey")
    new.revoke()
    crash_in_put(server, credential, new)
    new.fail(faults.hang(20))
    for _ in range(5):
        calls = len(new.calls())
        server.start()
        end = time.monotonic() + 1.5
        while len(new.calls()) == calls and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)
        server.kill()
    new.heal()
    new.revoke()
    server.start()
    time.sleep(1)
    assert len(new.calls()) <= 2, "the PUT, and once more"
    assert credential.checked()["status"] == "OK"
    assert credential.values()[name] == login.body[name]
    assert len(new.calls()) <= 2


def test_a_wrong_password_that_a_put_brings_again_is_shown_three_times(start_granary, providers, tmp_path):
    """Fault 4: refused when it was posted, put again and interrupted, shown once more at the start, and a fourth time a day later."""
    clock = WallClock(tmp_path)
    server = clock.give_to(start_granary(checks={"interval": "1s", "confirm_after": "1s", "timeout": "20s"}))
    login = logins.valley(providers)
    login.revoke()
    credential = server.credential(login.slug)
    assert credential.post(login.body).json()["status"] == "UNAUTHENTICATED"
    crash_in_put(server, credential, login)
    server.start()
    time.sleep(2)
    assert server.stop()[0] == 0
    clock.set(25 * HOUR)
    server.start()
    time.sleep(3)
    clock.set(50 * HOUR)
    time.sleep(2)
    assert 2 <= len(login.calls()) <= TRIES


def test_a_posted_wrong_password_is_shown_once_more_after_a_day(start_granary, providers, tmp_path):
    """That the day passes in these tests; a refused POST counts as two."""
    clock = WallClock(tmp_path)
    server = clock.give_to(start_granary(checks={"interval": "1s", "confirm_after": "1s"}))
    login = logins.valley(providers)
    login.revoke()
    server.credential(login.slug).post(login.body)
    for hours in (25, 50, 75):
        clock.set(hours * HOUR)
        time.sleep(2.5)
    assert len(login.calls()) == 2


# By login: what several credentials hold.


def twins(server, providers, number=2, slug="valley-credentials"):
    """Credentials of several users with one login, all fields equal."""
    login = new_login(providers, slug)
    return login, [server.connect(login) for _ in range(number)]


def cousins(server, providers, number=2):
    """Credentials with one user name and password, and another application each."""
    first = logins.valley(providers)
    same = {name: first.body[name] for name in ("username", "password")}
    given = [first, *(logins.valley(providers, **same) for _ in range(number - 1))]
    return given, [server.connect(login) for login in given]


def shown(given, since=0):
    return sum(len(login.calls()) for login in given) - since


@pytest.fixture
def calm(start_granary):
    return start_granary(checks={"confirm_after": "1s"})


@pytest.fixture
def busy(start_granary):
    return start_granary(checks={"interval": "1s", "confirm_after": "1s"})


@pytest.mark.parametrize("slug", SLUGS)
def test_a_confirmed_refusal_turns_the_other_with_the_same_fields(calm, providers, slug):
    """It is not asked: the answer would be the same, and one try less would be left."""
    login, (first, second) = twins(calm, providers, slug=slug)
    login.revoke()
    if slug == "sentera-credentials":
        login.stand_in.expire_tokens(login.account)
    path = {"sentera-credentials": "/v1/sessions"}.get(slug)
    calls = len(login.calls(path))
    assert first.checked()["reason"] == "refused_once"
    eventually(lambda: first.standing() == ("UNAUTHENTICATED", "refused"))
    eventually(lambda: second.standing() == ("UNAUTHENTICATED", "refused"))
    assert len(login.calls(path)) == calls + 2
    assert second.values()["status"] == "UNAUTHENTICATED"
    calm.assert_every_change_is_logged()


def test_one_that_differs_in_another_field_is_not_turned(calm, providers):
    """Another application: its own login may work all the same."""
    given, (first, second) = cousins(calm, providers)
    given[0].revoke()
    first.checked()
    eventually(lambda: first.standing() == ("UNAUTHENTICATED", "refused"))
    time.sleep(0.5)
    assert second.standing() == ("OK", None)
    assert second.checked()["status"] == "OK"


@pytest.mark.parametrize("make", [lambda *args: (lambda login, made: ([login], made))(*twins(*args)), cousins], ids=["twins", "cousins"])
def test_a_wrong_password_is_shown_three_times_by_all(busy, providers, make):
    """By the clock, which comes each second to each of them."""
    given, credentials = make(busy, providers, 4)
    eventually(lambda: shown(given) > 8)
    for login in given:
        login.revoke()
    since = shown(given)
    time.sleep(6)
    assert 2 <= shown(given, since) <= TRIES
    assert "UNAUTHENTICATED" in {credential.status()["status"] for credential in credentials}


def test_twins_have_one_last_try_after_a_day(start_granary, providers, tmp_path):
    clock = WallClock(tmp_path)
    server = clock.give_to(start_granary(checks={"interval": "1s", "confirm_after": "1s"}))
    login, credentials = twins(server, providers, 3)
    login.revoke()
    since = len(login.calls())
    for credential in credentials:
        eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"), 15)
    for hours in (25, 50, 75):
        clock.set(hours * HOUR)
        time.sleep(2.5)
    assert len(login.calls()) - since <= TRIES


def test_an_ok_of_one_makes_the_others_due(calm, providers):
    """The provider had locked the account, and it is open again: whoever asks first tells it to all."""
    login, (first, second) = twins(calm, providers)
    login.revoke()
    first.checked()
    eventually(lambda: second.standing() == ("UNAUTHENTICATED", "refused"))
    assert first.checked()["status"] == "UNAUTHENTICATED"
    eventually(lambda: [c.status()["nextCheckTime"] for c in (first, second)] == [None, None])
    login.heal()
    assert first.checked()["status"] == "OK"
    due = eventually(lambda: second.status()["nextCheckTime"])
    assert moment(due) <= time.time() + 601
    assert second.checked()["status"] == "OK"


def test_an_ok_of_one_gives_the_others_their_tries_again(calm, providers):
    login, (first, second) = twins(calm, providers)
    for _ in range(2):
        login.revoke()
        first.checked()
        eventually(lambda: first.standing() == ("UNAUTHENTICATED", "refused"))
        eventually(lambda: second.standing() == ("UNAUTHENTICATED", "refused"))
        login.heal()
        assert [credential.checked()["status"] for credential in (first, second)] == ["OK", "OK"]


def test_another_owners_login_is_its_own(calm, providers):
    """Nobody's mistake is anybody else's."""
    login, (first,) = twins(calm, providers, 1)
    second_owner = ("second@example.org", "the second owner's words")
    calm.add_owner(*second_owner)
    second = calm.credential(login.slug, token=calm.log_in(*second_owner))
    assert second.post(login.body).json()["status"] == "OK"
    login.revoke()
    first.checked()
    eventually(lambda: first.standing() == ("UNAUTHENTICATED", "refused"))
    time.sleep(0.5)
    assert second.standing() == ("OK", None)
