"""A provider that fails is no grower who revoked: every fault, some dozens of checks each of Ag Leader's flow (`./dev outages`
makes ten thousand), a few of the other flows; and names that never resolve."""

import itertools
import subprocess
import threading
import time
from dataclasses import replace

import logins
import pytest
from background import in_background
from harness import Granary, base_config, eventually, free_port, merged
from logins import new_login
from outages import Outages, checks_counted
from standins import faults
from standins.resolver import NOERROR, SILENT, Resolver, with_own_mounts
from standins.weather import NAME

CHECKS = 60


def may_mount():
    return subprocess.run([*with_own_mounts(), "true"], capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not may_mount(), reason="may not give the server a name server of its own")


@pytest.fixture(scope="module")
def outages(tmp_path_factory):
    outages = Outages(tmp_path_factory.mktemp("outages"), 30)
    yield outages
    outages.stop()


@needs_mounts
@pytest.mark.parametrize(
    "name",
    ["408", "429", "500", "502", "503", "504", "reset", "timeout", "cut body", "slow drip", "HTML with 200", "broken JSON"]
    + ["408 invalid_grant", "429 invalid_grant", "503 invalid_grant"]
    + ["NXDOMAIN", "SERVFAIL", "refused connection", "expired certificate", "wrong host name", "self-signed certificate"],
)
def test_no_fault_is_taken_for_a_refusal(outages, name):
    _, wrong = outages.run(name, CHECKS, recovers=name != "NXDOMAIN")  # SERVFAIL follows at once, unremembered
    assert wrong == 0


@needs_mounts
def test_every_fault_has_its_test(outages):
    tested = test_no_fault_is_taken_for_a_refusal.pytestmark[0].args[1]
    assert list(outages.faults()) == tested


# Without it, three answers of 429 in a minute hold the lane for a minute.
AT_ONCE = {"Retry-After": "0", "Content-Type": "application/json"}


def refusal_under(status):
    """The provider's own words of a refusal under a status that is none: only the status counts."""
    return lambda exchange: exchange.send(replace(exchange.stand_in.refusal(), status=status, headers=dict(AT_ONCE)))


NO_REFUSALS = {
    **{str(status): faults.answer(status, {"message": "it rains"}, Retry_After="0") for status in (408, 429, 500, 502, 503, 504)},
    **{f"{status} refusal": refusal_under(status) for status in (408, 429, 500, 502, 503, 504)},
    "HTML with 200": faults.html(),
    "broken JSON": faults.broken_json(),
    "reset": faults.reset(),
    "timeout": faults.hang(3),
    "cut body": faults.cut(),
}
ROUTES = [  # a path where a flow has more than one
    ("valley-credentials", None),
    ("agvance-credentials", None),
    ("sentera-credentials", "/v1/sessions"),
    ("sentera-credentials", "/graphql"),
]
LOGIN_CHECKS = 6


def test_no_fault_of_a_login_is_taken_for_a_refusal(start_granary, providers):
    """The other flows: every fault at every route, all at once, since each credential has its own."""
    metrics_port = free_port()
    granary = start_granary(
        ["--metrics-listen", f"127.0.0.1:{metrics_port}"],
        checks={"interval": "1s", "confirm_after": "1s", "outage_after": "1s", "timeout": "1s"},
        providers={slug: {"rate": 5000} for slug in ("valley", "agvance", "sentera")},
    )
    connected = {}
    for slug, path in ROUTES:
        for name, fault in NO_REFUSALS.items():
            login = new_login(providers, slug)
            connected[slug, path, name] = login, granary.connect(login)
            login.fail(fault, path=path)
            if path == "/v1/sessions":  # it logs in once its token is refused
                login.stand_in.expire_tokens(login.account)
    before = {key: len(login.calls(key[1])) for key, (login, _) in connected.items()}

    def those(*statuses):
        return [key for key, (_, credential) in connected.items() if credential.status()["status"] in statuses]

    def is_over():
        if those("UNAUTHENTICATED", "MISSING_PERMISSION"):
            return True  # no further checks come
        return all(len(login.calls(key[1])) > before[key] + LOGIN_CHECKS for key, (login, _) in connected.items())

    eventually(is_over, 60, 0.5)
    assert those("UNAUTHENTICATED", "MISSING_PERMISSION") == []
    assert those("OK") == []
    for slug in {slug for slug, _ in ROUTES}:
        provider = slug.removesuffix("-credentials")
        assert checks_counted(metrics_port, provider, "unavailable") >= LOGIN_CHECKS * len(NO_REFUSALS)
        assert checks_counted(metrics_port, provider, "refused", "forbidden") == 0, f"a fault of {provider} was taken for a refusal"
    for login, _ in connected.values():
        login.heal()
    eventually(lambda: {credential.standing() for _, credential in connected.values()} == {("OK", None)}, 30)


