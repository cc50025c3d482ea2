"""A provider that fails is no grower who revoked: every fault, some dozens of checks each (`./dev outages` makes ten thousand), and
names that never resolve."""

import subprocess
import time

import logins
import pytest
from background import in_background
from harness import USERS, Granary, base_config, eventually, merged
from outages import Outages
from standins.resolver import NOERROR, SILENT, Resolver, with_own_mounts
from standins.weather import NAME

CHECKS = 60


def may_mount():
    return subprocess.run([*with_own_mounts(), "true"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not may_mount(), reason="may not give the server a name server of its own")


@pytest.fixture(scope="module")
def outages(tmp_path_factory):
    outages = Outages(tmp_path_factory.mktemp("outages"), 30)
    yield outages
    outages.stop()


@pytest.mark.parametrize(
    "name",
    ["408", "429", "500", "502", "503", "504", "reset", "timeout", "cut body", "slow drip", "HTML with 200", "broken JSON"]
    + ["NXDOMAIN", "SERVFAIL", "refused connection", "expired certificate", "wrong host name", "self-signed certificate"],
)
def test_no_fault_is_taken_for_a_refusal(outages, name):
    _, wrong = outages.run(name, CHECKS, recovers=name != "NXDOMAIN")  # SERVFAIL follows at once, unremembered
    assert wrong == 0


def test_every_fault_has_its_test(outages):
    tested = test_no_fault_is_taken_for_a_refusal.pytestmark[0].args[1]
    assert list(outages.faults()) == tested


def test_names_that_never_resolve_delay_nobody_else(providers, tmp_path):
    """The name server is silent: other providers' checks and every request go on, and so does the end."""
    resolver = Resolver()
    url = providers.ag_leader.url.replace("127.0.0.1", NAME)
    server = Granary(tmp_path, merged(base_config(providers), {"providers": {"ag-leader": {"base_url": url}}}))
    server.wrapper = resolver.wrapper(tmp_path)
    try:
        server.prepare().start()
        quick = [server.connect(logins.valley(providers)) for _ in range(10)]
        slow = [(server.credential(login.slug), login) for login in (logins.ag_leader(providers) for _ in range(20))]
        resolver.mode = SILENT
        posting = [in_thread(lambda credential=credential, login=login: credential.post(login.body)) for credential, login in slow]
        eventually(lambda: resolver.asked)
        for credential in quick:
            started = time.monotonic()
            assert credential.checked()["reason"] is None
            assert credential.values()["status"] == "OK"
            assert server.request("GET", USERS).status_code == 200
            assert time.monotonic() - started < 3 * 1, "waited for another provider's name"
        assert {done().json()["status"] for done in posting} == {"TEMPORARILY_UNAVAILABLE"}
        assert slow[0][0].standing() == ("TEMPORARILY_UNAVAILABLE", "timeout")
        assert server.stop()[0] == 0
        server.start()
        pending = [in_thread(credential.check) for credential, _ in slow]
        time.sleep(0.3)
        code, took = server.stop()
        assert (code, took < 3 * 10) == (0, True)
        for done in pending:
            done()
        resolver.mode = NOERROR
        server.start()
        eventually(lambda: slow[0][0].checked()["status"] == "OK", 20)
    finally:
        server.kill()
        resolver.stop()


def in_thread(call):
    """Like in_background, for calls whose server may end meanwhile."""

    def quiet():
        try:
            return call()
        except OSError:
            return None

    return in_background(quiet)
