"""GET /services/usermanagement/api/providers: each provider as the owner's own credentials find it, and whether it has an incident."""

import logins
import pytest
from harness import CREDENTIALS, eventually, moment
from problems import assert_problem
from standins import faults

PROVIDERS = CREDENTIALS.replace("credentials", "providers")
KEYS = ["provider", "environment", "configured", "breaker", "credentials", "lastSuccessTime", "incident"]
STATUSES = ["OK", "UNAUTHENTICATED", "MISSING_PERMISSION", "TEMPORARILY_UNAVAILABLE"]
BREAK = faults.answer(500)


@pytest.fixture
def server(start_granary):
    return start_granary()


def rows(server, token="owner"):
    answer = server.request("GET", PROVIDERS, token=token)
    assert answer.status_code == 200, answer.text
    return {(row["provider"], row["environment"]): row for row in answer.json()}


def valley(server, token="owner"):
    return rows(server, token)["valley", None]


def incident(server, token="owner"):
    return valley(server, token)["incident"]


def second_owner(server):
    owner = ("second@example.org", "the second owner's words")
    server.add_owner(*owner)
    return server.log_in(*owner)


def connected(server, providers, number, token="owner"):
    made = []
    for _ in range(number):
        login = logins.valley(providers)
        credential = server.credential(login.slug, token=token)
        assert credential.post(login.body).json()["status"] == "OK"
        made.append((login, credential))
    return made


def test_a_row_for_each_provider_and_environment(server, providers):
    answer = server.request("GET", PROVIDERS).json()
    assert all(list(row) == KEYS and list(row["credentials"]) == STATUSES for row in answer)
    assert [(row["provider"], row["environment"], row["configured"]) for row in answer] == [
        ("ag-leader", None, True),
        ("agvance", "PRODUCTION", False),
        ("agvance", "STAGE", True),
        ("sentera", None, True),
        ("valley", None, True),
    ]
    for row in answer:
        assert row["breaker"] == {"state": "closed", "openedTime": None}
        assert set(row["credentials"].values()) == {0}
        assert (row["lastSuccessTime"], row["incident"]) == (None, None)


def test_counts_and_last_success_are_the_owners_own(server, providers):
    token = second_owner(server)
    made = []
    for status, fault in zip(STATUSES, [None, faults.refuse(), faults.answer(403), BREAK]):
        login = logins.valley(providers)
        if fault:
            login.fail(fault)
        credential = server.credential(login.slug)
        assert credential.post(login.body).json()["status"] == status
        made.append(credential)
    agvance = server.connect(logins.agvance(providers))
    found = rows(server)
    assert found["valley", None]["credentials"] == dict.fromkeys(STATUSES, 1)
    assert found["valley", None]["lastSuccessTime"] == made[0].status()["lastSuccessTime"]
    assert found["agvance", "STAGE"]["credentials"] == {**dict.fromkeys(STATUSES, 0), "OK": 1}
    assert found["agvance", "STAGE"]["lastSuccessTime"] == agvance.status()["lastSuccessTime"]
    assert found["agvance", "PRODUCTION"]["credentials"] == dict.fromkeys(STATUSES, 0)
    theirs = rows(server, token)
    assert all(set(row["credentials"].values()) == {0} and row["lastSuccessTime"] is None for row in theirs.values())
    made[0].delete()
    made[1].unlink()
    assert valley(server)["credentials"] == {**dict.fromkeys(STATUSES, 1), "OK": 0, "UNAUTHENTICATED": 0}


def test_three_checks_and_a_fifth_make_an_incident_that_five_answers_end(server, providers):
    pairs = connected(server, providers, 3)
    login, credential = pairs[0]
    login.fail(BREAK)
    credential.checked()
    first = credential.status()["lastCheckedTime"]
    credential.checked()
    assert incident(server) is None
    pairs[1][0].fail(faults.html())
    pairs[1][1].checked()
    told = incident(server)
    assert list(told) == ["since", "reason", "share"]
    assert (told["reason"], told["share"]) == ("provider_error", 1)
    assert moment(told["since"]) == pytest.approx(moment(first), abs=0.5)
    assert rows(server)["sentera", None]["incident"] is None
    for number in range(4):
        pairs[2][1].checked()
        now = incident(server)
        assert now["since"] == told["since"] and now["share"] == pytest.approx(3 / (4 + number), abs=0.001)
    pairs[2][0].refuse()
    pairs[2][1].checked()
    assert incident(server) is None, "a refusal is an answer"
    credential.checked()
    assert incident(server) is None, "what has ended does not count again"


