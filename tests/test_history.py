"""The statuses of the past can be worked out from the events alone, by behaviour.md's rules, as a support person would who is
asked "since when?". Seconds stand for the hours of a week."""

import random
import time

import logins
import pytest
from background import all_at_once
from harness import eventually, moment
from standins import faults

CONFIRM, OUTAGE = 1.0, 2.0  # seconds, as the server below is configured
STEPS = 28
SLACK = 0.05  # between asking for a check and its event's moment
SAME = 0.003  # between an event's moment and that of what it decided: both come from one turn of one thread


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"confirm_after": "1s", "outage_after": "2s", "timeout": "1s"})


def said_by_valley(event):
    if event["statusCode"] == 200 and event["body"].startswith("{"):
        return "ok"
    return {401: "refused", 403: "forbidden"}.get(event["statusCode"], "unavailable")


def said_by_ag_leader(event):
    if event["statusCode"] == 200 and "access_token" in event["body"]:
        return "ok"
    is_refused = event["statusCode"] == 400 and "invalid_grant" in event["body"]
    return "refused" if is_refused else "unavailable"


FIRST = {
    "ok": "OK",
    "refused": "UNAUTHENTICATED",
    "forbidden": "MISSING_PERMISSION",
    "unavailable": "TEMPORARILY_UNAVAILABLE",
}
CONFIRMED = {"refused": "UNAUTHENTICATED", "forbidden": "MISSING_PERMISSION"}


def reconstruct(events, said):
    """Every moment at which something was said, with the status from then on."""
    status, pending, outages = None, None, []
    for event in sorted(events, key=lambda event: event["createdDate"]):
        at, kind = moment(event["createdDate"]), said(event)
        if status is None:
            status = FIRST[kind]
        elif kind == "ok":
            status, pending, outages = "OK", None, []
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


def wait_for_a_clear_moment(credential):
    """The next answer comes clearly before or after what a rule counts from."""

    def is_clear():
        moments = [moment(event["createdDate"]) for event in credential.events(size=100)]
        now = time.time()
        return not any(-SLACK < at + limit - now < 4 * SLACK for at in moments for limit in (CONFIRM, OUTAGE))

    eventually(is_clear, pause=0.02)


WEATHER = [None, None, faults.refuse(), faults.refuse(), faults.answer(403), faults.answer(500), faults.html(), faults.reset()]


def live(granary, login, seed):
    """What the checks of a varied time told, and all events of it. The last of it is a refusal that is confirmed."""
    chance = random.Random(seed)
    credential = granary.connect(login)
    told, fault = [], None
    for step in range(STEPS):
        if step >= STEPS - 3:
            fault = faults.refuse()
        elif chance.random() < 0.5:
            fault = chance.choice(WEATHER)
        login.heal()
        if fault:
            login.fail(fault)
        time.sleep(chance.choice([0.1, 0.4, 1.1]) if step < STEPS - 3 else 1.1)
        wait_for_a_clear_moment(credential)
        told.append(credential.checked())
    return told, credential.events(size=100)


def test_the_statuses_of_a_time_follow_from_its_events(granary, providers):
    makers = [(logins.valley, said_by_valley), (logins.ag_leader, said_by_ag_leader)]
    lives = [(maker(providers), said, seed) for maker, said in makers for seed in range(3)]
    lived = all_at_once([lambda login=login, seed=seed: live(granary, login, seed) for login, _, seed in lives])
    for (login, said, seed), (told, events) in zip(lives, lived):
        case = (login.slug, seed)
        history = list(reconstruct(events, said))
        assert {"OK", "UNAUTHENTICATED"} <= {status for _, status in history}, case
        for body in told:
            past = [entry for entry in history if entry[0] <= moment(body["lastCheckedTime"])]
            status = past[-1][1]
            assert status == body["status"], (case, body, history)
            # Since when: the first moment after the last at which it was another.
            others = [i for i, entry in enumerate(past) if entry[1] != status]
            since = past[others[-1] + 1 if others else 0][0]
            assert since == pytest.approx(moment(body["since"]), abs=0.5), (case, body, history)
