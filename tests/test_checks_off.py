"""`granary serve --checks off` serves what is stored and sends nothing to anybody, so that a copy of a store does no harm to the
original; and a start of what looks like a copy says so."""

import shutil
import sqlite3
import time

import logins
import pytest
import requests
from background import in_background
from harness import CREDENTIALS, eventually, run_binary
from problems import assert_problem
from standins import faults

OFF = ["--checks", "off"]
COPIED = "this store was last served by another machine or folder"


def start_with(server, *arguments):
    server.stop()
    server.arguments = list(arguments)
    return server.start()


def warnings(server):
    """What the log has said since the first start of a store that looked like a copy."""
    return [line["differs"] for line in server.log_lines() if line["message"].startswith(COPIED)]


@pytest.fixture
def server(start_granary):
    return start_granary(checks={"interval": "1s", "timeout": "20s"})


@pytest.mark.parametrize("slug", logins.SLUGS)
def test_a_post_is_stored_and_asked_about_at_the_next_start(start_granary, providers, slug):
    server = start_granary(arguments=OFF, checks={"interval": "1s"})
    login = logins.new_login(providers, slug)
    credential = server.credential(slug)
    answer = credential.post(login.body)
    assert (answer.status_code, answer.json()["status"]) == (201, "TEMPORARILY_UNAVAILABLE")
    body = credential.status()
    assert (body["reason"], body["action"], body["nextCheckTime"], body["lastCheckedTime"]) == ("checks_off", "operator", None, None)
    assert "checks off" in body["message"]
    history = credential.request("GET", "/history").json()
    assert [(row["from"], row["to"], row["reason"], row["cause"]) for row in history] == [
        (None, "TEMPORARILY_UNAVAILABLE", "checks_off", "created")
    ]
    time.sleep(1.5)
    assert credential.checked() == body
    assert login.calls() == [] and credential.events() == []
    start_with(server)
    eventually(lambda: credential.standing() == ("OK", None), 15)
    assert login.calls()


def test_what_is_stored_is_served_and_nothing_is_sent(server, providers):
    ok, ok_credential = logins.stored(server, providers)
    refused, refused_credential = logins.stored(server, providers, "UNAUTHENTICATED")
    unavailable = logins.sentera(providers)
    unavailable.fail(faults.answer(500))
    unavailable_credential = server.credential(unavailable.slug)
    assert unavailable_credential.post(unavailable.body).status_code == 201
    token, token_credential = logins.stored(server, providers, slug="ag-leader-credentials")
    stored = [(ok, ok_credential), (refused, refused_credential), (unavailable, unavailable_credential), (token, token_credential)]
    server.stop()
    known = [len(login.calls()) for login, _ in stored]
    server.arguments = OFF
    server.start()
    before = [credential.status() for _, credential in stored]
    values = [credential.values() for _, credential in stored]
    assert [body["status"] for body in before] == ["OK", "UNAUTHENTICATED", "TEMPORARILY_UNAVAILABLE", "OK"]
    assert [body["reason"] for body in before] == [None, "refused", "provider_error", None]
    assert [body["nextCheckTime"] for body in before] == [None] * 4, "the clock tries nothing"
    time.sleep(2.5)  # past an interval, so all are due
    for (login, credential), body, fields in zip(stored, before, values):
        assert credential.checked() == body
        for status_code in (401, 403):
            reported = credential.request("POST", "/report", json={"statusCode": status_code})
            assert (reported.status_code, reported.json()) == (200, body)
        answer = credential.put(login.body)
        assert_problem(answer, 503, "providerUnavailable", reason="checks_off")
        assert "checks off" in answer.json()["message"]
        assert credential.status() == body and credential.values() == fields
    assert [len(login.calls()) for login, _ in stored] == known
    assert {row["nextCheckTime"] for row in server.request("GET", CREDENTIALS).json()} == {None}
    unavailable.heal()
    start_with(server)
    for login, credential in stored:
        if login is not refused:  # that waits for its day
            eventually(lambda c=credential: c.standing() == ("OK", None), 15)
    assert token.calls()[known[3] :], "it is asked again"


def test_errors_that_need_no_provider_stay(server, providers):
    login, credential = logins.stored(server, providers)
    start_with(server, *OFF)
    assert_problem(credential.post(login.body), 409, "credentialsExist")
    assert_problem(credential.put({**login.body, "username": ""}), 400, "invalidField", fields=...)
    other = server.credential(login.slug)
    assert_problem(other.put(login.body), 404, "notFound")
    assert_problem(other.check(), 404, "notFound")


