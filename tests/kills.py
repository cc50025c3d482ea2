#!/usr/bin/env python3
"""Kills a server under load with SIGKILL, starts it again and compares: what was acknowledged, what the provider holds, what the
store says of itself. `./dev crash --cycles N`; half of the cycles, by chance, are aimed at the answer of a refresh. Ends with one row."""

import argparse
import random
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import requests  # noqa: E402
from harness import USERS, Granary  # noqa: E402
from standins.ag_leader import AgLeader  # noqa: E402

CREDENTIALS_MAX = 40
SLUG = "ag-leader-credentials"


class TellingAgLeader(AgLeader):
    """Says when it has spent a token: the answer leaves a moment later."""

    def __init__(self):
        self.issued = threading.Event()
        super().__init__()

    def issue(self, grant):
        if not hasattr(grant, "spent_at"):
            grant.spent_at = {}
        grant.spent_at[grant.refresh_token] = time.monotonic()
        self.issued.set()
        return super().issue(grant)


class Held:
    """What the client knows of one Leaf user's credential. `certain` is False from a request's start to its answer."""

    def __init__(self, path):
        self.path = path
        self.present = False
        self.certain = True
        self.lock = threading.Lock()


class Kills:
    def __init__(self, folder, seed):
        self.random = random.Random(seed)
        self.provider = TellingAgLeader()
        self.server = Granary(folder, {
            "egress": {"allow": ["127.0.0.1/32"]},
            "checks": {"interval": "1s", "confirm_after": "1s", "timeout": "2s"},
            "breaker": {"minimum": 100000},
            "limits": {"connections": 2000, "connections_per_address": 2000},
            "providers": {"ag-leader": {"base_url": self.provider.url, "rate": 1000}},
        }).prepare()
        self.held = []
        self.acknowledged = 0
        self.kills = []  # when
        self.widths = []  # of the windows in which a token was lost

    def run(self, cycles, aimed_share=0.5):
        try:
            for _ in range(cycles):
                self.server.start()
                self.compare()
                self.load_and_kill(self.random.random() < aimed_share)
                self.check_file()
            self.server.start()
            self.compare()
            self.server.stop()
        finally:
            self.server.kill()
            self.provider.stop()

    def load_and_kill(self, aimed):
        stop = threading.Event()
        threads = [threading.Thread(target=self.write, args=(stop, self.random.random())) for _ in range(3)]
        for thread in threads:
            thread.start()
        if aimed:
            time.sleep(self.random.uniform(0, 0.2))
            self.provider.issued.clear()
            self.provider.issued.wait(3)
            time.sleep(self.random.uniform(0, 0.004))
        else:
            time.sleep(self.random.uniform(0, 0.5))
        self.server.kill()
        self.kills.append(time.monotonic())
        stop.set()
        for thread in threads:
            thread.join(20)

    def write(self, stop, seed):
        """Creates, checks and deletes until the server dies; remembers what was acknowledged."""
        chance = random.Random(seed)
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {self.server.token}"
        while not stop.is_set():
            try:
                if len(self.held) < CREDENTIALS_MAX:
                    user = session.post(self.server.url + USERS, json={"name": "grower"}, timeout=5)
                    if user.status_code == 201:
                        self.held.append(Held(f"{USERS}/{user.json()['id']}/{SLUG}"))
                if self.held:
                    self.one_write(session, chance.choice(self.held), chance)
            except requests.RequestException:
                if not stop.is_set():
                    time.sleep(0.01)

    def one_write(self, session, held, chance):
        if not held.lock.acquire(blocking=False):
            return
        try:
            url = self.server.url + held.path
            if held.certain and held.present and chance.random() < 0.8:
                session.post(url + "/check", timeout=5)
                return
            if not held.certain:
                return  # the next comparison says what came of it
            held.certain = False
            if held.present:
                answer = session.delete(url, timeout=5)
                expected = 204
            else:
                key = f"key-{chance.randrange(10**12)}"
                grant = self.provider.create(key, "secret")
                body = {"refreshToken": grant.refresh_token, "publicKey": key, "privateKey": "secret"}
                answer = session.post(url, json=body, timeout=5)
                expected = 201
            if answer.status_code == expected:
                held.present, held.certain = not held.present, True
                self.acknowledged += 1
        finally:
            held.lock.release()

    def compare(self):
        for held in self.held:
            answer = self.server.request("GET", held.path)
            found = answer.status_code == 200
            assert found or answer.status_code == 404, answer.text
            assert not held.certain or found == held.present, f"{held.path} was acknowledged as {held.present}, and is {found}"
            held.present, held.certain = found, True
            if found:
                self.compare_token(held, answer.json()["publicKey"])

    def compare_token(self, held, key):
        """The stored token is the valid one, or becomes it; or the row says that it was lost, and a kill explains it."""
        grant = self.provider.grants[key]
        end = time.monotonic() + 30
        while True:
            values = self.server.request("GET", held.path).json()
            with self.provider.lock:
                if values["refreshToken"] == grant.refresh_token and not grant.revoked:
                    return
            body = self.server.request("GET", held.path + "/status").json()
            if body["status"] == "UNAUTHENTICATED":
                break
            assert time.monotonic() < end, body
            time.sleep(0.1)
        assert body["reason"] == "refresh_outcome_unknown", body
        spent_at = grant.spent_at[values["refreshToken"]]
        # Before the kill, in the window; or just after it, by a request that was on its way when its sender died.
        width = min((kill - spent_at for kill in self.kills), key=abs, default=None)
        assert width is not None and abs(width) < 2, "a token was lost, and no kill explains it"
        self.widths.append(width)
        # The grower connects again.
        assert self.server.request("DELETE", held.path).status_code == 204
        held.present = False

    def check_file(self):
        with sqlite3.connect(f"file:{self.server.data}/granary.db?mode=ro", uri=True) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()

    def row(self, cycles):
        widths = f"; the widest {1000 * max(self.widths):.1f} ms after the provider had answered" if self.widths else ""
        return (f"{cycles} kills, {self.acknowledged} acknowledged writes, none lost; {len(self.widths)} tokens lost in the window between a "
                f"provider's answer and its commit, each said so{widths}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cycles", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=random.randrange(10**9))
    given = arguments.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="granary-kills-") as folder:
        kills = Kills(folder, given.seed)
        kills.run(given.cycles)
        print(kills.row(given.cycles))


if __name__ == "__main__":
    main()
