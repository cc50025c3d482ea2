"""A PUT that was answered is over. 422 and 503 mean that nothing of it is ever applied later, whatever happens: not when the
provider is well again, not after a restart, not when the store could not write, not after a SIGTERM."""

import signal
import time

import logins
import pytest
from background import in_background
from harness import Granary, base_config, eventually
from logins import SLUGS, new_login, stored
from problems import assert_problem
from standins import faults
from test_disk_faults import Disk

NAMES = {"valley-credentials": "apid", "agvance-credentials": "username", "sentera-credentials": "username"}
NAMES["ag-leader-credentials"] = "publicKey"
DOWN = faults.answer(500)


def kill(server):
    server.kill()
    server.start()


def stop(server):
    server.restart()


def assert_is_the_old_one(server, login, credential, new, calls, end=kill):
    """For good: the provider is well, the credential is checked again and again, and the server starts anew; but the new login
    has been asked for `calls` times, and never is again."""
    new.heal()
    name = NAMES[login.slug]
    for restart in (None, end):
        if restart:
            restart(server)
            time.sleep(0.5)  # what the start takes up
        for _ in range(3):
            assert credential.checked()["status"] == "OK"
        assert credential.values()[name] == login.body[name]
        assert len(new.calls()) == calls, "it was tried again"


@pytest.mark.parametrize("end", [kill, stop])
@pytest.mark.parametrize("slug", SLUGS)
def test_after_a_503_nothing_is_applied_later(start_granary, providers, slug, end):
    server = start_granary(checks={"confirm_after": "1s"})
    login, credential = stored(server, providers, slug=slug)
    new = new_login(providers, slug)
    new.fail(DOWN)
    assert_problem(credential.put(new.body), 503, "providerUnavailable", reason="provider_error")
    assert_is_the_old_one(server, login, credential, new, 1, end)


@pytest.mark.parametrize("slug", ["valley-credentials", "ag-leader-credentials"])
def test_after_a_422_and_a_kill_nothing_is_applied_later(start_granary, providers, slug):
    """The kill comes with the answer: what that says is on disk."""
    server = start_granary()
    login, credential = stored(server, providers, slug=slug)
    new = new_login(providers, slug)
    new.refuse()
    assert_problem(credential.put(new.body), 422, "credentialsRefused", reason="refused")
    kill(server)
    assert_is_the_old_one(server, login, credential, new, 1)


def test_an_answer_that_comes_after_the_503_is_not_applied(start_granary, providers):
    server = start_granary(checks={"timeout": "1s"})
    login, credential = stored(server, providers)
    new = logins.valley(providers)
    new.fail(faults.late_answer(2), times=1)
    assert_problem(credential.put(new.body), 503, "providerUnavailable", reason="timeout")
    time.sleep(2)
    assert_is_the_old_one(server, login, credential, new, 1)


@pytest.mark.parametrize("status", ["OK", "UNAUTHENTICATED"])
def test_without_a_slot_nothing_is_written(start_granary, providers, status):
    """One exchange in ten seconds, and the POST had it. In both columns of the table: nothing was heard of the new login."""
    server = start_granary(checks={"timeout": "1s"}, providers={"valley": {"rate": 0.1}})
    login, credential = stored(server, providers, status)
    before, events = (credential.get().text, credential.status()), credential.events()
    new = logins.valley(providers)
    assert_problem(credential.put(new.body), 503, "providerUnavailable", reason=["rate_limited", "timeout"])
    assert (credential.get().text, credential.status()) == before
    assert credential.events() == events and new.calls() == []
    server.config["providers"]["valley"].pop("rate")
    server.restart()
    assert_is_the_old_one(server, login, credential, new, 0)


# The store cannot write.


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "disk")


@pytest.fixture
def failing(disk, providers, tmp_path):
    server = Granary(tmp_path, base_config(providers))
    server.config["checks"]["confirm_after"] = "1s"
    server.environment = disk.environment()
    yield server.prepare().start()
    server.kill()


