"""Owners at one provider: the checks of one who has many do not make another's late, and nobody's queue has no end."""

import threading
import time

import logins
from background import all_at_once
from harness import USERS, eventually, moment
from standins import faults

SECOND = ("second@example.org", "the second owner's words")


def second_owner(server):
    server.add_owner(*SECOND)
    return server.log_in(*SECOND)


def connect_for(server, token, login):
    """Connects a login for a new user of the owner whose token it is."""
    user = server.request("POST", USERS, json={"name": "n"}, token=token).json()["id"]
    path = f"{USERS}/{user}/{login.slug}"
    answer = server.request("POST", path, json=login.body, token=token)
    assert (answer.status_code, answer.json()["status"]) == (201, "OK"), answer.text
    return path


def test_two_hundred_checks_at_a_slow_provider_do_not_make_anothers_time_out(start_granary, providers):
    server = start_granary(checks={"timeout": "8s"}, providers={"valley": {"concurrency": 8}})
    many = [server.connect(logins.valley(providers)) for _ in range(60)]
    token = second_owner(server)
    few = [logins.valley(providers) for _ in range(2)]
    paths = [connect_for(server, token, login) for login in few]
    providers.valley.fail(faults.late_answer(1.5))
    try:
        flood = threading.Thread(target=lambda: all_at_once([c.check for c in many]))
        flood.start()
        time.sleep(1)
        answers = all_at_once([lambda p=path: server.request("POST", p + "/check", token=token) for path in paths])
        assert [(a.status_code, a.json()["status"], a.json()["reason"]) for a in answers] == [(200, "OK", None)] * 2
        flood.join(60)
    finally:
        providers.valley.heal()
    told = [credential.standing() for credential in many]
    assert ("OK", "rate_limited") in told, "what could no longer be sent in its time was not sent"
    assert {reason for _, reason in told} <= {None, "rate_limited"}, "and none that was sent was late"


def test_the_clock_serves_owners_in_turn(start_granary, providers):
    """Forty credentials that are always due at a slow provider, and one of another owner's."""
    server = start_granary(
        checks={"timeout": "8s", "interval": "2s"}, providers={"valley": {"concurrency": 4}}, breaker={"minimum": 100000}
    )
    token = second_owner(server)
    for _ in range(40):
        server.connect(logins.valley(providers))
    path = connect_for(server, token, logins.valley(providers)) + "/status"
    providers.valley.fail(faults.late_answer(1))
    try:

        def last_checked():
            return moment(server.request("GET", path, token=token).json()["lastCheckedTime"])

        begun = last_checked()
        time.sleep(20)
        checks = set()
        end = time.monotonic() + 15
        while time.monotonic() < end:
            checks.add(last_checked())
            time.sleep(0.2)
        gaps = [later - earlier for earlier, later in zip(sorted(checks), sorted(checks)[1:])]
        assert begun < min(checks)
        assert gaps and max(gaps) < 9, f"every two or three seconds, and three times that at most: {gaps}"
    finally:
        providers.valley.heal()


def test_beyond_five_hundred_waiting_requests_an_owner_is_turned_away(start_granary, providers):
    server = start_granary(checks={"timeout": "20s"}, providers={"valley": {"concurrency": 4}})
    token = second_owner(server)
    own = connect_for(server, token, logins.valley(providers))
    login = logins.valley(providers)
    credential = server.connect(login)
    held = threading.Event()
    login.fail(lambda exchange: (held.wait(18), exchange.send(exchange.usual_answer())))
    answers, flood = [], []

    def ask_once_more():
        flood.append(threading.Thread(target=lambda: answers.append(credential.check())))
        flood[-1].start()

    for _ in range(500):
        ask_once_more()
    user = server.new_user()
    new = logins.valley(providers)
    path = f"{USERS}/{user}/{new.slug}"

    def refused():
        """A place that this one took for a moment is taken by another check."""
        ask_once_more()
        answer = server.request("POST", path, json=new.body)
        if answer.status_code != 429:
            server.request("DELETE", path)
            return None
        return [answer]  # one that is 429 counts as false

    try:
        [answer] = eventually(refused)
        assert answer.json()["errorKey"] == "tooManyRequests" and int(answer.headers["Retry-After"]) >= 1
        assert server.request("GET", path).status_code == 404, "nothing was stored"
        assert server.request("POST", own + "/check", token=token).json()["status"] == "OK", "another owner may"
        assert credential.values()["status"] == "OK", "reading is no such request"
    finally:
        held.set()
        for one in flood:
            one.join(30)
        login.heal()
    assert {a.status_code for a in answers} <= {200, 429}
    assert server.request("POST", path, json=new.body).status_code == 201
