"""A provider whose refresh is followed by a probe: what the refresh gave is stored before the probe is sent, so that nothing
that happens to the probe, or to the server meanwhile, costs the grant."""

import time

import logins
import pytest
from background import in_background
from harness import eventually, moment
from probed import PROBE, PROBE_PATH
from standins import faults


@pytest.fixture
def start(start_granary):
    def with_a_probe(timeout="20s", **more):
        ag_leader = {"parameters": PROBE, **more}
        return start_granary(providers={"ag-leader": ag_leader}, checks={"timeout": timeout, "confirm_after": "1s"})

    return with_a_probe


@pytest.fixture
def login(providers):
    return logins.ag_leader(providers)


def refresh_and_then(login, fault):
    """The next probe says that the access token has ended; those after the refresh meet `fault`."""
    login.fail(fault, path=PROBE_PATH)
    login.fail(faults.answer(401), times=1, path=PROBE_PATH)


def kill_while_it_is_probed(server, login, act):
    spent = len(login.record.spent)
    in_background(lambda: pytest.raises(Exception, act))
    eventually(lambda: len(login.record.spent) > spent and login.calls()[-1].path == PROBE_PATH)
    server.kill()
    login.heal()
    server.start()


def assert_works(credential, login):
    """Also the refresh token: the access token alone would do for a probe."""
    login.fail(faults.answer(401), times=1, path=PROBE_PATH)
    assert credential.checked()["status"] == "OK"
    assert credential.standing() == ("OK", None)
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert not login.record.reused


def test_a_check_that_dies_while_it_probes_has_kept_the_token(start, login):
    server = start()
    credential = server.connect(login)
    newest = login.record.refresh_token
    refresh_and_then(login, faults.hang())
    kill_while_it_is_probed(server, login, credential.check)
    assert credential.values()["refreshToken"] == login.record.refresh_token != newest
    assert_works(credential, login)


def test_a_post_that_dies_while_it_probes_has_kept_the_token(start, login):
    server = start()
    user = server.new_user()
    login.fail(faults.hang(), path=PROBE_PATH)
    kill_while_it_is_probed(server, login, lambda: server.connect(login, user))
    credential = server.credential(login.slug, user)
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert_works(credential, login)


def test_a_put_that_dies_while_it_probes_has_kept_the_token(start, login, providers):
    server = start()
    credential = server.connect(login)
    other = logins.ag_leader(providers)
    other.fail(faults.hang(), path=PROBE_PATH)
    kill_while_it_is_probed(server, other, lambda: credential.put(other.body))
    eventually(lambda: credential.values()["publicKey"] == other.body["publicKey"], 15)
    assert_works(credential, other)


@pytest.mark.parametrize("fault", [faults.reset(), faults.hang(), faults.answer(500), faults.html(), faults.answer(403)])
def test_what_happens_to_the_probe_does_not_cost_the_token(start, login, fault):
    server = start(timeout="1s")
    credential = server.connect(login)
    refresh_and_then(login, fault)
    assert credential.checked()["status"] == "OK"
    assert credential.values()["refreshToken"] == login.record.refresh_token
    login.heal()
    assert_works(credential, login)


def test_a_probe_that_has_to_wait_too_long_does_not_cost_the_token(start, login):
    """A rate of three in two seconds: probe and refresh leave in time, the second probe would not."""
    server = start(timeout="1s", rate=1.5)
    credential = server.connect(login)
    assert credential.values()["refreshToken"] == login.record.refresh_token
    eventually(lambda: credential.checked()["reason"] is None)
    time.sleep(1)
    refresh_and_then(login, faults.answer(200))
    before = len(login.calls())
    body = credential.checked()
    assert (body["status"], body["reason"]) == ("OK", "rate_limited")
    assert len(login.calls()) == before + 2
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert [event["statusCode"] for event in credential.events()[:2]] == [200, 401]


