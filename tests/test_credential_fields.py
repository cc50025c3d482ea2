"""The fields of each provider's credential: which are required, what their values may be, that every wrong one is named."""

import logins
import pytest
from logins import USER_KEYS, new_login
from problems import assert_problem

LONGEST = 4096
LONGEST_TOKEN = 65536  # of the fields that hold a token
TOKENS = {("ag-leader-credentials", "accessToken"), ("ag-leader-credentials", "refreshToken")}


REQUIRED = [
    *[("valley-credentials", name) for name in ("apid", "initializationVector", "key", "username", "password")],
    *[("agvance-credentials", name) for name in ("apiKey", "databaseId", "username", "password")],
    *[("sentera-credentials", name) for name in ("username", "password", "organizationName")],
    *[("ag-leader-credentials", name) for name in ("refreshToken", "publicKey", "privateKey")],
]
MISSING = object()
WRONG = [MISSING, None, "", 7, 1.5, True, [], ["x"], {}, {"a": "b"}]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:16])
@pytest.mark.parametrize("slug, name", REQUIRED)
def test_a_required_field_must_be_a_filled_string(granary, providers, slug, name, value):
    login = new_login(providers, slug)
    body = {**login.body, name: value}
    if value is MISSING:
        del body[name]
    credential = shared_credential(granary, slug)
    assert_problem(credential.post(body), 400, "invalidField", [(USER_KEYS[slug], name)])
    assert login.calls() == []


@pytest.mark.parametrize("slug, name", [*REQUIRED, ("ag-leader-credentials", "accessToken")])
def test_a_field_may_be_as_long_as_its_kind_and_no_longer(granary, providers, slug, name):
    longest = LONGEST_TOKEN if (slug, name) in TOKENS else LONGEST
    login = new_login(providers, slug)
    too_long = {**login.body, name: "x" * (longest + 1)}
    answer = shared_credential(granary, slug).post(too_long)
    assert_problem(answer, 400, "invalidField", [(USER_KEYS[slug], name)])
    assert answer.json()["fieldErrors"][0]["message"] == f"must have at most {longest} characters"
    assert login.calls() == []
    as_long = granary.credential(slug).post({**login.body, name: "x" * longest})
    assert as_long.status_code == 201, as_long.text[:300]


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
        ("ag-leader-credentials", "refreshToken", "refresh-" + "é" * (LONGEST_TOKEN - 8)),
        ("ag-leader-credentials", "unknownProperty", {"deep": [1, 2]}),
        ("valley-credentials", "password", "é" * LONGEST),
        ("valley-credentials", "password", "🌱" * LONGEST),
        ("valley-credentials", "username", " surrounded by blanks "),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_allowed_values(granary, providers, slug, name, value):
    body = new_login(providers, slug).body
    login = new_login(providers, slug, **{name: value}) if name in body else new_login(providers, slug)
    answer = granary.credential(slug).post({**login.body, name: value})
    assert (answer.status_code, answer.json()["status"]) == (201, "OK"), answer.text
    assert "unknownProperty" not in answer.json()


def test_what_get_gave_can_be_put_back_however_long_its_tokens(granary, providers):
    login = logins.ag_leader(providers, refreshToken="refresh-" + "r" * (LONGEST_TOKEN - 8))
    login.record.access_token_size, login.record.rotates = LONGEST_TOKEN, False
    credential = granary.connect(login)
    given = credential.values()
    assert len(given["accessToken"]) == len(given["refreshToken"]) == LONGEST_TOKEN
    answer = credential.put(given)
    assert (answer.status_code, answer.json()["status"]) == (200, "OK"), answer.text[:300]
    assert credential.values()["refreshToken"] == given["refreshToken"]


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
