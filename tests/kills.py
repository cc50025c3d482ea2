#!/usr/bin/env python3
"""Kills a server under load with SIGKILL, starts it again and compares: what was acknowledged, what the provider holds, what the
store says of itself. `./dev crash --cycles N`; half of the cycles, by chance, are aimed at the answer of a refresh. Most of a cycle is
waiting, so `--jobs J` runs as many servers side by side. Ends with one row."""

import argparse
import http.client
import json
import multiprocessing
import random
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

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


class Client:
    """One connection, without the judging of every answer that other tests do: ten thousand kills ask half a million times."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
        self.headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}

    def __call__(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


class Held:
    """What the client knows of one Leaf user's credential. `certain` is False from a request's start to its answer."""

    def __init__(self, path):
        self.path = path
        self.present = False
        self.key = None  # the client id of the login that was acknowledged last
        self.cut_off = None  # that of a PUT which a kill cut off since, and which may be settled any time
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
        self.aimed = 0
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
            self.aimed += self.provider.issued.wait(3)
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
        client = Client(self.server)
        while not stop.is_set():
            try:
                if len(self.held) < CREDENTIALS_MAX:
                    status, user = client("POST", USERS, {"name": "grower"})
                    if status == 201:
                        self.held.append(Held(f"{USERS}/{user['id']}/{SLUG}"))
                if self.held:
                    self.one_write(client, chance.choice(self.held), chance)
            except (OSError, http.client.HTTPException):
                client.connection.close()
                if not stop.is_set():
                    time.sleep(0.01)

    def one_write(self, client, held, chance):
        if not held.lock.acquire(blocking=False):
            return
        try:
            if held.certain and held.present and chance.random() < 0.8:
                client("POST", held.path + "/check")
                return
            if not held.certain:
                return  # the next comparison says what came of it
            held.certain = False
            key = f"key-{chance.randrange(10**12)}"
            method = chance.choice(["PUT", "DELETE"]) if held.present else "POST"
            if method == "DELETE":
                status, _ = client("DELETE", held.path)
            else:
                grant = self.provider.create(key, "secret")
                body = {"refreshToken": grant.refresh_token, "publicKey": key, "privateKey": "secret"}
                held.cut_off = key if method == "PUT" else None
                status, _ = client(method, held.path, body)
            if status == {"POST": 201, "PUT": 200, "DELETE": 204}[method]:
                held.present, held.key, held.certain, held.cut_off = method != "DELETE", key, True, None
                self.acknowledged += 1
        finally:
            held.lock.release()

    def compare(self):
        client = Client(self.server)
        for held in self.held:
            status, answer = client("GET", held.path)
            found = status == 200
            assert found or status == 404, answer
            assert not held.certain or found == held.present, f"{held.path} was acknowledged as {held.present}, and is {found}"
            if held.certain and found:
                is_known = answer["publicKey"] in (held.key, held.cut_off)
                assert is_known, f"{held.path} has another login than the one acknowledged last"
            held.present, held.certain, held.key = found, True, answer.get("publicKey")
            if found:
                self.compare_token(client, held)

    def compare_token(self, client, held):
        """The stored token is the valid one, or becomes it; or the row says that it was lost, and a kill explains it."""
        end = time.monotonic() + 30
        while True:
            _, values = client("GET", held.path)
            # A PUT that the kill cut off may be settled only now.
            held.key = values["publicKey"]
            grant = self.provider.grants[held.key]
            with self.provider.lock:
                if values["refreshToken"] == grant.refresh_token and not grant.revoked:
                    return
            _, body = client("GET", held.path + "/status")
            if body["status"] == "UNAUTHENTICATED":
                break
            assert time.monotonic() < end, body
            time.sleep(0.1)
        assert body["reason"] == "refresh_outcome_unknown", body
        spent_at = grant.spent_at[values["refreshToken"]]
        # Before the kill, in the window; or just after it, by a request that was on its way when its sender died.
        assert self.kills, "a token was lost, and nothing was killed"
        width = self.kills[-1] - spent_at
        assert abs(width) < 2, f"a token was lost {width:.3f} s before the kill, which does not explain it"
        self.widths.append(width)
        # The grower connects again.
        assert client("DELETE", held.path) == (204, None)
        held.present = False

    def check_file(self):
        with sqlite3.connect(f"file:{self.server.data}/granary.db?mode=ro", uri=True) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


def run_one(cycles, seed):
    with tempfile.TemporaryDirectory(prefix="granary-kills-") as folder:
        kills = Kills(folder, seed)
        kills.run(cycles)
        return len(kills.kills), kills.aimed, kills.acknowledged, kills.widths


def row(ends):
    kills, aimed, acknowledged = (sum(column) for column in list(zip(*ends))[:3])
    widths = [width for *_, some in ends for width in some]
    widest = (f"; the provider had answered at most {1000 * max(widths):.1f} ms before the kill, {-1000 * min(widths):.1f} ms after it"
              if widths else "")
    return (f"{kills} kills, {aimed} aimed at an answer, {acknowledged} acknowledged writes, none lost; {len(widths)} tokens lost in the "
            f"window between a provider's answer and its commit, each said so{widest}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cycles", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=random.randrange(10**9))
    arguments.add_argument("--jobs", type=int, default=1)
    given = arguments.parse_args()
    print(f"seed {given.seed}", flush=True)
    shares = [given.cycles // given.jobs + (job < given.cycles % given.jobs) for job in range(given.jobs)]
    with multiprocessing.Pool(given.jobs) as pool:
        jobs = [pool.apply_async(run_one, (share, given.seed + job)) for job, share in enumerate(shares)]
        ends = [job.get() for job in jobs]
    print(row(ends))


if __name__ == "__main__":
    main()
