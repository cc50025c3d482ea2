"""POST .../report: a client says how its own call with the credential was answered. It is checked where that may tell something new,
once a minute at most, and never where the provider is to be left alone."""

import json

import logins
import pytest
from background import all_at_once
from harness import eventually
from probed import PROBE, PROBE_PATH
from problems import assert_problem
from standins import faults
from test_status_changes import told


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"confirm_after": "1s", "outage_after": "2s", "timeout": "1s"})


def report(credential, status_code=401, **more):
    answer = credential.request("POST", "/report", json={"statusCode": status_code, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_401_checks_it_and_answers_as_check_does(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    before = credential.status()
    body = report(credential, message="it says 401")
    assert len(login.calls()) == 2
    assert body == credential.status() and list(body) == list(before)
    assert body["status"] == "OK" and body["lastCheckedTime"] > before["lastCheckedTime"]


def test_what_it_finds_is_told_as_found_by_a_report(granary, providers):
    login = logins.valley(providers)
    login.fail(faults.answer(500))
    credential = granary.credential(login.slug)
    credential.post(login.body)
    login.heal()
    assert report(credential)["status"] == "OK"
    assert told(credential)[-1] == ("TEMPORARILY_UNAVAILABLE", "OK", None, "report")


def test_one_refusal_after_a_report_is_confirmed_first(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    login.refuse()
    body = report(credential)
    assert (body["status"], body["reason"]) == ("OK", "refused_once")
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"))


def test_once_a_minute_and_checks_do_not_count(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    credential.checked()
    report(credential)
    assert len(login.calls()) == 3
    login.fail(faults.answer(500))
    for _ in range(3):
        assert report(credential)["reason"] is None
    assert len(login.calls()) == 3
    assert credential.checked()["reason"] == "provider_error"
    other = logins.valley(providers)
    report(granary.connect(other))
    assert len(other.calls()) == 2, "of each credential"


def test_many_at_once_are_one_check(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    all_at_once([lambda: report(credential)] * 8)
    assert len(login.calls()) == 2


@pytest.mark.parametrize("status_code", [100, 200, 204, 302, 400, 402, 404, 407, 429, 500, 503, 599])
def test_other_codes_ask_nothing(granary, providers, status_code):
    login = logins.valley(providers)
    credential = granary.connect(login)
    known = credential.status()
    assert report(credential, status_code) == known == credential.status()
    assert len(login.calls()) == 1
    report(credential)
    assert len(login.calls()) == 2, "nor does such a report count"


def test_403_asks_only_where_there_is_a_probe(granary, start_granary, providers):
    for new_login, calls in ((logins.valley, 1), (logins.agvance, 1), (logins.ag_leader, 1), (logins.sentera, None)):
        login = new_login(providers)
        credential = granary.connect(login)
        before = len(login.calls())
        report(credential, 403)
        assert len(login.calls()) == (calls or before + 1), login.slug
    server = start_granary(providers={"ag-leader": {"parameters": PROBE}})
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    before = len(login.calls(PROBE_PATH))
    report(credential, 403)
    assert len(login.calls(PROBE_PATH)) == before + 1


def test_a_fresh_access_token_is_refreshed_where_there_is_no_probe(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    token = credential.values()["accessToken"]
    assert report(credential)["checkedBy"] == "refresh"
    assert credential.values()["accessToken"] != token


def test_what_was_refused_last_is_not_asked(granary, providers):
    login = logins.valley(providers)
    login.refuse()
    credential = granary.credential(login.slug)
    credential.post(login.body)
    known = credential.status()
    assert report(credential) == known and len(login.calls()) == 1
    login.fail(faults.answer(500))
    credential.checked()
    report(credential)
    assert len(login.calls()) == 2, "an outage since does not make it good"


def test_between_two_refusals_nothing_is_asked(start_granary, providers):
    server = start_granary()
    login = logins.valley(providers)
    credential = server.connect(login)
    login.refuse()
    credential.checked()
    assert report(credential)["reason"] == "refused_once" and len(login.calls()) == 2


@pytest.mark.parametrize("fault", [faults.retry_after(429, "600"), faults.retry_after(503, "600")])
def test_a_retry_after_holds_it_also_over_a_restart(start_granary, providers, fault):
    server = start_granary()
    login = logins.valley(providers)
    credential = server.connect(login)
    login.fail(fault)
    credential.checked()
    login.heal()
    report(credential)
    server.restart()
    report(credential)
    assert len(login.calls()) == 2
    credential.checked()
    report(credential)
    assert len(login.calls()) == 4, "an answer without it ends it"


def test_an_outage_without_it_does_not(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    login.fail(faults.answer(500))
    credential.checked()
    login.heal()
    assert report(credential)["reason"] is None


def test_nothing_is_asked_while_the_breaker_is_open(start_granary, providers):
    server = start_granary(breaker={"minimum": 3})
    pairs = [(login, server.connect(login)) for login in (logins.valley(providers) for _ in range(4))]
    for login, credential in pairs[:3]:
        login.refuse()
        credential.checked()
    login, credential = pairs[3]
    report(credential)
    assert len(login.calls()) == 1
    assert server.cli("breaker", "close", "valley", *server.store).returncode == 0


def test_without_a_base_url_it_says_what_is_known(start_granary, providers):
    server = start_granary(providers={"valley": None})
    credential = server.credential("valley-credentials")
    credential.post(logins.valley(providers).body)
    assert report(credential) == credential.status()


WRONG = [None, "", "401", 401.5, 99, 600, 0, -401, 4010, 1e9, True, [], [401], {}, {"code": 401}]


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_code_is_named(granary, providers, value):
    login = logins.valley(providers)
    credential = granary.connect(login)
    answer = credential.request("POST", "/report", json={"statusCode": value})
    assert_problem(answer, 400, "invalidField", [("valleyCredentials", "statusCode")])
    assert len(login.calls()) == 1


def test_every_wrong_field_is_named_at_once(granary):
    credential = granary.credential("ag-leader-credentials")
    answer = credential.request("POST", "/report", json={"message": 5})
    fields = [("agLeaderCredentials", "statusCode"), ("agLeaderCredentials", "message")]
    assert_problem(answer, 400, "invalidField", fields)
    answer = credential.request("POST", "/report", json={"statusCode": 401, "message": "x" * 4097})
    assert_problem(answer, 400, "invalidField", fields[1:])


@pytest.mark.parametrize("body", ["", "401", "[]", "{", '{"statusCode": 401, "statusCode": 401}', "null", '"401"'])
def test_what_is_no_object_is_no_body(granary, body):
    credential = granary.credential("valley-credentials")
    answer = credential.request("POST", "/report", data=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, "invalidBody")


def test_without_credentials_there_is_nothing(granary):
    credential = granary.credential("valley-credentials")
    for status_code in (401, 403, 200):
        answer = credential.request("POST", "/report", json={"statusCode": status_code})
        assert_problem(answer, 404, "notFound")


def test_its_message_is_kept_nowhere(granary, providers):
    credential = granary.connect(logins.valley(providers))
    words = "a sentence that nobody keeps"
    report(credential, 401, message=words)
    report(credential, 500, message=words)
    assert words not in json.dumps([credential.events(), told(credential), credential.status()]) + granary.log
    assert all(words.encode() not in path.read_bytes() for path in granary.sqlite)
