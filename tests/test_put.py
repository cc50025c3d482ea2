"""PUT reconnects a credential in place: it leaves one that is at least as good, or changes nothing. The whole table of
docs/api.md, what PUT waits for, and what is left of it after a crash."""

import time

import logins
import pytest
from background import all_at_once, in_background
from harness import eventually, moment
from logins import FIELDS, SLUGS, USER_KEYS, new_login, stored
from problems import assert_problem
from standins import faults

BROKEN = faults.answer(500)
NOT_OK = ["UNAUTHENTICATED", "MISSING_PERMISSION", "TEMPORARILY_UNAVAILABLE"]


def snapshot(credential):
    return credential.get().text, credential.status()


@pytest.mark.parametrize("status", ["OK", *NOT_OK])
def test_ok_replaces(granary, providers, status):
    _, credential = stored(granary, providers, status)
    before, events = credential.values(), credential.events()
    new = logins.valley(providers)
    answer = credential.put(new.body)
    assert answer.status_code == 200, answer.text
    values = answer.json()
    assert list(values) == ["id", "status", "createdTime", *FIELDS["valley-credentials"]]
    assert (values["id"], values["createdTime"], values["status"]) == (before["id"], before["createdTime"], "OK")
    assert values["apid"] == new.body["apid"]
    assert credential.values() == values and credential.standing() == ("OK", None)
    after = credential.events()
    assert after[1:] == events and len(after) == len(events) + 1
    assert credential.checked()["status"] == "OK"
    assert len(new.calls()) == 2


@pytest.mark.parametrize("slug", SLUGS)
def test_ok_replaces_at_every_provider(granary, providers, slug):
    _, credential = stored(granary, providers, "OK", slug)
    new = new_login(providers, slug)
    values = credential.put(new.body).json()
    assert values["status"] == "OK" and None not in values.values()
    shown = {name: value for name, value in new.body.items() if name in FIELDS[slug] and name != "refreshToken"}
    assert {name: values[name] for name in shown} == shown
    if slug == "ag-leader-credentials":
        assert values["refreshToken"] == new.record.refresh_token
    assert credential.checked()["status"] == "OK"


@pytest.mark.parametrize("status", ["OK", "UNAUTHENTICATED", "TEMPORARILY_UNAVAILABLE"])
@pytest.mark.parametrize("slug", SLUGS)
def test_refused_changes_nothing(granary, providers, slug, status):
    _, credential = stored(granary, providers, status, slug)
    before, events = snapshot(credential), len(credential.events())
    new = new_login(providers, slug)
    new.revoke()
    assert_problem(credential.put(new.body), 422, "credentialsRefused")
    assert snapshot(credential) == before
    assert len(credential.events()) == events + 1, "the exchange is an event all the same"
    assert credential.checked()["status"] == "OK", "the stored login still works"


def test_forbidden_changes_nothing_that_is_ok(granary, providers):
    _, credential = stored(granary, providers, "OK")
    before = snapshot(credential)
    new = logins.valley(providers)
    new.record.forbidden = True
    assert_problem(credential.put(new.body), 422, "credentialsRefused")
    assert snapshot(credential) == before


@pytest.mark.parametrize("status", NOT_OK)
def test_forbidden_replaces_what_is_not_ok(granary, providers, status):
    _, credential = stored(granary, providers, status)
    new = logins.valley(providers)
    new.record.forbidden = True
    answer = credential.put(new.body)
    assert (answer.status_code, answer.json()["status"]) == (200, "MISSING_PERMISSION")
    assert credential.values()["apid"] == new.body["apid"]
    assert credential.standing() == ("MISSING_PERMISSION", "permission_denied")


def test_an_organization_that_is_not_found_counts_as_forbidden(granary, providers):
    login, credential = stored(granary, providers, "OK", "sentera-credentials")
    before = snapshot(credential)
    assert_problem(credential.put({**login.body, "organizationName": "Elsewhere"}), 422, "credentialsRefused")
    assert snapshot(credential) == before


UNAVAILABLE = {
    "500": BROKEN,
    "429": faults.retry_after(429, "60"),
    "HTML": faults.html(),
    "reset": faults.reset(),
    "timeout": faults.hang(),
    "cut": faults.cut(),
}


