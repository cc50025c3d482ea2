"""The wire: malformed requests by hand over a socket, limits of size, pipelines, HEAD, OPTIONS and CORS. Whatever is sent,
the server answers or closes, and lives."""

import json
import socket
import threading
import time

import pytest
import requests
from harness import CREDENTIALS, USERS
from problems import assert_body, assert_problem

MEBIBYTE = 1 << 20
LIVE = b"GET /health/live HTTP/1.1\r\nHost: granary\r\n"


def connect(granary):
    host, port = granary.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), 10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Reader:
    """Reads answers, one after another, from a connection."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""

    def more(self):
        data = self.connection.recv(65536)
        self.buffer += data
        return bool(data)

    def answer(self):
        """(status, headers by lower-case name, body), or None at the end of the stream."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                assert not self.buffer, f"cut: {self.buffer!r}"
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self.buffer) < length:
            assert self.more(), "the body is cut"
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(first.split()[1]), headers, body

    def at_end(self):
        """True when the server has said nothing more and closed; a reset counts as well."""
        try:
            return not self.buffer and not self.more()
        except ConnectionError:
            return True


def first_answer(granary, data):
    with connect(granary) as connection:
        connection.sendall(data)
        return Reader(connection).answer()


def with_token(granary, line, *headers, body=b""):
    head = [line, "Host: granary", f"Authorization: Bearer {granary.token}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def post_user(granary, *headers, body=b'{"name": "n"}'):
    return with_token(granary, f"POST {USERS} HTTP/1.1", "Content-Type: application/json", *headers, body=body)


BODY = b"\r\n\r\n" + b'{"name":"n"}'
POST = b"POST /api/authenticate HTTP/1.1\r\nHost: granary\r\nContent-Type: application/json\r\n"
MALFORMED = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a word": b"GARBAGE\r\n\r\n",
    "no version": b"GET /health/live\r\nHost: granary\r\n\r\n",
    "an unknown version": b"GET /health/live HTTP/9.9\r\nHost: granary\r\n\r\n",
    "no number": b"GET /health/live HTTP/x.y\r\nHost: granary\r\n\r\n",
    "another protocol": b"GET /health/live HTTPS/1.1\r\nHost: granary\r\n\r\n",
    "a blank in the target": b"GET /health /live HTTP/1.1\r\nHost: granary\r\n\r\n",
    "a control character in the target": b"GET /health\x01/live HTTP/1.1\r\nHost: granary\r\n\r\n",
    "NUL in the target": b"GET /health\0/live HTTP/1.1\r\nHost: granary\r\n\r\n",
    "no target": b"GET  HTTP/1.1\r\nHost: granary\r\n\r\n",
    "no method": b" /health/live HTTP/1.1\r\nHost: granary\r\n\r\n",
    "a strange method": b"G@T /health/live HTTP/1.1\r\nHost: granary\r\n\r\n",
    "no host": b"GET /health/live HTTP/1.1\r\n\r\n",
    "two hosts": LIVE + b"Host: other\r\n\r\n",
    "a header without colon": LIVE + b"Broken\r\n\r\n",
    "a blank in a header's name": LIVE + b"Bad Name: x\r\n\r\n",
    "a blank before the colon": LIVE + b"X-Name : x\r\n\r\n",
    "an empty header name": LIVE + b": x\r\n\r\n",
    "a bare LF in a header's name": LIVE + b"X-A\nB: x\r\n\r\n",
    "a bare CR in a header's value": LIVE + b"X-A: a\rb\r\n\r\n",
    "NUL in a header's value": LIVE + b"X-A: a\0b\r\n\r\n",
    "NUL in a header's name": LIVE + b"X-\0A: b\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 12\r\nTransfer-Encoding: chunked" + BODY,
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 12" + BODY,
    "two lengths": POST + b"Content-Length: 12\r\nContent-Length: 13" + BODY,
    "a list of lengths": POST + b"Content-Length: 12, 13" + BODY,
    "a negative length": POST + b"Content-Length: -12" + BODY,
    "a length with a sign": POST + b"Content-Length: +12" + BODY,
    "a length in hex": POST + b"Content-Length: 0xc" + BODY,
    "a length of letters": POST + b"Content-Length: twelve" + BODY,
    "an empty length": POST + b"Content-Length:" + BODY,
    "a length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999" + BODY,
    "a bad chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a negative chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
}
LONG_HEADS = {
    "a head of 256 KiB": LIVE + b"X-Large: " + b"x" * (256 * 1024) + b"\r\n\r\n",
    "a target of 256 KiB": b"GET /" + b"x" * (256 * 1024) + b" HTTP/1.1\r\nHost: granary\r\n\r\n",
    "10,000 headers": LIVE + b"".join(b"X-%d: x\r\n" % number for number in range(10000)) + b"\r\n",
}


