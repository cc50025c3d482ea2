"""How token endpoints really answer: whatever the form, the coding or the damage, the token that is in an answer is the next one
that is sent, and nobody is told to reconnect who need not."""

import gzip
import json
import zlib

import logins
import pytest
from standins import faults
from standins.base import Answer

OK = ("OK", None)


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"confirm_after": "1s", "timeout": "5s", "interval": "1h"})


def tokens_in(answer):
    return json.loads(answer.body)


def form_of(tokens):
    return "&".join(f"{name}={value}" for name, value in tokens.items()).encode()


def damaged(tokens, more):
    return json.dumps(tokens).encode()[:-1] + more + b"}"


def raw_deflate(text):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text) + packer.flush()


def as_json(body, status=200, **headers):
    return Answer(status, body, {"Content-Type": "application/json", **headers})


def plain(tokens):
    return json.dumps(tokens).encode()


# What comes in place of the usual answer, whose tokens are given; the provider has spent the old one.
GOOD = {
    "gzip, named": lambda t: as_json(gzip.compress(plain(t)), **{"Content-Encoding": "gzip"}),
    "gzip, not named": lambda t: as_json(gzip.compress(plain(t))),
    "gzip, named br": lambda t: as_json(gzip.compress(plain(t)), **{"Content-Encoding": "br"}),
    "named gzip, but plain": lambda t: as_json(plain(t), **{"Content-Encoding": "gzip"}),
    "zlib": lambda t: as_json(zlib.compress(plain(t)), **{"Content-Encoding": "deflate"}),
    "raw deflate": lambda t: as_json(raw_deflate(plain(t)), **{"Content-Encoding": "deflate"}),
    "gzip without its end": lambda t: as_json(gzip.compress(plain(t))[:-8], **{"Content-Encoding": "gzip"}),
    "form-encoded": lambda t: Answer(200, form_of(t), {"Content-Type": "application/x-www-form-urlencoded"}),
    "form-encoded, called HTML": lambda t: Answer(200, form_of(t), {"Content-Type": "text/html"}),
    "JSON, called text": lambda t: Answer(200, plain(t), {"Content-Type": "text/plain"}),
    "JSON, called HTML": lambda t: Answer(200, plain(t), {"Content-Type": "text/html; charset=utf-8"}),
    "JSON, not called anything": lambda t: Answer(200, plain(t), {}),
    "JSON in JSON": lambda t: as_json(json.dumps(json.dumps(t)).encode()),
    "in data": lambda t: as_json(plain({"success": True, "data": t})),
    "in a list": lambda t: as_json(plain([t])),
    "Latin-1 beside": lambda t: as_json(damaged(t, b',"name":"Gen\xe8ve"')),
    "half a surrogate beside": lambda t: as_json(damaged(t, rb',"name":"\ud83d"')),
    "NUL beside": lambda t: as_json(damaged(t, b',"name":"a\x00b"')),
    "NUL escaped beside": lambda t: as_json(damaged(t, rb',"name":"a\u0000b"')),
    "a key twice": lambda t: as_json(b'{"refresh_token":"one-of-before",' + plain(t)[1:]),
    "another key twice": lambda t: as_json(damaged(t, b',"scope":"a","scope":"b"')),
    "a mark at the start": lambda t: as_json(b"\xef\xbb\xbf" + plain(t)),
    "UTF-16": lambda t: as_json(json.dumps(t).encode("utf-16")),
    "a guard at the start": lambda t: as_json(b")]}',\n" + plain(t)),
    "text after the end": lambda t: as_json(plain(t) + b"<!-- node 7 -->"),
    "NUL after the end": lambda t: as_json(plain(t) + b"\x00\x00"),
    "error null": lambda t: as_json(plain({**t, "error": None})),
    "error empty": lambda t: as_json(plain({**t, "error": ""})),
    "error false": lambda t: as_json(plain({**t, "error": False})),
    "201": lambda t: as_json(plain(t), 201),
    "a lifetime in words": lambda t: as_json(plain({**t, "expires_in": "an hour"})),
    "a lifetime of nothing": lambda t: as_json(plain({**t, "expires_in": 0})),
    "a lifetime beyond all": lambda t: as_json(plain({**t, "expires_in": 10**30})),
}
# The same with what the check comes to.
FAILED = {
    "400 invalid_grant": (lambda t: as_json(plain({**t, "error": "invalid_grant"}), 400), "refused_once"),
    "429": (lambda t: as_json(plain(t), 429), "rate_limited"),
    "500": (lambda t: as_json(plain(t), 500), "provider_error"),
    "503, form-encoded": (lambda t: Answer(503, form_of(t), {}), "provider_error"),
    "302": (lambda t: as_json(plain(t), 302, Location="/login"), "unexpected_answer"),
    "200 beside an error": (lambda t: as_json(plain({**t, "error": "server_error"})), "unexpected_answer"),
    "401 of the application": (lambda t: as_json(plain({**t, "error": "invalid_client"}), 401), "application_refused"),
    "without access token": (lambda t: as_json(plain({"refresh_token": t["refresh_token"]})), "unexpected_answer"),
}


def answer_once(login, make):
    """The provider does its work, and gives the tokens in another form."""
    login.fail(lambda exchange: exchange.send(make(tokens_in(exchange.usual_answer()))), times=1)


