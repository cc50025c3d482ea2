"""An authority that is not ours (authority/server.mjs, the oidc-provider package): a thousand rotations of one-use refresh tokens
with reuse detection, restarts and kills among them. Reuse is seen only where a kill fell between an answer and its commit."""

import os
import random
import subprocess
import threading
import time

import pytest
import requests
from harness import ROOT, Granary, eventually

SLUG = "ag-leader-credentials"
ROTATIONS = 1000
CREDENTIALS = 20
ENDS = 3  # of each kind at least, however soon a fast machine has made its rotations


class Authority:
    def __init__(self):
        node = os.environ.get("NODE", "node")
        self.process = subprocess.Popen(
            [node, "server.mjs"], cwd=ROOT / "tests" / "authority", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def new_login(self):
        return requests.post(self.url + "/grants", timeout=20).json()

    @property
    def counts(self):
        return requests.get(self.url + "/counts", timeout=20).json()

    def stop(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture
def authority():
    authority = Authority()
    yield authority
    authority.stop()


def settle(authority, credentials):
    """Waits until every credential is OK again; those whose token a kill has lost say so, and are connected anew. Returns how
    many these were."""
    lost = 0
    for credential in credentials:
        credential.check()  # what was lost shows at the next use

        def certain():
            body = credential.status()
            return body if (body["status"], body["reason"]) == ("OK", None) or body["status"] == "UNAUTHENTICATED" else None

        body = eventually(certain, 60)
        if body["status"] == "UNAUTHENTICATED":
            assert body["reason"] == "refresh_outcome_unknown", body
            lost += 1
            assert credential.delete().status_code == 204
            assert credential.post(authority.new_login()).json()["status"] == "OK"
    return lost


def check_until_it_ends(server, credentials, end):
    """Checks of all credentials at once, until `end` ends the server."""

    def check_on(credential):
        while server.process.poll() is None:
            try:
                credential.check()
            except (requests.RequestException, OSError):
                return

    threads = [threading.Thread(target=check_on, args=(credential,)) for credential in credentials]
    for thread in threads:
        thread.start()
    end()
    for thread in threads:
        thread.join(60)


def test_a_thousand_rotations(authority, tmp_path):
    chance = random.Random(20261123)
    server = Granary(tmp_path, {
        "egress": {"allow": ["127.0.0.1/32"]},
        "checks": {"interval": "1s", "confirm_after": "1s", "timeout": "5s"},
        "breaker": {"minimum": 100000},
        "providers": {"ag-leader": {"base_url": authority.url, "rate": 1000}},
    })

    def stop():
        time.sleep(chance.uniform(0.1, 0.8))
        assert server.stop()[0] == 0

    def kill():
        time.sleep(chance.uniform(0.1, 0.8))
        server.kill()

    try:
        server.prepare().start()
        credentials = [server.credential(SLUG) for _ in range(CREDENTIALS)]
        for credential in credentials:
            assert credential.post(authority.new_login()).json()["status"] == "OK"
        lost = kills = restarts = 0
        while authority.counts["rotations"] < ROTATIONS or min(restarts, kills) < ENDS:
            assert authority.counts["reused"] == lost, "a spent token was shown again, and no row says that its outcome was unknown"
            time.sleep(chance.uniform(0, 0.5))
            if chance.random() < 0.5:
                check_until_it_ends(server, credentials, stop)
                restarts += 1
                server.start()
                assert settle(authority, credentials) == 0, "a restart in order loses nothing"
            else:
                check_until_it_ends(server, credentials, kill)
                kills += 1
                server.start()
                lost += settle(authority, credentials)
        assert server.stop()[0] == 0
        counts = authority.counts
        assert counts["reused"] == lost
        assert restarts >= ENDS and kills >= ENDS
        assert lost <= kills * CREDENTIALS
        done = f"{counts['rotations']} rotations, {restarts} restarts in order, {kills} kills"
        print(f"{done}, {lost} tokens lost in the window, each said so")
    finally:
        server.kill()


def test_reuse_is_seen_by_this_authority(authority):
    """Or the test above would prove nothing."""
    login = authority.new_login()
    ask = lambda: requests.post(  # noqa: E731
        authority.url + "/api/token",
        auth=(login["publicKey"], login["privateKey"]),
        data={"grant_type": "refresh_token", "refresh_token": login["refreshToken"]},
        timeout=20,
    )
    assert ask().status_code == 200
    assert ask().json()["error"] == "invalid_grant"
    assert authority.counts == {"rotations": 1, "refused": 1, "reused": 1}
