"""`PUT ?sameAccount=true`: whoever reconnects must not put another account in the place of the grower's."""

import logins
import pytest

SLUGS = ["valley-credentials", "agvance-credentials", "sentera-credentials"]


def put(credential, body, query="?sameAccount=true"):
    return credential.request("PUT", query, json=body)


@pytest.mark.parametrize("slug", SLUGS)
def test_another_account_changes_nothing(granary, providers, slug):
    login = logins.new_login(providers, slug)
    credential = granary.connect(login)
    before = credential.values()
    other = logins.new_login(providers, slug)
    answer = put(credential, other.body)
    assert (answer.status_code, answer.json()["errorKey"]) == (409, "anotherAccount")
    assert len(other.calls()) > 0, "found when the provider was asked"
    assert credential.values() == before and credential.checked()["status"] == "OK"
    assert put(credential, other.body, "?sameAccount=false").status_code == 200
    assert credential.checked()["status"] == "OK"


@pytest.mark.parametrize("slug", SLUGS)
def test_the_same_account_is_replaced(granary, providers, slug):
    login = logins.new_login(providers, slug)
    credential = granary.connect(login)
    assert put(credential, login.body).status_code == 200


def test_a_refused_login_of_another_account_is_refused(granary, providers):
    credential = granary.connect(logins.valley(providers))
    other = logins.valley(providers)
    other.revoke()
    assert put(credential, other.body).status_code == 422
    other.heal()
    assert put(credential, other.body).status_code in (409, 422)


def test_where_no_user_name_is_shown_it_cannot_be_known(granary, providers):
    credential = granary.connect(logins.ag_leader(providers))
    assert put(credential, logins.ag_leader(providers).body).status_code == 200


@pytest.mark.parametrize("value", ["yes", "1", "TRUE", "true,true"])
def test_a_wrong_value_is_named(granary, providers, value):
    login = logins.valley(providers)
    credential = granary.connect(login)
    answer = put(credential, login.body, f"?sameAccount={value}")
    assert answer.status_code == 400 and "sameAccount" in answer.text
