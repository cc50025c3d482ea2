"""The statuses of the past can be worked out from the events by the rules of docs/api.md, as a support person would who is asked
"since when?"; the log tells the same. Where there were PUTs, their times are needed too: what a provider said of a login that
was brought says nothing of the stored one. Seconds stand for the hours of a week."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import logins
import pytest
from background import all_at_once
from harness import eventually, moment
from problems import assert_problem
from standins import faults
from standins.sentera import pagination

CONFIRM, OUTAGE = 1.0, 2.0  # seconds, as the server below is configured
STEPS = 28
SLACK = 0.05  # between asking for a check and its event's moment
SAME = 0.003  # between an event's moment and that of what it decided: both come from one turn of one thread
SOON = 0.5  # between that and a moment that is told: a commit may lie between


@pytest.fixture(scope="module")
def granary(start_module_granary):
    """No check is cut short by its own time, which would leave it without a last answer."""
    return start_module_granary(checks={"confirm_after": "1s", "outage_after": "2s", "timeout": "10s"})


def said_by_valley(event):
    if event["statusCode"] == 200 and event["body"].startswith("{"):
        return "ok"
    return {401: "refused", 403: "forbidden"}.get(event["statusCode"], "unavailable")


def said_by_ag_leader(event):
    if event["statusCode"] == 200 and "access_token" in event["body"]:
        return "ok"
    is_refused = event["statusCode"] == 400 and "invalid_grant" in event["body"]
    return "refused" if is_refused else "unavailable"


def one_exchange_each(said, events):
    """The checks of a provider that is asked once for each: (moment, kind)."""
    return [(moment(event["createdDate"]), said(event)) for event in events]


def sentera_checks(events):
    """The same where a check goes on until the session holds and every page was read. What a 401 is about, it says itself."""
    checks, has_logged_in, pages = [], False, []
    for event in events:
        goes_on, kind = False, "unavailable"
        status, body = event["statusCode"], json_or_nothing(event["body"])
        if status == 200 and "auth_token" in body:
            goes_on, has_logged_in, pages = True, True, []
        elif status == 200 and "organizations" in (body.get("data") or {}):
            pages.append(body["data"]["organizations"])
            found = [organization["name"] for page in pages for organization in page["results"]]
            goes_on = len(found) < pages[-1]["total_count"] and pages[-1]["results"]
            kind = "ok" if found.count("Green Farm") == 1 else "forbidden"
        elif status == 401 and body["error"] == "unauthenticated":
            goes_on, kind = not has_logged_in, "refused"
        elif status == 200 and "errors" in body:
            goes_on = not has_logged_in
        elif status in (401, 403):
            kind = "refused" if status == 401 else "forbidden"
        if not goes_on:
            checks.append((moment(event["createdDate"]), kind))
            has_logged_in, pages = False, []
    return checks


def json_or_nothing(text):
    try:
        return json.loads(text)
    except ValueError:
        return {}


def with_puts(checks, puts):
    """Each check as (moment, kind, is_put). Of those that ended while a PUT was asked for (`puts`: begin and end), the first is
    the PUT's: `wait_for_a_clear_moment` lets no other one be due."""
    made_by_puts = [next(at for at, _ in checks if begin <= at <= end) for begin, end in puts]
    return [(at, kind, at in made_by_puts) for at, kind in checks]


BELIEVED_AT_ONCE = {
    "ok": "OK",
    "refused": "UNAUTHENTICATED",
    "forbidden": "MISSING_PERMISSION",
    "unavailable": "TEMPORARILY_UNAVAILABLE",
}
CONFIRMED = {"refused": "UNAUTHENTICATED", "forbidden": "MISSING_PERMISSION"}