@pytest.mark.parametrize("name", UNAVAILABLE)
def test_unavailable_changes_nothing_that_is_ok(granary, providers, name):
    _, credential = stored(granary, providers, "OK")
    before = snapshot(credential)
    new = logins.valley(providers)
    new.fail(UNAVAILABLE[name])
    assert_problem(credential.put(new.body), 503, "providerUnavailable")
    assert snapshot(credential) == before
    new.heal()
    time.sleep(0.2)
    assert len(new.calls()) == 1, "a candidate that failed is not tried again"


@pytest.mark.parametrize("status", ["UNAUTHENTICATED", "TEMPORARILY_UNAVAILABLE"])
def test_unavailable_replaces_what_is_not_ok(granary, providers, status):
    """The whole table is in test_put_table.py."""
    _, credential = stored(granary, providers, status)
    new = logins.valley(providers)
    new.fail(BROKEN, times=1)
    answer = credential.put(new.body)
    assert (answer.status_code, answer.json()["status"]) == (200, "TEMPORARILY_UNAVAILABLE")
    assert credential.values()["apid"] == new.body["apid"]
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "provider_error")
    assert credential.checked()["status"] == "OK"


@pytest.mark.parametrize("status", ["OK", "UNAUTHENTICATED", "TEMPORARILY_UNAVAILABLE"])
def test_not_configured(granary, providers, status):
    """PRODUCTION has no base URL here."""
    login, credential = stored(granary, providers, status, "agvance-credentials")
    before = snapshot(credential)
    answer = credential.put({**login.body, "clientEnvironment": "PRODUCTION"})
    if status == "OK":
        assert_problem(answer, 503, "providerUnavailable")
        assert snapshot(credential) == before
    else:
        assert (answer.status_code, answer.json()["status"]) == (200, "TEMPORARILY_UNAVAILABLE")
        assert answer.json()["clientEnvironment"] == "PRODUCTION"
        assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "not_configured")


@pytest.mark.parametrize("status", ["OK", "UNAUTHENTICATED"])
def test_a_key_of_no_usable_length(granary, providers, status):
    _, credential = stored(granary, providers, status)
    before = snapshot(credential)
    new = logins.valley(providers, key="x")
    assert_problem(credential.put(new.body), 422, "credentialsRefused", reason="unusable_key")
    assert new.calls() == []
    assert snapshot(credential) == before


def test_without_a_credential_there_is_nothing_to_replace(granary, providers):
    login = logins.valley(providers)
    credential = granary.credential(login.slug)
    assert_problem(credential.put(login.body), 404, "notFound")
    assert_problem(credential.put({}), 400, "invalidField", ...)
    credential.post(login.body)
    credential.unlink()
    assert_problem(credential.put(login.body), 404, "notFound")
    assert len(login.calls()) == 1


@pytest.mark.parametrize("value", [None, "", 5, "x" * 4097, ["a"]], ids=lambda value: repr(value)[:10])
def test_fields_are_looked_at_as_in_post(granary, providers, value):
    login, credential = stored(granary, providers, "OK")
    answer = credential.put({**login.body, "password": value})
    assert_problem(answer, 400, "invalidField", [(USER_KEYS[login.slug], "password")])
    assert len(login.calls()) == 1


def test_a_put_waits_for_a_running_check(granary, providers):
    login, credential = stored(granary, providers, "OK")
    new = logins.valley(providers)
    login.fail(faults.late_answer(1))
    checked = in_background(credential.check)
    running = eventually(lambda: login.calls()[1:])[0]
    assert credential.put(new.body).json()["status"] == "OK"
    assert new.calls()[0].time >= running.time + 0.95
    assert checked().json()["status"] == "OK"
    assert credential.values()["apid"] == new.body["apid"]


def test_the_old_fields_are_shown_until_the_answer(granary, providers):
    _, credential = stored(granary, providers, "OK")
    before = credential.get().text
    new = logins.valley(providers)
    new.fail(faults.delay(1))
    replaced = in_background(lambda: credential.put(new.body))
    eventually(new.calls)
    assert credential.get().text == before
    assert replaced().json()["apid"] == new.body["apid"]


