"""PUT of what is stored already, or was once: the provider takes a spent token for a stolen one, so it is never sent; and what comes
for the newest is stored whatever else is said. More of this is in test_one_grant.py."""

import time

import logins
import pytest
from background import in_background
from harness import eventually, moment
from probed import PROBE, PROBE_PATH
from problems import assert_problem
from standins import faults
from standins.ag_leader import AgLeader
from test_put import stored


@pytest.mark.parametrize("which", ["the first", "the second", "one in between", "the previous", "the newest"])
def test_a_put_of_the_same_grant_does_not_cost_it(granary, providers, which):
    """A script that sends each night what it sent at first, or what POST or GET said a while ago: the provider would take the
    spent token for a stolen one."""
    login, credential = stored(granary, providers, "OK", "ag-leader-credentials")
    for _ in range(5):
        credential.checked()
    first, second, _, between, *_, previous = login.record.spent
    assert first == login.body["refreshToken"]
    token = {
        "the first": first,
        "the second": second,
        "one in between": between,
        "the previous": previous,
        "the newest": login.record.refresh_token,
    }[which]
    for _ in range(2):
        answer = credential.put({**login.body, "refreshToken": token})
        if which in ("the first", "the newest"):  # accepted last, or just now
            assert (answer.status_code, answer.json()["status"]) == (200, "OK"), answer.text
            assert answer.json()["refreshToken"] == login.record.refresh_token
        else:
            assert_problem(answer, 422, "credentialsRefused", reason="refused")
    assert credential.checked()["status"] == "OK"
    assert not login.record.reused


def test_a_put_of_the_token_that_a_check_is_spending(granary, providers):
    """When its turn comes the token is spent."""
    login, credential = stored(granary, providers, "OK", "ag-leader-credentials")
    credential.checked()
    token = login.record.refresh_token
    login.fail(faults.delay(1.5), times=1)
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 3)
    assert_problem(credential.put({**login.body, "refreshToken": token}), 422, "credentialsRefused", reason="refused")
    assert checked().json()["status"] == "OK"
    assert len(login.calls()) == 3 and not login.record.reused
    assert credential.checked()["status"] == "OK"


def test_the_newest_token_with_a_new_client_secret(start_granary, providers):
    """The application's secret was replaced, and no grant has ended: the token that GET shows goes on with the new one. The one
    that was posted at first is spent, whatever stands beside it."""
    login, credential = stored(start_granary(checks={"confirm_after": "1s"}), providers, "OK", "ag-leader-credentials")
    credential.checked()
    login.record.private_key = "another secret"
    credential.checked()
    body = {**login.body, "privateKey": "another secret"}
    assert_problem(credential.put(body), 422, "credentialsRefused", reason="refused")
    assert credential.put({**body, "refreshToken": login.record.refresh_token}).json()["status"] == "OK"
    assert credential.standing() == ("OK", None)
    assert not login.record.reused


def ends_unknown(credential):
    credential.checked()
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"))
    return True


def test_a_put_of_the_same_grant_does_not_hide_a_lost_answer(start_granary, providers):
    """Nor does one that meets an outage."""
    login, credential = stored(start_granary(checks={"confirm_after": "1s"}), providers, "OK", "ag-leader-credentials")
    login.fail(faults.after_work(faults.reset()), times=1)
    credential.checked()
    assert ends_unknown(credential)
    login.fail(faults.answer(503))
    body = {**login.body, "refreshToken": credential.values()["refreshToken"]}
    assert credential.put(body).json()["status"] == "TEMPORARILY_UNAVAILABLE"
    login.heal()
    assert ends_unknown(credential)


def test_a_put_of_the_same_grant_that_meets_an_unlink_does_not_hide_that_its_answer_was_lost(start_granary, providers):
    server = start_granary(checks={"confirm_after": "1s", "timeout": "1s"})
    login, credential = stored(server, providers, "OK", "ag-leader-credentials")
    login.fail(faults.after_work(faults.hang(2)), times=1)
    replaced = in_background(lambda: credential.put({**login.body, "refreshToken": login.record.refresh_token}))
    eventually(lambda: len(login.calls()) == 2)
    credential_id = credential.values()["id"]
    credential.unlink()
    assert replaced().status_code == 404
    credential.link(login.user_key, credential_id)
    assert ends_unknown(credential)


def test_a_put_that_meets_a_crash_does_not_hide_that_an_answer_was_lost(start_granary, providers):
    """It comes before the check that the start brings, or while that is out; and it is a repetition of the POST, which was OK."""
    server = start_granary(checks={"confirm_after": "1s", "timeout": "20s"})
    login, credential = stored(server, providers, "OK", "ag-leader-credentials")
    login.fail(faults.after_work(faults.hang()), times=1)
    in_background(lambda: pytest.raises(Exception, credential.check))
    eventually(lambda: len(login.calls()) == 2)
    time.sleep(0.1)
    server.kill()
    server.start()
    assert credential.put(login.body).status_code == 200
    assert ends_unknown(credential)
    assert login.body["refreshToken"] not in [call.form()["refresh_token"] for call in login.calls()[1:]]


