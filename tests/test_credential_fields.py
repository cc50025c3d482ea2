"""The fields of each provider's credential: which are required, what their values may be, that every wrong one is named."""

import logins
import pytest
from logins import USER_KEYS, new_login
from problems import assert_problem

LONGEST = 4096
LONGEST_TOKEN = 65536


REQUIRED = [
    *[("valley-credentials", name) for name in ("apid", "initializationVector", "key", "username", "password")],
    *[("agvance-credentials", name) for name in ("apiKey", "databaseId", "username", "password")],
    *[("sentera-credentials", name) for name in ("username", "password", "organizationName")],
    *[("ag-leader-credentials", name) for name in ("refreshToken", "publicKey", "privateKey")],
]
MISSING = object()
TOO_LONG = object()
WRONG = [MISSING, None, "", 7, 1.5, True, [], ["x"], {}, {"a": "b"}, TOO_LONG]
NAMES_OF_WRONG = {id(MISSING): "missing", id(TOO_LONG): "too long"}


@pytest.mark.parametrize("value", WRONG, ids=lambda value: NAMES_OF_WRONG.get(id(value), repr(value)[:16]))
@pytest.mark.parametrize("slug, name", REQUIRED)
def test_a_required_field_must_be_a_filled_string(granary, providers, slug, name, value):
    login = new_login(providers, slug)
    if value is TOO_LONG:
        value = "x" * ((LONGEST_TOKEN if name == "refreshToken" else LONGEST) + 1)
    body = {**login.body, name: value}
    if value is MISSING:
        del body[name]
    credential = shared_credential(granary, slug)
    assert_problem(credential.post(body), 400, "invalidField", [(USER_KEYS[slug], name)])
    assert login.calls() == []


def shared_credential(granary, slug):
    """One user for all rows that are refused: nothing is ever connected to it."""
    cache = granary.__dict__.setdefault("shared_credentials", {})
    if slug not in cache:
        cache[slug] = granary.credential(slug)
    return cache[slug]


@pytest.mark.parametrize(
    "slug, name, value",
    [
        ("agvance-credentials", "clientEnvironment", ""),
        ("agvance-credentials", "clientEnvironment", "stage"),
        ("agvance-credentials", "clientEnvironment", "STAGE or PRODUCTION"),
        ("agvance-credentials", "clientEnvironment", "STAGE "),
        ("agvance-credentials", "clientEnvironment", 1),
        ("agvance-credentials", "clientEnvironment", ["STAGE"]),
        ("ag-leader-credentials", "accessToken", 1),
        ("ag-leader-credentials", "accessToken", {}),
        ("ag-leader-credentials", "accessToken", False),
        ("ag-leader-credentials", "accessToken", "x" * (LONGEST_TOKEN + 1)),
    ],
)
def test_an_optional_field_must_be_right_too(granary, providers, slug, name, value):
    body = {**new_login(providers, slug).body, name: value}
    assert_problem(shared_credential(granary, slug).post(body), 400, "invalidField", [(USER_KEYS[slug], name)])


@pytest.mark.parametrize(
    "slug, name, value",
    [
        ("agvance-credentials", "clientEnvironment", None),
        ("agvance-credentials", "clientEnvironment", "STAGE"),
        ("ag-leader-credentials", "accessToken", None),
        ("ag-leader-credentials", "accessToken", ""),
        ("ag-leader-credentials", "accessToken", "x" * LONGEST_TOKEN),
        ("ag-leader-credentials", "unknownProperty", {"deep": [1, 2]}),
        ("valley-credentials", "password", "é" * LONGEST),
        ("valley-credentials", "password", "🌱" * LONGEST),
        ("valley-credentials", "username", " surrounded by blanks "),
    ],
)
def test_allowed_values(granary, providers, slug, name, value):
    body = new_login(providers, slug).body
    login = new_login(providers, slug, **{name: value}) if name in body else new_login(providers, slug)
    answer = granary.credential(slug).post({**login.body, name: value})
    assert (answer.status_code, answer.json()["status"]) == (201, "OK"), answer.text
    assert "unknownProperty" not in answer.json()


def test_a_password_too_long_by_one_multibyte_character_is_refused(granary, providers):
    body = {**logins.valley(providers).body, "password": "🌱" * (LONGEST + 1)}
    answer = shared_credential(granary, "valley-credentials").post(body)
    assert_problem(answer, 400, "invalidField", [("valleyCredentials", "password")])


def test_every_bad_field_is_named_at_once(granary):
    body = {"apid": 1, "key": "", "initializationVector": None, "username": "x" * 5000}
    names = ("apid", "initializationVector", "key", "password", "username")
    answer = shared_credential(granary, "valley-credentials").post(body)
    assert_problem(answer, 400, "invalidField", [("valleyCredentials", name) for name in names])


def test_the_environment_defaults_to_stage(granary, providers):
    answer = granary.credential("agvance-credentials").post(logins.agvance(providers).body)
    assert answer.json()["clientEnvironment"] == "STAGE"


def test_fields_come_before_a_conflict(granary, providers):
    credential = granary.connect(logins.valley(providers))
    assert_problem(credential.post({}), 400, "invalidField", ...)
