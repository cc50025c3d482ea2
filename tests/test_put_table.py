"""The table of PUT, cell by cell: what the provider says of the new fields against what the stored ones were. A login that was last
OK is not given up for anything but one that works, however it looks while its provider is down."""

import time

import logins
import pytest
from harness import eventually, moment
from logins import new_login
from problems import assert_problem
from standins import Valley, faults

FORBID = faults.answer(403)
DOWN = faults.retry_after(503, "600")  # and the clock does not ask meanwhile
CONFIRM = 1.0  # seconds, and so long is an outage


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"confirm_after": "1s", "outage_after": "1s", "timeout": "1s"})


# What is stored. Each makes a credential whose provider is well again afterwards.


def posted(granary, providers, slug="valley-credentials", fault=None):
    login = new_login(providers, slug)
    if fault:
        login.fail(fault)
    credential = granary.credential(slug)
    assert credential.post(login.body).status_code == 201
    login.heal()
    return login, credential


def after_checks(granary, providers, *given, slug="valley-credentials"):
    """It was OK, and then the provider answered so, time after time."""
    login, credential = posted(granary, providers, slug)
    for fault in given:
        login.fail(fault)
        time.sleep(CONFIRM * 0.6)
        credential.checked()
        login.heal()
    return login, credential


def never_ok(granary, providers, slug="valley-credentials"):
    return posted(granary, providers, slug, DOWN)


def refused_at_first(granary, providers, slug="valley-credentials"):
    return posted(granary, providers, slug, faults.refuse())


def forbidden_at_first(granary, providers):
    return posted(granary, providers, fault=FORBID)


def refused_since(granary, providers):
    login, credential = posted(granary, providers)
    login.refuse()
    credential.checked()
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"))
    login.heal()
    return login, credential


def refused_and_then_down(granary, providers):
    login, credential = refused_since(granary, providers)
    login.fail(DOWN)
    assert credential.checked()["status"] == "UNAUTHENTICATED"
    login.heal()
    return login, credential


def forbidden_since(granary, providers):
    login, credential = posted(granary, providers)
    login.fail(FORBID)
    credential.checked()
    eventually(lambda: credential.standing() == ("MISSING_PERMISSION", "permission_denied"))
    login.heal()
    return login, credential


def an_unusable_key(granary, providers):
    login = logins.valley(providers, key="x")
    credential = granary.credential(login.slug)
    assert credential.post(login.body).json()["status"] == "TEMPORARILY_UNAVAILABLE"
    return login, credential


def in_an_outage(granary, providers):
    return after_checks(granary, providers, DOWN, DOWN, DOWN)


def refused_once(granary, providers):
    """OK still; the confirming check is another second away."""
    return after_checks(granary, providers, faults.refuse())


def refused_once_in_an_outage(granary, providers):
    return after_checks(granary, providers, faults.refuse(), DOWN, DOWN, DOWN)


OK, UNAVAILABLE = "OK", "TEMPORARILY_UNAVAILABLE"
WAS_LAST_OK = {posted: OK, refused_once: OK, in_an_outage: UNAVAILABLE, refused_once_in_an_outage: UNAVAILABLE}
WAS_NOT = {
    never_ok: UNAVAILABLE,
    an_unusable_key: UNAVAILABLE,
    refused_at_first: "UNAUTHENTICATED",
    refused_since: "UNAUTHENTICATED",
    refused_and_then_down: "UNAUTHENTICATED",
}
FORBIDDEN = {forbidden_at_first: "MISSING_PERMISSION", forbidden_since: "MISSING_PERMISSION"}
STORED = WAS_LAST_OK | WAS_NOT | FORBIDDEN

# What the provider says: the fault, and the reason that PUT names or the status body has then.

SAYS = {
    "ok": (None, None),
    "refused": (faults.refuse(), "refused"),
    "forbidden": (FORBID, "permission_denied"),
    "unavailable": (faults.answer(500), "provider_error"),
    "unusable key": (None, "unusable_key"),
}


def outcome(says, stored):
    """By the table: the answer's status code and, where it is replaced, the status from then on."""
    if says == "ok":
        return 200, "OK"
    if says in ("refused", "unusable key") or (says == "forbidden" and stored in WAS_LAST_OK):
        return 422, None
    if says == "forbidden":
        return 200, "MISSING_PERMISSION"
    return (200, "TEMPORARILY_UNAVAILABLE") if stored in WAS_NOT else (503, None)


def snapshot(credential):
    return credential.get().text, credential.status()