def test_many_at_once_leave_one_whole_credential(granary, providers):
    _, credential = stored(granary, providers, "OK", "agvance-credentials")
    given = [logins.agvance(providers) for _ in range(6)]
    for login in given:
        login.fail(faults.late_answer(0.1))
    answers = all_at_once([lambda login=login: credential.put(login.body) for login in given])
    assert {answer.status_code for answer in answers} == {200}
    values = credential.values()
    whole = [login for login in given if login.body["username"] == values["username"]]
    assert {k: values[k] for k in whole[0].body} == whole[0].body
    assert values["sessionId"] in whole[0].record.sessions
    assert credential.checked()["status"] == "OK"


@pytest.mark.parametrize("is_same", [True, False])
def test_a_refresh_token_without_an_access_token_is_kept_for_the_stored_grant(granary, providers, is_same):
    """It is no answer that a PUT could be accepted for. What came for the stored token is the stored login's all the same; what
    came for another's is nobody's: 503 means that nothing of it is ever applied."""
    login, credential = stored(granary, providers, "OK", "ag-leader-credentials")
    new = login if is_same else logins.ag_leader(providers)
    new.fail(faults.edited(lambda answer: answer.pop("access_token")), times=1)
    answer = credential.put({**new.body, "refreshToken": new.record.refresh_token})
    assert_problem(answer, 503, "providerUnavailable", reason="unexpected_answer")
    for _ in range(2):
        assert credential.checked()["status"] == "OK"
        assert credential.values()["publicKey"] == login.body["publicKey"]
        assert credential.values()["refreshToken"] == login.record.refresh_token
    assert not login.record.reused


def test_a_put_begins_the_count_of_refusals_anew(granary, providers):
    login, credential = stored(granary, providers, "UNAUTHENTICATED")
    login.refuse()
    credential.checked()
    assert credential.status()["nextCheckTime"] is None
    new = logins.valley(providers)
    assert credential.put(new.body).status_code == 200
    assert credential.status()["nextCheckTime"] is not None
    login.heal()


def test_an_unlink_before_the_answer_leaves_no_change_unlogged(start_granary, providers):
    """The PUT is answered 404, so nothing of it is there when the credential is linked again."""
    granary = start_granary()
    login, credential = stored(granary, providers, "TEMPORARILY_UNAVAILABLE")
    credential_id, new = credential.values()["id"], logins.valley(providers)
    new.fail(faults.late_answer(1))
    replaced = in_background(lambda: credential.put(new.body))
    eventually(new.calls)
    credential.unlink()
    assert_problem(replaced(), 404, "notFound")
    assert credential.link(USER_KEYS[login.slug], credential_id).status_code == 200
    assert credential.values()["apid"] == login.body["apid"]
    eventually(lambda: credential.standing() == ("OK", None))
    granary.assert_every_change_is_logged()


def crash_in_put(server, credential, new, fault):
    new.fail(fault, times=1)
    in_background(lambda: pytest.raises(Exception, lambda: credential.put(new.body)))
    eventually(new.calls)
    time.sleep(0.1)
    server.kill()


@pytest.mark.parametrize("slug", ["valley-credentials", "ag-leader-credentials"])
def test_a_candidate_is_tried_once_more_after_a_crash(start_granary, providers, slug):
    server = start_granary(checks={"timeout": "20s"})
    for then in ("ok", "refused"):
        login, credential = stored(server, providers, "OK", slug)
        before = credential.values()
        new = new_login(providers, slug)
        crash_in_put(server, credential, new, faults.hang())
        if then == "refused":
            new.revoke()
        server.start()
        eventually(lambda: len(new.calls()) == 2, 15)
        name = "apid" if slug == "valley-credentials" else "publicKey"
        expected = new if then == "ok" else login
        eventually(lambda: credential.values()[name] == expected.body[name])
        assert (credential.values()["id"], credential.values()["status"]) == (before["id"], "OK")
        assert credential.checked()["status"] == "OK"
        assert len(new.calls()) == (3 if then == "ok" else 2)


def test_a_rotated_candidate_survives_a_crash_where_the_provider_allows(start_granary, providers):
    server = start_granary(checks={"timeout": "20s"})
    _, credential = stored(server, providers, "OK", "ag-leader-credentials")
    new = logins.ag_leader(providers)
    new.record.accepts_previous = True
    crash_in_put(server, credential, new, faults.after_work(faults.hang()))
    server.start()
    eventually(lambda: credential.values()["publicKey"] == new.body["publicKey"], 15)
    assert credential.values()["refreshToken"] == new.record.refresh_token
    assert credential.checked()["status"] == "OK"


