"""The fuse: a provider whose token answers cannot be read any more costs no more than a few one-use tokens. Each test has its own
server and its own logins at the stand-in, which spends a token although nobody can read what it gave for it."""

import time

import logins
import pytest
from harness import eventually
from probed import PROBE, PROBE_PATH
from standins import faults

NEEDED = 3
UNREADABLE = faults.broken_json()
LOST = faults.after_work(UNREADABLE)  # the token is spent
CHECKS = {"confirm_after": "1s", "outage_after": "15m", "timeout": "2s"}


@pytest.fixture
def start(start_granary):
    started = []

    def with_clock(interval, rate=50, **changes):
        server = start_granary(
            checks=CHECKS | {"interval": interval} | changes.pop("checks", {}),
            providers={"ag-leader": {"rate": rate} | changes.pop("ag_leader", {})},
            **changes,
        )
        started.append(server)
        return server

    yield with_clock
    for server in started:
        server.assert_every_change_is_logged()


def connected(server, providers, number, token="owner", expires_in=3600):
    made = []
    for _ in range(number):
        login = logins.ag_leader(providers)
        login.record.expires_in = expires_in
        credential = server.credential(login.slug, token=token)
        assert credential.post(login.body).json()["status"] == "OK"
        made.append((login, credential))
    return made


def owner_named(server, name):
    owner = (f"{name}@example.org", f"the words of {name}")
    server.add_owner(*owner)
    return server.log_in(*owner)


def fail(providers, pairs, fault):
    """At one moment."""
    with providers.ag_leader.lock:
        for login, _ in pairs:
            login.fail(fault)


def heal(providers, pairs):
    with providers.ag_leader.lock:
        for login, _ in pairs:
            providers.ag_leader.heal(login.account)


def keeps_its_token(pair):
    login, credential = pair
    return credential.values()["refreshToken"] == login.record.refresh_token


def sent(pairs, path="/api/token"):
    return sum(len(login.calls(path)) for login, _ in pairs)


def told(server, begins):
    """Whose fuse the log says it was: `one` owner's, or that of `all`."""
    lines = [line for line in server.log_lines() if line["message"].startswith(begins)]
    return ["all" if line["owner"] == "all" else "one" for line in lines]


def blown(server):
    return told(server, "the fuse blew")


def mended(server):
    return told(server, "the fuse is mended")


def shown(server):
    table = server.cli("providers", *server.store, "--config", str(server.config_file))
    assert table.returncode == 0, table.stderr
    return "blown" in next(line for line in table.stdout.splitlines() if "ag-leader" in line)


def test_a_provider_that_cannot_be_read_costs_few_tokens(start, providers):
    """Forty of one owner. A restart brings nothing but the trial, a minute after it blew; that one mends it."""
    server = start("3s", rate=20)
    pairs = connected(server, providers, 40)
    others = connected(server, providers, 2, owner_named(server, "other"))
    eventually(lambda: sent(pairs) >= 80, 15)
    assert not shown(server)
    fail(providers, pairs, LOST)
    eventually(lambda: blown(server) == ["one"])
    since = time.time()
    assert shown(server)
    time.sleep(3)  # an interval
    kept = [pair for pair in pairs if keeps_its_token(pair)]
    assert len(kept) >= len(pairs) - NEEDED - 2, "no more than needed, and what was on its way"
    before, others_before = sent(kept), sent(others)
    server.kill()
    server.start()
    heal(providers, pairs)
    eventually(lambda: sent(others) >= others_before + 4, 15)
    assert shown(server) and sent(kept) == before and time.time() < since + 50
    for _, credential in kept:
        assert credential.standing()[0] == "OK", "its access token works still"
    eventually(lambda: mended(server) == ["one"], 70)
    assert time.time() > since + 55
    eventually(lambda: sent(kept) >= before + len(kept), 20)
    assert not shown(server) and blown(server) == ["one"]
    for pair in kept:
        assert pair[1].standing() == ("OK", None) and not pair[0].record.reused
    for _, credential in [pair for pair in pairs if pair not in kept]:
        eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"), 15)


def test_others_go_on_until_two_owners_are_hit(start, providers):
    """Then nobody's tokens are spent; whoever's request succeeds mends it for all."""
    server = start("1s")
    one = connected(server, providers, 5)
    two = connected(server, providers, 5, owner_named(server, "two"))
    three = connected(server, providers, 2, owner_named(server, "three"))
    fail(providers, one, UNREADABLE)
    eventually(lambda: blown(server) == ["one"])
    before = sent(two)
    eventually(lambda: sent(two) >= before + 10, 15)
    fail(providers, two, UNREADABLE)
    eventually(lambda: blown(server) == ["one", "one", "all"], 15)
    time.sleep(1)  # what was on its way
    before = sent(three)
    time.sleep(3)
    assert sent(three) == before
    assert three[0][1].checked()["status"] == "OK", "a request goes on"
    eventually(lambda: sorted(mended(server)) == ["all", "one", "one"])
    eventually(lambda: sent(three) >= before + 4, 15)


