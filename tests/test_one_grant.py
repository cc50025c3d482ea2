"""One grant, one holder: a refresh token that was replaced is spent, and a provider that sees it again may revoke the whole grant.
So no POST or PUT sends what another credential of the same owner holds or has spent, nor what the credential itself has spent."""

import json
import time

import logins
import pytest
from background import all_at_once, in_background
from harness import USERS, eventually
from problems import assert_problem
from standins import faults
from test_fifth_provider import PRAIRIE, renamed

SLUG = "ag-leader-credentials"
SHARED = {"ag-leader": {"shared_refresh_tokens": True}}


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"confirm_after": "1s", "outage_after": "1s"})


@pytest.fixture
def login(providers):
    return logins.ag_leader(providers)


def held_by(granary, login, user_id=None):
    """A credential that has replaced its token twice."""
    credential = granary.connect(login, user_id)
    assert credential.checked()["status"] == "OK"
    return credential


def newest(login):
    """The body that would connect the grant with the token which its provider takes now."""
    return {**login.body, "refreshToken": login.record.refresh_token}


def assert_in_use(answer, credential_id, user_id):
    """It names who holds the grant."""
    assert_problem(answer, 409, "grantInUse")
    detail = answer.json()["detail"]
    assert credential_id in detail and user_id in detail, detail


TOKENS = {
    "posted at first": lambda login: login.body["refreshToken"],
    "spent since": lambda login: login.record.spent[1],
    "held now": lambda login: login.record.refresh_token,
}


@pytest.mark.parametrize("is_linked", [True, False], ids=["linked", "unlinked"])
@pytest.mark.parametrize("token", TOKENS)
def test_a_post_of_another_credentials_token_is_not_sent(granary, login, token, is_linked):
    """Fault 1."""
    holder = held_by(granary, login)
    holder_id = holder.values()["id"]
    if not is_linked:
        holder.unlink()
    calls = len(login.calls())
    other = granary.credential(SLUG)
    for keys in ({}, {"publicKey": "another client", "privateKey": "its secret"}):
        answer = other.post({**login.body, "refreshToken": TOKENS[token](login), **keys})
        assert_in_use(answer, holder_id, holder.user_id)
    assert other.get().status_code == 404, "nothing was stored"
    assert len(login.calls()) == calls and not login.record.reused


@pytest.mark.parametrize("is_linked", [True, False], ids=["linked", "unlinked"])
@pytest.mark.parametrize("token", TOKENS)
def test_a_put_of_another_credentials_token_is_not_sent(granary, providers, login, token, is_linked):
    """Fault 1."""
    holder = held_by(granary, login)
    holder_id = holder.values()["id"]
    if not is_linked:
        holder.unlink()
    credential = granary.connect(logins.ag_leader(providers))
    before, calls = (credential.get().text, credential.status(), credential.events()), len(login.calls())
    assert_in_use(credential.put({**login.body, "refreshToken": TOKENS[token](login)}), holder_id, holder.user_id)
    assert (credential.get().text, credential.status(), credential.events()) == before
    assert len(login.calls()) == calls and not login.record.reused


def test_a_token_that_was_refused_is_held_all_the_same(granary, login):
    """It may be good again tomorrow; and one of the two would spend it."""
    login.refuse()
    holder = granary.credential(SLUG)
    assert holder.post(login.body).json()["status"] == "UNAUTHENTICATED"
    login.heal()
    assert_in_use(granary.credential(SLUG).post(login.body), holder.values()["id"], holder.user_id)
    assert len(login.calls()) == 1


def test_a_token_that_a_put_brings_is_held_while_it_is_asked(granary, providers, login):
    holder = granary.connect(logins.ag_leader(providers))
    login.fail(faults.late_answer(1), times=1)
    replaced = in_background(lambda: holder.put(login.body))
    eventually(login.calls)
    assert_in_use(granary.credential(SLUG).post(login.body), holder.values()["id"], holder.user_id)
    other = granary.connect(logins.ag_leader(providers))
    assert_in_use(other.put(login.body), holder.values()["id"], holder.user_id)
    assert replaced().json()["status"] == "OK"
    assert len(login.calls()) == 1


