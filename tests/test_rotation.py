"""One-use refresh tokens: the token a provider gives is on disk before anything uses it, a request that spends one is never
repeated by the transport, and an answer that was lost is not taken for a revoked grant. The stand-in revokes the whole
family when a spent token comes again."""

import signal
import time

import logins
import pytest
from background import all_at_once, in_background
from harness import eventually
from standins import faults


@pytest.fixture(scope="module")
def granary(start_module_granary):
    """A token request that hangs is given up when its caller is answered; how long it may go on is in test_deadline.py."""
    return start_module_granary(checks={"confirm_after": "1s", "timeout": "1s"})


def test_every_check_uses_the_newest_token(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    for _ in range(10):
        assert credential.checked()["status"] == "OK"
        values = credential.values()
        assert values["refreshToken"] == login.record.refresh_token
        assert values["accessToken"] == login.record.access_tokens[-1]
    spent = [call.form()["refresh_token"] for call in login.calls()]
    assert len(set(spent)) == len(spent) == 11 and not login.record.reused


def test_an_answer_that_came_while_the_server_stood_still_counts(start_granary, providers):
    """Stopped for longer than the call may take, after its request had left: a paused container, a machine that swaps."""
    server = start_granary(checks={"confirm_after": "1s", "timeout": "1s"})
    pairs = [(login := logins.ag_leader(providers), server.connect(login)) for _ in range(10)]
    for login, _ in pairs:
        login.fail(faults.delay(0.3), times=1)
    all_checked = in_background(lambda: all_at_once([credential.check for _, credential in pairs]))
    eventually(lambda: all(len(login.calls()) == 2 for login, _ in pairs), pause=0.01)
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    server.process.send_signal(signal.SIGCONT)
    assert [answer.json()["reason"] for answer in all_checked()] == [None] * 10
    for login, credential in pairs:
        assert credential.values()["refreshToken"] == login.record.refresh_token
        assert credential.checked()["status"] == "OK"
        assert not login.record.reused


def test_an_answer_without_a_refresh_token_keeps_the_old_one(granary, providers):
    login = logins.ag_leader(providers)
    login.record.rotates = False
    credential = granary.connect(login)
    for _ in range(3):
        assert credential.checked()["status"] == "OK"
        assert credential.values()["refreshToken"] == login.body["refreshToken"]


def test_the_token_request_has_a_fresh_connection(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    for _ in range(4):
        credential.checked()
    connections = [call.connection for call in login.calls()]
    assert len(set(connections)) == 5


LOST = {
    "reset": faults.reset(),
    "closed": faults.close(),
    "cut": faults.cut(),
    "timeout": faults.hang(),
    "drip": faults.drip(),
}


@pytest.mark.parametrize("name", LOST)
def test_a_lost_answer_is_not_asked_for_again_by_the_transport(granary, providers, name):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.after_work(LOST[name]), times=1)
    body = credential.checked()
    assert (body["status"], body["reason"]) in [("OK", r) for r in ("unreachable", "unexpected_answer", "timeout")]
    assert len(login.calls()) == 2


@pytest.mark.parametrize("name", LOST)
def test_after_a_lost_answer_the_stored_token_is_tried(granary, providers, name):
    login = logins.ag_leader(providers)
    login.record.accepts_previous = True
    credential = granary.connect(login)
    login.fail(faults.after_work(LOST[name]), times=1)
    credential.checked()
    body = credential.checked()
    assert (body["status"], body["reason"]) == ("OK", None)
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.checked()["status"] == "OK"


@pytest.mark.parametrize("name", LOST)
def test_a_grant_lost_with_its_answer_says_so(granary, providers, name):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.after_work(LOST[name]), times=1)
    credential.checked()
    body = credential.checked()
    assert body["status"] == "OK", "one refusal is not two"
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"))
    assert len(login.calls()) <= 4