def reconstruct(checks):
    """For each check, its moment and the status from then on. The first is the POST's."""
    status, pending, outages, was_last_ok = None, None, [], False
    for at, kind, is_put in checks:
        # An outage says nothing of a login that was OK before it.
        was_last_ok = status == "OK" or (status == "TEMPORARILY_UNAVAILABLE" and was_last_ok)
        stays = kind == "refused" or (was_last_ok and kind != "ok") or (status, kind) == ("MISSING_PERMISSION", "unavailable")
        if is_put and stays:
            pass  # changes nothing
        elif is_put or status is None or kind == "ok":
            status, pending, outages = BELIEVED_AT_ONCE[kind], None, []
        elif kind == "unavailable":
            outages.append(at)
            if status == "OK" and len(outages) >= 3 and at - outages[0] >= OUTAGE - SAME:
                status = "TEMPORARILY_UNAVAILABLE"
        elif status == CONFIRMED[kind]:
            pending = None
        elif pending is None or pending[0] != kind:
            pending = kind, at
        elif at - pending[1] >= CONFIRM - SAME:
            status, pending = CONFIRMED[kind], None
        yield at, status


def changes_in(history):
    """Those entries with which another status begins; a credential is made as TEMPORARILY_UNAVAILABLE."""
    before = ["TEMPORARILY_UNAVAILABLE", *(status for _, status in history)]
    return [entry for entry, last in zip(history, before) if entry[1] != last]


def all_events(credential):
    """The oldest first, as many pages as there are."""
    events, page = [], 0
    while found := credential.events(size=100, page=page, sort="createdDate,asc"):
        events += found
        page += 1
    return events


def wait_for_a_clear_moment(credential):
    """The next answer comes clearly before or after what a rule counts from, and no check of the clock comes at once."""

    def is_clear():
        moments = [moment(event["createdDate"]) for event in credential.events(size=50)]
        due = credential.status()["nextCheckTime"]
        now = time.time()
        is_near = any(-SLACK < at + limit - now < 4 * SLACK for at in moments for limit in (CONFIRM, OUTAGE))
        return not is_near and (due is None or moment(due) - now > 4 * SLACK)

    eventually(is_clear, timeout=20)


def fault(act, path=None):
    return lambda login: login.fail(act, path=path)


def no_fault(login):
    """The provider is well."""


WEATHER = [no_fault, no_fault, *map(fault, [faults.refuse(), faults.refuse(), faults.answer(403), faults.answer(500)])]
WEATHER += map(fault, [faults.html(), faults.reset()])


def sentera(providers):
    """One organization a page."""
    login = logins.sentera(providers, organizations=[("org-1", "Blue Farm"), ("org-2", "Green Farm"), ("org-3", "Red Farm")])
    providers.sentera.page_limit[login.account] = 1
    return login


def ended_session(login):
    login.stand_in.expire_tokens(login.account)


def ended_session_told_as_errors(login):
    login.record.expired_answer = "errors"
    ended_session(login)


def refused_login(login):
    login.revoke()
    ended_session(login)


def ended_session_and_no_login(login):
    ended_session(login)
    login.fail(faults.answer(500), path="/v1/sessions")


def end_the_session_after_a_page(exchange):
    page = exchange.usual_answer()
    exchange.stand_in.expire_tokens(exchange.call.account)
    exchange.send(page)


def session_that_ends_between_pages(login):
    login.fail(end_the_session_after_a_page, times=1, path="/graphql")


def break_the_second_page(exchange):
    body = exchange.call.json()
    is_second = exchange.call.path == "/graphql" and pagination(body["query"], body.get("variables") or {})[0] == 2
    act = faults.answer(500) if is_second else faults.delay(0)
    act(exchange)


NO_ORGANIZATION = {"data": {"organizations": {"total_count": 0, "results": []}}}
SENTERA_WEATHER = [no_fault, ended_session, ended_session_told_as_errors, refused_login, refused_login]
SENTERA_WEATHER += [ended_session_and_no_login, session_that_ends_between_pages, fault(break_the_second_page)]
SENTERA_WEATHER += map(fault, [faults.answer(500), faults.html(), faults.reset()])
AT_GRAPHQL = [
    faults.answer(401, {"error": "unauthenticated"}),
    faults.answer(200, {"data": None, "errors": [{"message": "Not authenticated"}]}),
    faults.answer(200, NO_ORGANIZATION),
    faults.answer(403, {"error": "forbidden"}),
]
SENTERA_WEATHER += [fault(act, "/graphql") for act in AT_GRAPHQL]


@dataclass
class Provider:
    """`checks_of` makes (moment, kind) of events; `weather` are what may befall a login, `refuse` is one of these."""

    new_login: Callable
    checks_of: Callable
    weather: list
    refuse: Callable = fault(faults.refuse())