def test_posts_and_puts_make_none(server, providers):
    for _ in range(4):
        login = logins.valley(providers)
        login.fail(BREAK)
        credential = server.credential(login.slug)
        credential.post(login.body)
        credential.put(login.body)
    assert incident(server) is None


def test_few_among_many_make_none(server, providers):
    pairs = connected(server, providers, 2)
    for _ in range(16):
        pairs[0][1].checked()
    pairs[1][0].fail(BREAK)
    for _ in range(3):
        pairs[1][1].checked()
    assert incident(server) is None
    pairs[1][1].checked()
    assert incident(server)["share"] == 0.2


def test_it_is_the_owners_own(server, providers):
    token = second_owner(server)
    pairs = connected(server, providers, 1)
    connected(server, providers, 1, token)[0][1].checked()
    pairs[0][0].fail(BREAK)
    for _ in range(3):
        pairs[0][1].checked()
    assert incident(server) and incident(server, token) is None


def test_it_is_known_after_a_restart(server, providers):
    """By the last check of each credential."""
    pairs = connected(server, providers, 3)
    for login, credential in pairs:
        login.fail(BREAK)
        credential.checked()
    before = incident(server)
    server.restart()
    assert incident(server) == before
    for login, credential in pairs:
        login.heal()
        credential.checked()
        credential.checked()
    assert incident(server) is None


def test_an_open_breaker_is_one(start_granary, providers):
    server = start_granary(breaker={"minimum": 3})
    pairs = connected(server, providers, 4)
    for login, credential in pairs[:3]:
        credential.checked()
        login.refuse()
        credential.checked()
    row = valley(server)
    assert row["breaker"]["state"] == "open"
    assert row["incident"] == {"since": row["breaker"]["openedTime"], "reason": "provider_refuses_many", "share": 0.5}
    token = second_owner(server)
    assert valley(server, token)["breaker"]["state"] == "closed" and incident(server, token) is None
    server.restart()
    assert valley(server)["breaker"] == row["breaker"] and incident(server)["reason"] == "provider_refuses_many"
    assert server.cli("breaker", "close", "valley", *server.store).returncode == 0
    row = valley(server)
    assert row["breaker"] == {"state": "closed", "openedTime": None} and row["incident"] is None


def test_the_breaker_of_all_owners_is_everybodys(start_granary, providers):
    server = start_granary(breaker={"minimum": 4})
    tokens = ["owner", second_owner(server)]
    pairs = [pair for token in tokens for pair in connected(server, providers, 2, token)]
    server.add_owner("third@example.org", "the third owner's words")
    third = server.log_in("third@example.org", "the third owner's words")
    for login, credential in pairs:
        login.refuse()
        credential.checked()
    for token in [*tokens, third]:
        eventually(lambda: valley(server, token)["breaker"]["state"] == "open")
        assert incident(server, token)["reason"] == "provider_refuses_many"
    assert incident(server, third)["share"] == 0


def test_a_blown_fuse_is_one(start_granary, providers):
    server = start_granary(checks={"confirm_after": "1s", "timeout": "2s"})
    lost = faults.after_work(faults.broken_json())
    pairs = [(login, server.connect(login)) for login in (logins.ag_leader(providers) for _ in range(3))]
    for login, credential in pairs:
        credential.checked()
        login.fail(lost)
        credential.checked()
    row = rows(server)["ag-leader", None]
    assert row["breaker"]["state"] == "closed"
    assert row["incident"]["reason"] == "unexpected_answer" and row["incident"]["share"] == 0.5
    for login, credential in pairs:
        login.heal()
    server.restart()
    assert rows(server)["ag-leader", None]["incident"]["reason"] == "unexpected_answer"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_it_is_only_read(server, method):
    assert_problem(server.request(method, PROVIDERS), 405, "methodNotAllowed")
    assert_problem(server.request("GET", PROVIDERS, token="no token"), 401, "unauthorized")