def test_a_refresh_does_not_hide_a_missing_permission(start, login):
    server = start()
    credential = server.connect(login)
    login.fail(faults.answer(403), path=PROBE_PATH)
    credential.checked()
    eventually(lambda: credential.standing() == ("MISSING_PERMISSION", "permission_denied"))
    since = credential.status()["since"]
    for _ in range(3):
        login.fail(faults.answer(401), times=1, path=PROBE_PATH)
        body = credential.checked()
        assert (body["status"], body["since"]) == ("MISSING_PERMISSION", since)
    assert credential.values()["refreshToken"] == login.record.refresh_token


def test_an_access_token_that_gives_way_is_taken_out_of_the_events(start, login):
    """Refused by the probe, replaced by the refresh: an echo of it is redacted all the same."""
    server = start()
    credential = server.connect(login)
    replaced = credential.values()["accessToken"]
    login.fail(faults.answer(401, f"the token {replaced} has ended"), times=1, path=PROBE_PATH)
    assert credential.checked()["status"] == "OK"
    bodies = [event["body"] for event in credential.events()]
    assert any(body.startswith("the token ") for body in bodies)
    assert not any(replaced in body for body in bodies)


def test_an_access_token_that_a_client_posts_proves_nothing(start, login):
    """It works, the refresh token beside it does not: the login that is stored would be the latter."""
    server = start()
    login.record.access_tokens.append(posted := "posted-" + "0123456789abcdef" * 2)
    answer = server.credential(login.slug).post({**login.body, "accessToken": posted, "refreshToken": "never-issued"})
    assert (answer.status_code, answer.json()["status"]) == (201, "UNAUTHENTICATED")