@pytest.mark.parametrize("name", GOOD)
def test_the_token_is_found(granary, providers, name):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    answer_once(login, GOOD[name])
    status = credential.checked()
    assert (status["status"], status["reason"]) == OK
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.values()["accessToken"] == login.record.access_tokens[-1]
    assert credential.checked()["status"] == "OK" and not login.record.reused


@pytest.mark.parametrize("name", FAILED)
def test_a_token_in_an_answer_that_fails_is_the_next_one(granary, providers, name):
    make, reason = FAILED[name]
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    answer_once(login, make)
    status = credential.checked()
    assert (status["status"], status["reason"]) == ("OK", reason)
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.checked()["status"] == "OK" and not login.record.reused


@pytest.mark.parametrize("echo", ["sent", "spent", ["is invalid"], "short", "with a blank", None])
def test_what_an_error_repeats_is_no_new_token(granary, providers, echo):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    assert credential.checked()["status"] == "OK"
    held = credential.values()["refreshToken"]
    token = {"sent": held, "spent": login.body["refreshToken"]}.get(echo, echo) if isinstance(echo, str) else echo
    login.fail(faults.answer(400, {"error": "invalid_request", "refresh_token": token}), times=1)
    assert credential.checked()["reason"] == "unexpected_answer"
    assert credential.values()["refreshToken"] == held
    assert credential.checked()["status"] == "OK" and not login.record.reused


def test_a_bogus_token_in_an_error_gives_way_to_the_one_before(granary, providers):
    """Kept, since it may be the grant; refused at the next check, and the one that was sent before it works."""
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    held = credential.values()["refreshToken"]
    login.fail(faults.answer(500, {"refresh_token": "made-up-by-a-proxy"}), times=1)
    assert credential.checked()["reason"] == "provider_error"
    assert credential.values()["refreshToken"] == "made-up-by-a-proxy"
    assert credential.checked()["status"] == "OK"
    assert [call.form()["refresh_token"] for call in login.calls()][-2:] == ["made-up-by-a-proxy", held]
    assert credential.values()["refreshToken"] == login.record.refresh_token and not login.record.reused


UNREAD = {
    "brotli": b"\x8b\x3a\x80secret-inside\x03",
    "another name": b'{"newToken":"secret-inside"}',
    "text": b"secret-inside",
    "cut": b'{"access_token":"secret-inside',
    "cut before a refresh token may have come": b'{"access_token":"secret-inside",',
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_is_not_shown_and_counts_as_lost(granary, providers, name):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.answer(200, UNREAD[name], Content_Type="application/json"), times=1)
    assert credential.checked()["reason"] == "unexpected_answer"
    newest = credential.events()[0]
    assert newest["body"] == f"[unread, {len(UNREAD[name])} bytes]"
    assert credential.checked()["status"] == "OK", "the token is tried once more"


@pytest.mark.parametrize("name", ["bomb", "two bombs"])
def test_a_bomb_is_stopped(granary, providers, name):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    body = gzip.compress(b"0" * (256 << 20), 1)
    login.fail(faults.answer(200, gzip.compress(body) if name == "two bombs" else body, Content_Encoding="gzip"), times=1)
    assert credential.checked()["reason"] == "unexpected_answer"
    assert credential.checked()["status"] == "OK"


SLOW_DOWN = {
    "401 Retry-After": faults.answer(401, {"message": "no"}, Retry_After="1"),
    "403 Retry-After": faults.answer(403, b"", Retry_After="1"),
    "403 no requests remain": faults.answer(403, {"message": "no"}, X_RateLimit_Remaining="0"),
    "401 in words": faults.answer(401, {"message": "Rate limit exceeded"}),
}


@pytest.mark.parametrize("slug", ["valley-credentials", "agvance-credentials", "sentera-credentials", "ag-leader-credentials"])
@pytest.mark.parametrize("name", SLOW_DOWN)
def test_a_refusal_that_means_slow_down(granary, providers, slug, name):
    login = logins.new_login(providers, slug)
    login.fail(SLOW_DOWN[name])
    credential = granary.credential(slug)
    body = credential.post(login.body).json()
    assert body["status"] == "TEMPORARILY_UNAVAILABLE"
    assert credential.status()["reason"] == "rate_limited"


def test_the_applications_key_is_nobodys_login(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.answer(401, {"error": "invalid_client"}))
    for _ in range(3):
        status = credential.checked()
        assert (status["status"], status["reason"], status["action"]) == ("OK", "application_refused", "fix_application")
    login.heal()
    assert credential.checked()["status"] == "OK"


def test_pasted_keys_are_trimmed_and_passwords_are_not(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.credential(login.slug)
    pasted = {name: f" \t{value}\r\n" for name, value in login.body.items()}
    assert credential.post(pasted).json()["status"] == "OK"
    assert credential.values()["publicKey"] == login.body["publicKey"]
    other = granary.credential(login.slug)
    for field, value in {"publicKey": "one\ntwo", "privateKey": "a\r\nX-Header: 1", "refreshToken": " \n "}.items():
        refused = other.post({**logins.ag_leader(providers).body, field: value})
        assert refused.status_code == 400 and field in refused.text, field
    valley = logins.valley(providers)
    wrong = granary.credential(valley.slug)
    assert wrong.post({**valley.body, "password": valley.body["password"] + " "}).json()["status"] == "UNAUTHENTICATED"
