"""Events: each exchange with a provider is one, newest first, as it was received and no larger than 64 KiB; they are gone
with their credential. What is taken out of them is in test_redaction.py."""

import json
import re
import secrets
import uuid
from datetime import UTC, datetime

import logins
import pytest
from harness import eventually
from logins import SLUGS, new_login
from problems import assert_problem
from standins import faults
from standins.base import Answer

KEYS = ["body", "createdDate", "headers", "id", "statusCode"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
LARGEST = 64 * 1024
CHECKS = 60
# What the file may grow by for a check whose answer says the same, with ids and times of its own.
GROWTH_OF_A_CHECK = 500


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"timeout": "1s"})


def after(granary, login, fault):
    """The newest event of a new credential whose provider answers with `fault`."""
    login.fail(fault)
    credential = granary.credential(login.slug)
    credential.post(login.body)
    return credential.events()[0]


@pytest.mark.parametrize("slug", SLUGS)
def test_each_exchange_is_one_event(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    credential.checked()
    events = credential.events()
    assert len(events) == len(login.calls())
    for event in events:
        assert list(event) == KEYS
        assert TIME.fullmatch(event["createdDate"])
        assert event["statusCode"] == 200 and isinstance(event["id"], str) and event["id"]
        assert "Content-Type: application/json" in event["headers"].split("\n")
        assert all(re.fullmatch(r"[!-9;-~]+: .*", line) for line in event["headers"].strip("\n").split("\n"))
    assert len({event["id"] for event in events}) == len(events)
    times = [event["createdDate"] for event in events]
    assert times == sorted(times, reverse=True)


def test_the_body_is_what_was_received(granary, providers):
    text = '{"status":  "maintenance", "until": "päter 🌱", "list": [1, 2.50, null]}'
    event = after(granary, logins.valley(providers), faults.answer(503, text, X_Request="abc-123"))
    assert (event["statusCode"], event["body"]) == (503, text)
    assert "X-Request: abc-123" in event["headers"].split("\n")


SEEN = {
    "HTML": (faults.html(), 200, "<html><body>Please sign in to the network</body></html>"),
    "nothing": (faults.empty(), 200, ""),
    "204": (faults.empty(204), 204, ""),
    "404": (faults.html(404), 404, "<html><body>Please sign in to the network</body></html>"),
    "redirect": (faults.redirect("http://127.0.0.1:9/x"), 302, ""),
    "cut": (faults.cut(200, b'{"note": "it was cut'), 200, None),
    "cut 500": (faults.cut(500, b'{"note": "it was cut'), 500, None),
    "timeout": (faults.hang(), 0, "timeout"),
    "reset": (faults.reset(), 0, "unreachable"),
    "closed": (faults.close(), 0, "unreachable"),
}


@pytest.mark.parametrize("name", SEEN)
def test_every_outcome_is_an_event(granary, providers, name):
    fault, status, body = SEEN[name]
    event = after(granary, logins.valley(providers), fault)
    assert event["statusCode"] == status
    if body is not None:
        assert event["body"] == body


@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize("size", [LARGEST - 100, LARGEST + 1, 300_000, 3_000_000])
def test_an_event_is_at_most_64_kib(granary, providers, status, size):
    event = after(granary, logins.valley(providers), faults.answer(status, "x" * size))
    assert event["statusCode"] == status
    assert 0 < len(event["body"].encode()) <= LARGEST
    assert set(event["body"][:1000]) == {"x"}


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\xfd", b"caf\xe9", b"a\x00b", b"\xed\xa0\x80", b"\x1b[31mred", b"line\r\nline", bytes(range(256))],
    ids=lambda data: repr(data)[:20],
)
def test_any_bytes_can_be_shown(granary, providers, data):
    event = after(granary, logins.valley(providers), faults.answer(500, data))
    assert isinstance(event["body"], str)


def test_a_cut_in_the_middle_of_a_character_is_no_harm(granary, providers):
    for shift in range(4):
        event = after(granary, logins.valley(providers), faults.answer(500, "x" * shift + "🌱" * 20_000))
        event["body"].encode()
        assert len(event["body"].encode()) <= LARGEST


def with_events(granary, providers, number=7):
    credential = granary.connect(logins.valley(providers))
    for _ in range(number - 1):
        credential.checked()
    return credential


def test_sorting(granary, providers):
    credential = with_events(granary, providers)
    newest = credential.events()
    assert credential.events(sort="createdDate,desc") == newest
    assert credential.events(sort="createdDate,asc") == newest[::-1]
    assert credential.events(sort="") == newest


def test_paging(granary, providers):
    credential = with_events(granary, providers)
    newest = credential.events()
    pages = [credential.events(page=page, size=3) for page in range(4)]
    assert sum(pages, []) == newest and [len(page) for page in pages] == [3, 3, 1, 0]
    answer = credential.request("GET", "/events", params={"page": 1, "size": 3})
    assert answer.headers["X-Total-Count"] == "7"
    assert re.findall(r'rel="(\w+)"', answer.headers["Link"]) == ["next", "last", "first", "prev"]
    assert len(credential.events(size=1000)) == 7


@pytest.mark.parametrize(
    "query", ["page=-1", "page=x", "page=1.5", "size=0", "size=-1", "size=x", "sort=id,asc", "sort=createdDate,up", "sort=x"]
)
def test_wrong_parameters(granary, providers, query):
    credential = with_events(granary, providers, 1)
    answer = credential.request("GET", f"/events?{query}")
    assert_problem(answer, 400, "invalidField", [("query", query.partition("=")[0])])


def test_ids_and_order_stay_the_same(start_granary, providers):
    server = start_granary()
    credential = with_events(server, providers, 4)
    before = credential.events()
    assert credential.events() == before
    server.restart()
    assert credential.events() == before
    credential.checked()
    assert credential.events()[1:] == before


def test_a_body_that_repeats_is_shown_each_time(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    for number in range(6):
        login.fail(faults.answer(500, f"answer number {number % 2}"), times=1)
        credential.checked()
    assert [event["body"] for event in credential.events()[:6]] == ["answer number 1", "answer number 0"] * 3


def test_events_of_others_are_not_mixed_in(granary, providers):
    first, second = with_events(granary, providers, 3), with_events(granary, providers, 2)
    assert (len(first.events()), len(second.events())) == (3, 2)
    assert not {e["id"] for e in first.events()} & {e["id"] for e in second.events()}


def test_events_are_gone_with_the_credential(granary, providers):
    credential = with_events(granary, providers)
    old = {event["id"] for event in credential.events()}
    credential.delete()
    assert_problem(credential.request("GET", "/events"), 404, "notFound")
    credential.post(logins.valley(providers).body)
    assert len(credential.events()) == 1 and credential.events()[0]["id"] not in old


def test_events_are_gone_when_the_credential_is_unlinked(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    number = credential.values()["id"]
    old = {event["id"] for event in credential.events()}
    credential.unlink()
    assert_problem(credential.request("GET", "/events"), 404, "notFound")
    assert credential.link(login.user_key, number).status_code == 200
    eventually(lambda: len(login.calls()) == 2)
    events = eventually(credential.events)
    assert not old & {event["id"] for event in events} and len(events) == 1


def test_events_stay_when_the_provider_refuses(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    login.refuse()
    credential.checked()
    assert [event["statusCode"] for event in credential.events()] == [401, 200]


class ChangingAnswer:
    """A provider's answer of 2 KB of which two ids, a time, a counter and a nonce are others each time. Keeps what was sent."""

    def __init__(self):
        self.sent = []

    def __call__(self, exchange):
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "X-Request-Id": str(uuid.uuid4()),
            "CF-Ray": f"{secrets.token_hex(8)}-FRA",
            "Age": str(len(self.sent) * 7),
            "Last-Modified": now.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "X-Served-At": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        }
        fields = [{"number": 1000 + i, "name": f"North field {i}"} for i in range(40)]
        body = json.dumps({"time": now.isoformat(), "nonce": secrets.token_urlsafe(9), "fields": fields})
        self.sent.append((headers, body))
        exchange.send(Answer(503, body.encode(), headers))


def file_size_when_stopped(server):
    assert server.stop()[0] == 0
    return (server.data / "granary.db").stat().st_size


def test_what_changes_in_each_answer_is_shown_and_costs_little(start_granary, providers):
    server = start_granary()
    login = logins.valley(providers)
    credential = server.connect(login)
    answer = ChangingAnswer()
    login.fail(answer)
    credential.checked()
    before = file_size_when_stopped(server)
    server.start()
    for _ in range(CHECKS):
        credential.checked()
    grown = file_size_when_stopped(server) - before
    server.start()
    events = credential.events(size=100)[: CHECKS + 1]
    for event, (headers, body) in zip(events, reversed(answer.sent), strict=True):
        assert event["body"] == body
        assert {f"{name}: {value}" for name, value in headers.items()} <= set(event["headers"].split("\n"))
    assert grown <= CHECKS * GROWTH_OF_A_CHECK, f"{grown} bytes for {CHECKS} checks"


def test_answers_that_really_differ_are_all_shown(granary, providers):
    login = logins.valley(providers)
    credential = granary.connect(login)
    sent = []
    for number in range(12):
        body = [
            json.dumps({"words": [secrets.token_urlsafe(30) for _ in range(60)]}),
            json.dumps({"list": list(range(number))}),
            f"<p>{number}</p>" * number,
            secrets.token_urlsafe(3000),
        ][number % 4]
        login.fail(faults.answer(500, body, X_Number=str(number)), times=1)
        credential.checked()
        sent.append((body, f"X-Number: {number}"))
    events = credential.events(size=12)
    assert [(event["body"], event["headers"].split("\n")[-1]) for event in events] == sent[::-1]
