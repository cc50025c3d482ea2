"""A credential is bound to the origin that was first asked with it; plain http goes only where the operator allows it."""

import time

import harness
import logins
import pytest
from background import in_background
from harness import eventually, run_binary
from standins import Agvance, Valley, faults


@pytest.fixture
def second():
    """Another server that would take Valley's logins, at another port: another origin."""
    stand_in = Valley()
    yield stand_in
    stand_in.stop()


def moved(server, second, *arguments):
    """Starts the server again with Valley elsewhere."""
    server.stop()
    server.config["providers"]["valley"]["base_url"] = second.url
    server.arguments = list(arguments)
    return server.start()


def accepted_by(second, login):
    body = login.body
    second.create(body["apid"], body["key"], body["initializationVector"], body["username"], body["password"])


def test_a_changed_origin_is_not_asked(start_granary, providers, second):
    server = start_granary(egress={"bind_origins": "always"})
    login = logins.valley(providers)
    credential = server.connect(login)
    accepted_by(second, login)
    moved(server, second)
    body = credential.checked()
    assert (body["status"], body["reason"]) == ("TEMPORARILY_UNAVAILABLE", "origin_changed")
    assert credential.values()["status"] == "TEMPORARILY_UNAVAILABLE"
    credential.assert_change_is_logged("OK", "TEMPORARILY_UNAVAILABLE", "origin_changed")
    assert second.calls == [] and len(credential.events()) == 1, "only the POST asked anybody"
    moved(server, second, "--accept-new-origin", "valley")
    assert credential.checked()["status"] == "OK" and second.calls
    moved(server, second)
    assert credential.checked()["status"] == "OK", "accepted once is accepted"
    server.assert_every_change_is_logged()


def test_the_same_origin_with_another_path_is_the_same(start_granary, providers):
    server = start_granary(egress={"bind_origins": "always"})
    login = logins.valley(providers)
    credential = server.connect(login)
    server.restart(providers={"valley": {"base_url": providers.valley.url + "/"}})
    assert credential.checked()["status"] == "OK"


def test_new_credentials_are_bound_to_the_new_origin(start_granary, providers, second):
    server = start_granary(egress={"bind_origins": "always"})
    server.connect(logins.valley(providers))
    moved(server, second)
    login = logins.valley(providers)
    accepted_by(second, login)
    assert server.connect(login).checked()["status"] == "OK"


def test_origins_that_the_operator_allows_are_exempt(start_granary, providers, second):
    server = start_granary()
    login = logins.valley(providers)
    credential = server.connect(login)
    accepted_by(second, login)
    moved(server, second)
    assert credential.checked()["status"] == "OK" and second.calls


def test_the_origin_goes_back(start_granary, providers, second):
    server = start_granary(egress={"bind_origins": "always"}, checks={"interval": "1s"})
    login = logins.valley(providers)
    credential = server.connect(login)
    moved(server, second)
    eventually(lambda: credential.status()["reason"] == "origin_changed", 15)
    credential.assert_change_is_logged("OK", "TEMPORARILY_UNAVAILABLE", "origin_changed")
    server.restart(providers={"valley": {"base_url": providers.valley.url}})
    eventually(lambda: credential.standing() == ("OK", None), 15)
    assert second.calls == []
    server.assert_every_change_is_logged()


@pytest.mark.parametrize("allow", [[], ["10.0.0.0/8"], ["127.0.0.2/32"]])
def test_without_leave_no_private_address_is_asked(start_granary, providers, allow):
    """Either the configuration is refused or the provider counts as unreachable; the stand-in hears nothing."""
    login = logins.valley(providers)
    try:
        server = start_granary(egress={"allow": allow})
    except AssertionError:
        return
    credential = server.credential(login.slug)
    credential.post(login.body)
    assert credential.status()["status"] == "TEMPORARILY_UNAVAILABLE"
    assert login.calls() == []


@pytest.mark.parametrize("host", ["localhost", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_other_names_of_a_private_address_are_refused_too(start_granary, providers, host):
    port = providers.valley.url.rpartition(":")[2]
    login = logins.valley(providers)
    try:
        base_url = {"base_url": f"http://{host}:{port}"}
        server = start_granary(egress={"allow": ["192.0.2.1/32"]}, providers={"valley": base_url})
    except AssertionError:
        return
    credential = server.credential(login.slug)
    credential.post(login.body)
    assert credential.status()["status"] == "TEMPORARILY_UNAVAILABLE"
    assert login.calls() == []


def test_a_redirect_never_carries_a_login_elsewhere(start_granary, providers, second):
    server = start_granary()
    for status in (301, 302, 307, 308):
        login = logins.valley(providers)
        accepted_by(second, login)
        login.fail(faults.redirect(second.url + "/login", status))
        credential = server.credential(login.slug)
        assert credential.post(login.body).json()["status"] == "TEMPORARILY_UNAVAILABLE"
    assert second.calls == []


def test_a_proxy_of_the_environment_is_not_used(start_granary, providers, second, monkeypatch):
    usual = harness.environment
    monkeypatch.setattr(harness, "environment", lambda: {**usual(), "http_proxy": second.url, "all_proxy": second.url})
    server = start_granary()
    server.connect(logins.valley(providers))
    assert second.calls == []


def test_the_environment_leads_nothing_past_the_proxy(start_granary, providers, second, monkeypatch):
    """NO_PROXY would, and past the guard of addresses with it: behind a proxy that is not asked which one it is."""
    usual = harness.environment
    monkeypatch.setattr(harness, "environment", lambda: {**usual(), "NO_PROXY": "*", "no_proxy": "*"})
    login = logins.valley(providers)
    server = start_granary(egress={"proxy": second.url})
    server.credential(login.slug).post(login.body)
    assert login.calls() == [] and second.calls


def test_an_unknown_provider_cannot_be_accepted(start_granary):
    server = start_granary()
    server.stop()
    arguments = ["serve", "--listen", "127.0.0.1:0", "--config", str(server.config_file), *server.store]
    assert run_binary(*arguments, "--accept-new-origin", "nobody", timeout=20).returncode in (1, 2)


def test_an_interrupted_put_is_tried_where_it_was_brought_for(start_granary, providers):
    """Another environment, so another origin than the stored fields'."""
    production = Agvance()
    server = start_granary(
        egress={"bind_origins": "always"},
        checks={"timeout": "20s"},
        providers={"agvance": {"environments": {"PRODUCTION": {"base_url": production.url}}}},
    )
    login = logins.agvance(providers)
    credential = server.connect(login)
    new = {**login.body, "clientEnvironment": "PRODUCTION"}
    production.create(login.body["username"], login.body["password"], login.body["apiKey"], login.body["databaseId"])
    try:
        production.fail(faults.hang(), login.account, times=1)
        in_background(lambda: pytest.raises(Exception, lambda: credential.put(new)))
        eventually(lambda: production.calls)
        time.sleep(0.1)
        server.kill()
        server.start()
        eventually(lambda: credential.values()["clientEnvironment"] == "PRODUCTION", 15)
        assert credential.checked()["status"] == "OK"
        assert len(login.calls()) == 1
    finally:
        production.stop()
