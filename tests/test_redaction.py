"""Nothing secret is kept of an exchange: not under a sensitive name, not in a sensitive header, and not in any form in which
a provider may echo a secret of the credential."""

import json
import secrets
import time
from html.entities import name2codepoint

import logins
import pytest
from background import in_background
from harness import eventually
from secret_forms import canary, encodings, traces_in
from standins import faults

MARK = "[redacted]"


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary()


def plain_key():
    """A key of 32 plain bytes, which is found again by its halves."""
    return canary('"&<+')


MAKE = {
    "valley password": lambda p, s: logins.valley(p, password=s),
    "valley key": lambda p, s: logins.valley(p, key=s),
    "valley vector": lambda p, s: logins.valley(p, initializationVector=s),
    "agvance password": lambda p, s: logins.agvance(p, password=s),
    "agvance api key": lambda p, s: logins.agvance(p, apiKey=s),
    "sentera password": lambda p, s: logins.sentera(p, password=s),
    "ag-leader refresh token": lambda p, s: logins.ag_leader(p, refreshToken=s),
    "ag-leader private key": lambda p, s: logins.ag_leader(p, privateKey=s),
}
SECRET = {"valley key": plain_key, "valley vector": lambda: secrets.token_hex(16)}


@pytest.mark.parametrize("name", MAKE)
def test_an_echoed_secret_is_taken_out_in_every_form(granary, providers, name):
    secret = SECRET.get(name, canary)()
    login = MAKE[name](providers, secret)
    credential = granary.credential(login.slug)
    left = []
    credential.post(login.body)
    for form, text in encodings(secret).items():
        login.fail(faults.answer(500, f"Begin {form} of the echo: {text} :end of {form}"))
        credential.check()
        event = credential.events(size=1)[0]
        assert event["body"].startswith(f"Begin {form} of the echo: "), "the rest is kept"
        assert event["body"].endswith(f":end of {form}")
        if traces_in(event["body"], secret) or MARK not in event["body"]:
            left.append(form)
    assert left == []


@pytest.mark.parametrize("name", ["agvance password", "sentera password"])
def test_an_echoed_secret_is_taken_out_of_json(granary, providers, name):
    secret = canary()
    login = MAKE[name](providers, secret)
    credential = granary.credential(login.slug)
    echo = {form: {"note": f"got <{text}>", "list": [text, 1]} for form, text in encodings(secret).items()}
    for ascii_only in (True, False):
        login.fail(faults.answer(500, json.dumps(echo, ensure_ascii=ascii_only), Content_Type="application/json"))
        credential.post(login.body) if ascii_only else credential.check()
        body = credential.events(size=1)[0]["body"]
        assert traces_in(body, secret) == []
        assert set(json.loads(body)) == set(echo)


def test_all_names_of_html_are_known(granary, providers):
    names = [f"&{name};" for name in sorted(name2codepoint)]
    login = logins.agvance(providers, password="".join(map(chr, (name2codepoint[name[1:-1]] for name in names))))
    credential = granary.credential(login.slug)
    login.fail(faults.answer(500, f"<p>{''.join(names)}</p>"))
    assert credential.post(login.body).status_code == 201
    assert credential.events(size=1)[0]["body"] == f"<p>{MARK}</p>"


def test_an_echoed_secret_is_taken_out_of_headers(granary, providers):
    secret = canary("'<&>+/=")
    login = logins.agvance(providers, password=secret)
    credential = granary.credential(login.slug)
    forms = {f: t for f, t in encodings(secret).items() if t.isascii() and "\n" not in t}
    login.fail(faults.answer(500, "", **{f"X_{form}": f"got {text} here" for form, text in forms.items()}))
    credential.post(login.body)
    headers = credential.events()[0]["headers"]
    assert traces_in(headers, secret) == []
    assert headers.count(MARK) >= len(forms) and "X-raw: got " in headers