PROVIDERS = {
    "valley": Provider(logins.valley, partial(one_exchange_each, said_by_valley), WEATHER),
    "ag-leader": Provider(logins.ag_leader, partial(one_exchange_each, said_by_ag_leader), WEATHER),
    "sentera": Provider(sentera, sentera_checks, SENTERA_WEATHER, refused_login),
}


def timed_put(credential, body):
    """The answer, and the times between which it was asked for: a client and an access log know them."""
    begin = time.time()
    answer = credential.put(body)
    return answer, (begin, time.time())


def live(granary, providers, name, seed, has_puts):
    """What status was told in a varied time, all events of it, the times of its PUTs, and the log's changes. The last of it is a
    refusal that is confirmed."""
    chance, provider = random.Random(seed), PROVIDERS[name]
    login = provider.new_login(providers)
    credential = granary.connect(login)
    told, puts, weather = [], [], no_fault
    for step in range(STEPS):
        is_end = step >= STEPS - 3
        if is_end or chance.random() < 0.5:
            weather = provider.refuse if is_end else chance.choice(provider.weather)
        login.heal()
        weather(login)
        time.sleep(1.1 if is_end else chance.choice([0.1, 0.4, 1.1]))
        wait_for_a_clear_moment(credential)
        if has_puts and not is_end and chance.random() < 0.5:
            brought = provider.new_login(providers)
            chance.choice(provider.weather)(brought)
            answer, times = timed_put(credential, brought.body)
            puts.append(times)
            login = brought if answer.status_code == 200 else login
            told.append(credential.status())
        else:
            told.append(credential.checked())
    return told, all_events(credential), puts, credential.changes()


def assert_same_moments(history, logged):
    """Each status begins in the log when it does in `history`."""
    changes = changes_in(history)
    assert [line["to"] for line in logged] == [status for _, status in changes]
    assert [moment(line["time"]) for line in logged] == pytest.approx([at for at, _ in changes], abs=SOON)


LIVES = [(name, seed, has_puts) for name in PROVIDERS for seed, has_puts in enumerate([False, False, True, True, True], 1)]
ROWS_OF_PUT = {(is_ok, kind) for is_ok in (True, False) for kind in BELIEVED_AT_ONCE}


def test_the_statuses_of_a_time_follow_from_its_events(granary, providers):
    lived = all_at_once([partial(live, granary, providers, *each) for each in LIVES])
    rows = set()
    for (name, seed, _), (told, events, puts, logged) in zip(LIVES, lived):
        case = (name, seed)
        checks = with_puts(PROVIDERS[name].checks_of(events), puts)
        history = list(reconstruct(checks))
        assert {"OK", "UNAUTHENTICATED"} <= {status for _, status in history}, case
        assert_same_moments(history, logged)
        rows |= {(before[1] == "OK", kind) for before, (_, kind, is_put) in zip(history, checks[1:]) if is_put}
        for body in told:
            past = [entry for entry in history if entry[0] <= moment(body["lastCheckedTime"])]
            at, status = changes_in(past)[-1]
            assert status == body["status"], (case, body, history)
            assert at == pytest.approx(moment(body["since"]), abs=SOON), (case, body, history)
    assert rows == ROWS_OF_PUT, "each was lived through"


@pytest.mark.parametrize("name", ["valley", "sentera"])
def test_puts_of_a_wrong_password_are_told_from_refusals_by_their_times(granary, providers, name):
    login = PROVIDERS[name].new_login(providers)
    credential = granary.connect(login)
    connected, puts = credential.status(), []
    for _ in range(2):
        answer, times = timed_put(credential, {**login.body, "password": "a wrong password"})
        assert_problem(answer, 422, "credentialsRefused")
        puts.append(times)
        time.sleep(CONFIRM * 1.1)
    told = credential.checked()
    assert (told["status"], told["since"]) == ("OK", connected["since"])
    checks = PROVIDERS[name].checks_of(all_events(credential))
    assert {status for _, status in reconstruct(with_puts(checks, puts))} == {"OK"}
    assert "UNAUTHENTICATED" in {status for _, status in reconstruct(with_puts(checks, []))}, "they look like refusals"
    assert_same_moments(list(reconstruct(with_puts(checks, puts))), credential.changes())