def test_a_token_that_a_refused_put_brought_is_held_by_nobody(granary, providers, login):
    holder = granary.connect(logins.ag_leader(providers))
    login.refuse(times=1)
    assert_problem(holder.put(login.body), 422, "credentialsRefused", reason="refused")
    assert granary.connect(login).values()["refreshToken"] == login.record.refresh_token


def test_a_credential_that_exists_is_told_first(granary, providers, login):
    held_by(granary, login)
    credential = granary.connect(logins.ag_leader(providers))
    calls = len(login.calls())
    assert_problem(credential.post(newest(login)), 409, "credentialsExist")
    assert len(login.calls()) == calls


def test_a_credential_that_does_not_exist_is_told_first(granary, login):
    held_by(granary, login)
    assert_problem(granary.credential(SLUG).put(newest(login)), 404, "notFound")


def test_of_eight_posts_at_once_one_is_sent(granary, login):
    """Fault 1: they were eight 201 and seven uses of a spent token."""
    login.fail(faults.late_answer(0.3))
    credentials = [granary.credential(SLUG) for _ in range(8)]
    answers = all_at_once([lambda credential=credential: credential.post(login.body) for credential in credentials])
    assert sorted(answer.status_code for answer in answers) == [201] + 7 * [409]
    [(winner, made)] = [pair for pair in zip(credentials, answers) if pair[1].status_code == 201]
    assert made.json()["status"] == "OK"
    for answer in answers:
        if answer.status_code == 409:
            assert_in_use(answer, made.json()["id"], winner.user_id)
    assert len(login.calls()) == 1 and not login.record.reused
    assert winner.checked()["status"] == "OK"


def test_of_two_puts_at_once_one_is_sent(granary, providers, login):
    login.fail(faults.late_answer(0.3))
    credentials = [granary.connect(logins.ag_leader(providers)) for _ in range(2)]
    answers = all_at_once([lambda credential=credential: credential.put(login.body) for credential in credentials])
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(login.calls()) == 1 and not login.record.reused


def test_another_owner_is_not_guarded(granary, login):
    """Nobody learns from an answer what another owner holds."""
    held_by(granary, login)
    second = ("second@example.org", "the second owner's words")
    granary.add_owner(*second)
    calls = len(login.calls())
    answer = granary.credential(SLUG, token=granary.log_in(*second)).post(newest(login))
    assert (answer.status_code, answer.json()["status"]) == (201, "OK")
    assert len(login.calls()) == calls + 1


@pytest.mark.parametrize("what", ["credential", "user"])
def test_what_a_deleted_credential_held_may_be_posted(granary, login, what):
    holder = held_by(granary, login)
    gone = holder.delete() if what == "credential" else granary.request("DELETE", f"{USERS}/{holder.user_id}")
    assert gone.status_code == 204
    answer = granary.credential(SLUG).post(newest(login))
    assert (answer.status_code, answer.json()["status"]) == (201, "OK")


def test_what_was_unlinked_and_its_user_deleted_may_be_posted(granary, login):
    holder = held_by(granary, login)
    holder.unlink()
    assert granary.request("DELETE", f"{USERS}/{holder.user_id}").status_code == 204
    answer = granary.credential(SLUG).post(newest(login))
    assert (answer.status_code, answer.json()["status"]) == (201, "OK")


def test_who_holds_a_grant_is_known_after_a_restart(start_granary, providers, login):
    server = start_granary()
    holder = held_by(server, login)
    server.kill()
    server.start()
    calls = len(login.calls())
    for token in TOKENS.values():
        answer = server.credential(SLUG).post({**login.body, "refreshToken": token(login)})
        assert_in_use(answer, holder.values()["id"], holder.user_id)
    assert len(login.calls()) == calls


# What the credential itself has spent.


@pytest.fixture
def spender(granary, login):
    """A credential that has replaced its token five times."""
    credential = granary.connect(login)
    for _ in range(4):
        assert credential.checked()["status"] == "OK"
    return credential


def assert_refused_unseen(credential, login, body):
    """422, and neither the provider nor a reader of the credential sees anything of it."""
    before, calls = (credential.get().text, credential.status(), credential.events()), len(login.calls())
    assert_problem(credential.put(body), 422, "credentialsRefused", reason="refused")
    assert (credential.get().text, credential.status(), credential.events()) == before
    assert len(login.calls()) == calls and not login.record.reused


