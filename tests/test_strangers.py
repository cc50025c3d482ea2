"""What somebody can do who has no password: fill the memory, take the places, guess passwords, lock others out."""

import contextlib
import itertools
import json
import re
import socket
import threading
import time

import pytest
import requests
from harness import OWNER, USERS, eventually
from problems import assert_problem
from test_http import LIVE, Reader, connect, first_answer, send_quietly, with_token

LOGIN = "/api/authenticate"
MEBIBYTE = 1 << 20


def resident(server):
    """The memory of the server's process in bytes."""
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


@contextlib.contextmanager
def many(server, count, data):
    """Connections that have sent `data`, each from a thread of its own since the server may stop reading."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(server)) for _ in range(count)]
        senders = [threading.Thread(target=send_quietly, args=(one, data)) for one in held]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(20)
        yield held


# Memory.


def post(path, headers, body=b""):
    return f"POST {path} HTTP/1.1\r\nHost: granary\r\n{headers}\r\n\r\n".encode() + body


CHUNKED = "Transfer-Encoding: chunked"
ENDLESS = {
    "an extension": post(LOGIN, CHUNKED, b"1;" + b"a" * (4 * MEBIBYTE)),
    "zeros of a size": post(LOGIN, CHUNKED, b"0" * (4 * MEBIBYTE)),
    "a trailer": post(LOGIN, CHUNKED, b"2\r\n{}\r\n0\r\nA: " + b"a" * (4 * MEBIBYTE)),
    "many trailers": post(LOGIN, CHUNKED, b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * MEBIBYTE),
    "extensions of many chunks": post(LOGIN, CHUNKED, b"1;abcdefghijklmnop\r\n \r\n" * (MEBIBYTE // 8)),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_framing_without_end_is_answered_and_takes_no_memory(granary, name):
    before = resident(granary)
    with many(granary, 8, ENDLESS[name]) as held:
        for connection in held:
            status, headers, body = Reader(connection).answer()
            assert (status, headers["connection"]) == (400, "close"), (status, body)
        assert resident(granary) - before < 4 * MEBIBYTE


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [(USERS, False, 401), ("/nothing", False, 404), (LOGIN, False, 413), ("/api/users", True, 404), (USERS + "/x", True, 405)],
)
def test_a_body_that_nobody_may_send_is_refused_by_its_head(granary, path, token, status):
    headers = f"Content-Length: {MEBIBYTE}\r\nExpect: 100-continue"
    if token:
        headers += f"\r\nAuthorization: Bearer {granary.token}"
    with connect(granary) as connection:
        connection.sendall(post(path, headers))
        reader = Reader(connection)
        answer = reader.answer()
        assert answer[0] == status, "no 100, and nothing of the body was sent"
        assert answer[1]["connection"] == "close"
        assert reader.at_end()


def test_bodies_without_a_token_take_no_memory(granary):
    before = resident(granary)
    with many(granary, 300, post(USERS, f"Content-Length: {MEBIBYTE}", b" " * (MEBIBYTE - 1))):
        assert resident(granary) - before < 16 * MEBIBYTE
    assert granary.request("GET", USERS).status_code == 200


def test_the_bodies_of_one_owner_have_a_quarter_of_the_memory(start_granary):
    server = start_granary(limits={"bodies_mib": 16})
    server.add_owner("second@example.org", "the second owner's words")
    second = server.log_in("second@example.org", "the second owner's words")
    line = f"POST {USERS} HTTP/1.1"
    data = with_token(server, line, f"Content-Length: {MEBIBYTE}", body=b" " * (MEBIBYTE - 1))
    with many(server, 40, data) as held:
        answers = []
        for connection in held:
            connection.settimeout(1)
            with contextlib.suppress(TimeoutError):
                answers.append(Reader(connection).answer())
        assert 30 <= len(answers) <= 39, "a few have their room"
        for status, headers, body in answers:
            assert (status, json.loads(body)["errorKey"]) == (503, "busy")
            assert int(headers["retry-after"]) >= 1
        body = json.dumps({"name": "n", "x": "x" * 500_000}).encode()
        assert server.request("POST", USERS, data=body, token=second).status_code == 201, "another owner has room"
    eventually(lambda: server.request("POST", USERS, data=body).status_code == 201)


# Places.


def test_idle_connections_make_room(start_granary):
    server = start_granary(limits={"connections": 20})
    held = [connect(server) for _ in range(60)]
    half = [connect(server) for _ in range(20)]
    for connection in half:
        connection.sendall(LIVE)
    for _ in range(20):
        assert first_answer(server, LIVE + b"\r\n")[0] == 200
    for connection in held + half:
        connection.close()


def test_half_sent_logins_and_unread_answers_make_room(start_granary):
    server = start_granary(limits={"connections": 30})
    slow = [connect(server) for _ in range(15)]
    for connection in slow:
        connection.sendall(post(LOGIN, "Content-Length: 100", b"{"))
    deaf = [connect(server) for _ in range(15)]
    for connection in deaf:
        send_quietly(connection, (b"GET /nothing HTTP/1.1\r\nHost: granary\r\n\r\n") * 100)
    for _ in range(40):
        assert first_answer(server, LIVE + b"\r\n")[0] == 200
    for connection in slow + deaf:
        connection.close()


def test_a_head_of_many_small_headers_leaves_nothing_behind(start_granary):
    server = start_granary()
    head = LIVE + b"a:\r\n" * 3900 + b"\r\n"
    before = resident(server)
    held = [connect(server) for _ in range(300)]
    for connection in held:
        connection.sendall(head)
        assert Reader(connection).answer()[0] == 200
    assert resident(server) - before < 12 * MEBIBYTE
    for connection in held:
        connection.close()


def test_the_metrics_port_has_its_own_few_places(start_granary):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start_granary(arguments=["--metrics-listen", f"127.0.0.1:{port}"])
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    assert requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5, proxies={"http": ""}).status_code == 200
    assert server.request("GET", USERS).status_code == 200
    for connection in held:
        connection.settimeout(2)
    closed = sum(Reader(connection).at_end() for connection in held[:100])
    assert closed == 100, "who came first made room"
    for connection in held:
        connection.close()


def test_http_1_0_with_chunks_closes(granary):
    body = b"2\r\n{}\r\n0\r\n\r\n"
    with connect(granary) as connection:
        data = b"POST /api/authenticate HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + body
        connection.sendall(data + LIVE + b"\r\n")
        reader = Reader(connection)
        status, headers, _ = reader.answer()
        assert (status, headers["connection"]) == (400, "close")
        assert reader.at_end(), "what follows is no request"


# Logins.


def log_in(server, password=OWNER[1], username=OWNER[0], source="127.0.0.1", **headers):
    """One login from an address of this machine."""
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"username": username, "password": password}).encode()
    lines = [f"POST {LOGIN} HTTP/1.1", "Host: granary", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection((host, int(port)), 20, (source, 0)) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        status, answered, text = Reader(connection).answer()
        return status, answered, json.loads(text)


def test_a_failed_login_says_what_is_wrong_and_is_logged_for_a_ban(granary):
    status, headers, body = log_in(granary, "not the password", "somebody@example.org", "127.0.0.9")
    assert (status, body["errorKey"], headers["www-authenticate"]) == (401, "unauthorized", "Bearer")
    assert "user name or the password is wrong" in body["message"]
    line = eventually(lambda: next((x for x in granary.log_lines() if x.get("address") == "127.0.0.9"), None))
    assert (line["message"], line["level"]) == ("login failed", "warning")
    assert set(line) == {"time", "level", "message", "address"}
    assert "somebody@example.org" not in granary.log
    # As docs/operating.md tells fail2ban.
    pattern = r'"message":"login failed","address":"(?P<host>[^"]+)"'
    assert {match["host"] for match in re.finditer(pattern, granary.log)} >= {"127.0.0.9"}


def test_a_stranger_locks_no_owner_out(start_granary):
    """Strangers at four addresses close the name for those from which it never worked (twenty failures, of which each
    address counts for five), and for those alone."""
    server = start_granary(limits={"logins_per_minute": 20})
    assert log_in(server, source="127.0.0.1")[0] == 200
    for source in range(10, 18):
        for _ in range(5):
            log_in(server, "not the password", source=f"127.0.0.{source}")
    status, headers, body = log_in(server, source="127.0.0.30")
    assert (status, body["errorKey"]) == (429, "tooManyRequests"), "never seen there"
    assert 1 <= int(headers["retry-after"]) <= 60
    assert log_in(server, source="127.0.0.1")[0] == 200
    assert log_in(server, "not the password", "another@example.org", source="127.0.0.30")[0] == 401, "another name"
    server.kill()
    server.start()
    for source in range(10, 18):
        for _ in range(5):
            log_in(server, "not the password", source=f"127.0.0.{source}")
    assert log_in(server, source="127.0.0.30")[0] == 429
    assert log_in(server, source="127.0.0.1")[0] == 200, "where it worked is known after a crash, too"


def test_wrong_logins_from_one_address_keep_no_other_out(start_granary):
    server = start_granary(limits={"logins_per_minute": 100000})
    stop = threading.Event()

    def guess(number):
        while not stop.is_set():
            with contextlib.suppress(OSError, TypeError):
                log_in(server, "not the password", f"nobody-{number}@example.org", f"127.0.1.{number % 4}")

    guessers = [threading.Thread(target=guess, args=(number,)) for number in range(1, 81)]
    for guesser in guessers:
        guesser.start()
    try:
        time.sleep(2)
        for _ in range(3):
            started = time.monotonic()
            assert log_in(server, source="127.0.0.2")[0] == 200
            assert time.monotonic() - started < 15, "three times the five seconds that are promised"
    finally:
        stop.set()
        for guesser in guessers:
            guesser.join(30)


def test_what_counts_is_the_client_that_a_trusted_proxy_names(start_granary):
    trusted = {"trusted_proxies": ["127.0.0.0/31"], "forwarded_header": "X-Forwarded-For"}
    server = start_granary(http=trusted, limits={"logins_per_minute": 3, "connections_per_address": 3})
    names = itertools.count()

    def guess(source="127.0.0.1", **headers):
        return log_in(server, "not the password", f"nobody-{next(names)}@example.org", source, **headers)[0]

    codes = [guess(X_Forwarded_For="6.6.6.6, 1.2.3.4") for _ in range(5)]
    assert codes == [401] * 3 + [429] * 2
    assert guess(X_Forwarded_For="6.6.6.6") == 401, "what the client made up does not count"
    assert guess(Forwarded="for=1.2.3.4") == 401, "the other header does not count"
    assert guess("127.0.0.7", X_Forwarded_For="1.2.3.4") == 401, "no trusted proxy"
    assert [guess(X_Forwarded_For=f"2001:db8::{n}") for n in range(5)] == codes, "one network"
    addresses = [line["address"] for line in server.log_lines() if line["message"] == "login failed"]
    assert addresses[:4] == ["1.2.3.4"] * 3 + ["6.6.6.6"]
    held = [connect(server) for _ in range(20)]
    assert server.request("GET", USERS).status_code == 200, "a proxy has no limit of its own"
    for connection in held:
        connection.close()


def test_the_answer_to_a_wrong_password_is_one_for_all(granary):
    first = granary.request("POST", LOGIN, json={"username": OWNER[0], "password": "x" * 20}, token=None)
    second = granary.request("POST", LOGIN, json={"username": "nobody", "password": "x" * 20}, token=None)
    assert_problem(first, 401, "unauthorized")
    assert first.content == second.content