@pytest.mark.parametrize("commits", range(4))
@pytest.mark.parametrize("slug", ["valley-credentials", "ag-leader-credentials"])
def test_a_put_that_the_store_did_not_take_is_not_applied_later(failing, disk, providers, slug, commits):
    """Its first, second or third commit fails, and all that follow: the row, the mark that it is sent, what came of it."""
    login, credential = stored(failing, providers, slug=slug)
    new, name = new_login(providers, slug), NAMES[slug]
    new.fail(faults.late_answer(0.3))
    disk.fail("fsync", skip=commits)
    answered = in_background(lambda: credential.put(new.body))
    time.sleep(1.5)
    is_sent = bool(new.calls())
    disk.mend()
    answer = answered()
    eventually(failing.is_ready, 20)
    if answer.status_code == 200:
        assert credential.values()[name] == new.body[name]
        return
    assert_problem(answer, 503, "storeUnavailable")
    if not is_sent:
        assert_is_the_old_one(failing, login, credential, new, 0)
        return
    # `storeUnavailable` after sending says nothing, but it is decided: what was heard is kept or dropped, and not asked anew.
    kept = eventually(lambda: credential.checked()["status"] == "OK" and credential.values()[name])
    calls = len(new.calls())
    assert kept == new.body[name] or calls == 1
    kill(failing)
    time.sleep(0.5)
    assert credential.values()[name] == kept
    assert len(new.calls()) == calls
    assert not getattr(new.record, "reused", False)


@pytest.mark.parametrize("said", ["refused", "unavailable"])
def test_a_put_whose_end_the_store_did_not_take_is_not_applied_later(failing, disk, providers, said):
    """The provider has said no, and that this is the end of it cannot be written yet. It is, as soon as it can be."""
    login, credential = stored(failing, providers)
    new = logins.valley(providers)
    no = faults.refuse() if said == "refused" else DOWN

    def late(exchange):
        exchange.wait(0.7)
        no(exchange)

    new.fail(late, times=1)
    answered = in_background(lambda: credential.put(new.body))
    eventually(new.calls)
    disk.fail("write")
    time.sleep(1.5)
    disk.mend()
    assert answered().status_code in (422, 503)
    eventually(failing.is_ready, 20)
    assert_is_the_old_one(failing, login, credential, new, 1)


def test_a_store_that_fails_before_anything_is_sent_is_told(failing, disk, providers):
    login, credential = stored(failing, providers)
    new = logins.valley(providers)
    disk.fail("write")
    assert_problem(credential.put(new.body), 503, "storeUnavailable")
    disk.mend()
    eventually(failing.is_ready, 20)
    assert_is_the_old_one(failing, login, credential, new, 0)


# SIGTERM.


def put_and_terminate(server, credential, new):
    """The function that is returned waits for the PUT's answer."""
    answered = in_background(lambda: credential.put(new.body))
    eventually(new.calls)
    server.process.send_signal(signal.SIGTERM)
    return answered


@pytest.mark.parametrize("status", ["OK", "UNAUTHENTICATED"])
def test_a_put_that_a_sigterm_cuts_short_is_answered_and_over(start_granary, providers, status):
    """Its provider would answer after the process has gone. It was cut without an answer, and tried again by the next start."""
    server = start_granary(checks={"timeout": "20s"})
    login, credential = stored(server, providers, status)
    new = logins.valley(providers)
    new.fail(faults.hang(30), times=1)
    answer = put_and_terminate(server, credential, new)()
    assert server.process.wait(30) == 0
    server.start()
    if answer.status_code == 200 and status != "OK":  # as over any refused login, where the provider is not heard
        assert credential.values()["apid"] == new.body["apid"]
        return
    assert_problem(answer, 503, "providerUnavailable")
    assert_is_the_old_one(server, login, credential, new, 1)


def test_a_put_that_a_sigterm_meets_is_answered_and_kept(start_granary, providers):
    server = start_granary(checks={"timeout": "5s"})
    _, credential = stored(server, providers)
    new = logins.valley(providers)
    new.fail(faults.late_answer(1.5), times=1)
    answered = put_and_terminate(server, credential, new)
    assert answered().json()["status"] == "OK"
    assert server.process.wait(30) == 0
    server.start()
    assert credential.values()["apid"] == new.body["apid"]
    assert len(new.calls()) == 1
