"""A byte of the store's file that turned over while nobody looked, in every page: it is found or does no harm. No secret comes
back wrong, and no credential is said not to exist without the server knowing that its store is damaged."""

import random
import sqlite3
import time

import pytest
import requests
from harness import Granary, base_config, eventually
from logins import SLUGS, new_login

PAGE = 4096
DAMAGED = "the store's file is damaged"


@pytest.fixture(scope="module")
def stored(providers, tmp_path_factory):
    """A stopped server's folder, and what it answered."""
    server = Granary(tmp_path_factory.mktemp("granary"), base_config(providers)).prepare().start()
    credentials = [server.connect(new_login(providers, SLUGS[number % len(SLUGS)])) for number in range(60)]
    for credential in credentials:
        credential.check()
    answers = {credential.path: credential.values() for credential in credentials}
    assert server.stop()[0] == 0
    yield server, answers, (server.data / "granary.db").read_bytes()
    server.kill()


def start_or_refuse(server):
    """False when it refuses to start, with a sentence."""
    server.log_file.unlink(missing_ok=True)
    server.launch()

    def live():
        if server.process.poll() is not None:
            return True
        try:
            return requests.get(server.url + "/health/live", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    eventually(live, 30, 0.01)
    if server.process.poll() is None:
        return True
    assert server.process.returncode in (1, 2, 3, 4), server.log
    assert server.log.startswith("granary: ") and server.log.count("\n") == 1, server.log
    return False


def judge(server, answers):
    """What is wrong with the answers although nothing was said."""
    wrong = []
    for path, values in answers.items():
        answer = server.request("GET", path)
        if answer.status_code in (500, 503):
            continue
        if answer.status_code == 200:
            got = answer.json()
            assert {**got, "status": 0, "createdTime": 0} == {**values, "status": 0, "createdTime": 0}, "a wrong secret"
            if got["status"] == values["status"]:  # a date is no harm
                continue
        wrong.append((path, answer.status_code, answer.text))
    return wrong


def test_a_flipped_byte_in_every_page(stored):
    server, answers, sound = stored
    chance = random.Random(20261122)
    pages = len(sound) // PAGE
    assert pages > 40
    for page in range(pages):
        place = page * PAGE + chance.randrange(PAGE)
        damaged = bytearray(sound)
        damaged[place] ^= 1 << chance.randrange(8)
        put_back(server, bytes(damaged))
        if start_or_refuse(server):
            wrong = judge(server, answers)
            if wrong:
                eventually(lambda: DAMAGED in server.log, 5)
                assert server.request("GET", "/health/ready", token=None).status_code == 503
        server.kill()
    put_back(server, sound)
    server.start()
    assert judge(server, answers) == []


def put_back(server, content):
    for path in server.data.glob("granary.db*"):
        path.unlink()
    (server.data / "granary.db").write_bytes(content)


def test_a_row_that_cannot_be_read_keeps_no_other_waiting(start_granary, providers):
    """It is due for ever, and first in line; it is tried again now and then, and the others go on."""
    server = start_granary(checks={"interval": "1s"})
    broken, sound = (server.connect(new_login(providers, "valley-credentials")) for _ in range(2))
    broken_id = broken.values()["id"]
    server.stop()
    server.edit_row(broken_id, "owner_id = x'00', next_check = 0")
    server.start()
    eventually(lambda: any(line.get("credential") == broken_id for line in server.problems()))
    before = sound.status()["lastCheckedTime"]
    time.sleep(4)
    assert sound.status()["lastCheckedTime"] > before
    failed = [line for line in server.problems() if line.get("credential") == broken_id]
    assert 1 <= len(failed) <= 2, failed


def test_a_row_that_cannot_be_read_does_not_keep_the_breaker_open(start_granary, providers):
    """It has waited longest, and a probe is spent on it; the next one goes to another."""
    breaker = {"minimum": 4, "share": 0.05, "window": "10m"}
    server = start_granary(breaker=breaker, checks={"confirm_after": "1s"})
    pairs = [(login := new_login(providers, "valley-credentials"), server.connect(login)) for _ in range(6)]
    broken_id = pairs[0][1].values()["id"]
    for login, credential in pairs[1:5]:
        assert credential.checked()["status"] == "OK"
        login.refuse()
        credential.checked()
    eventually(lambda: any("the breaker opened" in line["message"] for line in server.problems()))
    calls = sum(len(login.calls()) for login, _ in pairs)
    server.stop()
    server.edit_row(broken_id, "owner_id = x'00', next_check = 0")
    server.start()
    eventually(lambda: any(line.get("credential") == broken_id for line in server.problems()))
    eventually(lambda: sum(len(login.calls()) for login, _ in pairs) > calls, 100)


def edit(server, sql):
    with sqlite3.connect(server.data / "granary.db") as store:
        store.execute(sql)
    store.close()


def test_a_damaged_key_of_a_day_costs_no_token(start_granary, providers):
    """It cost one: the answer waited for a key that could never be opened, and with it every other token."""
    server = start_granary()
    login = new_login(providers, "ag-leader-credentials")
    credential = server.connect(login)
    assert server.stop()[0] == 0
    edit(server, "UPDATE day_key SET wrapped = substr(wrapped, 1, 20) || x'ff' || substr(wrapped, 22)")
    server.start()
    assert credential.checked()["status"] == "OK"
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert [problem["message"] for problem in server.problems()] == [
        "the key of a day of events does not open: it is replaced, and what it has sealed is lost",
        "a segment of events does not open; it is left as it is",
    ]
    assert len(credential.events()) == 1, "that of the check"
    server.restart()
    assert credential.checked()["status"] == "OK"
    assert len(credential.events()) == 2


def test_events_that_cannot_be_written_cost_no_token(start_granary, providers):
    """After twenty seconds; the next answers, for which it is known what the store fails, wait for a second."""
    server = start_granary()
    logins = [new_login(providers, "ag-leader-credentials") for _ in range(2)]
    credentials = [server.connect(login) for login in logins]
    # As a damaged leaf of an index would.
    edit(server, "CREATE TRIGGER damage BEFORE INSERT ON event_segment BEGIN SELECT raise(ABORT, 'damaged'); END")
    for credential, login, most in zip(credentials, logins, (60, 10), strict=True):
        begin = time.monotonic()
        assert credential.checked()["status"] == "OK"
        assert time.monotonic() - begin < most
        assert credential.values()["refreshToken"] == login.record.refresh_token
    assert server.is_ready()
    assert any("recorded without one" in problem["message"] for problem in server.problems())
    edit(server, "DROP TRIGGER damage")
    assert credentials[0].checked()["status"] == "OK"
    assert len(credentials[0].events()) == 2, "those of the POST and of this check"
