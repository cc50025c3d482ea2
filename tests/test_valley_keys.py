"""Valley's key and initialization vector: hex, else base64, else plain text, the first reading of a legal length. What has
none is never sent; what has one is never sent in clear."""

import base64

import logins
import pytest

PLAIN = "sixteen letters!"


def encoded(size):
    return base64.b64encode(bytes(range(size))).decode()


USABLE = [
    ("00112233445566778899aabbccddeeff", "00112233445566778899AABBCCDDEEFF"),
    ("ab" * 24, "cd" * 16),
    ("AB" * 32, "cd" * 16),
    (encoded(16), encoded(16)),
    (encoded(24), "cd" * 16),
    (encoded(32), PLAIN),
    (PLAIN, PLAIN),
    ("twenty-four letters long", PLAIN),
    ("thirty-two letters, all of them!", encoded(16)),
    ("abcdefghijklmnopqrstuvwxyzabcdef", PLAIN),
    ("0123456789abcdef", "0123456789abcdef"),
    ("dreizehn äöü!", PLAIN),
]


@pytest.mark.parametrize("key, vector", USABLE)
def test_usable_keys(granary, providers, key, vector):
    login = logins.valley(providers, key=key, initializationVector=vector)
    values = granary.connect(login).values()
    assert (values["key"], values["initializationVector"]) == (key, vector)
    sent = login.calls()[0].body.decode()
    clear = [login.body[name] for name in ("key", "initializationVector", "username", "password")]
    assert not [text for text in clear if text in sent]


GOOD = "00" * 16
UNUSABLE = [
    ("x", GOOD),
    ("00" * 15, GOOD),
    ("00" * 17, GOOD),
    ("00" * 33, GOOD),
    ("0" * 31, GOOD),
    ("seventeen letters", GOOD),
    ("fifteen letter!", GOOD),
    (encoded(15), GOOD),
    (encoded(20), GOOD),
    (encoded(33), GOOD),
    (PLAIN + "\u00e9", GOOD),
    (GOOD, "x"),
    (GOOD, "00" * 15),
    (GOOD, "00" * 17),
    (GOOD, "00" * 24),
    (GOOD, "00" * 32),
    (GOOD, encoded(24)),
    (GOOD, encoded(32)),
    (GOOD, "fifteen letter!"),
    (GOOD, "twenty-four letters long"),
]


@pytest.mark.parametrize("key, vector", UNUSABLE)
def test_unusable_keys_are_not_sent(granary, providers, key, vector):
    login = logins.valley(providers, key=key, initializationVector=vector)
    credential = granary.credential(login.slug)
    answer = credential.post(login.body)
    assert (answer.status_code, answer.json()["status"]) == (201, "TEMPORARILY_UNAVAILABLE")
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "unusable_key")
    assert login.calls() == [] and credential.events() == []
    assert credential.checked()["reason"] == "unusable_key"
    assert login.calls() == []