def assert_outcome(credential, body, code, status, reason, name="username"):
    """PUT answers `code`; replaced means in `status`, unchanged means in every respect."""
    before = snapshot(credential)
    answer = credential.put(body)
    if code == 200:
        assert (answer.status_code, answer.json()["status"]) == (200, status), answer.text
        assert credential.values()[name] == body[name]
        assert credential.standing() == (status, reason)
    else:
        error_key = "credentialsRefused" if code == 422 else "providerUnavailable"
        assert_problem(answer, code, error_key, reason=reason)
        assert snapshot(credential) == before


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("stored", STORED, ids=lambda stored: stored.__name__)
def test_the_table_of_put(granary, providers, stored, says):
    """Fault 6 is among its cells: a login that an outage hides was replaced by whatever came."""
    _, credential = stored(granary, providers)
    assert credential.status()["status"] == STORED[stored]
    fault, reason = SAYS[says]
    new = logins.valley(providers, **({"key": "x"} if says == "unusable key" else {}))
    if fault:
        new.fail(fault)
    assert_outcome(credential, new.body, *outcome(says, stored), reason)
    assert len(new.calls()) == (0 if says == "unusable key" else 1)


@pytest.mark.parametrize("stored", [posted, refused_at_first, forbidden_at_first], ids=lambda stored: stored.__name__)
def test_a_provider_that_hangs_is_unavailable(granary, providers, stored):
    _, credential = stored(granary, providers)
    new = logins.valley(providers)
    new.fail(faults.hang(4))
    assert_outcome(credential, new.body, *outcome("unavailable", stored), "timeout")


def test_a_typo_while_the_provider_is_down_costs_no_login(granary, providers):
    """Fault 6, as it is met: the outage says nothing of the login, so somebody types it again, and wrongly."""
    login, credential = in_an_outage(granary, providers)
    login.fail(DOWN)
    for _ in range(2):
        assert_outcome(credential, {**login.body, "password": "a typo"}, 503, None, "provider_error")
    login.heal()
    assert credential.checked()["status"] == "OK"
    assert credential.values()["username"] == login.body["username"]


def test_a_put_that_is_not_applied_moves_nothing_of_the_status(granary, providers):
    """lastCheckedTime least of all: what was tried were other fields than those that are shown."""
    login, credential = refused_at_first(granary, providers)
    before = credential.status()
    new = logins.valley(providers)
    new.revoke()
    assert credential.put(new.body).status_code == 422
    assert credential.status() == before
    assert len(credential.events()) == 2, "the exchange is an event all the same"


def test_not_configured(start_granary, providers):
    """Each of the stored ones, once its provider has no base URL any more. Fault 9: nothing was sent, so nothing was checked."""
    server = start_granary(checks={"confirm_after": "1s", "outage_after": "1s", "timeout": "1s"})
    made = {stored: stored(server, providers)[1] for stored in STORED if stored is not refused_once}
    server.restart(providers={"valley": None})
    for stored, credential in made.items():
        new, checked = logins.valley(providers), credential.status()["lastCheckedTime"]
        code, status = outcome("unavailable", stored)
        assert_outcome(credential, new.body, code, status, "not_configured")
        assert credential.status()["lastCheckedTime"] == checked, stored
        assert new.calls() == []
        if code == 200:
            assert credential.status()["nextCheckTime"] is None


@pytest.mark.parametrize("stored", [posted, never_ok, refused_at_first], ids=lambda stored: stored.__name__)
def test_an_environment_that_is_not_configured(granary, providers, stored):
    """PRODUCTION has no base URL here; the stored login's environment has one."""
    login, credential = stored(granary, providers, "agvance-credentials")
    checked = credential.status()["lastCheckedTime"]
    code, status = outcome("unavailable", stored)
    body = {**login.body, "clientEnvironment": "PRODUCTION"}
    assert_outcome(credential, body, code, status, "not_configured", "clientEnvironment")
    assert credential.status()["lastCheckedTime"] == checked, "fault 9: only an exchange moves it"


def test_what_was_never_asked_was_never_checked(granary, providers):
    """Fault 9: a key of no usable length is not sent; nor is anything without a base URL."""
    _, unusable = an_unusable_key(granary, providers)
    assert (unusable.standing(), unusable.status()["lastCheckedTime"]) == ((UNAVAILABLE, "unusable_key"), None)
    assert unusable.status()["nextCheckTime"] is None
    login = logins.agvance(providers, clientEnvironment="PRODUCTION")
    credential = granary.credential(login.slug)
    credential.post(login.body)
    assert (credential.standing(), credential.status()["lastCheckedTime"]) == ((UNAVAILABLE, "not_configured"), None)
    assert credential.put({**login.body, "databaseId": "another"}).status_code == 200
    assert (credential.standing(), credential.status()["lastCheckedTime"]) == ((UNAVAILABLE, "not_configured"), None)
    assert credential.checked()["lastCheckedTime"] is None


