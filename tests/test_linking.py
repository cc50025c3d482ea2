"""Credentials on a user: shown in full, linked by id, unlinked, and given back. Every change that names several credentials
is one commit: all of it or nothing."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import USERS, eventually
from logins import SLUGS, USER_KEYS, new_login, unique
from problems import assert_problem

KEYS = ["id", "name", "email", "phone", "address", "externalId"]
CREDENTIAL_KEYS = ["agLeaderCredentials", "valleyCredentials", "agvanceCredentials", "senteraCredentials"]
VALLEY = "valley-credentials"


def user_of(granary, user_id):
    answer = granary.request("GET", f"{USERS}/{user_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def patch(granary, user_id, **fields):
    return granary.request("PATCH", f"{USERS}/{user_id}", json=fields)


def plain(user):
    return {key: user[key] for key in KEYS}


@pytest.fixture
def valley(granary, providers):
    """A connected Valley credential, alone on its user."""
    return granary.connect(new_login(providers, VALLEY))


@pytest.fixture
def unlinked(granary, providers):
    """The id of a credential that is on no user, by slug."""

    def make(slug):
        credential = granary.connect(new_login(providers, slug))
        credential_id = credential.values()["id"]
        credential.unlink()
        return credential_id

    return make


@pytest.fixture(scope="module")
def neighbour(granary):
    """A token of another owner."""
    owner = ("linker@example.org", "yet another long password")
    granary.add_owner(*owner)
    return granary.log_in(*owner)


def test_a_user_carries_its_credentials_in_full(granary, providers):
    user_id = granary.new_user(externalId=unique("full"))
    credentials = {USER_KEYS[slug]: granary.connect(new_login(providers, slug), user_id) for slug in SLUGS}
    user = user_of(granary, user_id)
    assert list(user) == KEYS + CREDENTIAL_KEYS
    for key, credential in credentials.items():
        answer = credential.get()
        assert user[key] == answer.json()
        assert list(user[key]) == list(answer.json())
    listed = granary.request("GET", USERS, params={"externalId": user["externalId"]}).json()
    assert listed == [user]
    assert list(listed[0]) == list(user)


def test_put_of_what_get_gave_changes_nothing(granary, providers):
    user_id = granary.new_user()
    logins = [new_login(providers, slug) for slug in SLUGS]
    for login in logins:
        granary.connect(login, user_id)
    user = user_of(granary, user_id)
    calls = [len(login.calls()) for login in logins]
    answer = granary.request("PUT", USERS, json=user)
    assert (answer.status_code, answer.json()) == (200, user)
    assert list(answer.json()) == list(user)
    assert user_of(granary, user_id) == user
    assert [len(login.calls()) for login in logins] == calls


def unlink_by_put(granary, user, key):
    return granary.request("PUT", USERS, json={name: value for name, value in user.items() if name != key})


def unlink_by_put_null(granary, user, key):
    return granary.request("PUT", USERS, json={**user, key: None})


def unlink_by_patch(granary, user, key):
    return patch(granary, user["id"], **{key: None})


@pytest.mark.parametrize("unlink", [unlink_by_put, unlink_by_put_null, unlink_by_patch])
@pytest.mark.parametrize("slug", SLUGS)
def test_unlinking_hides_and_linking_gives_back(granary, providers, slug, unlink):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    stays = granary.connect(new_login(providers, SLUGS[SLUGS.index(slug) - 1]), credential.user_id)
    values = credential.values()
    before = user_of(granary, credential.user_id)

    answer = unlink(granary, before, login.user_key)
    without = {key: value for key, value in before.items() if key != login.user_key}
    assert (answer.status_code, answer.json()) == (200, without)
    assert user_of(granary, credential.user_id) == without
    for suffix in ("", "/events", "/status"):
        assert_problem(credential.request("GET", suffix), 404, "notFound")
    assert_problem(credential.check(), 404, "notFound")
    assert_problem(credential.delete(), 404, "notFound")
    assert stays.values()["status"] == "OK"

    calls = len(login.calls())
    answer = credential.link(login.user_key, values["id"])
    assert answer.status_code == 200
    assert eventually(credential.events), "linking checks at once"
    assert len(login.calls()) > calls
    linked = credential.values()
    assert (linked["id"], linked["createdTime"], linked["status"]) == (values["id"], values["createdTime"], "OK")
    assert list(linked) == list(values)
    same = {"username", "password", "apid", "key", "initializationVector", "databaseId", "apiKey", "publicKey", "privateKey"}
    assert {name: value for name, value in linked.items() if name in same} == {
        name: value for name, value in values.items() if name in same
    }


def test_events_from_before_the_unlinking_are_gone(granary, providers):
    login = new_login(providers, VALLEY)
    credential = granary.connect(login)
    credential.checked()
    old = {event["id"] for event in eventually(lambda: len(credential.events()) == 2 and credential.events())}
    credential_id = credential.values()["id"]
    credential.unlink()
    credential.link("valleyCredentials", credential_id)
    eventually(lambda: len(login.calls()) == 3)
    credential.checked()
    new = {event["id"] for event in credential.events()}
    assert new and not old & new


def test_link_to_another_user_by_post_put_and_patch(granary, unlinked):
    credential_id = unlinked(VALLEY)
    answer = granary.request("POST", USERS, json={"name": "new", "valleyCredentials": {"id": credential_id}})
    assert answer.status_code == 201
    first = answer.json()
    assert list(first) == [*KEYS, "valleyCredentials"]
    assert first["valleyCredentials"]["id"] == credential_id

    assert patch(granary, first["id"], valleyCredentials=None).status_code == 200
    second = granary.new_user()
    body = {"id": second, "name": "second", "valleyCredentials": {"id": credential_id}}
    answer = granary.request("PUT", USERS, json=body)
    assert (answer.status_code, answer.json()["valleyCredentials"]["id"]) == (200, credential_id)

    assert granary.request("PUT", USERS, json={"id": second, "name": "second"}).status_code == 200
    third = granary.new_user()
    answer = patch(granary, third, valleyCredentials={"id": credential_id, "status": "x", "password": "ignored", "apid": 5})
    assert (answer.status_code, answer.json()["valleyCredentials"]["id"]) == (200, credential_id)
    assert "valleyCredentials" not in user_of(granary, first["id"])
    assert "valleyCredentials" not in user_of(granary, second)


def test_an_id_in_upper_case_is_the_same_id(granary, unlinked):
    credential_id = unlinked(VALLEY)
    answer = patch(granary, granary.new_user(), valleyCredentials={"id": credential_id.upper()})
    assert answer.status_code == 200
    assert answer.json()["valleyCredentials"]["id"] == credential_id


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_naming_another_credential_unlinks_the_old_one(granary, valley, unlinked, method):
    old, new = valley.values()["id"], unlinked(VALLEY)
    user = {**plain(user_of(granary, valley.user_id)), "valleyCredentials": {"id": new}}
    path = USERS if method == "PUT" else f"{USERS}/{valley.user_id}"
    answer = granary.request(method, path, json=user)
    assert (answer.status_code, answer.json()["valleyCredentials"]["id"]) == (200, new)
    answer = patch(granary, granary.new_user(), valleyCredentials={"id": old})
    assert (answer.status_code, answer.json()["valleyCredentials"]["id"]) == (200, old)


def test_after_unlinking_the_user_can_connect_anew(granary, providers, valley):
    old = valley.values()["id"]
    valley.unlink()
    granary.connect(new_login(providers, VALLEY), valley.user_id)
    new = valley.values()["id"]
    assert new != old
    assert valley.link("valleyCredentials", old).status_code == 200
    assert valley.values()["id"] == old


def test_deleting_the_user_destroys_what_it_last_had(granary, valley, unlinked):
    linked, loose = valley.values()["id"], unlinked(VALLEY)
    assert patch(granary, valley.user_id, valleyCredentials={"id": loose}).status_code == 200
    assert granary.request("DELETE", f"{USERS}/{valley.user_id}").status_code == 204
    for credential_id in (linked, loose):
        answer = patch(granary, granary.new_user(), valleyCredentials={"id": credential_id})
        assert_problem(answer, 400, "credentialsNotLinkable")


def not_linkable_ids(granary, valley, unlinked, neighbour):
    """Ids that cannot be linked as Valley credentials, by the reason why."""
    theirs = granary.credential(VALLEY, granary.new_user(neighbour), neighbour)
    body = {name: "x" for name in ("apid", "initializationVector", "key", "username", "password")}
    assert theirs.post(body).status_code == 201
    foreign = theirs.values()["id"]
    theirs.unlink()
    deleted = unlinked(VALLEY)
    owner = granary.credential(VALLEY)
    assert owner.link("valleyCredentials", deleted).status_code == 200
    assert owner.delete().status_code == 204
    return {
        "unknown": str(uuid.uuid4()),
        "nil": str(uuid.UUID(int=0)),
        "another owner's": foreign,
        "of another provider": unlinked("sentera-credentials"),
        "on another user": valley.values()["id"],
        "deleted": deleted,
        "a user's id": valley.user_id,
        "no UUID": "str",
        "no UUID, a digit short": str(uuid.uuid4())[:-1],
        "a UUID in braces": "{" + str(uuid.uuid4()) + "}",
        "an injection": "' OR 1=1 --",
        "long": "x" * 4096,
    }


def test_what_cannot_be_linked(granary, valley, unlinked, neighbour):
    user_id = granary.new_user(externalId=unique("target"))
    loose = unlinked("sentera-credentials")
    assert patch(granary, user_id, senteraCredentials={"id": loose}).status_code == 200
    before = user_of(granary, user_id)
    other = unlinked("agvance-credentials")
    for why, credential_id in not_linkable_ids(granary, valley, unlinked, neighbour).items():
        named = {"valleyCredentials": {"id": credential_id}, "agvanceCredentials": {"id": other}}
        marker = unique("never")
        for method, path, body in [
            ("POST", USERS, {"name": "never made", "externalId": marker, **named}),
            ("PUT", USERS, {"id": user_id, "name": "never changed", "senteraCredentials": None, **named}),
            ("PATCH", f"{USERS}/{user_id}", {"name": "never changed", "senteraCredentials": None, **named}),
        ]:
            answer = granary.request(method, path, json=body)
            assert_problem(answer, 400, "credentialsNotLinkable")
            assert "' OR" not in answer.text, why
        assert user_of(granary, user_id) == before, why
        assert granary.request("GET", USERS, params={"externalId": marker}).json() == []
    assert valley.values()["status"] == "OK"
    assert patch(granary, user_id, agvanceCredentials={"id": other}).status_code == 200


@pytest.mark.parametrize(
    "value", [{}, {"id": None}, {"id": ""}, {"id": 5}, {"id": {}}, {"Id": "x"}, "str", 5, True, [], [{"id": "x"}]], ids=repr
)
def test_what_names_no_credential_is_an_invalid_field(granary, valley, value):
    user = user_of(granary, valley.user_id)
    for method, path, body in [
        ("POST", USERS, {"name": "never made", "valleyCredentials": value}),
        ("PUT", USERS, {**plain(user), "valleyCredentials": value}),
        ("PATCH", f"{USERS}/{user['id']}", {"valleyCredentials": value}),
    ]:
        answer = granary.request(method, path, json=body)
        assert_problem(answer, 400, "invalidField", fields=...)
        assert "valleyCredentials" in answer.text
    assert user_of(granary, valley.user_id) == user


def test_two_users_cannot_have_one_credential(granary, unlinked):
    credential_id = unlinked(VALLEY)
    assert patch(granary, granary.new_user(), valleyCredentials={"id": credential_id}).status_code == 200
    answer = patch(granary, granary.new_user(), valleyCredentials={"id": credential_id})
    assert_problem(answer, 400, "credentialsNotLinkable")


def test_of_eight_users_at_once_one_gets_the_credential(granary, unlinked):
    credential_id = unlinked(VALLEY)
    users = [granary.new_user() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda user_id: patch(granary, user_id, valleyCredentials={"id": credential_id}), users))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    holders = [user_id for user_id in users if "valleyCredentials" in user_of(granary, user_id)]
    assert holders == [user_id for user_id, answer in zip(users, answers) if answer.status_code == 200]


def test_deleting_a_user_takes_its_credentials_along(granary, providers, valley):
    user_id = valley.user_id
    granary.connect(new_login(providers, "sentera-credentials"), user_id)
    assert granary.request("DELETE", f"{USERS}/{user_id}").status_code == 204
    for slug in SLUGS:
        assert_problem(granary.request("GET", f"{USERS}/{user_id}/{slug}"), 404, "notFound")
