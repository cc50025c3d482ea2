"""A data folder that the program of commit 357f9cb made, full of everything that it can hold, and killed in the middle of its work
(fixtures/make_357f9cb.py). Today's program opens it, and nothing in it is lost."""

import json
import shutil
import time

import logins
import pytest
from harness import OWNER, ROOT, USERS, Credential, Granary, base_config, eventually, merged, moment
from logins import USER_KEYS

FIXTURE = ROOT / "tests" / "fixtures" / "357f9cb"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text())
CREDENTIALS = {entry["name"]: entry for entry in EXPECTED["credentials"]}
# Events are kept for 30 days and checks come after hours, so the server is started a few seconds after the folder was made.
CLOCK = ROOT / "build" / "release" / "libshifted_clock.so"  # where GRANARY_BINARY is another, too
AFTER = 5

# What was killed while the provider was asked is settled by the start, and has tests of its own.
INTERRUPTED = ["candidate accepted", "candidate refused", "candidate unsent", "refresh"]
AT_REST = [name for name in CREDENTIALS if name not in INTERRUPTED]
LINKED = [name for name in AT_REST if name != "unlinked"]


@pytest.fixture(scope="module")
def accounts(providers):
    """What the stand-ins know: the login of one interrupted PUT, and the grant of the interrupted refresh. All others they refuse."""
    candidate, refresh = EXPECTED["candidates"]["candidate accepted"], CREDENTIALS["refresh"]
    values = refresh["values"]
    return {
        "candidate accepted": logins.sentera(providers, **candidate),
        "refresh": logins.ag_leader(providers, **{name: values[name] for name in ("refreshToken", "publicKey", "privateKey")}),
    }