@pytest.mark.parametrize("index", [1, 2, -1], ids=["the second", "one in between", "the previous"])
def test_a_put_of_a_token_that_it_has_spent_is_refused_unseen(spender, login, index):
    assert_refused_unseen(spender, login, {**login.body, "refreshToken": login.record.spent[index]})


def test_a_put_of_the_first_token_with_another_client_is_refused_unseen(spender, login):
    """It is no repetition: the caller means something else by it."""
    assert_refused_unseen(spender, login, {**login.body, "privateKey": "another secret"})


def test_what_it_has_spent_is_remembered_over_a_put_of_another_grant(granary, providers, spender, login):
    other = logins.ag_leader(providers)
    assert spender.put(other.body).json()["status"] == "OK"
    for token in login.record.spent:
        assert_refused_unseen(spender, login, {**login.body, "refreshToken": token})
    answer = granary.credential(SLUG).post({**login.body, "refreshToken": login.record.spent[0]})
    assert_in_use(answer, spender.values()["id"], spender.user_id)


def test_a_token_that_was_put_aside_unspent_is_sent(providers, spender, login):
    """Nobody has replaced it: only a PUT took its place."""
    unspent = newest(login)
    assert spender.put(logins.ag_leader(providers).body).json()["status"] == "OK"
    assert spender.put(unspent).json()["status"] == "OK"
    assert spender.values()["refreshToken"] == login.record.refresh_token
    assert not login.record.reused


def test_forty_spent_tokens_are_remembered(start_granary, login):
    """Fault 3: there was room for 32."""
    server = start_granary()
    credential = server.connect(login)
    for _ in range(40):
        assert credential.checked()["status"] == "OK"
    server.restart()
    assert len(set(login.record.spent)) == 41
    for token in login.record.spent:
        # With another client's secret, or the first one would be a repetition.
        body = {**login.body, "refreshToken": token, "privateKey": "another secret"}
        assert_problem(credential.put(body), 422, "credentialsRefused", reason="refused")
        assert_problem(server.credential(SLUG).post(body), 409, "grantInUse")
    assert len(login.calls()) == 41 and not login.record.reused
    assert credential.checked()["status"] == "OK"


# What was accepted last, once more.


def assert_repetition(credential, login, body):
    """200 with what is stored, and nothing is sent."""
    stored, status, calls = credential.values(), credential.status(), len(login.calls())
    answer = credential.put(body)
    assert (answer.status_code, answer.json()) == (200, stored), answer.text
    assert credential.status() == status and len(login.calls()) == calls


@pytest.mark.parametrize("access_token", [{}, {"accessToken": "what another system said"}], ids=["bare", "with an access token"])
def test_what_was_posted_is_put_again(spender, login, access_token):
    """A script that sends each night what it sent at first."""
    for _ in range(2):
        assert_repetition(spender, login, {**login.body, **access_token})
    assert spender.checked()["status"] == "OK"
    assert_repetition(spender, login, login.body)


def test_what_was_put_is_put_again(providers, spender, login):
    other = logins.ag_leader(providers)
    assert spender.put(other.body).json()["status"] == "OK"
    assert spender.checked()["status"] == "OK"
    assert_repetition(spender, other, other.body)
    assert_refused_unseen(spender, login, login.body)


def test_a_put_that_was_refused_is_no_accepted_one(providers, spender, login):
    refused = logins.ag_leader(providers)
    refused.revoke()
    assert spender.put(refused.body).status_code == 422
    assert_repetition(spender, login, login.body)


def test_a_repetition_during_an_outage_is_one(spender, login):
    """It was last OK, and what is stored works as well as anything else would."""
    login.fail(faults.retry_after(503, "600"))
    for _ in range(3):
        spender.checked()
        time.sleep(0.6)
    assert spender.standing() == ("TEMPORARILY_UNAVAILABLE", "provider_error")
    assert_repetition(spender, login, login.body)