def test_tokens_that_an_exchange_gives_and_spends_are_taken_out(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    for _ in range(2):
        spent = login.record.refresh_token

        def echo(answer):
            answer.update(note=f"{answer['access_token']} {answer['refresh_token']} for {spent}", count=3)

        login.fail(faults.edited(echo))
        credential.checked()
        event = credential.events(size=1)[0]
        kept = json.loads(event["body"])
        assert kept["count"] == 3 and kept["token_type"] == "bearer"
        assert (kept["access_token"], kept["refresh_token"]) == (MARK, MARK)
        for token in (spent, login.record.refresh_token, login.record.access_tokens[-1]):
            assert traces_in(event["body"], token) == []


def test_tokens_of_earlier_answers_are_taken_out(granary, providers):
    login = logins.sentera(providers)
    credential = granary.connect(login)
    token = login.record.tokens[-1].rpartition(".")[2]
    login.fail(faults.answer(500, f"the token {login.record.tokens[-1]} is known"), path="/graphql")
    credential.checked()
    event = credential.events(size=1)[0]
    assert event["statusCode"] == 500 and traces_in(event["body"], token) == []


def test_reconnecting_knows_the_stored_and_the_new_secrets(granary, providers):
    old, new = canary(), canary()
    stored = logins.agvance(providers, password=old)
    credential = granary.connect(stored)
    candidate = logins.agvance(providers, password=new)
    candidate.fail(faults.answer(401, {"message": f"{new} is wrong, it was {old} before"}))
    assert credential.put(candidate.body).status_code == 422
    body = credential.events()[0]["body"]
    assert traces_in(body, old) == traces_in(body, new) == [] and "is wrong" in body


SENSITIVE = [
    "authorization", "Authorization", "proxy_authorization", "cookie", "Set-Cookie", "token", "access_token",
    "refresh_token",
    "id-token", "accessToken", "X_TOKEN", "password", "PassWord", "user_password", "passwd", "pwd", "userPwd", "secret",
    "client_secret", "key", "apiKey", "api-key", "PRIVATE_KEY", "sessionid", "session_id", "SessionID", "session",
    "user-session", "SessionLogKey", "session_log_key", "signature", "X-Signature", "credential", "user_credential",
]  # fmt: skip
HARMLESS = [
    "status", "Message", "keyboard", "tokens_left", "passwords", "sessions", "UseriD", "secretary", "cookies", "signed",
]  # fmt: skip


def named_values(granary, providers, names, value):
    login = logins.valley(providers)
    login.fail(faults.answer(500, {name: value for name in names}))
    credential = granary.credential(login.slug)
    credential.post(login.body)
    return json.loads(credential.events()[0]["body"])


@pytest.mark.parametrize("value", ["a-value-of-the-provider", "x"])
def test_values_of_sensitive_names_are_taken_out(granary, providers, value):
    kept = named_values(granary, providers, SENSITIVE, value)
    assert {name: v for name, v in kept.items() if v != MARK} == {}
    assert list(kept) == SENSITIVE


@pytest.mark.parametrize("value", [7, 12345.5, True, ["a-listed-value"], {"inner": "an-inner-value"}])
def test_values_of_sensitive_names_need_not_be_strings(granary, providers, value):
    kept = named_values(granary, providers, ["password", "sessionId"], value)
    assert not [v for v in ("12345", "a-listed-value", "an-inner-value") if v in json.dumps(kept)]
    assert set(kept) == {"password", "sessionId"}
    assert 7 not in kept.values()


def test_other_values_are_kept(granary, providers):
    kept = named_values(granary, providers, HARMLESS, "a-value-of-the-provider")
    assert kept == dict.fromkeys(HARMLESS, "a-value-of-the-provider")


def test_sensitive_names_are_found_at_every_depth(granary, providers):
    login = logins.valley(providers)
    login.fail(faults.answer(500, {"a": [{"b": {"c": [{"SessionID": "deep-value", "d": "kept"}]}}]}))
    credential = granary.credential(login.slug)
    credential.post(login.body)
    body = json.loads(credential.events()[0]["body"])
    assert body == {"a": [{"b": {"c": [{"SessionID": MARK, "d": "kept"}]}}]}


def test_sensitive_headers_are_taken_out(granary, providers):
    login = logins.valley(providers)
    names = ["Set_Cookie", "Authorization", "X_Auth_Token", "X_Api_Key", "X_Session", "X_Amz_Signature", "X_Secret"]
    login.fail(faults.answer(500, "", **dict.fromkeys(names, "a-header-value"), X_Kept="kept-value"))
    credential = granary.credential(login.slug)
    credential.post(login.body)
    lines = credential.events()[0]["headers"].split("\n")
    assert "X-Kept: kept-value" in lines
    assert {f"{name.replace('_', '-')}: {MARK}" for name in names} <= set(lines)


def test_several_cookies_are_taken_out(granary, providers):
    login = logins.valley(providers)
    login.fail(faults.answer(500, "", Set_Cookie=["a=first-cookie; Path=/", "b=second-cookie"]))
    credential = granary.credential(login.slug)
    credential.post(login.body)
    assert "-cookie" not in credential.events()[0]["headers"]


def test_a_cut_body_is_redacted_too(granary, providers):
    secret = canary()
    login = logins.agvance(providers, password=secret)
    text = f'{{"Password": "{secrets.token_hex(9)}", "note": "{secret} and", "sessionId": "half-a-session'
    login.fail(faults.cut(500, text.encode()))
    credential = granary.credential(login.slug)
    credential.post(login.body)
    event = credential.events()[0]
    assert event["statusCode"] == 500
    assert traces_in(event["body"], secret) == [] and "half-a-session" not in event["body"]


def test_a_secret_across_the_end_of_what_is_kept_leaves_no_half(granary, providers):
    secret = canary("-")
    login = logins.agvance(providers, password=secret)
    credential = granary.credential(login.slug)
    credential.post(login.body)
    for before in range(64 * 1024 - len(secret), 64 * 1024, 7):
        login.fail(faults.answer(500, "." * before + secret + "." * 100))
        credential.checked()
        body = credential.events(size=1)[0]["body"]
        assert secret[:8] not in body and len(body.encode()) <= 64 * 1024


@pytest.mark.parametrize("secret, kept", [("abc12", True), ("abc123", False)])
def test_very_short_secrets_are_found_by_name_only(granary, providers, secret, kept):
    login = logins.agvance(providers, password=secret)
    login.fail(faults.answer(500, {"Password": secret, "note": f"of {secret} here"}))
    credential = granary.credential(login.slug)
    credential.post(login.body)
    body = json.loads(credential.events()[0]["body"])
    assert body == {"Password": MARK, "note": f"of {secret if kept else MARK} here"}


ALMOST = "\\" * 20 + "x"


def of_a_tenant(providers):
    """A password that bodies of backslashes nearly hold, and a provider that answers with more of them."""
    login = logins.agvance(providers, password=ALMOST)
    login.fail(faults.answer(500, "\\" * 60_000))
    return login


def of_a_provider(providers):
    """Such a token comes in the answer that is full of them."""
    login = logins.ag_leader(providers)
    login.fail(faults.edited(lambda answer: answer.update(access_token=ALMOST, note="\\" * 30_000)))
    return login


@pytest.mark.parametrize("attack", [of_a_tenant, of_a_provider])
def test_a_hostile_body_keeps_nobody_waiting(start_granary, providers, attack):
    """Where its secrets are searched for, no other check goes on. A check takes some hundredths of a second, 0.5 s where the
    machine is busy; the search took half a minute."""
    longest = 3 * 0.5
    server = start_granary()
    server.add_owner("neighbour@example.org", "the neighbour's many words")
    token = server.log_in("neighbour@example.org", "the neighbour's many words")
    others = logins.valley(providers)
    neighbour = server.credential(others.slug, server.new_user(token), token)
    assert neighbour.post(others.body).json()["status"] == "OK"
    login = attack(providers)
    credential = server.credential(login.slug)
    for ask in (lambda: credential.post(login.body), credential.check):
        before = len(login.calls())
        hostile = in_background(ask)
        eventually(lambda count=before: len(login.calls()) > count)
        for _ in range(10):
            started = time.monotonic()
            assert neighbour.checked()["status"] == "OK"
            assert time.monotonic() - started < longest
        assert hostile().status_code in (200, 201)
        assert "\\" * 1000 in credential.events(size=1)[0]["body"], "it is no secret"
    code, seconds = server.stop()
    assert code == 0 and seconds < longest
