"""What a request's body may be, the same on every route that takes one: JSON, one object, without anything that two readers
could read differently; and which media types it may be declared as."""

import json

import pytest
from harness import USERS
from problems import assert_problem

LOGIN_MAX = 4096
UNKNOWN = "7c5f1b0e-3c5e-4a52-9f0a-2f7d4f0b9a11"
ROUTES = [
    ("POST", "/api/authenticate"),
    ("POST", USERS),
    ("PUT", USERS),
    ("PATCH", f"{USERS}/{UNKNOWN}"),
    ("POST", f"{USERS}/{UNKNOWN}/valley-credentials"),
    ("PUT", f"{USERS}/{UNKNOWN}/valley-credentials"),
    ("POST", f"{USERS}/{UNKNOWN}/agvance-credentials"),
    ("PUT", f"{USERS}/{UNKNOWN}/sentera-credentials"),
    ("POST", f"{USERS}/{UNKNOWN}/ag-leader-credentials"),
]


def nested(depth, opening="[", closing="]"):
    """An object whose property x goes `depth` deep, the object itself counted."""
    return b'{"name": "n", "x": ' + (opening * (depth - 1) + closing * (depth - 1)).encode() + b"}"


def nested_objects(depth):
    return b'{"name": "n", "x": ' + b'{"x": ' * (depth - 2) + b"{}" + b"}" * (depth - 1)


INVALID = {
    "empty": b"",
    "blank": b" \r\n\t",
    "array": b'[{"name": "n"}]',
    "empty array": b"[]",
    "string": b'"name"',
    "number": b"5",
    "null": b"null",
    "true": b"true",
    "word": b"name",
    "form": b"name=n&email=e",
    "cut": b'{"name": "n"',
    "cut in a string": b'{"name": "n',
    "trailing comma": b'{"name": "n",}',
    "two values": b'{"name": "n"} {"name": "n"}',
    "text behind": b'{"name": "n"}x',
    "NUL behind": b'{"name": "n"}\0',
    "single quotes": b"{'name': 'n'}",
    "bare key": b'{name: "n"}',
    "comment": b'{"name": "n" /* x */}',
    "NaN": b'{"name": "n", "x": NaN}',
    "Infinity": b'{"name": "n", "x": -Infinity}',
    "leading zero": b'{"name": "n", "x": 012}',
    "plus": b'{"name": "n", "x": +1}',
    "dot": b'{"name": "n", "x": .5}',
    "dot behind": b'{"name": "n", "x": 5.}',
    "hex": b'{"name": "n", "x": 0x10}',
    "capital literal": b'{"name": "n", "x": True}',
    "a key twice": b'{"name": "n", "name": "n"}',
    "a key twice, escaped": b'{"name": "n", "n\\u0061me": "m"}',
    "an unknown key twice": b'{"name": "n", "x": 1, "x": 1}',
    "a key twice in an object": b'{"name": "n", "x": {"a": 1, "b": 2, "a": 3}}',
    "a key twice in a list": b'{"name": "n", "x": [1, {"a": [{"b": 1, "\\u0062": 2}]}]}',
    "the empty key twice": b'{"name": "n", "": 1, "": 2}',
    "raw newline": b'{"name": "a\nb"}',
    "raw tab": b'{"name": "a\tb"}',
    "raw NUL": b'{"name": "a\0b"}',
    "escaped NUL": b'{"name": "a\\u0000b"}',
    "escaped NUL in an unknown value": b'{"name": "n", "x": ["\\u0000"]}',
    "escaped NUL in a key": b'{"name": "n", "x\\u0000": 1}',
    "bad escape": b'{"name": "\\x41"}',
    "short escape": b'{"name": "\\u00e"}',
    "high surrogate": b'{"name": "a\\ud800"}',
    "high surrogate, then text": b'{"name": "\\ud83cx"}',
    "high surrogate twice": b'{"name": "\\ud83c\\ud83c"}',
    "low surrogate": b'{"name": "\\udf3e"}',
    "low before high": b'{"name": "\\udf3e\\ud83c"}',
    "surrogate in an unknown value": b'{"name": "n", "x": {"y": "\\udc00"}}',
    "surrogate in a key": b'{"name": "n", "\\ud800": 1}',
    "Latin-1": b'{"name": "Zo\xeb"}',
    "stray continuation": b'{"name": "\x80"}',
    "cut sequence": b'{"name": "\xe2\x82"}',
    "overlong slash": b'{"name": "\xc0\xaf"}',
    "overlong NUL": b'{"name": "\xe0\x80\x80"}',
    "surrogate as UTF-8": b'{"name": "\xed\xa0\x80"}',
    "beyond Unicode": b'{"name": "\xf4\x90\x80\x80"}',
    "bad UTF-8 in an unknown value": b'{"name": "n", "x": "\xff"}',
    "bad UTF-8 in a key": b'{"name": "n", "\xff": 1}',
    "UTF-16": '{"name": "n"}'.encode("utf-16"),
    "UTF-32": '{"name": "n"}'.encode("utf-32-le"),
    "1e400": b'{"name": "n", "x": 1e400}',
    "-1e400": b'{"name": "n", "x": -1e400}',
    "1e999999999999": b'{"name": "n", "x": [1e999999999999]}',
    "a wide number": b'{"name": "n", "x": ' + b"9" * 400 + b"}",
    "more than 20,000 values": b'{"name": "n", "x": [' + b"0," * 20000 + b"0]}",
    "more than 20,000 values in objects": b'{"name": "n", "x": [' + b'{"a": {}},' * 10000 + b"{}]}",
    "33 deep": nested(33),
    "33 deep in objects": nested_objects(33),
    "10,000 deep": nested(10000),
    "100,000 deep, never closed": b'{"x": ' + b"[" * 100000,
}
VALID = {
    "plain": b'{"name": "n"}',
    "blanks around": b' \r\n\t{"name" :\n"n"}\n ',
    "32 deep": nested(32),
    "32 deep in objects": nested_objects(32),
    "a surrogate pair": b'{"name": "\\ud83c\\udf3e"}',
    "every escape": b'{"name": "\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\u001f"}',
    "the largest double": b'{"name": "n", "x": 1.7976931348623157e308}',
    "the largest integer": b'{"name": "n", "x": [18446744073709551615, -9223372036854775808]}',
    "a tiny number": b'{"name": "n", "x": 1e-300}',
    "the same key in two objects": b'{"name": "n", "x": {"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}}',
    "keys that differ in case": b'{"name": "n", "Name": 1, "NAME": 2}',
    "noncharacters": '{"name": "\ufffe\uffff\U0010ffff"}'.encode(),
    "the empty key": b'{"name": "n", "": 1}',
}