def test_what_had_no_turn_was_not_checked(start_granary, providers):
    """Fault 9: one exchange in ten seconds, and the first POST had it."""
    server = start_granary(checks={"timeout": "1s"}, providers={"valley": {"rate": 0.1}})
    _, first = posted(server, providers)
    checked = first.status()["lastCheckedTime"]
    assert first.checked()["reason"] == "rate_limited"
    assert first.status()["lastCheckedTime"] == checked
    _, second = posted(server, providers)
    assert (second.standing(), second.status()["lastCheckedTime"]) == ((UNAVAILABLE, "rate_limited"), None)


def test_a_put_that_was_asked_moves_the_last_checked_time(granary, providers):
    _, credential = refused_at_first(granary, providers)
    before = credential.status()["lastCheckedTime"]
    assert credential.put(logins.valley(providers).body).status_code == 200
    assert credential.status()["lastCheckedTime"] > before


SAID_ELSEWHERE = ["ok", "refused", "forbidden", "unavailable"]


@pytest.mark.parametrize("says", SAID_ELSEWHERE)
def test_a_changed_origin_hides_a_login_that_was_last_ok(start_granary, providers, says):
    """What PUT brings goes to the new address; the stored login is as good as it was at the old one."""
    server = start_granary(egress={"bind_origins": "always"})
    login = logins.valley(providers)
    credential = server.connect(login)
    second = Valley()
    try:
        server.restart(providers={"valley": {"base_url": second.url}})
        assert credential.checked()["reason"] == "origin_changed"
        new = logins.valley(providers)
        second.create(*(new.body[name] for name in ("apid", "key", "initializationVector", "username", "password")))
        fault, reason = SAYS[says]
        if fault:
            second.fail(fault)
        assert_outcome(credential, new.body, *outcome(says, posted), reason)
        assert len(second.calls) == 1 and new.calls() == []
        second.heal()
        if says == "ok":
            assert credential.checked()["status"] == "OK"
        else:
            server.restart(providers={"valley": {"base_url": providers.valley.url}})
            assert credential.checked()["status"] == "OK"
    finally:
        second.stop()


def test_a_missing_base_url_hides_a_login_that_was_last_ok(start_granary, providers):
    """Also once there is one again, while the check that tells so is still to come."""
    server = start_granary()
    login = logins.valley(providers)
    credential = server.connect(login)
    server.restart(providers={"valley": None})
    assert credential.standing() == (UNAVAILABLE, "not_configured")
    assert_outcome(credential, {**login.body, "password": "a typo"}, 503, None, "not_configured")
    server.restart(providers={"valley": {"base_url": providers.valley.url}})
    new = logins.valley(providers)
    new.fail(DOWN)
    if credential.standing()[0] == UNAVAILABLE:  # not checked yet
        assert_outcome(credential, new.body, 503, None, "provider_error")
        new.heal()
        new.fail(FORBID)
        assert_outcome(credential, new.body, 422, None, "permission_denied")
    assert credential.checked()["status"] == "OK"


def test_a_breaker_hides_a_login_that_was_last_ok(start_granary, providers):
    server = start_granary(breaker={"minimum": 2, "share": 0.05}, checks={"confirm_after": "1s", "outage_after": "1s"})
    pairs = [(login := logins.valley(providers), server.connect(login)) for _ in range(3)]
    for login, credential in pairs:
        credential.checked()
        login.refuse()
    for _, credential in pairs:
        credential.checked()
    _, credential = pairs[0]
    eventually(lambda: credential.standing() == (UNAVAILABLE, "provider_refuses_many"), 15)
    for says in ("unavailable", "forbidden", "refused", "ok"):
        new = logins.valley(providers)
        fault, reason = SAYS[says]
        if fault:
            new.fail(fault)
        assert_outcome(credential, new.body, *outcome(says, posted), reason)


def test_what_a_put_made_unavailable_was_not_last_ok(granary, providers):
    """Replaced over a refused login, never heard of: the next one may replace it again."""
    _, credential = refused_since(granary, providers)
    for _ in range(2):
        new = logins.valley(providers)
        new.fail(DOWN)
        assert_outcome(credential, new.body, 200, UNAVAILABLE, "provider_error")
    assert moment(credential.status()["nextCheckTime"]) > time.time() + 500, "its Retry-After holds it back"