@pytest.fixture(scope="module")
def server(providers, accounts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    shutil.copytree(FIXTURE / "data", folder / "data")
    shutil.copy(FIXTURE / "root.key", folder / "root.key")
    for path, mode in [("data", 0o700), ("data/granary.db", 0o600), ("root.key", 0o600)]:
        (folder / path).chmod(mode)  # git keeps none of that
    production = {"agvance": {"environments": {"PRODUCTION": {"base_url": providers.agvance.url}}}}
    made = Granary(folder, merged(base_config(providers), {"providers": production}))
    shift = round(EXPECTED["made_at"] + AFTER - time.time())
    made.environment = {"LD_PRELOAD": str(CLOCK), "GRANARY_CLOCK_SHIFT": str(shift)}
    assert CLOCK.exists(), f"{CLOCK} is missing: run ./dev build"
    made.start()
    assert abs(moment(made.log_lines()[0]["time"]) - EXPECTED["made_at"]) < 60, "the server's clock is another day's"
    yield made
    made.kill()


@pytest.fixture(scope="module")
def tokens(server):
    return {email: server.log_in(email, password) for email, password in EXPECTED["owners"]}


@pytest.fixture
def credential(server, tokens):
    def by_name(name):
        entry = CREDENTIALS[name]
        return Credential(server, entry["slug"], entry["user"], tokens[entry["owner"]])

    return by_name


def test_its_owners_log_in_with_their_passwords_only(server, tokens):
    assert len(tokens) == 2
    wrong = {"username": OWNER[0], "password": EXPECTED["owners"][1][1]}
    assert server.request("POST", "/api/authenticate", json=wrong, token=None).status_code == 401


@pytest.mark.parametrize("owner", [email for email, _ in EXPECTED["owners"]])
def test_each_owner_has_the_same_users(server, tokens, owner):
    found = server.request("GET", USERS, token=tokens[owner], params={"size": 100}).json()
    expected = [entry["user"] for entry in EXPECTED["users"] if entry["owner"] == owner]
    assert [{name: user[name] for name in expected[0]} for user in found] == expected


@pytest.mark.parametrize("name", LINKED)
def test_a_credential_reads_back_in_clear(credential, name):
    assert credential(name).values() == CREDENTIALS[name]["values"]


@pytest.mark.parametrize("name", LINKED)
def test_a_credential_has_its_health(credential, name):
    """What the status says, and when: sentences and keys may be others one day."""
    status, expected = credential(name).status(), CREDENTIALS[name]["status"]
    known = ("status", "since", "reason", "lastCheckedTime")
    if name.startswith("breaker"):
        known = ("status", "since")  # it probes them
    assert {key: status[key] for key in known} == {key: expected[key] for key in known}


@pytest.mark.parametrize("name", [*LINKED, *INTERRUPTED])
def test_a_credential_has_its_events(credential, name):
    expected = CREDENTIALS[name]["events"]
    assert len(expected) >= 1 and any(event["body"] for event in expected)
    found = {event["id"]: event for event in credential(name).events(size=100)}
    assert [found.get(event["id"]) for event in expected] == expected


def test_an_unlinked_credential_is_linked_again_and_reads_in_clear(credential):
    unlinked, entry = credential("unlinked"), CREDENTIALS["unlinked"]
    assert unlinked.get().status_code == 404
    assert unlinked.link(USER_KEYS[entry["slug"]], entry["values"]["id"]).status_code == 200
    values = unlinked.values()
    assert {**values, "status": None} == {**entry["values"], "status": None}


def test_a_put_that_the_provider_was_asked_about_is_settled(credential):
    login = EXPECTED["candidates"]["candidate accepted"]
    accepted = credential("candidate accepted")
    eventually(lambda: accepted.values()["username"] == login["username"], 20)
    values = accepted.values()
    assert (values["status"], values["id"]) == ("OK", CREDENTIALS["candidate accepted"]["values"]["id"])
    assert values["authToken"].startswith(login["username"] + "."), "the new login's token"


def test_a_put_that_the_provider_refuses_now_changes_nothing(server, providers, credential):
    refused = EXPECTED["candidates"]["candidate refused"]["apid"]
    eventually(lambda: providers.valley.calls_of(refused), 20)
    entry = CREDENTIALS["candidate refused"]
    assert {**credential("candidate refused").values(), "status": None} == {**entry["values"], "status": None}


def test_a_put_that_was_never_sent_is_dropped(providers, credential):
    entry, dropped = CREDENTIALS["candidate unsent"], EXPECTED["candidates"]["candidate unsent"]
    assert credential("candidate unsent").values() == entry["values"]
    assert providers.sentera.calls_of(dropped["username"]) == []


def test_a_refresh_that_was_killed_is_made_again(accounts, credential):
    login, old = accounts["refresh"], CREDENTIALS["refresh"]["values"]["refreshToken"]
    refreshed = credential("refresh")
    eventually(lambda: refreshed.values()["refreshToken"] != old, 20)
    eventually(lambda: refreshed.standing() == ("OK", None), 20)
    assert refreshed.values()["refreshToken"] == login.record.refresh_token
    assert not login.record.reused and login.record.spent == [old]


def test_an_open_breaker_is_open_still_and_can_be_closed(server):
    def line():
        shown = server.cli("providers", *server.store, "--config", str(server.config_file))
        assert shown.returncode == 0, shown.stderr
        return next(line for line in shown.stdout.splitlines() if "PRODUCTION" in line)

    assert "open" in line()
    closed = server.cli("breaker", "close", "agvance", *server.store, "--config", str(server.config_file))
    assert closed.returncode == 0, closed.stderr
    assert "closed" in line()


def test_nothing_is_settled_twice_by_another_start(server, accounts, credential):
    """The last test here: it needs all that the others have waited for and done."""
    test_a_put_that_the_provider_was_asked_about_is_settled(credential)
    test_a_refresh_that_was_killed_is_made_again(accounts, credential)
    names = [name for name in CREDENTIALS if name != "unlinked"]
    before = {name: credential(name).values() for name in names}
    server.restart()
    assert {name: credential(name).values() for name in names} == before
    assert server.problems() == []
