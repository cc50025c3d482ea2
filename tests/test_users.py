"""Leaf users: create, get, replace, patch, delete, and who may see them. Lists are in test_lists.py, credentials on a user
in test_linking.py."""

import re
import uuid

import pytest
from harness import USERS
from problems import assert_problem

KEYS = ["id", "name", "email", "phone", "address", "externalId"]
FULL = {"name": "Ann", "email": "ann@example.org", "phone": "+1 555 0100", "address": "1 Field Road", "externalId": "ann-1"}
OTHER = ("neighbour@example.org", "another long password")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def neighbour(granary):
    """A token of another owner."""
    granary.add_owner(*OTHER)
    return granary.log_in(*OTHER)


def create(granary, **fields):
    answer = granary.request("POST", USERS, json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def get(granary, user_id):
    answer = granary.request("GET", f"{USERS}/{user_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def with_nulls(fields):
    return {key: fields.get(key) for key in KEYS if key != "id"}


def without_id(user):
    return {key: value for key, value in user.items() if key != "id"}


@pytest.mark.parametrize(
    "fields",
    [
        FULL,
        {"name": "only a name"},
        {"email": "only@example.org"},
        {"externalId": "only-an-external-id"},
        {"name": "nulls", "email": None, "phone": None, "address": None, "externalId": None},
        {"name": "Zoë \U0001f33e 農場 e\u0301 \u202e"},
        {"name": "quotes \" ' \\ / < > & \b\f\n\r\t \u007f \u2028"},
        {"name": "  blanks stay  "},
        {"name": "x" * 4096},
        {"name": "\U0001f33e" * 4096},
    ],
)
def test_create_gives_the_whole_user(granary, fields):
    answer = granary.request("POST", USERS, json=fields)
    assert answer.status_code == 201
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    user = answer.json()
    assert list(user) == KEYS
    assert without_id(user) == with_nulls(fields)
    assert UUID.fullmatch(user["id"])
    assert answer.headers["Location"].endswith(f"/users/{user['id']}")
    assert get(granary, user["id"]) == user


def test_create_takes_empty_as_absent(granary):
    user = create(granary, name="Ann", email="", phone="", externalId="")
    assert without_id(user) == with_nulls({"name": "Ann"})


def test_create_ignores_what_it_does_not_know(granary):
    user = create(granary, id=str(uuid.uuid4()), name="Ann", apiOwnerUsername="x", extra={"a": [1, 2, None]}, status=5)
    assert list(user) == KEYS
    assert get(granary, user["id"])["name"] == "Ann"


def test_two_users_may_have_the_same_values(granary):
    assert create(granary, **FULL)["id"] != create(granary, **FULL)["id"]


@pytest.mark.parametrize("path", [USERS, USERS + "/"])
def test_put_replaces_all(granary, path):
    user = create(granary, **FULL)
    answer = granary.request("PUT", path, json={"id": user["id"], "email": "new@example.org"})
    assert answer.status_code == 200
    assert list(answer.json()) == KEYS
    assert answer.json() == {"id": user["id"], **with_nulls({"email": "new@example.org"})}
    assert get(granary, user["id"]) == answer.json()


def test_put_of_what_get_gave_changes_nothing(granary):
    user = create(granary, **FULL)
    answer = granary.request("PUT", USERS, json=user)
    assert (answer.status_code, answer.json()) == (200, user)


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({}, {}),
        ({"phone": "1"}, {"phone": "1"}),
        ({"phone": None}, {"phone": None}),
        ({"phone": ""}, {"phone": None}),
        ({"name": None, "email": ""}, {"name": None, "email": None}),
        ({"externalId": None, "name": "Bea", "address": None}, {"externalId": None, "name": "Bea", "address": None}),
        ({"unknown": "x"}, {}),
        ({"valleyCredentials": None}, {}),
    ],
)
def test_patch_merges(granary, patch, changed):
    user = create(granary, **FULL)
    answer = granary.request("PATCH", f"{USERS}/{user['id']}", json=patch)
    assert (answer.status_code, answer.json()) == (200, {**user, **changed})
    assert list(answer.json()) == KEYS
    assert get(granary, user["id"]) == answer.json()


@pytest.mark.parametrize(
    ("before", "patch"),
    [
        (FULL, {"name": None, "email": None, "externalId": None}),
        (FULL, {"name": "", "email": None, "externalId": "", "phone": "1"}),
        ({"name": "Ann"}, {"name": None}),
        ({"email": "ann@example.org"}, {"email": "", "phone": "1"}),
    ],
)
def test_patch_does_not_clear_name_email_and_external_id_all(granary, before, patch):
    user = create(granary, **before)
    answer = granary.request("PATCH", f"{USERS}/{user['id']}", json=patch)
    assert_problem(answer, 400, "invalidField", fields=...)
    assert get(granary, user["id"]) == user


def test_delete(granary):
    user = create(granary, **FULL)
    answer = granary.request("DELETE", f"{USERS}/{user['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert_problem(granary.request(method, f"{USERS}/{user['id']}"), 404, "notFound")
    assert_problem(granary.request("PUT", USERS, json=user), 404, "notFound")
    assert user["id"] not in [entry["id"] for entry in granary.request("GET", USERS, params={"sort": "createdTime,desc"}).json()]


def test_another_owners_user_does_not_exist(granary, neighbour):
    user = create(granary, **FULL)
    own = f"{USERS}/{user['id']}"
    for method, path, body in [
        ("GET", own, None),
        ("PUT", USERS, {**user, "name": "stolen"}),
        ("PATCH", own, {"name": "stolen"}),
        ("DELETE", own, None),
    ]:
        assert_problem(granary.request(method, path, json=body, token=neighbour), 404, "notFound")
    assert get(granary, user["id"]) == user
    answer = granary.request("GET", USERS, token=neighbour)
    assert (answer.json(), answer.headers["X-Total-Count"]) == ([], "0")


@pytest.mark.parametrize("slashes", ["", "/"])
def test_a_trailing_slash_is_accepted(granary, slashes):
    answer = granary.request("POST", USERS + slashes, json=FULL)
    assert answer.status_code == 201
    own = f"{USERS}/{answer.json()['id']}{slashes}"
    assert granary.request("GET", own).status_code == 200
    assert granary.request("GET", USERS + slashes, params={"externalId": "ann-1"}).status_code == 200
    assert granary.request("PATCH", own, json={"phone": "2"}).status_code == 200
    assert granary.request("DELETE", own).status_code == 204


def test_users_survive_a_crash(start_granary):
    server = start_granary()
    user = create(server, **FULL)
    server.kill()
    server.start()
    assert get(server, user["id"]) == user