def test_the_newest_again_after_it_was_replaced(granary, providers):
    """A script that has its token from GET, once: what it sends becomes the previous one, and then an older one."""
    login, credential = stored(granary, providers, "OK", "ag-leader-credentials")
    credential.checked()
    body = {**login.body, "refreshToken": login.record.refresh_token}
    for _ in range(3):
        assert credential.put(body).json()["status"] == "OK"
        assert credential.checked()["status"] == "OK"
        assert credential.checked()["status"] == "OK"
    assert_problem(credential.put(login.body), 422, "credentialsRefused", reason="refused")
    assert not login.record.reused


def test_the_newest_token_goes_only_where_it_came_from(start_granary, providers):
    """The provider is said to be elsewhere now, and nobody has accepted that. What was posted is no new login to go there."""
    server = start_granary(egress={"bind_origins": "always"})
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    credential.checked()
    elsewhere = AgLeader()
    try:
        server.restart(providers={"ag-leader": {"base_url": elsewhere.url}})
        assert credential.put(login.body).json()["refreshToken"] == login.record.refresh_token
        assert elsewhere.calls == []
        server.restart(providers={"ag-leader": {"base_url": providers.ag_leader.url}})
        assert credential.checked()["status"] == "OK"
        assert credential.put(login.body).json()["status"] == "OK"
    finally:
        elsewhere.stop()


def test_one_that_was_interrupted_and_meets_an_outage_is_not_shown_again_at_once(start_granary, providers):
    server = start_granary(checks={"timeout": "20s", "confirm_after": "4s"})
    login, credential = stored(server, providers, "OK", "ag-leader-credentials")
    login.fail(faults.hang(), times=1)
    body = {**login.body, "refreshToken": login.record.refresh_token}
    in_background(lambda: pytest.raises(Exception, lambda: credential.put(body)))
    eventually(lambda: len(login.calls()) == 2)
    time.sleep(0.1)
    server.kill()
    login.fail(faults.answer(503), times=1)
    server.start()
    eventually(lambda: len(login.calls()) == 3, 15)
    eventually(lambda: len(login.calls()) == 4, 30)
    assert login.calls()[3].time - login.calls()[2].time > 3
    eventually(lambda: credential.standing() == ("OK", None))
    assert credential.values()["refreshToken"] == login.record.refresh_token


@pytest.fixture
def probing(start_granary):
    return start_granary(
        providers={"ag-leader": {"parameters": PROBE}}, checks={"timeout": "1s", "confirm_after": "1s"}
    )


@pytest.mark.parametrize("code", [403, 401])
def test_its_token_is_kept_and_nothing_is_believed_at_once(probing, providers, code):
    """Its refresh token is spent, so what came for it is stored, whatever the probe says of that; but nothing else of it is,
    and what was OK stays so until that is confirmed."""
    login = logins.ag_leader(providers)
    credential = probing.connect(login)
    since = credential.status()["since"]
    login.fail(faults.answer(code), path=PROBE_PATH)
    login.record.private_key = "another secret"
    body = {**login.body, "refreshToken": login.record.refresh_token, "privateKey": "another secret"}
    assert_problem(credential.put(body), 422, "credentialsRefused")
    login.record.private_key = login.body["privateKey"]
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.values()["privateKey"] == login.body["privateKey"]
    assert (credential.status()["status"], credential.status()["since"]) == ("OK", since)
    login.heal()
    login.fail(faults.answer(401), times=1, path=PROBE_PATH)
    eventually(lambda: credential.checked()["status"] == "OK" and credential.standing() == ("OK", None))
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert not login.record.reused


def test_what_is_not_ok_is_replaced(probing, providers):
    """As by any PUT."""
    login, credential = stored(probing, providers, "UNAUTHENTICATED", "ag-leader-credentials")
    login.fail(faults.answer(403), path=PROBE_PATH)
    answer = credential.put({**login.body, "refreshToken": login.record.refresh_token})
    assert (answer.status_code, answer.json()["status"]) == (200, "MISSING_PERMISSION")
    assert credential.values()["refreshToken"] == login.record.refresh_token


def test_refused_by_the_probe_it_says_nothing_of_what_is_stored(probing, providers):
    """Which is checked soon, by itself."""
    login = logins.ag_leader(providers)
    credential = probing.connect(login)
    login.fail(faults.answer(401), times=1, path=PROBE_PATH)
    body = {**login.body, "refreshToken": login.record.refresh_token}
    assert credential.put(body).status_code == 422
    assert credential.standing() == ("OK", None)
    assert moment(credential.status()["nextCheckTime"]) < time.time() + 61
    assert credential.values()["accessToken"] == login.record.access_tokens[-1], "the exchange gave it, for the stored grant"
    assert credential.checked()["status"] == "OK"


