"""POST, GET and DELETE of credentials: shape and order of what is answered, which status a first answer gives, what happens
while a provider is being asked, and that deleting wins."""

import re

import logins
import pytest
from background import all_at_once, in_background
from harness import USERS, eventually
from logins import FIELDS, SLUGS, new_login
from standins import faults

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ROUTES = [("GET", ""), ("POST", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/status"), ("POST", "/check"), ("GET", "/events")]


@pytest.mark.parametrize("slug", SLUGS)
def test_post_answers_every_documented_key_in_order(granary, providers, slug):
    login = new_login(providers, slug)
    answer = granary.credential(slug).post(login.body)
    assert answer.status_code == 201
    values = answer.json()
    assert list(values) == ["id", "status", "createdTime", *FIELDS[slug]]
    assert values["status"] == "OK"
    assert TIME.fullmatch(values["createdTime"]) and UUID.fullmatch(values["id"])
    assert None not in values.values()
    given = {name: value for name, value in login.body.items() if name in FIELDS[slug] and name != "refreshToken"}
    assert {name: values[name] for name in given} == given


@pytest.mark.parametrize("slug", SLUGS)
def test_get_gives_what_post_answered(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.credential(slug)
    posted = credential.post(login.body)
    assert credential.get().text == posted.text
    user = granary.request("GET", f"{USERS}/{credential.user_id}").json()
    assert user[login.user_key] == posted.json()


@pytest.mark.parametrize("slug", ["valley-credentials", "sentera-credentials"])
def test_hidden_passwords_are_never_returned(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    answers = [credential.get(), credential.check(), credential.request("GET", "/events"), credential.put(login.body)]
    answers.append(granary.request("GET", f"{USERS}/{credential.user_id}"))
    assert not [a.url for a in answers if login.body["password"] in a.text]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_refused_login_is_kept_as_unauthenticated(granary, providers, slug):
    login = new_login(providers, slug)
    login.revoke()
    credential = granary.credential(slug)
    answer = credential.post(login.body)
    assert (answer.status_code, answer.json()["status"]) == (201, "UNAUTHENTICATED")
    assert list(answer.json()) == ["id", "status", "createdTime", *FIELDS[slug]]
    made_by_provider = {"sessionId", "authToken", "organizationId", "accessToken"} & set(FIELDS[slug])
    assert [answer.json()[name] for name in made_by_provider] == [None] * len(made_by_provider)
    assert credential.standing() == ("UNAUTHENTICATED", "refused")


@pytest.mark.parametrize("slug", ["valley-credentials", "sentera-credentials"])
def test_a_forbidden_login_is_kept_as_missing_permission(granary, providers, slug):
    login = new_login(providers, slug)
    login.record.forbidden = True
    credential = granary.credential(slug)
    assert credential.post(login.body).json()["status"] == "MISSING_PERMISSION"
    assert credential.standing() == ("MISSING_PERMISSION", "permission_denied")


@pytest.mark.parametrize("slug", SLUGS)
def test_an_unavailable_provider_gives_temporarily_unavailable(granary, providers, slug):
    login = new_login(providers, slug)
    login.fail(faults.answer(503, "down for repairs"))
    credential = granary.credential(slug)
    answer = credential.post(login.body)
    assert (answer.status_code, answer.json()["status"]) == (201, "TEMPORARILY_UNAVAILABLE")
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "provider_error")


def test_post_asks_the_provider_once(granary, providers):
    login = logins.valley(providers)
    login.fail(faults.answer(500))
    granary.credential(login.slug).post(login.body)
    assert len(login.calls()) == 1


def test_post_is_answered_in_time_when_the_provider_hangs(granary, providers):
    login = logins.valley(providers)
    login.fail(faults.hang())
    credential = granary.credential(login.slug)
    answer = credential.post(login.body)
    assert answer.status_code == 201 and answer.elapsed.total_seconds() < 3 * 2
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "timeout")


def test_a_posted_access_token_gives_way(granary, providers):
    login = logins.ag_leader(providers, accessToken="posted-by-the-client")
    credential = granary.credential(login.slug)
    assert credential.post(login.body).json()["accessToken"] == login.record.access_tokens[-1]
    assert credential.values()["refreshToken"] == login.record.refresh_token


def test_a_row_is_there_before_the_provider_is_asked(granary, providers):
    login = logins.valley(providers)
    login.fail(faults.delay(1))
    credential = granary.credential(login.slug)
    posted = in_background(lambda: credential.post(login.body))
    eventually(login.calls)
    assert credential.values()["status"] == "TEMPORARILY_UNAVAILABLE"
    assert credential.standing() == ("TEMPORARILY_UNAVAILABLE", "not_checked_yet")
    assert posted().json()["status"] == "OK"
    assert credential.standing() == ("OK", None)


def test_a_client_that_goes_away_stops_nothing(granary, providers):
    login = logins.valley(providers)
    login.fail(faults.delay(1))
    credential = granary.credential(login.slug)
    with pytest.raises(Exception, match="timed out"):
        credential.request("POST", json=login.body, timeout=0.4)
    eventually(lambda: credential.standing() == ("OK", None))


def test_a_second_post_is_a_conflict(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    before = credential.get().text
    other = logins.ag_leader(providers)
    answer = credential.post(other.body)
    assert (answer.status_code, answer.json()["errorKey"]) == (409, "credentialsExist")
    assert credential.get().text == before
    assert other.calls() == []


def test_of_eight_posts_at_once_one_is_accepted(granary, providers):
    login = logins.valley(providers)
    login.fail(faults.delay(0.2))
    credential = granary.credential(login.slug)
    answers = all_at_once([lambda: credential.post(login.body)] * 8)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(login.calls()) == 1


@pytest.mark.parametrize("slug", SLUGS)
def test_delete_leaves_nothing(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    first = credential.values()["id"]
    answer = credential.delete()
    assert (answer.status_code, answer.content) == (204, b"")
    for method, suffix in ROUTES:
        if (method, suffix) != ("POST", ""):
            answer = credential.request(method, suffix, json=login.body if method == "PUT" else None)
            assert (answer.status_code, answer.json()["errorKey"]) == (404, "notFound"), (method, suffix)
    user = granary.request("GET", f"{USERS}/{credential.user_id}").json()
    assert login.user_key not in user or user[login.user_key] is None
    login = new_login(providers, slug)
    assert credential.post(login.body).json()["id"] != first


def test_an_answer_never_brings_back_what_was_deleted(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.late_answer(1))
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    assert credential.delete().status_code == 204
    assert credential.get().status_code == 404
    assert checked().status_code == 404
    assert credential.get().status_code == 404
    fresh = logins.ag_leader(providers)
    assert credential.post(fresh.body).json()["refreshToken"] == fresh.record.refresh_token


@pytest.mark.parametrize("waiting", ["post", "put", "check"])
def test_who_waits_while_the_user_is_deleted_is_told(granary, providers, waiting):
    login = logins.valley(providers)
    credential = granary.credential(login.slug)
    if waiting != "post":
        credential.post(login.body)
    before = len(login.calls())
    login.fail(faults.delay(1))
    method, suffix = {"post": ("POST", ""), "put": ("PUT", ""), "check": ("POST", "/check")}[waiting]
    answered = in_background(lambda: credential.request(method, suffix, json=login.body))
    eventually(lambda: len(login.calls()) > before)
    assert granary.request("DELETE", f"{USERS}/{credential.user_id}").status_code == 204
    answer = answered()
    assert (answer.status_code, answer.json()["errorKey"]) == (404, "notFound")


@pytest.mark.parametrize("suffix", ["", "/status", "/events"])
def test_a_trailing_slash_is_accepted(granary, providers, suffix):
    credential = granary.connect(logins.valley(providers))
    assert credential.request("GET", suffix + "/").text == credential.request("GET", suffix).text


def test_a_token_rotated_while_its_credential_was_unlinked_is_kept(granary, providers):
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    number = credential.values()["id"]
    login.fail(faults.late_answer(1), times=1)
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    credential.unlink()
    checked()
    assert credential.link(login.user_key, number).status_code == 200
    eventually(lambda: len(login.calls()) >= 3)
    assert credential.checked()["status"] == "OK"
    assert not login.record.reused
    assert credential.values()["refreshToken"] == login.record.refresh_token


def test_deleting_wins_over_many_at_once(granary, providers):
    """Checks, a PUT and a DELETE in one heap: afterwards there is nothing, and nothing failed inside."""
    login = logins.ag_leader(providers)
    credential = granary.connect(login)
    login.fail(faults.late_answer(0.3))
    calls = [credential.check] * 6 + [lambda: credential.put(login.body), credential.delete]
    codes = [answer.status_code for answer in all_at_once(calls)]
    assert codes[-1] == 204 and set(codes) <= {200, 204, 404, 422}
    assert credential.get().status_code == 404
