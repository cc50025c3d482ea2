"""Logging in, and what a token is good for: how long it lives, what is not a token, and what ends one."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from harness import OWNER, USERS
from problems import assert_problem

LOGIN = "/api/authenticate"
DAY = 24 * 3600


def log_in(granary, **options):
    return granary.request("POST", LOGIN, token=None, **options)


def credentials(**more):
    return {"username": OWNER[0], "password": OWNER[1], **more}


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def encoded(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def works(granary, token):
    answer = granary.request("GET", USERS, token=token)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


@pytest.mark.parametrize(
    ("more", "lifetime"),
    [
        ({}, DAY),
        ({"rememberMe": "false"}, DAY),
        ({"rememberMe": False}, DAY),
        ({"rememberMe": None}, DAY),
        ({"rememberMe": ""}, DAY),
        ({"rememberMe": "true"}, 30 * DAY),
        ({"rememberMe": True}, 30 * DAY),
        ({"unknown": [1, {"a": None}]}, DAY),
    ],
)
def test_login(granary, more, lifetime):
    answer = log_in(granary, json=credentials(**more))
    assert answer.status_code == 200
    assert list(answer.json()) == ["id_token"]
    token = answer.json()["id_token"]
    header, payload, _ = token.split(".")
    assert decoded(header)["alg"].startswith("HS")
    assert abs(decoded(payload)["exp"] - time.time() - lifetime) < 120
    assert OWNER[1] not in json.dumps(decoded(payload))
    assert works(granary, token)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer (auto)"},
        {"Authorization": "Bearer " + "x" * 2000},
        {"Authorization": "Basic b3duZXI6cGFzc3dvcmQ="},
        {"Authorization": "Bearer"},
        {"Authorization": ""},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": None},
    ],
)
def test_login_ignores_any_authorization_and_takes_curls_form_type(granary, headers):
    data = json.dumps(credentials())
    assert log_in(granary, data=data, headers={"Content-Type": "application/json", **headers}).status_code == 200


def test_a_stale_token_does_not_disturb_a_login(granary):
    stale = granary.token[:-1] + ("A" if granary.token[-1] != "A" else "B")
    assert granary.request("POST", LOGIN, json=credentials(), token=stale).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        credentials(password=OWNER[1] + " "),
        credentials(password=OWNER[1][:-1]),
        credentials(password=OWNER[1].upper()),
        credentials(password="x"),
        credentials(password="x" * 3900),
        credentials(password="' OR '1'='1"),
        credentials(username="nobody@example.org"),
        credentials(username="' OR '1'='1"),
        credentials(username=" " + OWNER[0]),
        credentials(username="%"),
    ],
)
def test_failed_logins_are_all_alike(granary, body):
    answer = log_in(granary, json=body)
    assert_problem(answer, 401, "unauthorized")
    assert answer.content == log_in(granary, json=credentials(password="another wrong password")).content


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["username", "password"]),
        ({"username": OWNER[0]}, ["password"]),
        ({"password": OWNER[1]}, ["username"]),
        (credentials(username=None), ["username"]),
        (credentials(username=""), ["username"]),
        (credentials(password=""), ["password"]),
        (credentials(username=5), ["username"]),
        (credentials(username=[OWNER[0]], password={"$ne": ""}), ["username", "password"]),
        (credentials(password=True), ["password"]),
        (credentials(rememberMe=1), ["rememberMe"]),
        (credentials(rememberMe=0), ["rememberMe"]),
        (credentials(rememberMe=[]), ["rememberMe"]),
        (credentials(rememberMe={}), ["rememberMe"]),
        ({"username": 1, "password": 2, "rememberMe": 3}, ["username", "password", "rememberMe"]),
        ({"data": credentials()}, ["username", "password"]),
        ({"Username": OWNER[0], "PASSWORD": OWNER[1]}, ["username", "password"]),
    ],
)
def test_login_fields(granary, body, fields):
    assert_problem(log_in(granary, json=body), 400, "invalidField", [("login", field) for field in fields])


def signed(header, payload, key):
    text = f"{encoded(header)}.{encoded(payload)}"
    hashes = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
    return f"{text}.{encoded(hmac.new(key, text.encode(), hashes[header['alg']]).digest())}"


def forgeries(token):
    """Authorization values that must not be accepted, by what is wrong with them."""
    header, payload, signature = token.split(".")
    head, claims = decoded(header), decoded(payload)
    longer = {**claims, "exp": claims["exp"] + DAY}
    other = {name: value + "x" if isinstance(value, str) else value for name, value in claims.items()}
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    unsigned = [{**head, "alg": name} for name in ("none", "None", "NONE", "nOnE", "")]
    return {
        "nothing": "",
        "the scheme alone": "Bearer",
        "the scheme and blanks": "Bearer   ",
        "no scheme": token,
        "Basic": f"Basic {token}",
        "Token": f"Token {token}",
        "Digest": f"Digest {token}",
        "another word": f"BearerX {token}",
        "a comma": f"Bearer,{token}",
        "two tokens": f"Bearer {token} {token}",
        "a list": f"Bearer {token}, Bearer {token}",
        "quoted": f'Bearer "{token}"',
        "more behind": f"Bearer {token}x",
        "a fourth part": f"Bearer {token}.x",
        "padding": f"Bearer {token}=",
        "a byte short": f"Bearer {token[:-1]}",
        "no signature": f"Bearer {header}.{payload}.",
        "two parts": f"Bearer {header}.{payload}",
        "one part": f"Bearer {header}",
        "dots": "Bearer ..",
        "no base64": "Bearer ???.???.???",
        "no JSON": f"Bearer {encoded(b'{')}.{encoded(b'{')}.{signature}",
        "long": "Bearer " + "x" * 5000,
        "the documented placeholder": "Bearer YOUR_TOKEN",
        "another signature": f"Bearer {header}.{payload}.{flipped}",
        "a longer life": f"Bearer {header}.{encoded(longer)}.{signature}",
        "another owner": f"Bearer {header}.{encoded(other)}.{signature}",
        "no claims": f"Bearer {header}.{encoded({})}.{signature}",
        "claims as a list": f"Bearer {header}.{encoded([])}.{signature}",
        "the key is empty": f"Bearer {signed(head, longer, b'')}",
        "the key is zero bytes": f"Bearer {signed(head, longer, bytes(32))}",
        "a weak key": f"Bearer {signed(head, longer, b'secret')}",
        "a smaller hash": f"Bearer {signed({**head, 'alg': 'HS384'}, claims, b'secret')}",
        "a public key algorithm": f"Bearer {encoded({**head, 'alg': 'RS256'})}.{payload}.{signature}",
        "a header of our own": f"Bearer {encoded({**head, 'kid': '../../dev/null'})}.{payload}.{signature}",
        **{f"alg {h['alg']!r}": f"Bearer {encoded(h)}.{payload}." for h in unsigned},
        **{f"alg {h['alg']!r}, signed": f"Bearer {encoded(h)}.{payload}.{signature}" for h in unsigned},
    }


def test_what_is_not_a_token(granary):
    expected = None
    for why, value in {None: None, **forgeries(granary.token)}.items():
        answer = granary.request("GET", USERS, token=None, headers=None if value is None else {"Authorization": value})
        assert answer.status_code == 401, (why, answer.text[:200])
        assert_problem(answer, 401, "unauthorized")
        expected = expected or answer.content
        assert answer.content == expected, why
    assert works(granary, granary.token)


def test_the_scheme_is_read_without_case(granary):
    for scheme in ("bearer", "BEARER"):
        answer = granary.request("GET", USERS, token=None, headers={"Authorization": f"{scheme} {granary.token}"})
        assert answer.status_code == 200


@pytest.mark.parametrize("query", ["?access_token=", "?token=", "?id_token=", "?Authorization=Bearer%20"])
def test_a_token_in_the_address_is_no_token(granary, query):
    assert_problem(granary.request("GET", USERS + query + granary.token, token=None), 401, "unauthorized")


def test_a_token_of_another_granary_is_no_token(granary, start_granary):
    other = start_granary()
    assert works(other, other.token)
    assert not works(granary, other.token)
    assert not works(other, granary.token)


def test_tokens_survive_a_restart_and_a_crash(start_granary):
    server = start_granary()
    long_lived = log_in(server, json=credentials(rememberMe=True)).json()["id_token"]
    server.restart()
    assert works(server, server.token) and works(server, long_lived)
    server.kill()
    server.start()
    assert works(server, server.token) and works(server, long_lived)


@pytest.mark.parametrize("running", [True, False])
def test_a_changed_password_ends_the_owners_tokens(start_granary, running):
    server = start_granary()
    other = ("second@example.org", "the second owner's words")
    server.add_owner(*other)
    kept = server.log_in(*other)
    ended = [server.token, log_in(server, json=credentials(rememberMe="true")).json()["id_token"]]
    assert all(works(server, token) for token in [kept, *ended])

    if not running:
        assert server.stop()[0] == 0
    changed = server.cli("owner", "password", OWNER[0], *server.store, input="quite other words\n")
    assert changed.returncode == 0, changed.stderr
    if not running:
        server.start()

    for token in ended:
        assert_problem(server.request("GET", USERS, token=token), 401, "unauthorized")
    assert works(server, kept)
    assert_problem(log_in(server, json=credentials()), 401, "unauthorized")
    assert works(server, server.log_in(OWNER[0], "quite other words"))


def test_too_many_logins(start_granary):
    server = start_granary(limits={"logins_per_minute": 4})
    answers = [log_in(server, json=credentials(password="wrong")) for _ in range(8)]
    codes = [answer.status_code for answer in answers]
    assert codes == [401] * 4 + [429] * 4, "what worked, as the harness's own, does not count"
    for answer in answers:
        if answer.status_code == 429:
            assert_problem(answer, 429, "tooManyRequests")
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert_problem(log_in(server, json=credentials()), 429, "tooManyRequests")
    assert works(server, server.token), "the limit is for logins alone"
