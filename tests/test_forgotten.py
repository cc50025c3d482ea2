"""What is nobody's any more for a while, or is found again under other circumstances: a link anew, an address or a descriptor that
went away, a PUT that cannot be asked any more."""

import re
import time

import logins
import pytest
from background import in_background
from harness import CREDENTIALS, USERS, eventually, run_binary
from probed import PROBE, PROBE_PATH
from problems import assert_problem
from standins import Valley, faults


def test_a_check_of_what_was_linked_anew_is_not_answered_by_one_of_before(start_granary, providers):
    server = start_granary(checks={"timeout": "20s"})
    login = logins.valley(providers)
    credential = server.connect(login)
    known = credential.values()["id"]
    login.fail(faults.delay(3), times=1)
    before = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    credential.unlink()
    assert credential.link(login.user_key, known).status_code == 200
    assert credential.checked()["status"] == "OK"
    assert len(login.calls()) == 3, "it asked for itself"
    assert before().status_code == 200, "it is linked"


def forget_by_delete(server, credential):
    assert credential.delete().status_code == 204


def forget_by_unlink(server, credential):
    credential.unlink()


def forget_user(server, credential):
    assert server.request("DELETE", f"{USERS}/{credential.user_id}").status_code == 204


@pytest.mark.parametrize("forget", [forget_by_delete, forget_by_unlink, forget_user])
@pytest.mark.parametrize("make", [logins.valley, logins.sentera, logins.agvance, logins.ag_leader])
def test_what_waits_for_a_slot_is_not_sent_after_it_was_forgotten(start_granary, providers, make, forget):
    """Fault 10 of the review: a password or a token was sent after the deletion was acknowledged."""
    first, second = make(providers), make(providers)
    name = first.slug.removesuffix("-credentials")
    server = start_granary(checks={"timeout": "20s"}, providers={name: {"concurrency": 1}})
    busy, credential = server.connect(first), server.connect(second)
    first.fail(faults.late_answer(2), times=1)
    calls = len(second.calls())
    slow = in_background(busy.check)
    time.sleep(0.5)
    waiting = in_background(credential.check)
    time.sleep(0.5)
    forget(server, credential)
    assert slow().json()["status"] == "OK"
    assert waiting().status_code == 404
    assert len(second.calls()) == calls


def test_what_is_linked_to_a_provider_without_address_says_ok_no_longer(start_granary, providers):
    server = start_granary()
    login = logins.valley(providers)
    credential = server.connect(login)
    known = credential.values()["id"]
    credential.unlink()
    address = server.config["providers"].pop("valley")
    server.restart()
    assert credential.link(login.user_key, known).status_code == 200
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "not_configured")
    assert credential.status()["nextCheckTime"] is None
    server.config["providers"]["valley"] = address
    server.restart()
    assert credential.status()["nextCheckTime"], "due, spread"


def test_what_no_descriptor_names_any_more_says_ok_no_longer(start_granary, providers):
    server = start_granary(described=False)
    known = server.connect(logins.valley(providers)).values()["id"]
    server.stop()
    server.edit_row(known, "provider = 'gone'")
    server.start()
    [row] = server.request("GET", CREDENTIALS).json()
    assert (row["status"], row["reason"], row["nextCheckTime"]) == ("TEMPORARILY_UNAVAILABLE", "not_configured", None)
    server.assert_every_change_is_logged()


def interrupt_a_put(server, login, credential, body):
    login.fail(faults.hang(), times=1)
    in_background(lambda: pytest.raises(Exception, lambda: credential.put(body)))
    calls = len(login.calls())
    eventually(lambda: len(login.calls()) == calls + 1)
    server.kill()


def test_an_interrupted_put_is_repeated_at_an_address_that_was_accepted(start_granary, providers):
    """It was answered 503 for ever: the one that was interrupted could not be asked any more, and stood for this one."""
    server = start_granary(checks={"timeout": "20s", "confirm_after": "1s"}, egress={"bind_origins": "always"})
    login = logins.valley(providers)
    credential = server.connect(login)
    body = {**login.body, "password": "another password"}
    interrupt_a_put(server, login, credential, body)
    moved = Valley()
    moved.create(body["apid"], body["key"], body["initializationVector"], body["username"], body["password"])
    server.config["providers"]["valley"]["base_url"] = moved.url
    server.arguments = ["--accept-new-origin", "valley"]
    server.start()
    assert credential.put(body).status_code == 200
    assert credential.standing() == ("OK", None)
    moved.stop()


def test_an_interrupted_put_is_repeated_without_an_address(start_granary, providers):
    server = start_granary(checks={"timeout": "20s", "confirm_after": "1s"})
    login = logins.valley(providers)
    credential = server.connect(login)
    body = {**login.body, "password": "another password"}
    interrupt_a_put(server, login, credential, body)
    server.config["providers"].pop("valley")
    server.start()
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "not_configured")
    assert_problem(credential.put(body), 503, "providerUnavailable", reason="not_configured")
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "not_configured")


def test_a_repeated_put_is_known_whatever_access_token_it_brings(start_granary, providers):
    """The refresh had replaced the access token of the PUT: the repeat was taken for another one, and sent a spent token."""
    server = start_granary(providers={"ag-leader": {"parameters": PROBE}}, checks={"timeout": "1s", "confirm_after": "60s"})
    credential = server.connect(logins.ag_leader(providers))
    other = logins.ag_leader(providers)
    body = {**other.body, "accessToken": "what another system said"}
    other.fail(faults.hang(), times=1, path=PROBE_PATH)
    assert credential.put(body).status_code == 200
    calls = len(other.calls())
    assert credential.put({**body, "accessToken": "what it says now"}).status_code == 200
    assert len(other.calls()) == calls and not other.record.reused


def test_the_last_success_is_told_while_no_server_runs(start_granary, providers):
    server = start_granary()
    server.connect(logins.valley(providers)).checked()
    assert server.stop()[0] == 0
    rows = run_binary("providers", *server.store, "--config", server.config_file).stdout.splitlines()
    [valley] = [row for row in rows if row.startswith("valley")]
    assert re.search(r"\d{4}-\d\d-\d\dT[\d:.]+Z", valley), valley
