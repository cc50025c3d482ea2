"""Behind a proxy: what the proxy refuses never left, so no token counts as spent, and no proxy is asked for an address that is not
allowed or for one in clear."""

import time

import logins
import pytest
from harness import eventually
from standins.proxy import CLOSE, CUT_REQUEST, CUT_TUNNEL, GARBAGE, HANG, PASS, Proxy
from standins.weather import NAME, Weather


@pytest.fixture
def proxy(providers, tmp_path):
    weather = Weather(tmp_path)
    made = Proxy(weather.contexts["sound"], int(providers.ag_leader.url.rpartition(":")[2]))
    made.ca_file = str(weather.ca_file)
    yield made
    made.stop()
    weather.stop()


@pytest.fixture
def server(start_granary, proxy):
    """Ag Leader is behind the proxy, at a name that nobody can resolve, and over TLS; no private address is allowed."""
    return start_granary(
        egress={"proxy": proxy.url, "ca_file": proxy.ca_file, "allow": []},
        checks={"confirm_after": "1s", "timeout": "2s"},
        providers={"ag-leader": {"base_url": f"https://{NAME}"}},
    )


@pytest.mark.parametrize("mode", [403, 407, 429, 502, 503, CLOSE, GARBAGE, HANG, CUT_TUNNEL])
def test_a_request_that_the_proxy_refused_was_not_sent(server, proxy, providers, mode):
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    token, calls, asked = login.record.refresh_token, len(login.calls()), len(proxy.asked)
    proxy.mode = mode
    for _ in range(2):
        assert credential.checked()["status"] == "OK"
    assert len(proxy.asked) >= asked + 2 and set(proxy.asked) == {f"CONNECT {NAME}:443 HTTP/1.1"}
    event = credential.events(size=1)[0]
    said = {HANG: ["timeout"], CUT_TUNNEL: ["tls", "unreachable"]}.get(mode, ["unreachable"])
    assert event["statusCode"] == 0 and event["body"] in said, "no answer of the provider's"
    assert len(login.calls()) == calls and credential.values()["refreshToken"] == token

    proxy.mode = PASS
    assert credential.checked()["status"] == "OK"
    assert credential.values()["refreshToken"] == login.record.refresh_token != token
    assert not login.record.reused


@pytest.mark.parametrize("mode", [403, CLOSE, HANG, CUT_TUNNEL])
def test_a_grower_who_withdraws_afterwards_is_said_to_have_done_so(server, proxy, providers, mode):
    """Had the proxy's refusal counted as a lost answer, the reason would be that we may have burnt the token ourselves."""
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    proxy.mode = mode
    credential.checked()
    proxy.mode = PASS
    login.revoke()
    credential.checked()
    time.sleep(1)
    eventually(lambda: credential.checked() and credential.standing() == ("UNAUTHENTICATED", "refused"), pause=1)


def test_a_request_that_went_through_the_tunnel_and_was_cut_was_sent(server, proxy, providers):
    """The token is spent at the provider, and its answer is lost: nobody can say that the grower withdrew."""
    login = logins.ag_leader(providers)
    credential = server.connect(login)
    token = login.record.refresh_token
    proxy.mode = CUT_REQUEST
    credential.checked()
    assert login.record.spent[-1:] == [token]
    proxy.mode = PASS
    credential.checked()
    time.sleep(1)
    eventually(lambda: credential.checked() and credential.standing() == ("UNAUTHENTICATED", "refresh_outcome_unknown"), pause=1)


@pytest.mark.parametrize(
    "base_url",
    ["http://127.0.0.1", "https://127.0.0.1", "https://127.1", "https://2130706433", "https://localhost", "https://a.localhost"]
    + ["https://localhost.", "https://[::1]", "https://[::ffff:10.0.0.1]", "https://10.0.0.1", "https://169.254.169.254"]
    + [f"http://{NAME}", "http://8.8.8.8"],
)
def test_a_proxy_is_not_asked_for_what_is_not_allowed(start_granary, proxy, providers, base_url):
    try:
        server = start_granary(
            egress={"proxy": proxy.url, "ca_file": proxy.ca_file, "allow": ["192.0.2.1/32"]}, providers={"ag-leader": {"base_url": base_url}}
        )
    except AssertionError:
        return  # refused at the start: as good
    login = logins.ag_leader(providers)
    credential = server.credential(login.slug)
    credential.post(login.body)
    assert credential.status()["status"] == "TEMPORARILY_UNAVAILABLE"
    assert proxy.asked == [] and login.calls() == []