def test_a_repetition_over_a_grant_that_has_ended_is_refused_unseen(spender, login):
    """200 would say that all is well."""
    login.revoke()
    spender.checked()
    eventually(lambda: spender.standing() == ("UNAUTHENTICATED", "refused"))
    assert_refused_unseen(spender, login, login.body)


def test_a_repetition_is_known_after_a_restart(start_granary, login):
    server = start_granary()
    credential = held_by(server, login)
    server.restart()
    assert_repetition(credential, login, login.body)


# The token that is held now.


@pytest.mark.parametrize("code", [200, 503])
def test_what_comes_for_the_held_token_is_stored_whatever_put_answers(granary, login, code):
    """PUT brings the stored token with another client secret: both are one grant. An answer without an access token is none,
    and the refresh token in it is the only one that works."""
    credential = held_by(granary, login)
    if code == 503:
        login.fail(faults.edited(lambda answer: answer.pop("access_token")), times=1)
    login.record.private_key = "another secret"
    answer = credential.put({**newest(login), "privateKey": "another secret"})
    assert answer.status_code == code, answer.text
    values = credential.values()
    assert values["refreshToken"] == login.record.refresh_token
    assert values["privateKey"] == ("another secret" if code == 200 else login.body["privateKey"])
    login.record.private_key = values["privateKey"]
    assert credential.checked()["status"] == "OK"
    assert not login.record.reused


def test_an_answer_lost_for_the_held_token_is_the_stored_logins(granary, login):
    credential = held_by(granary, login)
    login.fail(faults.after_work(faults.reset()), times=1)
    body = {**newest(login), "privateKey": "another secret"}
    login.record.private_key = "another secret"
    assert_problem(credential.put(body), 503, "providerUnavailable", reason="unreachable")
    login.record.private_key = login.body["privateKey"]
    credential.checked()
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"))


# A provider that never replaces a refresh token.


@pytest.fixture(scope="module")
def sharing(start_module_granary):
    return start_module_granary(providers=SHARED)


def test_a_shared_token_is_held_by_many(sharing, login):
    login.record.rotates = False
    for _ in range(3):
        assert sharing.connect(login).checked()["status"] == "OK"
    assert len(login.calls()) == 6


def test_a_shared_token_is_put_over_others(sharing, providers, login):
    login.record.rotates = False
    sharing.connect(login)
    credential = sharing.connect(logins.ag_leader(providers))
    assert credential.put(login.body).json()["status"] == "OK"
    assert len(login.calls()) == 2


def test_a_shared_token_that_was_replaced_and_still_works_is_sent(sharing, login):
    """Fault 11: it was answered 422 unseen, where the provider lets older ones live."""
    login.record.accepts_previous = True
    credential = sharing.connect(login)
    calls = len(login.calls())
    answer = credential.put({**login.body, "refreshToken": login.record.spent[-1]})
    assert (answer.status_code, answer.json()["status"]) == (200, "OK"), answer.text
    assert login.calls()[calls].form()["refresh_token"] == login.body["refreshToken"]
    assert not login.record.reused


def test_where_nothing_is_replaced_nothing_is_spent(granary, providers, login):
    """Fault 11, without a word in the configuration: an answer without a new token has spent none."""
    login.record.rotates = False
    credential = held_by(granary, login)
    assert credential.put(logins.ag_leader(providers).body).json()["status"] == "OK"
    calls = len(login.calls())
    answer = credential.put(login.body)
    assert (answer.status_code, answer.json()["status"]) == (200, "OK"), answer.text
    assert len(login.calls()) == calls + 1


def test_a_descriptor_may_say_that_tokens_are_shared(start_granary, providers, login, tmp_path):
    made = renamed(PRAIRIE, {"/oauth/token": "/api/token"}) | {"shared_refresh_tokens": True}
    (tmp_path / "prairie-credentials.json").write_text(json.dumps(made))
    prairie = {"prairie": {"base_url": providers.ag_leader.url}}
    server = start_granary(["--providers", str(tmp_path)], described=False, providers=prairie)
    login.record.rotates = False
    login.slug = "prairie-credentials"
    login.body = {"refreshToken": login.record.refresh_token, "clientId": login.account, "clientSecret": login.record.private_key}
    for _ in range(2):
        server.connect(login)
    assert len(login.calls()) == 2
