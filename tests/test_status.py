"""GET .../status and POST .../check: the body, and from which status to which each answer leads. Here everything is asked
for by requests; what the clock does is in test_clock.py."""

import email.utils
import re
import time

import logins
import pytest
from harness import eventually, moment
from logins import SLUGS, new_login
from standins import faults

KEYS = ["status", "since", "reason", "message", "lastCheckedTime", "nextCheckTime"]
KEYS += ["action", "lastSuccessTime", "failuresInRow", "checkedBy", "expiresAt"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
CONFIRM, OUTAGE = 1.0, 2.0  # seconds, as the server below is configured


@pytest.fixture(scope="module")
def granary(start_module_granary):
    """Confirmation and outage take a second or two, the clock itself comes every six hours."""
    server = start_module_granary(checks={"confirm_after": "1s", "outage_after": "2s", "timeout": "1s"})
    yield server
    server.assert_every_change_is_logged()


def standing(body):
    return body["status"], body["reason"]


def in_status(granary, providers, status, slug="valley-credentials"):
    """A credential that is in `status` by its first answer, with its provider well again afterwards."""
    login = new_login(providers, slug)
    if status == "UNAUTHENTICATED":
        login.refuse()
    elif status == "MISSING_PERMISSION":
        login.fail(faults.answer(403))
    elif status == "TEMPORARILY_UNAVAILABLE":
        login.fail(faults.answer(500))
    credential = granary.credential(slug)
    assert credential.post(login.body).json()["status"] == status
    login.heal()
    return login, credential


REFUSE, FORBID, BREAK = faults.refuse(), faults.answer(403), faults.answer(500)
REASONS = {REFUSE: "refused", FORBID: "permission_denied", BREAK: "provider_error"}


@pytest.mark.parametrize("slug", SLUGS)
def test_the_body_when_all_is_well(granary, providers, slug):
    credential = granary.connect(new_login(providers, slug))
    body = credential.status()
    assert list(body) == KEYS
    assert standing(body) == ("OK", None) and body["message"] is None
    assert (body["action"], body["failuresInRow"], body["expiresAt"]) == (None, 0, None)
    assert body["checkedBy"] == ("refresh" if slug == "ag-leader-credentials" else "login")
    assert all(TIME.fullmatch(body[name]) for name in ("since", "lastCheckedTime", "nextCheckTime", "lastSuccessTime"))
    checked = credential.checked()
    assert list(checked) == KEYS and credential.status() == checked
    assert checked["since"] == body["since"]
    assert checked["lastCheckedTime"] > body["lastCheckedTime"]


UNWELL = [REFUSE, FORBID, BREAK, faults.retry_after(429, "30"), faults.html(), faults.reset(), faults.hang()]


@pytest.mark.parametrize("fault", UNWELL)
def test_the_body_when_it_is_not(granary, providers, fault):
    login = logins.valley(providers)
    login.fail(fault)
    credential = granary.credential(login.slug)
    credential.post(login.body)
    body = credential.status()
    assert list(body) == KEYS and body["reason"]
    assert len(body["message"].split()) > 3 and body["message"][0].isupper() and body["message"].endswith(".")
    assert body["nextCheckTime"] > body["lastCheckedTime"]
    assert (body["lastSuccessTime"], body["failuresInRow"], body["checkedBy"]) == (None, 1, None)
    assert body["action"] == {REFUSE: "reconnect", FORBID: "grant_permission"}.get(fault, "wait")


def test_failures_are_counted_since_the_last_success(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    good = credential.status()
    login.fail(BREAK)
    assert [credential.checked()["failuresInRow"] for _ in range(3)] == [1, 2, 3]
    body = credential.status()
    assert body["lastSuccessTime"] == good["lastSuccessTime"] < body["lastCheckedTime"] and body["checkedBy"] == "login"
    login.heal()
    body = credential.checked()
    assert body["failuresInRow"] == 0 and body["lastSuccessTime"] > good["lastSuccessTime"]


def test_what_says_nothing_of_a_bad_login_leaves_what_is_to_be_done(granary, providers):
    login, credential = in_status(granary, providers, "UNAUTHENTICATED")
    assert credential.status()["action"] == "reconnect"
    login.fail(BREAK)
    body = credential.checked()
    assert (*standing(body), body["action"]) == ("UNAUTHENTICATED", "provider_error", "reconnect")


@pytest.mark.parametrize("slug", SLUGS)
def test_a_check_asks_the_provider(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    for _ in range(3):
        before = len(login.calls())
        assert credential.checked()["status"] == "OK"
        assert len(login.calls()) == before + 1


@pytest.mark.parametrize("status", ["UNAUTHENTICATED", "MISSING_PERMISSION", "TEMPORARILY_UNAVAILABLE"])
def test_one_ok_makes_it_ok(granary, providers, status):
    _, credential = in_status(granary, providers, status)
    before = credential.status()
    body = credential.checked()
    assert standing(body) == ("OK", None) and body["message"] is None
    assert body["since"] > before["since"]
    assert credential.values()["status"] == "OK"


NEEDS_TWO = [
    ("OK", REFUSE, "UNAUTHENTICATED"),
    ("OK", FORBID, "MISSING_PERMISSION"),
    ("TEMPORARILY_UNAVAILABLE", REFUSE, "UNAUTHENTICATED"),
    ("TEMPORARILY_UNAVAILABLE", FORBID, "MISSING_PERMISSION"),
    ("MISSING_PERMISSION", REFUSE, "UNAUTHENTICATED"),
    ("UNAUTHENTICATED", FORBID, "MISSING_PERMISSION"),
]


@pytest.mark.parametrize("status, fault, then", NEEDS_TWO)
def test_what_needs_two_is_confirmed_by_itself(granary, providers, status, fault, then):
    login, credential = in_status(granary, providers, status)
    since = credential.status()["since"]
    login.fail(fault)
    before = len(login.calls())
    body = credential.checked()
    assert standing(body) == (status, "refused_once") and body["since"] == since
    eventually(lambda: credential.standing() == (then, REASONS[fault]))
    assert credential.status()["since"] > since
    first, second = login.calls()[before : before + 2]
    assert second.time - first.time >= CONFIRM - 0.05


STAYS = [
    ("MISSING_PERMISSION", FORBID, "permission_denied"),
    ("MISSING_PERMISSION", BREAK, "provider_error"),
    ("UNAUTHENTICATED", REFUSE, "refused"),
    ("UNAUTHENTICATED", BREAK, "provider_error"),
    ("TEMPORARILY_UNAVAILABLE", BREAK, "provider_error"),
    ("TEMPORARILY_UNAVAILABLE", faults.html(), "unexpected_answer"),
]


@pytest.mark.parametrize("status, fault, reason", STAYS)
def test_what_stays(granary, providers, status, fault, reason):
    login, credential = in_status(granary, providers, status)
    since = credential.status()["since"]
    login.fail(fault)
    for _ in range(3):
        body = credential.checked()
        assert (*standing(body), body["since"]) == (status, reason, since)


def test_two_refusals_at_once_confirm_nothing(granary, providers):
    login, credential = in_status(granary, providers, "OK")
    login.refuse(times=2)
    assert [standing(credential.checked()) for _ in range(2)] == [("OK", "refused_once")] * 2
    eventually(lambda: credential.standing() == ("OK", None))


def test_an_ok_clears_a_first_refusal(granary, providers):
    login, credential = in_status(granary, providers, "OK")
    for _ in range(2):
        login.refuse(times=1)
        assert standing(credential.checked()) == ("OK", "refused_once")
        assert standing(credential.checked()) == ("OK", None)
        time.sleep(CONFIRM * 1.2)
    assert credential.standing() == ("OK", None)


def test_an_outage_between_neither_confirms_nor_clears(granary, providers):
    login, credential = in_status(granary, providers, "OK")
    login.refuse(times=1)
    login_after = credential.checked()
    assert standing(login_after) == ("OK", "refused_once")
    login.fail(BREAK, times=1)
    assert standing(credential.checked()) == ("OK", "provider_error")
    login.refuse()
    time.sleep(CONFIRM * 1.1)
    assert standing(credential.checked()) == ("UNAUTHENTICATED", "refused")


def test_the_other_kind_starts_anew(granary, providers):
    login, credential = in_status(granary, providers, "OK")
    login.refuse(times=1)
    assert standing(credential.checked()) == ("OK", "refused_once")
    login.fail(FORBID)
    time.sleep(CONFIRM * 1.1)
    assert standing(credential.checked()) == ("OK", "refused_once")
    eventually(lambda: credential.standing() == ("MISSING_PERMISSION", "permission_denied"))


def test_three_failures_over_the_outage_time_and_no_sooner(granary, providers):
    login, credential = in_status(granary, providers, "OK")
    login.fail(BREAK)
    assert [standing(credential.checked()) for _ in range(5)] == [("OK", "provider_error")] * 5
    time.sleep(OUTAGE * 1.1)
    assert standing(credential.checked()) == ("TEMPORARILY_UNAVAILABLE", "provider_error")
    login.heal()
    assert standing(credential.checked()) == ("OK", None)


def test_two_failures_are_no_outage_however_far_apart(granary, providers):
    """Retry-After keeps the clock from adding a third."""
    login, credential = in_status(granary, providers, "OK")
    login.fail(faults.retry_after(503, "60"))
    assert standing(credential.checked()) == ("OK", "provider_error")
    time.sleep(OUTAGE * 1.1)
    assert standing(credential.checked()) == ("OK", "provider_error")
    assert standing(credential.checked()) == ("TEMPORARILY_UNAVAILABLE", "provider_error")


def test_an_ok_ends_the_count_of_failures(granary, providers):
    login, credential = in_status(granary, providers, "OK")
    login.fail(BREAK, times=2)
    assert [standing(credential.checked()) for _ in range(3)] == [("OK", "provider_error")] * 2 + [("OK", None)]
    time.sleep(OUTAGE * 1.1)
    login.fail(BREAK, times=2)
    assert [standing(credential.checked()) for _ in range(2)] == [("OK", "provider_error")] * 2


def test_a_refused_password_is_tried_three_times_in_all(granary, providers):
    """A refused POST counts as the first two; the last comes after a day, or when asked for."""
    login, credential = in_status(granary, providers, "UNAUTHENTICATED")
    body = credential.status()
    assert 0.9 < (moment(body["nextCheckTime"]) - moment(body["lastCheckedTime"])) / 86400 < 1.2
    login.refuse()
    assert standing(credential.checked()) == ("UNAUTHENTICATED", "refused")
    assert credential.status()["nextCheckTime"] is None
    login.heal()
    assert standing(credential.checked()) == ("OK", None)
    assert credential.status()["nextCheckTime"] is not None


def test_a_refused_refresh_token_is_tried_again_ever_more_rarely(granary, providers):
    """After ten minutes, an hour, six hours, and then every day."""
    login, credential = in_status(granary, providers, "UNAUTHENTICATED", "ag-leader-credentials")
    login.refuse()
    for wait in (600, 3600, 6 * 3600, 86400, 86400):
        body = credential.status()
        assert 0.7 < (moment(body["nextCheckTime"]) - moment(body["lastCheckedTime"])) / wait < 1.2
        assert standing(credential.checked()) == ("UNAUTHENTICATED", "refused")


RETRY_AFTER = [("600", 595, 720), ("date", 590, 720), ("86400", 0, 3700)]
NO_RETRY_AFTER = [(value, 0, 60) for value in ("soon", "-5", "", "1e3", "600 s", "0x100", "Mon, 99 Foo 2026")]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value, least, most", RETRY_AFTER + NO_RETRY_AFTER)
def test_retry_after_holds_one_credential_back(granary, providers, status, value, least, most):
    login, neighbour = logins.valley(providers), logins.valley(providers)
    given = email.utils.formatdate(time.time() + 600, usegmt=True) if value == "date" else value
    login.fail(faults.retry_after(status, given))
    credential = granary.credential(login.slug)
    credential.post(login.body)
    assert granary.connect(neighbour).checked()["status"] == "OK"
    body = credential.status()
    assert least <= moment(body["nextCheckTime"]) - moment(body["lastCheckedTime"]) <= most
    login.heal()
    assert standing(credential.checked()) == ("OK", None), "a request does not wait"


def test_the_next_check_by_the_clock_is_within_an_interval(granary, providers):
    _, credential = in_status(granary, providers, "OK")
    body = credential.status()
    assert 0 < moment(body["nextCheckTime"]) - moment(body["lastCheckedTime"]) <= 6 * 3600 * 1.2


PRODUCTION = {"clientEnvironment": "PRODUCTION"}


@pytest.mark.parametrize("slug, body", [("valley-credentials", {}), ("agvance-credentials", PRODUCTION)])
def test_without_a_base_url_nothing_is_scheduled(start_granary, providers, slug, body):
    server = start_granary(providers={"valley": None})
    login = new_login(providers, slug)
    credential = server.credential(slug)
    answer = credential.post({**login.body, **body})
    assert (answer.status_code, answer.json()["status"]) == (201, "TEMPORARILY_UNAVAILABLE")
    status = credential.status()
    assert (status["reason"], status["nextCheckTime"]) == ("not_configured", None)
    assert standing(credential.checked()) == ("TEMPORARILY_UNAVAILABLE", "not_configured")
    assert credential.events() == [] and login.calls() == []
    server.assert_every_change_is_logged()


def test_a_provider_that_loses_its_base_url_is_in_the_log(start_granary, providers):
    """No event tells of it: nobody was asked."""
    server = start_granary()
    valley, agvance = server.connect(logins.valley(providers)), server.connect(logins.agvance(providers))
    events = valley.events()
    server.restart(providers={"valley": None})
    valley.assert_change_is_logged("OK", "TEMPORARILY_UNAVAILABLE", "not_configured")
    assert valley.events() == events
    assert agvance.standing() == ("OK", None)
    server.assert_every_change_is_logged()


def test_a_put_for_which_nobody_is_asked_is_in_the_log(granary, providers):
    login, credential = in_status(granary, providers, "UNAUTHENTICATED", "agvance-credentials")
    events = credential.events()
    assert credential.put({**login.body, **PRODUCTION}).json()["status"] == "TEMPORARILY_UNAVAILABLE"
    credential.assert_change_is_logged("UNAUTHENTICATED", "TEMPORARILY_UNAVAILABLE", "not_configured")
    assert credential.events() == events


def test_a_provider_that_gets_a_base_url_is_checked(start_granary, providers):
    login = logins.valley(providers)
    server = start_granary(providers={"valley": None}, checks={"interval": "2s"})
    credential = server.credential(login.slug)
    credential.post(login.body)
    server.restart(providers={"valley": {"base_url": providers.valley.url}})
    eventually(lambda: credential.standing() == ("OK", None), 15)
    server.assert_every_change_is_logged()


def test_a_check_without_a_base_url_costs_a_refused_login_no_place(start_granary, providers):
    server = start_granary()
    login = logins.valley(providers)
    login.refuse(times=1)
    credential = server.credential(login.slug)
    posted = credential.post(login.body).json()
    assert posted["status"] == "UNAUTHENTICATED"
    server.stop()
    server.edit_row(posted["id"], "next_check = 1")  # its day is over
    server.config["providers"].pop("valley")
    server.start()
    assert standing(credential.checked()) == ("UNAUTHENTICATED", "not_configured")
    server.restart(providers={"valley": {"base_url": providers.valley.url}})
    eventually(lambda: credential.standing() == ("OK", None), 15)
    server.assert_every_change_is_logged()