@pytest.fixture
def by_name(providers, tmp_path):
    """A server whose ag-leader has a name, and its name server; the clock asks Agvance each second."""
    resolver = Resolver()
    url = providers.ag_leader.url.replace("127.0.0.1", NAME)
    changes = {"providers": {"ag-leader": {"base_url": url}, "agvance": {"interval": "1s"}}}
    server = Granary(tmp_path, merged(base_config(providers), changes))
    server.wrapper = resolver.wrapper(tmp_path)
    yield server.prepare().start(), resolver
    server.kill()
    resolver.stop()


@needs_mounts
def test_names_that_never_resolve_delay_nobody_else(by_name, providers):
    """A name blocks its thread for 10 s, its check gives up after 2 s: whoever waited for the thread then would wait 8 s, so what
    counts are the seconds after the checks have ended. Other providers' checks and every request go on meanwhile."""
    server, resolver = by_name
    asked = server.connect(logins.valley(providers))
    by_clock = [logins.agvance(providers) for _ in range(5)]
    for login in by_clock:
        server.connect(login)
    slow = [(server.credential(login.slug), login) for login in (logins.ag_leader(providers) for _ in range(20))]
    resolver.mode = SILENT
    is_over = threading.Event()
    began = time.time()
    probes = [again_and_again(request, is_over) for request in (asked.checked, asked.values, asked.status)]
    time.sleep(1)
    posting = [in_background(lambda credential=credential, login=login: credential.post(login.body)) for credential, login in slow]
    assert {done().json()["status"] for done in posting} == {"TEMPORARILY_UNAVAILABLE"}
    time.sleep(3)
    is_over.set()
    longest = [done() for done in probes]
    gaps = [longest_gap([began, *(call.time for call in login.calls() if call.time > began), time.time()]) for login in by_clock]
    assert max(longest) < 1.5 and max(gaps) < 3, f"requests took up to {longest} s, checks by the clock came up to {gaps} s apart"
    assert {credential.standing() for credential, _ in slow} == {("TEMPORARILY_UNAVAILABLE", "timeout")}
    assert resolver.asked and asked.standing() == ("OK", None)


@needs_mounts
def test_a_name_that_never_resolves_does_not_delay_the_end(by_name, providers):
    server, resolver = by_name
    slow = [server.connect(logins.ag_leader(providers)) for _ in range(20)]
    resolver.mode = SILENT
    server.restart()  # the old process remembers the name
    before = resolver.asked
    pending = [in_thread(credential.check) for credential in slow]
    eventually(lambda: resolver.asked > before)
    code, took = server.stop()
    assert (code, took < 5) == (0, True), f"ended with {code} after {took} s"
    for done in pending:
        done()
    resolver.mode = NOERROR
    server.start()
    eventually(lambda: slow[0].checked()["status"] == "OK", 20)


def again_and_again(request, is_over):
    """Makes a request over and over in a thread until `is_over`; the returned function waits, and gives the longest's seconds."""

    def run():
        longest = 0
        while not is_over.is_set():
            started = time.monotonic()
            request()
            longest = max(longest, time.monotonic() - started)
            time.sleep(0.05)
        return longest

    return in_background(run)


def longest_gap(moments):
    return max(later - earlier for earlier, later in itertools.pairwise(moments))


def in_thread(call):
    """Like in_background, for calls whose server may end meanwhile."""

    def quiet():
        try:
            return call()
        except OSError:
            return None

    return in_background(quiet)