def test_a_put_that_a_crash_left_waits(start_granary, providers):
    server = start_granary(checks={"timeout": "20s"})
    login = logins.agvance(providers)
    credential = server.connect(login)
    password = "another " + login.body["password"]
    body = {**login.body, "password": password}
    login.fail(faults.hang(), times=1)
    in_background(lambda: pytest.raises(Exception, lambda: credential.put(body)))
    eventually(lambda: len(login.calls()) == 2)
    time.sleep(0.1)
    server.kill()
    login.record.password = password
    known = len(login.calls())
    server.arguments = OFF
    server.start()
    time.sleep(1.5)
    assert credential.checked()["status"] == "OK"
    assert_problem(credential.put(body), 503, "providerUnavailable")
    assert credential.values()["password"] == login.body["password"]
    assert len(login.calls()) == known
    start_with(server)
    eventually(lambda: credential.values()["password"] == password, 15)
    assert credential.checked()["status"] == "OK"


def test_statuses_stay_where_the_copy_has_no_addresses(server, providers):
    login, credential = logins.stored(server, providers)
    other = logins.valley(providers)
    server.stop()
    addresses = server.config["providers"]
    server.config["providers"] = {}
    server.arguments = OFF
    server.start()
    assert credential.standing() == ("OK", None)
    posted = server.credential(other.slug)
    assert posted.post(other.body).status_code == 201 and posted.status()["reason"] == "checks_off"
    start_with(server)
    for each in (credential, posted):
        assert each.standing() == ("TEMPORARILY_UNAVAILABLE", "not_configured")
    server.config["providers"] = addresses
    start_with(server)
    for each in (credential, posted):
        eventually(lambda c=each: c.standing() == ("OK", None), 15)


def test_readiness_says_it(server):
    def ready():
        return requests.get(f"{server.url}/health/ready", timeout=10, proxies={"http": ""}).json()

    assert ready() == {"status": "ready"}
    start_with(server, *OFF)
    assert server.is_ready() and ready() == {"status": "ready", "checks": "off"}
    assert [line for line in server.problems("warning") if line["message"].startswith("checks are off")]
    start_with(server, "--checks", "on")
    assert ready() == {"status": "ready"}


@pytest.mark.parametrize("word", ["", "no", "OFF"])
def test_other_words_are_refused(start_granary, word):
    server = start_granary()
    server.stop()
    done = run_binary(*server.serve_arguments(), "--checks", word, timeout=20)
    assert done.returncode == 1 and "--checks" in done.stderr and '"on" or "off"' in done.stderr


def test_a_copy_is_told_of_and_a_restart_is_not(server, providers):
    start_with(server)
    server.kill()
    server.start()
    server.stop()
    assert warnings(server) == []
    original = server.data
    server.data = server.directory / "moved"
    original.rename(server.data)
    server.start().stop()
    assert warnings(server) == [], "a folder that was moved is the same"

    shutil.copytree(server.data, server.directory / "copy")  # cp -r
    (server.directory / "copy").chmod(0o700)
    server.data = server.directory / "copy"
    server.arguments = OFF
    server.start().stop()
    assert warnings(server) == ["folder"]
    [line] = [line for line in server.problems("warning") if line["message"].startswith(COPIED)]
    assert "--checks off" in line["message"] and "tokens" in line["message"]
    server.arguments = []
    server.start().stop()
    assert warnings(server) == ["folder"] * 2, "the start that may send is warned, too"
    server.start().stop()
    assert warnings(server) == ["folder"] * 2


def noted(server, change=None):
    """What the store's settings say of the place that served it last; `change` is laid over it."""
    with sqlite3.connect(server.data / "granary.db") as db:
        [(value,)] = db.execute("SELECT value FROM setting WHERE name = 'served at'").fetchall()
        if change:
            db.execute("UPDATE setting SET value = ? WHERE name = 'served at'", [change(bytes(value))])
    db.close()
    return bytes(value)


def test_another_machine_is_told_of(server):
    """The machine's own id cannot be changed here, so what is noted of it is."""
    server.stop()
    machine, folder = noted(server).split(b" ")
    with open("/etc/machine-id", "rb") as file:
        assert file.read().strip() not in noted(server), "it is nobody's business in clear"
    if not machine:
        pytest.skip("this machine has no id")
    noted(server, lambda _: b"0" * len(machine) + b" " + folder)
    server.start().stop()
    assert warnings(server) == ["machine"]
    assert noted(server) == machine + b" " + folder
    noted(server, lambda _: b" " + folder)  # a machine without an id
    server.start().stop()
    assert warnings(server) == ["machine"]