def test_a_held_one_is_unavailable_once_its_access_token_has_ended(start, providers):
    server = start("1s", checks={"outage_after": "3s"})
    short, long = connected(server, providers, 8, expires_in=4), connected(server, providers, 6)
    eventually(lambda: sent(short) >= 16, 15)
    fail(providers, [*short, *long], LOST)
    eventually(lambda: blown(server) == ["one"])
    time.sleep(1)  # what was on its way
    kept, works = [pair for pair in short if keeps_its_token(pair)], [pair for pair in long if keeps_its_token(pair)]
    assert kept and works
    for _, credential in kept:
        eventually(lambda: credential.standing() == ("TEMPORARILY_UNAVAILABLE", "unexpected_answer"), 15)
        credential.assert_change_is_logged("OK", "TEMPORARILY_UNAVAILABLE", "unexpected_answer")
    time.sleep(3)
    for pair in [*kept, *works]:
        assert keeps_its_token(pair)
    for _, credential in works:
        assert credential.standing()[0] == "OK"
    heal(providers, [*short, *long])
    assert works[0][1].checked()["status"] == "OK"
    assert mended(server) == ["one"]
    for _, credential in kept:
        eventually(lambda: credential.standing() == ("OK", None), 15)


def test_a_lost_token_is_tried_again_all_the_same(start, providers):
    """It may be spent already, and the sooner the likelier that its provider still takes it."""
    server = start("1s")
    pairs = connected(server, providers, 6)
    fail(providers, pairs, UNREADABLE)
    eventually(lambda: blown(server) == ["one"])
    heal(providers, pairs)
    eventually(lambda: mended(server) == ["one"], 15)
    for pair in pairs:
        eventually(lambda: pair[1].standing() == ("OK", None), 15)
        assert not pair[0].record.reused


@pytest.mark.parametrize(
    "fault",
    [faults.answer(500), faults.answer(429, Retry_After="0"), faults.refuse(), faults.answer(400, {"error": "invalid_request"})],
    ids=["500", "429", "refused", "400"],
)
def test_errors_blow_nothing(start, providers, fault):
    server = start("1s")
    pairs = connected(server, providers, 5)
    fail(providers, pairs, fault)
    before = sent(pairs)
    eventually(lambda: sent(pairs) >= before + 8, 15)
    assert not blown(server) and not shown(server)


@pytest.mark.parametrize("fault", [LOST, faults.close(), faults.html(), faults.answer(200, {"data": {}})])
def test_three_requests_blow_it_and_one_mends_it(start, providers, fault):
    """By request, with nothing due: however an answer of success, or none, gives no token."""
    server = start("6h")
    pairs = connected(server, providers, 4)
    fail(providers, pairs[:NEEDED], fault)
    for _, credential in pairs[: NEEDED - 1] * 2:
        credential.checked()
    assert not blown(server), "two, however often"
    pairs[2][1].checked()
    assert blown(server) == ["one"] and shown(server)
    assert server.stop()[0] == 0 and shown(server), "from the folder as from the server"
    server.start()
    assert pairs[3][1].checked()["status"] == "OK"
    assert mended(server) == ["one"] and not shown(server)


def test_neither_post_nor_put_counts(start, providers):
    server = start("6h")
    pairs = connected(server, providers, 3)
    fail(providers, pairs[:2], LOST)
    for _, credential in pairs[:2]:
        credential.checked()
    for login, credential in pairs[2:]:
        login.fail(UNREADABLE)
        credential.put(login.body)
    for _ in range(3):
        login = logins.ag_leader(providers)
        login.fail(UNREADABLE)
        credential = server.credential(login.slug)
        credential.post(login.body)
        assert credential.checked()["status"] == "TEMPORARILY_UNAVAILABLE", "it had never refreshed: it says nothing"
    assert not blown(server)


def test_probes_go_on(start, providers):
    """Where a provider has a probe, only those whose access token must be replaced are held."""
    server = start("1s", ag_leader={"parameters": PROBE})
    short, long = connected(server, providers, 8, expires_in=4), connected(server, providers, 2)
    eventually(lambda: sent(short) >= 16, 20)
    with providers.ag_leader.lock:
        for login, _ in short:
            login.fail(LOST, path="/api/token")
    eventually(lambda: blown(server) == ["one"], 15)
    time.sleep(1)  # what was on its way
    kept = [pair for pair in short if keeps_its_token(pair)]
    before, probed = sent(kept), sent(long, PROBE_PATH)
    eventually(lambda: sent(long, PROBE_PATH) >= probed + 4, 15)
    assert kept and sent(kept) == before
    for pair in kept:
        assert keeps_its_token(pair)
