"""How long the one window is open: from a provider's answer to the commit of the token in it. Kills nothing and asserts nothing on
speed. Reached by `./dev crash --window N`."""

import math
import tempfile
import time

from background import all_at_once
from harness import USERS, Granary
from quick_client import QuickClient
from standins.ag_leader import AgLeader

SLUG = "ag-leader-credentials"
AT_ONCE = 20


class Refreshed:
    """One credential, refreshed by its own client alone: the clock has six hours."""

    def __init__(self, server, provider, key):
        self.client = QuickClient(server)
        self.grant = provider.create(key, "secret")
        _, user = self.client("POST", USERS, {"name": key})
        self.path = f"{USERS}/{user['id']}/{SLUG}"
        body = {"refreshToken": self.grant.refresh_token, "publicKey": key, "privateKey": "secret"}
        status, answer = self.client("POST", self.path, body)
        assert (status, answer["status"]) == (201, "OK"), answer
        self.answered = 0
        provider.fail(self.answer_and_note, account=key)

    def answer_and_note(self, exchange):
        answer = exchange.usual_answer()
        self.answered = time.monotonic()
        exchange.send(answer)

    def width(self):
        """An upper bound in seconds: a check is answered after the commit, and its answer takes its time to the client."""
        asked = time.monotonic()
        status, answer = self.client("POST", self.path + "/check")
        width = time.monotonic() - self.answered
        assert (status, answer["status"]) == (200, "OK") and self.answered > asked, answer
        _, stored = self.client("GET", self.path)
        assert stored["refreshToken"] == self.grant.refresh_token, "a check was answered before its token was stored"
        return width


def told(widths):
    """In milliseconds."""
    widths = sorted(widths)
    p50, p99 = (widths[math.ceil(share * len(widths)) - 1] for share in (0.5, 0.99))
    return f"p50 {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms, max {1000 * widths[-1]:.1f} ms"


def row(refreshes):
    rounds = math.ceil(refreshes / AT_ONCE)
    provider = AgLeader()
    with tempfile.TemporaryDirectory(prefix="granary-window-") as folder:
        server = Granary(folder, {
            "egress": {"allow": ["127.0.0.1/32"]},
            "checks": {"interval": "6h"},
            "breaker": {"minimum": 100000},
            "providers": {"ag-leader": {"base_url": provider.url, "rate": 100000}},
        }).prepare()
        try:
            server.start()
            credentials = [Refreshed(server, provider, f"key-{number}") for number in range(AT_ONCE)]
            alone = [credential.width() for _ in range(rounds) for credential in credentials]
            beside = sum(all_at_once([lambda c=c: [c.width() for _ in range(rounds)] for c in credentials]), [])
            assert server.stop()[0] == 0
        finally:
            server.kill()
            provider.stop()
    return (f"{len(alone)} refreshes one at a time: {told(alone)}; {len(beside)} refreshes {AT_ONCE} at a time: {told(beside)}. "
            "Each is an upper bound of the time in which a crash loses the token: from just before the provider sends its answer "
            "until the client has the check's, which is given only after the commit of the new token.")