def test_a_repeated_one_is_the_interrupted_one(start_granary, providers):
    """Settled, it has been asked: not again with the token that this has shown to be spent."""
    server = start_granary(checks={"timeout": "20s", "confirm_after": "60s"})
    login, credential = stored(server, providers, "OK", "ag-leader-credentials")
    body = {**login.body, "refreshToken": login.record.refresh_token}
    interrupt(server, credential, login, body, faults.hang())
    login.fail(faults.late_answer(1), times=1)
    server.start()
    assert credential.put(body).json()["status"] == "OK"
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert not login.record.reused


def test_one_whose_probe_is_not_answered_is_accepted_and_repeated(probing, providers):
    """Its token was spent, and works as far as anybody knows: 200, and so is the second one, which sends nothing."""
    login = logins.ag_leader(providers)
    credential = probing.connect(login)
    other = logins.ag_leader(providers)
    other.fail(faults.hang(), times=1, path=PROBE_PATH)
    for _ in range(2):
        assert credential.put(other.body).json()["status"] == "OK"
        assert credential.standing() == ("OK", "timeout")
    assert [call.path for call in other.calls()] == ["/api/token", PROBE_PATH]
    assert not other.record.reused


def test_one_that_lost_its_address_keeps_what_came_for_the_token(start_granary, providers):
    server = start_granary(providers={"ag-leader": {"parameters": PROBE}}, checks={"timeout": "20s"})
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    body = {**login.body, "refreshToken": login.record.refresh_token}
    interrupt(server, credential, login, body, faults.hang(), path=PROBE_PATH)
    url = server.config["providers"]["ag-leader"].pop("base_url")
    server.start()
    calls = len(login.calls())
    assert credential.put(body).status_code in (200, 422), "a repetition if it was accepted, a spent token if not"
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert len(login.calls()) == calls
    server.restart(providers={"ag-leader": {"base_url": url}})
    eventually(lambda: credential.checked()["status"] == "OK")
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert not login.record.reused


def interrupt(server, credential, login, body, fault, **more):
    """Kills the server in the middle of a PUT that meets `fault`."""
    asked = len(login.calls())
    login.fail(fault, times=1, **more)
    in_background(lambda: pytest.raises(Exception, lambda: credential.put(body)))
    eventually(lambda: len(login.calls()) > asked and (not more or login.calls()[-1].path == more["path"]))
    time.sleep(0.1)
    server.kill()


def test_an_unlink_does_not_hide_that_an_interrupted_one_was_lost(start_granary, providers):
    """The try after the crash is refused, and while it is out the credential is unlinked."""
    server = start_granary(checks={"timeout": "20s", "confirm_after": "1s"})
    login, credential = stored(server, providers, "OK", "ag-leader-credentials")
    credential_id = credential.values()["id"]
    body = {**login.body, "refreshToken": login.record.refresh_token}
    interrupt(server, credential, login, body, faults.after_work(faults.hang()))
    login.fail(faults.late_answer(2), times=1)
    server.start()
    eventually(lambda: len(login.calls()) == 3, 15)
    credential.unlink()
    time.sleep(2.5)
    credential.link(login.user_key, credential_id)
    assert ends_unknown(credential)


def test_one_that_waits_elsewhere_keeps_the_spent_token_from_being_sent(start_granary, providers):
    """The stored token is shown where it was brought for, or where the operator says, and nowhere else; the one that it has spent
    nowhere."""
    server = start_granary(
        providers={"ag-leader": {"parameters": PROBE}}, checks={"timeout": "20s", "confirm_after": "1s"}, egress={"bind_origins": "always"}
    )
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    body = {**login.body, "refreshToken": login.record.refresh_token}
    interrupt(server, credential, login, body, faults.hang(), path=PROBE_PATH)
    elsewhere = f"http://localhost:{providers.ag_leader.url.rsplit(':', 1)[1]}"
    server.config["providers"]["ag-leader"]["base_url"] = elsewhere
    calls = len(login.calls())
    server.start()
    assert credential.checked()["reason"] == "origin_changed"
    assert credential.put(body).status_code in (200, 422), "a repetition if it was accepted, a spent token if not"
    assert len(login.calls()) == calls
    server.stop()
    server.arguments = ["--accept-new-origin", "ag-leader"]
    server.start()
    eventually(lambda: credential.checked()["status"] == "OK")
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert not login.record.reused


def test_the_previous_token_goes_only_where_it_came_from(start_granary, providers):
    """The provider lets it be tried after a lost answer; but this is another."""
    server = start_granary(
        providers={"ag-leader": {"parameters": {"previous_token_valid": True}}}, egress={"bind_origins": "always"}
    )
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    credential.checked()
    body = {**login.body, "refreshToken": login.record.refresh_token}
    login.fail(faults.after_work(faults.reset()), times=1)
    credential.checked()
    elsewhere = AgLeader()
    try:
        elsewhere.create(login.body["publicKey"], login.body["privateKey"])
        server.restart(providers={"ag-leader": {"parameters": {"previous_token_valid": True}, "base_url": elsewhere.url}})
        credential.put(body)
        assert [body["refreshToken"].encode() in call.body for call in elsewhere.calls] == [True]
    finally:
        elsewhere.stop()