def test_an_outage_before_the_provider_worked_costs_nothing(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    for fault in (faults.reset(), faults.answer(503), faults.close(), faults.hang()):
        login.fail(fault, times=1)
        assert credential.checked()["status"] == "OK"
    assert credential.checked()["reason"] is None
    assert not login.record.reused


def test_checks_and_reconnects_at_once_spend_no_token_twice(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.late_answer(0.05))
    for _ in range(5):
        answers = all_at_once([credential.check] * 20)
        assert {answer.json()["status"] for answer in answers} == {"OK"}
    assert not login.record.reused
    assert credential.values()["refreshToken"] == login.record.refresh_token


def test_a_token_is_on_disk_before_it_is_answered(start_granary, providers):
    server = start_granary()
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    for _ in range(5):
        assert credential.checked()["status"] == "OK"
        server.kill()
        server.start()
        assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.checked()["status"] == "OK"
    assert not login.record.reused


def crash_while_refreshing(server, credential, login, fault):
    """Kills the server while the provider has the request, and starts it again with the provider well."""
    login.fail(fault, times=1)
    before = len(login.calls())
    in_background(lambda: pytest.raises(Exception, credential.check))
    eventually(lambda: len(login.calls()) > before)
    time.sleep(0.1)
    server.kill()
    server.start()


def test_a_crash_before_the_provider_worked_costs_nothing(start_granary, providers):
    server = start_granary(checks={"timeout": "20s", "confirm_after": "1s"})
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    crash_while_refreshing(server, credential, login, faults.hang())
    # Tried once more at the start, not an interval of six hours later.
    eventually(lambda: len(login.calls()) == 3 and credential.values()["refreshToken"] == login.record.refresh_token, 15)
    assert credential.standing() == ("OK", None)
    assert not login.record.reused


def test_a_crash_after_the_provider_worked(start_granary, providers):
    """With a provider that takes the previous token once, all is well again; with one that does not, the reason is told."""
    server = start_granary(checks={"timeout": "20s", "confirm_after": "1s"})
    forgiving, strict = logins.ag_leader(providers), logins.ag_leader(providers)
    forgiving.record.accepts_previous = True
    credentials = {login.account: server.connect(login) for login in (forgiving, strict)}
    for login in (forgiving, strict):
        crash_while_refreshing(server, credentials[login.account], login, faults.after_work(faults.hang()))
    forgiven, refused = credentials[forgiving.account], credentials[strict.account]
    eventually(lambda: forgiven.values()["refreshToken"] == forgiving.record.refresh_token, 15)
    assert forgiven.checked()["status"] == "OK"
    eventually(lambda: refused.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"), 15)


def test_a_request_that_comes_after_its_retry_is_told_as_unknown(start_granary, providers):
    """It was given up, the try after it has worked, and then it arrives: the provider sees reuse and revokes the grant."""
    granary = start_granary(checks={"timeout": "1s", "confirm_after": "1s"})
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.delay(3), times=1)
    assert credential.checked()["reason"] == "timeout"
    assert credential.checked()["status"] == "OK"
    eventually(lambda: login.record.reused, 15)
    assert credential.checked()["reason"] == "refused_once"
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"))


def test_a_revoked_grant_is_simply_refused(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.revoke()
    body = credential.checked()
    assert (body["status"], body["reason"]) == ("OK", "refused_once")
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"))


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer.update(refresh_token=None),
        lambda answer: answer.update(refresh_token=""),
        lambda answer: answer.pop("refresh_token"),
    ],
)
def test_an_empty_refresh_token_does_not_replace_a_stored_one(granary, providers, change):
    login = logins.ag_leader(providers)
    login.record.rotates = False
    credential = granary.connect(login)
    login.fail(faults.edited(lambda answer: (answer.setdefault("refresh_token", "x"), change(answer))))
    credential.checked()
    assert credential.values()["refreshToken"] == login.body["refreshToken"]


def test_a_put_of_the_stored_token_whose_answer_is_lost_says_so(granary, providers):
    """The PUT changes nothing, but the stored token may be spent: its refusal is told as what it is."""
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.after_work(faults.close()), times=1)
    body = {**login.body, "refreshToken": credential.values()["refreshToken"]}
    assert credential.put(body).status_code == 503
    assert credential.checked()["reason"] == "refused_once"
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"))