@pytest.mark.parametrize("name", [*MALFORMED, *LONG_HEADS])
def test_a_malformed_request_is_answered_400_and_the_connection_closed(granary, name):
    with connect(granary) as connection:
        try:
            connection.sendall(MALFORMED.get(name) or LONG_HEADS[name])
        except ConnectionError:
            pass
        reader = Reader(connection)
        status, headers, body = reader.answer()
        assert headers["content-type"].partition(";")[0] == "application/problem+json"
        problem = json.loads(body)
        expected = (400, "invalidBody") if name in MALFORMED else (431, "headTooLarge")
        assert (status, problem["errorKey"]) == expected and problem["status"] == status
        assert headers["connection"] == "close"
        assert reader.at_end()
    assert requests.get(granary.url + "/health/live", timeout=10, proxies={"http": ""}).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "chunked, gzip", "gzip, chunked", "xchunked", "identity", "chunked, chunked"])
def test_other_transfer_codings_are_refused(granary, coding):
    """Which refusal is the server's choice; read as a body without coding it would open a way to smuggle requests."""
    with connect(granary) as connection:
        connection.sendall(POST + b"Transfer-Encoding: " + coding.encode() + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        reader = Reader(connection)
        assert reader.answer()[0] in (400, 501)
        assert reader.at_end()


@pytest.mark.parametrize("data", [b"", b"GET", LIVE[:-5], POST + b"Content-Length: 100\r\n\r\n{"])
def test_a_client_that_leaves_in_the_middle_harms_nobody(granary, data):
    for _ in range(20):
        with connect(granary) as connection:
            connection.sendall(data)
    assert granary.request("GET", USERS).status_code == 200


def too_large(granary):
    declared = f"Content-Length: {MEBIBYTE + 1}"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    return {
        "declared": (post_user(granary, declared, body=b""), 413, "bodyTooLarge"),
        "declared, of another type": (
            with_token(granary, f"POST {USERS} HTTP/1.1", "Content-Type: text/plain", declared), 413, "bodyTooLarge",
        ),
        "declared in terabytes": (post_user(granary, "Content-Length: 5000000000000", body=b""), 413, "bodyTooLarge"),
        "in chunks": (post_user(granary, "Transfer-Encoding: chunked", body=chunk * 17), 413, "bodyTooLarge"),
        "sent": (post_user(granary, declared, body=b"x" * (MEBIBYTE + 1)), 413, "bodyTooLarge"),
        "without a token": (
            f"POST {USERS} HTTP/1.1\r\nHost: granary\r\n{declared}\r\n\r\n".encode(), 401, "unauthorized",
        ),
        "to no route": (f"POST /nothing HTTP/1.1\r\nHost: granary\r\n{declared}\r\n\r\n".encode(), 404, "notFound"),
        "with a wrong method": (with_token(granary, f"DELETE {USERS} HTTP/1.1", declared), 405, "methodNotAllowed"),
    }


@pytest.mark.parametrize("name", too_large(type("None", (), {"token": ""})))
def test_a_body_over_one_mebibyte(granary, name):
    data, status, key = too_large(granary)[name]
    path = data.split()[1].decode()
    with connect(granary) as connection:
        sender = threading.Thread(target=send_quietly, args=(connection, data))
        sender.start()
        reader = Reader(connection)
        answer = reader.answer()
        assert answer[0] == status, answer
        assert_body(answer[2], status, key, path)
        assert answer[1]["connection"] == "close"
        assert reader.at_end()
        sender.join(10)


def send_quietly(connection, data):
    try:
        connection.sendall(data)
    except OSError:
        pass


def test_pipelined_requests_are_answered_in_order(granary):
    marks = [f"pipelined-{number}" for number in range(20)]
    body = [json.dumps({"name": mark}).encode() for mark in marks]
    with connect(granary) as connection:
        data = b"".join(post_user(granary, f"Content-Length: {len(one)}", body=one) for one in body)
        connection.sendall(data + LIVE + b"\r\n" + with_token(granary, "GET /nothing HTTP/1.1", "Connection: close"))
        reader = Reader(connection)
        answers = [reader.answer() for _ in range(22)]
        assert [status for status, _, _ in answers] == [201] * 20 + [200, 404]
        assert [json.loads(body)["name"] for _, _, body in answers[:20]] == marks
        assert reader.at_end()


def test_a_malformed_request_in_a_pipeline_ends_it(granary):
    with connect(granary) as connection:
        connection.sendall(LIVE + b"\r\n" + b"GARBAGE\r\n\r\n" + LIVE + b"\r\n")
        reader = Reader(connection)
        assert [reader.answer()[0], reader.answer()[0]] == [200, 400]
        assert reader.at_end()


def test_a_body_is_not_read_as_the_next_request(granary):
    inner = with_token(granary, f"DELETE {USERS}/{granary.new_user()} HTTP/1.1")
    with connect(granary) as connection:
        connection.sendall(post_user(granary, f"Content-Length: {len(inner)}", body=inner) + LIVE + b"\r\n")
        reader = Reader(connection)
        assert [reader.answer()[0], reader.answer()[0]] == [400, 200]


def test_a_body_in_small_chunks_and_pieces(granary):
    body = json.dumps({"name": "in pieces"}).encode()
    chunks = b"".join(b"%x;ext=1\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\nX-Trailer: x\r\n\r\n"
    data = post_user(granary, "Transfer-Encoding: chunked", body=chunks)
    with connect(granary) as connection:
        for start in range(0, len(data), 7):
            connection.sendall(data[start : start + 7])
        status, _, answer = Reader(connection).answer()
        assert (status, json.loads(answer)["name"]) == (201, "in pieces")


def test_expect_100_continue(granary):
    body = b'{"name": "n"}'
    with connect(granary) as connection:
        connection.sendall(post_user(granary, f"Content-Length: {len(body)}", "Expect: 100-continue", body=b""))
        reader = Reader(connection)
        assert reader.answer()[0] == 100
        connection.sendall(body)
        assert reader.answer()[0] == 201


def test_http_1_0_and_keep_alive(granary):
    status, headers, _ = first_answer(granary, b"GET /health/live HTTP/1.0\r\n\r\n")
    assert (status, headers.get("connection", "close")) == (200, "close")
    with connect(granary) as connection:
        reader = Reader(connection)
        for _ in range(3):
            connection.sendall(LIVE + b"\r\n")
            assert reader.answer()[0] == 200
        connection.sendall(LIVE + b"Connection: close\r\n\r\n")
        assert reader.answer()[0] == 200
        assert reader.at_end()


HEADED = ["/health/live", "/health/ready", USERS, USERS + "?page=x", USERS + "/str", CREDENTIALS, "/nothing"]


@pytest.mark.parametrize("path", HEADED)
def test_head_is_answered_like_get(granary, path):
    get, head = granary.request("GET", path), granary.request("HEAD", path)
    assert head.status_code == get.status_code
    assert head.content == b""
    for answer in (get, head):
        answer.headers.pop("Date", None)
    assert head.headers == get.headers
    raw = with_token(granary, f"HEAD {path} HTTP/1.1") + LIVE + b"\r\n"
    with connect(granary) as connection:
        connection.sendall(raw)
        data = b""
        while data.count(b"HTTP/1.1 ") < 2:
            piece = connection.recv(65536)
            assert piece, data
            data += piece
        assert data.partition(b"\r\n\r\n")[2].startswith(b"HTTP/1.1 "), "a body after HEAD"


def test_head_needs_a_token_too(granary):
    answer = granary.request("HEAD", USERS, token=None)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert granary.request("HEAD", "/api/authenticate", token=None).status_code == 405


def names(answer, header):
    return {name.strip().lower() for name in answer.headers.get(header, "").split(",")}


@pytest.mark.parametrize("path", ["/api/authenticate", USERS, USERS + "/str", USERS + "/str/valley-credentials", CREDENTIALS])
def test_options_for_browsers(granary, path):
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = granary.request("OPTIONS", path, token=None, headers=asked)
    assert answer.status_code in (200, 204)
    assert answer.content == b""
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"authorization", "content-type"} <= names(answer, "Access-Control-Allow-Headers")
    methods = {"post"} if path == "/api/authenticate" else {"get"}
    assert methods <= names(answer, "Access-Control-Allow-Methods")
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("path", "token", "status"), [(USERS, "owner", 200), (USERS, None, 401), (USERS + "/str", "owner", 404)]
)
def test_answers_can_be_read_by_browsers(granary, path, token, status):
    answer = granary.request("GET", path, token=token, headers={"Origin": "https://app.example"})
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert {"x-total-count", "link", "location"} <= names(answer, "Access-Control-Expose-Headers")
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_too_many_connections_from_one_address(start_granary):
    server = start_granary(limits={"connections_per_address": 6})
    held = [connect(server) for _ in range(5)]
    try:
        for connection in held:
            connection.sendall(LIVE + b"\r\n")
            assert Reader(connection).answer()[0] == 200
        refused = [answer for answer in (first_answer(server, LIVE + b"\r\n") for _ in range(4)) if answer[0] != 200]
        assert refused, "one connection of the harness and five more are six"
        for status, headers, body in refused:
            assert (status, json.loads(body)["errorKey"]) == (429, "tooManyRequests")
            assert int(headers["retry-after"]) >= 1
    finally:
        for connection in held:
            connection.close()
    end = time.monotonic() + 10
    while first_answer(server, LIVE + b"\r\n")[0] == 429:
        assert time.monotonic() < end, "the closed connections still count"
        time.sleep(0.1)


def test_the_server_still_answers_and_noted_no_bug(granary):
    assert_problem(granary.request("GET", "/nothing"), 404, "notFound")
    assert granary.problems("error") == []
    assert granary.process.poll() is None
