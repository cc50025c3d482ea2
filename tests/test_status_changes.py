"""GET .../history: every change of the status, with what led to it. What the clock and the breaker do is there too, as of a check by
request."""

import re

import logins
import pytest
from harness import eventually
from problems import assert_problem
from standins import faults

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
REFUSE, FORBID, BREAK = faults.refuse(), faults.answer(403), faults.answer(500)


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"confirm_after": "1s", "outage_after": "2s", "timeout": "1s"})


def history(credential, **parameters):
    answer = credential.request("GET", "/history", params=parameters)
    assert answer.status_code == 200, answer.text
    assert all(list(change) == ["time", "from", "to", "reason", "cause"] for change in answer.json())
    return answer.json()


def told(credential):
    """Without the times, the oldest first."""
    return [(change["from"], change["to"], change["reason"], change["cause"]) for change in history(credential)[::-1]]


FIRST = [
    (None, "OK", None),
    (REFUSE, "UNAUTHENTICATED", "refused"),
    (FORBID, "MISSING_PERMISSION", "permission_denied"),
    (BREAK, "TEMPORARILY_UNAVAILABLE", "provider_error"),
]


@pytest.mark.parametrize(("fault", "status", "reason"), FIRST)
def test_the_first_row_is_the_posts(granary, providers, fault, status, reason):
    login = logins.valley(providers)
    if fault:
        login.fail(fault)
    credential = granary.credential(login.slug)
    assert credential.post(login.body).json()["status"] == status
    assert told(credential) == [(None, status, reason, "created")]
    assert history(credential)[0]["time"] == credential.status()["since"]


def test_each_change_has_its_row_and_nothing_else_has(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    for _ in range(3):
        credential.checked()
    assert told(credential) == [(None, "OK", None, "created")]
    login.refuse()
    assert credential.checked()["reason"] == "refused_once"
    assert len(history(credential)) == 1, "one refusal is no change"
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"))
    credential.checked()
    login.heal()
    assert credential.put({**login.body, "password": "wrong"}).status_code == 422
    credential.checked()
    expected = [
        (None, "OK", None, "created"),
        ("OK", "UNAUTHENTICATED", "refused", "check"),
        ("UNAUTHENTICATED", "OK", None, "request"),
    ]
    assert told(credential) == expected
    rows = history(credential)
    times = [row["time"] for row in rows]
    assert times == sorted(set(times), reverse=True) and all(TIME.fullmatch(time) for time in times)
    assert times[0] == credential.status()["since"]


def test_a_put_is_replaced(granary, providers):
    login = logins.valley(providers)
    login.refuse()
    credential = granary.credential(login.slug)
    credential.post(login.body)
    login.heal()
    assert credential.put(login.body).json()["status"] == "OK"
    assert told(credential)[1:] == [("UNAUTHENTICATED", "OK", None, "replaced")]
    credential_id = credential.values()["id"]
    credential.unlink()
    assert_problem(credential.request("GET", "/history"), 404, "notFound")
    assert credential.link(login.user_key, credential_id).status_code == 200
    assert len(history(credential)) == 2, "what was is kept"


def test_a_check_after_linking_is_linked(granary, providers):
    login = logins.valley(providers)
    login.refuse()
    credential = granary.credential(login.slug)
    credential_id = credential.post(login.body).json()["id"]
    credential.unlink()
    assert_problem(credential.request("GET", "/history"), 404, "notFound")
    login.heal()
    assert credential.link(login.user_key, credential_id).status_code == 200
    eventually(lambda: told(credential)[1:] == [("UNAUTHENTICATED", "OK", None, "linked")])


def test_pages(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    for fault in (FORBID, None, FORBID):
        login.heal()
        if fault:
            login.fail(fault)
            credential.checked()
            eventually(lambda: credential.standing()[0] == "MISSING_PERMISSION")
        else:
            credential.checked()
    whole = history(credential)
    assert len(whole) == 4
    answer = credential.request("GET", "/history", params={"size": 3})
    assert answer.json() == whole[:3] and answer.headers["X-Total-Count"] == "4"
    target = f"api/users/{credential.user_id}/{credential.slug}/history"
    assert answer.headers["Link"].startswith(f'<{target}?page=1&size=3>;rel="next"')
    assert history(credential, size=3, page=1) == whole[3:]
    assert history(credential, size=3, page=2) == []


@pytest.mark.parametrize("query", ["page=-1", "page=x", "size=0", "size=x", "sort=time", "sort=time,asc"])
def test_wrong_parameters_are_named(granary, providers, query):
    credential = granary.credential("valley-credentials")
    answer = credential.request("GET", f"/history?{query}")
    assert_problem(answer, 400, "invalidField", [("query", query.partition("=")[0])])


def test_it_goes_with_the_credential(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    credential.delete()
    assert_problem(credential.request("GET", "/history"), 404, "notFound")
    assert credential.post(login.body).status_code == 201
    assert len(history(credential)) == 1


def test_old_rows_go_and_the_latest_stays(start_granary, providers):
    """What is old goes at a start, and every ten minutes."""
    login = logins.valley(providers)
    server = start_granary(history={"keep": "5s"}, checks={"confirm_after": "1s"})
    credential = server.connect(login)
    login.fail(FORBID)
    credential.checked()
    eventually(lambda: credential.standing()[0] == "MISSING_PERMISSION")
    login.heal()
    credential.checked()
    server.restart()
    newest = history(credential)[0]
    eventually(lambda: server.restart() and history(credential) == [newest], 30, 1)
    assert newest["to"] == "OK" and newest["time"] == credential.status()["since"]
