"""kill -9 at bad moments: nothing that was acknowledged is lost, and what was under way is taken up again."""

import threading
import time

import logins
import pytest
from background import in_background
from harness import USERS, eventually
from logins import SLUGS, new_login
from standins import faults


def test_a_crash_while_post_waits_leaves_a_credential_that_is_checked(start_granary, providers):
    server = start_granary(checks={"timeout": "20s"})
    for slug in ("valley-credentials", "sentera-credentials"):
        login = new_login(providers, slug)
        login.fail(faults.hang(), times=1)
        credential = server.credential(slug)
        in_background(lambda: pytest.raises(Exception, lambda: credential.post(login.body)))
        eventually(login.calls)
        server.kill()
        server.start()
        eventually(lambda: credential.standing() == ("OK", None), 20)


def test_what_was_acknowledged_is_there_after_a_crash(start_granary, providers):
    server = start_granary()
    made = []
    for slug in SLUGS:
        login = new_login(providers, slug)
        credential = server.connect(login)
        made.append((login, credential, credential.values(), credential.events()))
        server.kill()
        server.start()
    gone = server.connect(logins.valley(providers))
    assert gone.delete().status_code == 204
    server.kill()
    server.start()
    assert gone.get().status_code == 404
    for login, credential, values, events in made:
        assert credential.values() == values
        assert credential.events() == events
        assert credential.checked()["status"] == "OK"


def test_crashes_under_load_lose_nothing(start_granary, providers):
    """Threads connect credentials without pause; whatever got a 201 is there after each kill -9."""
    server = start_granary()
    acknowledged = []

    def connect_many(stop):
        while not stop.is_set():
            login = logins.valley(providers)
            try:
                answer = server.request("POST", USERS, json={"name": login.account})
                path = f"{USERS}/{answer.json()['id']}/{login.slug}"
                if server.request("POST", path, json=login.body).status_code == 201:
                    acknowledged.append((path, login))
            except OSError:
                return

    for pause in (0.3, 0.5, 0.4):
        stop = threading.Event()
        threads = [threading.Thread(target=connect_many, args=(stop,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(pause)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join(40)
        server.start()
        for path, login in acknowledged:
            answer = server.request("GET", path)
            assert (answer.status_code, answer.json()["apid"]) == (200, login.body["apid"])
    assert len(acknowledged) > 20


def test_a_first_refusal_is_remembered_over_a_crash(start_granary, providers):
    server = start_granary(checks={"confirm_after": "2s"})
    login = logins.valley(providers)
    credential = server.connect(login)
    login.refuse()
    assert credential.checked()["reason"] == "refused_once"
    server.kill()
    server.start()
    assert credential.standing() == ("OK", "refused_once")
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"), 20)


def test_an_unlinked_credential_survives_a_crash(start_granary, providers):
    server = start_granary()
    login = logins.agvance(providers)
    credential = server.connect(login)
    values = credential.values()
    credential.unlink()
    server.kill()
    server.start()
    assert credential.get().status_code == 404
    assert credential.link(login.user_key, values["id"]).status_code == 200
    assert credential.values()["password"] == values["password"]
