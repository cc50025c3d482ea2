"""How checks are run: one at a time for each credential, bounded in time, each provider by itself, and none lost or begun at
the end of the process. Which status follows is in test_status.py."""

import json
import threading
import time

import logins
import pytest
from background import all_at_once, in_background
from harness import eventually
from logins import SLUGS, new_login
from standins import faults

TIMEOUT = 2


@pytest.mark.parametrize("slug", SLUGS)
def test_a_hundred_requests_are_one_check(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    before = len(login.calls())
    login.fail(faults.late_answer(0.8))
    answers = all_at_once([credential.check] * 100)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(login.calls()) == before + 1


def test_five_hundred_readers_and_a_hundred_checks_are_one_call(start_granary, providers):
    """Nobody who reads waits for the provider, and a one-use token is spent once."""
    granary = start_granary(checks={"timeout": "30s"})
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    before = len(login.calls())
    old = credential.values()["refreshToken"]
    may_answer = threading.Event()

    def answer_when_allowed(exchange):
        usual = exchange.usual_answer()
        may_answer.wait(25)
        exchange.send(usual)

    login.fail(answer_when_allowed)
    first = in_background(credential.check)
    eventually(lambda: len(login.calls()) == before + 1)
    others = in_background(lambda: all_at_once([credential.check] * 99))
    read = all_at_once([credential.values] * 500)
    assert {values["refreshToken"] for values in read} == {old} and not may_answer.is_set()
    may_answer.set()
    assert {answer.text for answer in others()} == {first().text}
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert len(login.calls()) == before + 1
    assert not login.record.reused
    assert credential.checked()["status"] == "OK"


def test_a_check_after_a_check_is_a_new_one(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    bodies = [credential.checked() for _ in range(4)]
    assert len({body["lastCheckedTime"] for body in bodies}) == 4
    assert len(login.calls()) == 5


def test_reading_never_waits_for_a_provider(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    login.fail(faults.hang())
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    started = time.monotonic()
    credential.values(), credential.status(), credential.events()
    assert time.monotonic() - started < TIMEOUT / 2
    assert checked().json()["reason"] == "timeout"


@pytest.mark.parametrize("fault", [faults.hang(), faults.drip(0.2), faults.after_work(faults.hang())])
@pytest.mark.parametrize("slug", SLUGS)
def test_a_whole_check_is_bounded(granary, providers, slug, fault):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    login.fail(fault)
    started = time.monotonic()
    body = credential.checked()
    assert time.monotonic() - started < 3 * TIMEOUT
    assert (body["status"], body["reason"]) == ("OK", "timeout")


def test_all_exchanges_of_a_check_share_its_time(granary, providers):
    """Each page is fast enough by itself; the whole is not."""
    login = logins.sentera(providers, [(f"o-{number}", f"Farm {number}") for number in range(40)])
    login.stand_in.page_limit[login.account] = 1
    login.fail(faults.delay(0.4), path="/graphql")
    credential = granary.credential(login.slug)
    started = time.monotonic()
    credential.post(login.body)
    assert time.monotonic() - started < 3 * TIMEOUT
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "timeout")


def test_a_hanging_provider_delays_only_itself(granary, providers):
    hanging = [logins.valley(providers) for _ in range(40)]
    credentials = [granary.connect(login) for login in hanging]
    others = [granary.connect(new_login(providers, slug)) for slug in SLUGS if slug != "valley-credentials"]
    for login in hanging:
        login.fail(faults.hang())
    waiting = [in_background(credential.check) for credential in credentials]
    eventually(lambda: sum(len(login.calls()) for login in hanging) > 50)
    for credential in others:
        body = credential.checked()
        assert (body["status"], body["reason"]) == ("OK", None)
    assert {answer().status_code for answer in waiting} == {200}


def test_no_token_is_sent_with_the_last_of_the_time(start_granary, providers):
    """Its answer would be lost by our own waiting, and the grant with it: the second one's turn comes after 3.6 s of 4."""
    server = start_granary(providers={"ag-leader": {"rate": 0.28}}, checks={"timeout": "4s"})
    given = [logins.ag_leader(providers) for _ in range(2)]
    credentials = [server.credential(login.slug) for login in given]
    all_at_once([lambda c=c, l=l: c.post(l.body) for c, l in zip(credentials, given)])
    time.sleep(0.5)
    assert sorted(len(login.calls()) for login in given) == [0, 1]


def test_what_is_not_sent_in_time_leaves_no_event(start_granary, providers):
    server = start_granary(providers={"valley": {"rate": 1, "concurrency": 1}}, checks={"timeout": "1s"})
    given = [logins.valley(providers) for _ in range(30)]
    credentials = [server.credential(login.slug) for login in given]
    answers = all_at_once([lambda c=c, l=l: c.post(l.body) for c, l in zip(credentials, given)])
    assert {answer.status_code for answer in answers} == {201}
    unheard = [credential for credential, login in zip(credentials, given) if not login.calls()]
    # One whose turn came with the last of its time may have been on its way when that ended: no answer in time.
    limited = [credential for credential in unheard if credential.standing() != ("TEMPORARILY_UNAVAILABLE", "timeout")]
    assert len(limited) > 10 and len(unheard) - len(limited) <= 2
    for credential in limited:
        assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "rate_limited")
        assert credential.events() == []


def test_the_rate_limit_is_held(start_granary, providers):
    server = start_granary(providers={"agvance": {"rate": 5}}, checks={"timeout": "1s"})
    given = [logins.agvance(providers) for _ in range(40)]
    all_at_once([lambda l=l: server.credential(l.slug).post(l.body) for l in given])
    times = sorted(call.time for login in given for call in login.calls())
    in_two_seconds = max(len([t for t in times if start <= t < start + 2]) for start in times)
    assert in_two_seconds <= 2 * 5 + 5 + 1


def test_a_client_that_goes_away_stops_no_check(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.late_answer(1))
    with pytest.raises(Exception, match="timed out"):
        credential.request("POST", "/check", timeout=0.3)
    eventually(lambda: credential.values()["refreshToken"] == login.record.refresh_token)


def test_agvance_logs_in_at_each_check_without_a_probe(granary, providers):
    login = logins.agvance(providers)
    credential = granary.connect(login)
    first = credential.values()["sessionId"]
    credential.checked()
    assert credential.values()["sessionId"] == login.record.sessions[-1] != first
    assert [call.path for call in login.calls()] == ["/ApiUser/LogOn"] * 2


def test_the_end_of_the_process_waits_for_what_is_in_flight(start_granary, providers):
    server = start_granary(checks={"timeout": "5s"})
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    login.fail(faults.late_answer(1))
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    code, seconds = server.stop()
    assert (code, seconds < 3 * 10) == (0, True)
    assert checked().status_code == 200
    login.heal()
    server.start()
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.checked()["status"] == "OK" and not login.record.reused


def test_logs_are_json_lines(start_granary, providers):
    server = start_granary()
    server.connect(logins.valley(providers)).checked()
    assert server.stop()[0] == 0
    lines = server.log.splitlines()
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)


def test_an_exchange_that_the_stop_cuts_off_is_as_one_of_a_crash(start_granary, providers):
    """We hung up, told a second time to end: the provider was neither unreachable nor slow, and at the next start the token is tried
    again at once."""
    server = start_granary(checks={"timeout": "30s", "confirm_after": "1s"})
    login = new_login(providers, "ag-leader-credentials")
    credential = server.connect(login)
    events = len(credential.events())
    login.fail(faults.hang(), times=1)
    in_background(lambda: pytest.raises(Exception, credential.check))
    eventually(lambda: len(login.calls()) == 2)
    server.process.terminate()
    time.sleep(0.5)
    assert server.process.poll() is None, "it stays for the token that is awaited"
    server.stop()
    server.start()
    eventually(lambda: len(login.calls()) == 3)
    eventually(lambda: credential.values()["refreshToken"] == login.record.refresh_token)
    assert credential.standing() == ("OK", None)
    assert len(credential.events()) == events + 1