def test_a_put_of_what_get_gave_does_not_hide_a_lost_answer(start, login):
    """Its access token works still; its refresh token was spent by a request whose answer was lost."""
    server = start()
    credential = server.connect(login)
    login.fail(faults.answer(401), times=1, path=PROBE_PATH)
    login.fail(faults.after_work(faults.reset()), times=1, path="/api/token")
    assert credential.checked()["reason"] == "unreachable"
    given = credential.values()
    assert given["accessToken"] == login.record.access_tokens[-2]
    assert credential.put({**login.body, "accessToken": given["accessToken"], "refreshToken": given["refreshToken"]}).status_code == 422
    eventually(lambda: credential.checked() and credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"))


@pytest.mark.parametrize("fault", [faults.hang(), faults.answer(500)], ids=["hang", "500"])
def test_a_put_whose_probe_gets_no_answer_is_accepted(start, login, providers, fault):
    """Its token was spent, and what came for it exists nowhere else. The reason says what was not answered."""
    server = start(timeout="1s")
    credential = server.connect(login)
    other, third = logins.ag_leader(providers), logins.ag_leader(providers)
    other.fail(fault, path=PROBE_PATH)
    answer = credential.put(other.body)
    assert (answer.status_code, answer.json()["status"]) == (200, "OK"), answer.text
    assert credential.values()["publicKey"] == other.body["publicKey"]
    assert credential.status()["reason"] in ("timeout", "provider_error")
    assert moment(credential.status()["nextCheckTime"]) < time.time() + 61, "checked again soon"
    other.heal()
    server.restart()
    assert credential.values()["publicKey"] == other.body["publicKey"]
    assert_works(credential, other)
    assert credential.put(third.body).status_code == 200
    assert_works(credential, third)


def test_a_put_whose_probe_is_refused_later_is_found(start, login, providers):
    """As any login that was OK: by two refusals."""
    server = start(timeout="1s")
    credential = server.connect(login)
    other = logins.ag_leader(providers)
    other.fail(faults.hang(), path=PROBE_PATH)
    assert credential.put(other.body).json()["status"] == "OK"
    other.heal()
    other.revoke()
    assert credential.checked()["reason"] == "refused_once"
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"))
    assert credential.values()["publicKey"] == other.body["publicKey"]


def test_an_unlink_while_it_is_probed_wins(start, login):
    """The token that the refresh gave is there when it is linked again."""
    server = start()
    credential = server.connect(login)
    refresh_and_then(login, faults.delay(1))
    checked = in_background(credential.check)
    spent = len(login.record.spent)
    eventually(lambda: len(login.record.spent) > spent and login.calls()[-1].path == PROBE_PATH)
    credential_id = credential.values()["id"]
    credential.unlink()
    assert checked().status_code == 404
    login.heal()
    credential.link(login.user_key, credential_id)
    eventually(lambda: credential.get().status_code == 200)
    assert_works(credential, login)


def test_a_put_whose_probe_got_no_answer_keeps_what_it_was_given_through_worse(start, login, providers):
    """Its access token ends, the refresh that follows is lost, and the one after that meets an outage."""
    server = start(timeout="1s")
    credential = server.connect(login)
    other = logins.ag_leader(providers)
    other.fail(faults.hang(), times=1, path=PROBE_PATH)
    assert credential.put(other.body).json()["status"] == "OK"
    other.fail(faults.answer(401), times=1, path=PROBE_PATH)
    other.fail(faults.reset(), times=1, path="/api/token")
    assert credential.checked()["status"] == "OK"
    other.fail(faults.answer(503), times=1, path="/api/token")
    assert credential.checked()["status"] == "OK"
    assert credential.checked()["status"] == "OK"
    assert credential.values()["publicKey"] == other.body["publicKey"]
    assert_works(credential, other)
    assert not other.record.reused


def test_a_put_over_a_login_that_an_outage_hides_needs_its_token_answered(start, login, providers):
    """Where not even that is, what was OK before the outage is not given up for what was never heard of."""
    server = start(timeout="1s")
    server.restart(checks={"timeout": "1s", "outage_after": "1s"})
    credential = server.connect(login)
    other = logins.ag_leader(providers)
    for _ in range(3):
        login.fail(faults.retry_after(503, "600"))
        credential.checked()
        time.sleep(0.6)
    assert credential.status()["status"] == "TEMPORARILY_UNAVAILABLE"
    other.fail(faults.answer(500))
    assert credential.put(other.body).status_code == 503
    assert credential.values()["publicKey"] == login.body["publicKey"]
    login.heal()
    other.heal()
    assert credential.checked()["status"] == "OK"
    assert_works(credential, login)
    assert len(other.calls()) == 1


def test_a_put_that_comes_before_an_interrupted_one_is_settled(start, login, providers):
    """The interrupted one is settled first: what a refresh gave for it is not overwritten while it may be all that is left."""
    server = start()
    credential = server.connect(login)
    other, third = logins.ag_leader(providers), logins.ag_leader(providers)
    other.fail(faults.hang(), path=PROBE_PATH)
    kill_while_it_is_probed(server, other, lambda: credential.put(other.body))
    assert credential.put(third.body).status_code == 200
    assert credential.values()["publicKey"] == third.body["publicKey"]
    assert [call.path for call in other.calls()].count("/api/token") == 1
    assert not other.record.reused
    assert_works(credential, third)


def test_a_refused_login_that_was_given_tokens_anew_does_not_wait_its_day(start, login):
    """What was refused is another token than what is stored now: where the probe after it gets no answer, it is tried soon."""
    server = start(timeout="1s")
    credential = server.connect(login)
    login.fail(faults.answer(401), path=PROBE_PATH)
    login.revoke()
    credential.checked()
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"))
    assert moment(credential.status()["nextCheckTime"]) > time.time() + 300
    login.heal()
    refresh_and_then(login, faults.hang())
    body = credential.checked()
    assert (body["status"], body["reason"]) == ("UNAUTHENTICATED", "timeout")
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert moment(credential.status()["nextCheckTime"]) < time.time() + 60