def test_a_password_that_a_crash_interrupted_is_refused_plainly(start_granary, providers):
    """Only a token can be spent by a request whose answer was lost."""
    server = start_granary(checks={"timeout": "20s", "confirm_after": "1s"})
    _, credential = stored(server, providers, "UNAUTHENTICATED")
    new = logins.valley(providers)
    crash_in_put(server, credential, new, faults.hang())
    new.fail(faults.answer(500), times=1)
    new.revoke()
    server.start()
    eventually(lambda: credential.standing() == ("TEMPORARILY_UNAVAILABLE", "provider_error"), 15)
    credential.checked()
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"))


def test_a_candidate_whose_answer_was_lost_says_so_after_an_outage_too(start_granary, providers):
    """Found by history 100048044: the try after the crash met an outage, and the lost answer was forgotten with it."""
    server = start_granary(checks={"timeout": "20s", "confirm_after": "1s"})
    _, credential = stored(server, providers, "UNAUTHENTICATED", "ag-leader-credentials")
    new = logins.ag_leader(providers)
    crash_in_put(server, credential, new, faults.after_work(faults.hang()))
    new.fail(faults.html(), times=1)
    server.start()
    eventually(lambda: credential.standing() == ("TEMPORARILY_UNAVAILABLE", "unexpected_answer"), 15)
    assert credential.values()["publicKey"] == new.body["publicKey"]
    assert credential.checked()["reason"] == "refused_once"
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"))


def test_an_interrupted_put_uses_up_no_try_of_the_stored_password(start_granary, providers):
    """The crash makes the row due; but a refused login is shown again after a day, whatever became of the new one."""
    server = start_granary(checks={"timeout": "20s"})
    login, credential = stored(server, providers, "UNAUTHENTICATED")
    login.revoke()
    place = moment(credential.status()["nextCheckTime"])
    new = logins.valley(providers)
    crash_in_put(server, credential, new, faults.hang())
    new.revoke()
    server.start()
    eventually(lambda: len(new.calls()) == 2, 15)
    eventually(lambda: abs(moment(credential.status()["nextCheckTime"]) - place) < 1)
    assert len(login.calls()) == 1
    assert credential.standing() == ("UNAUTHENTICATED", "refused")


def test_an_interrupted_put_that_cannot_be_asked_shows_no_refused_password(start_granary, providers):
    """Its environment has lost its address; the stored login's has one."""
    environments = {"PRODUCTION": {"base_url": providers.agvance.url}}
    server = start_granary(checks={"timeout": "20s"}, providers={"agvance": {"environments": environments}})
    login, credential = stored(server, providers, "UNAUTHENTICATED", "agvance-credentials")
    login.revoke()
    place = moment(credential.status()["nextCheckTime"])
    new = logins.agvance(providers)
    new.body["clientEnvironment"] = "PRODUCTION"
    crash_in_put(server, credential, new, faults.hang())
    calls = len(login.calls())
    del server.config["providers"]["agvance"]["environments"]["PRODUCTION"]
    server.start()
    eventually(lambda: abs(moment(credential.status()["nextCheckTime"]) - place) < 1, 15)
    assert len(login.calls()) == calls


def test_a_check_that_waited_for_an_interrupted_put_asks(start_granary, providers):
    """The start tries the PUT's login for once, and puts the stored one back to its place unasked."""
    server = start_granary(checks={"timeout": "20s"})
    login, credential = stored(server, providers, "UNAUTHENTICATED")
    new = logins.valley(providers)
    crash_in_put(server, credential, new, faults.hang())
    new.fail(faults.late_answer(2), times=1)
    new.revoke()
    server.start()
    eventually(lambda: len(new.calls()) == 2, 15)
    assert credential.checked()["status"] == "OK"
    assert len(login.calls()) == 2


def test_a_check_that_waited_for_a_put_asks(granary, providers):
    """What the PUT came to says nothing of the stored login."""
    login, credential = stored(granary, providers, "OK")
    new = logins.valley(providers)
    new.revoke()
    new.fail(faults.delay(1.5), times=1)
    replaced = in_background(lambda: credential.put(new.body))
    eventually(new.calls)
    checked = [in_background(credential.check) for _ in range(5)]
    assert replaced().status_code == 422
    assert [answer().status_code for answer in checked] == [200] * 5
    assert len(login.calls()) == 2 and len(new.calls()) == 1