def send(granary, method, path, body, media="application/json"):
    token = None if path == "/api/authenticate" else "owner"
    return granary.request(method, path, data=body, headers={"Content-Type": media}, token=token)


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_body(granary, name):
    for method, path in ROUTES:
        answer = send(granary, method, path, INVALID[name])
        if path == "/api/authenticate" and len(INVALID[name]) > LOGIN_MAX:
            assert_problem(answer, 413, "bodyTooLarge")
        else:
            assert_problem(answer, 400, "invalidBody")


@pytest.mark.parametrize(("size", "status"), [(LOGIN_MAX, 401), (LOGIN_MAX + 1, 413), (1 << 20, 413)])
def test_a_login_is_short(granary, size, status):
    body = b'{"username": "nobody", "password": "nothing"}'
    assert send(granary, "POST", "/api/authenticate", body.ljust(size)).status_code == status


@pytest.mark.parametrize("name", VALID)
def test_a_valid_body(granary, name):
    answer = send(granary, "POST", USERS, VALID[name])
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == json.loads(VALID[name])["name"]
    for method, path in ROUTES[3:]:
        assert send(granary, method, path, VALID[name]).json()["errorKey"] in ("invalidField", "notFound")


FORM = "application/x-www-form-urlencoded"
ACCEPTED = ["application/json", "application/json;charset=utf-8", "application/json; charset=UTF-8", "APPLICATION/JSON", None]
ACCEPTED += [FORM, FORM.upper(), FORM + "; charset=utf-8"]
REFUSED = ["text/plain", "text/json", "text/html", "application/xml", "application/jsonp", "application/json-patch+json"]
REFUSED += ["application/merge-patch+json", "application/octet-stream", "multipart/form-data; boundary=x", "application/"]
REFUSED += ["*/*", "json"]
REFUSED += ["application/jso", "xapplication/json", "text/plain; application/json", FORM[:-1], FORM + "x"]


@pytest.mark.parametrize("media", ACCEPTED)
def test_accepted_media_types(granary, media):
    assert send(granary, "POST", USERS, b'{"name": "n"}', media).status_code == 201
    assert_problem(send(granary, "POST", USERS, b"name=n", media), 400, "invalidBody")
    for method, path in ROUTES:
        answer = send(granary, method, path, b"{}", media)
        assert answer.json()["errorKey"] in ("invalidField", "notFound")


@pytest.mark.parametrize("media", REFUSED)
def test_refused_media_types(granary, media):
    for method, path in ROUTES:
        for body in (b'{"name": "n"}', b"{", b"x"):
            assert_problem(send(granary, method, path, body, media), 415, "unsupportedMediaType")


def test_a_body_of_one_mebibyte_is_read(granary):
    body = b'{"name": "n", "x": "' + b"x" * ((1 << 20) - 22) + b'"}'
    assert len(body) == 1 << 20
    assert send(granary, "POST", USERS, body).status_code == 201


def test_nothing_of_this_was_an_internal_error(granary):
    assert granary.problems("error") == []
    assert granary.problems("critical") == []
