#!/usr/bin/env python3
"""Kills a server under load with SIGKILL, starts it again and compares: what was acknowledged, what the provider holds, what the
store says of itself. `./dev crash --cycles N`; half of the cycles, by chance, are aimed at the answer of a refresh. Most of a cycle
is waiting, so `--jobs J` runs as many servers side by side. Ends with one row. `--window N` kills nothing: it measures how long the
window is open in which a kill loses a token (window.py)."""

import argparse
import http.client
import multiprocessing
import random
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import window  # noqa: E402
from harness import USERS, Granary, eventually, moment  # noqa: E402
from quick_client import QuickClient  # noqa: E402
from standins.ag_leader import AgLeader  # noqa: E402

USERS_MAX = 40
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
    """What the client knows of one Leaf user and its credential. What is certain is not so from a request's start to its answer."""

    def __init__(self, user_id):
        self.user_path = f"{USERS}/{user_id}"
        self.path = f"{self.user_path}/{SLUG}"
        self.user_certain = True  # that it is there
        self.present = False
        self.key = None  # the client id of the login that was acknowledged last
        self.cut_off = None  # that of a PUT which a kill cut off since, and which may be settled any time
        self.certain = True  # of the credential
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
        self.changing_held = threading.Lock()
        self.asked = set()  # names of users whose POST has no answer
        self.gone = []  # paths of users whose DELETE was acknowledged, or seen to be done
        self.gone_compared = 0  # so many of them were asked for after a restart
        self.acknowledged = 0
        self.exchanges = 0  # since the last start, each of them an event
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
            self.compare_gone(QuickClient(self.server), self.gone)
            assert self.server.stop()[0] == 0
            self.compare_events()
            assert self.server.stop()[0] == 0
        finally:
            self.server.kill()
            self.provider.stop()

    def load_and_kill(self, aimed):
        self.provider.calls.clear()  # or those of ten thousand cycles fill the memory
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
        client = QuickClient(self.server)
        while not stop.is_set():
            try:
                if len(self.held) < USERS_MAX:
                    self.create_user(client, f"grower-{chance.randrange(10**12)}")
                with self.changing_held:
                    held = chance.choice(self.held) if self.held else None
                if held:
                    self.one_write(client, held, chance)
            except (OSError, http.client.HTTPException):
                client.connection.close()
                if not stop.is_set():
                    time.sleep(0.01)

    def create_user(self, client, name):
        self.asked.add(name)
        status, user = client("POST", USERS, {"name": name})
        if status == 201:
            self.asked.remove(name)
            with self.changing_held:
                self.held.append(Held(user["id"]))
            self.acknowledged += 1

    def delete_user(self, client, held):
        held.user_certain = False
        status, _ = client("DELETE", held.user_path)
        if status == 204:
            self.let_go(held)
            self.acknowledged += 1
        else:
            held.user_certain = True  # an answer that denies it

    def let_go(self, held):
        with self.changing_held:
            self.held.remove(held)
        self.gone.append(held.user_path)

    def one_write(self, client, held, chance):
        if not held.lock.acquire(blocking=False):
            return
        try:
            if not (held.user_certain and held.certain):
                return  # the next comparison says what came of it
            if held.present and chance.random() < 0.8:
                client("POST", held.path + "/check")
                return
            if chance.random() < 0.1:
                self.delete_user(client, held)
                return
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
        client = QuickClient(self.server)
        self.compare_users(client)
        self.compare_gone(client, self.gone[self.gone_compared:])
        self.gone_compared = len(self.gone)
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

    def compare_users(self, client):
        """One by one; and by the list, which shows also what came back long after its DELETE."""
        status, users = client("GET", f"{USERS}?size=100")
        assert status == 200 and len(users) < 100, users
        listed = {f"{USERS}/{user['id']}": user["name"] for user in users}
        for held in list(self.held):
            status, answer = client("GET", held.user_path)
            assert status in (200, 404), answer
            assert (status == 200) == (held.user_path in listed), f"{held.user_path} is {status}, and the list says otherwise"
            assert status == 200 or not held.user_certain, f"{held.user_path} was acknowledged, and is not there"
            held.user_certain = True
            if status == 404:
                self.let_go(held)
        known = {held.user_path for held in self.held}
        for path, name in listed.items():
            if path not in known:
                # A kill cut off its POST. It is here to stay, too.
                assert name in self.asked, f"{path} was deleted, or never asked for"
                self.asked.remove(name)
                self.held.append(Held(path.rpartition("/")[2]))
        self.asked.clear()

    def compare_gone(self, client, paths):
        for path in paths:
            status, answer = client("GET", path)
            assert status == 404, f"{path} was deleted, and is back: {answer}"

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
        # The newest one is revoked where a request that was on its way when its sender died came after the try that followed it:
        # what is shown again then is the token before. On a busy machine that takes seconds.
        if values["refreshToken"] == grant.refresh_token:
            assert grant.reused, "the newest token is refused, and no token came twice"
            return self.connect_again(client, held)
        spent_at = grant.spent_at[values["refreshToken"]]
        # Before the kill, in the window; or just after it, by a request that was on its way when its sender died.
        assert self.kills, "a token was lost, and nothing was killed"
        width = self.kills[-1] - spent_at
        assert abs(width) < 2, f"a token was lost {width:.3f} s before the kill, which does not explain it"
        self.widths.append(width)
        self.connect_again(client, held)

    def connect_again(self, client, held):
        """The grower does, later."""
        assert client("DELETE", held.path) == (204, None)
        held.present = False

    def compare_events(self):
        """Nobody touches anything since this start, so that each exchange is of the clock, and lives to be an event."""
        self.provider.calls.clear()
        started = time.time()
        self.server.start()
        client = QuickClient(self.server)

        def exchanges(held):
            with self.provider.lock:
                return sum(call.account in (held.key, held.cut_off) for call in self.provider.calls)

        def events(held):
            """Their number, once it is that of at least three exchanges."""
            before = exchanges(held)
            status, events = client("GET", f"{held.path}/events?size=100")
            assert status == 200, events
            told = sum(moment(event["createdDate"]) >= started for event in events)
            assert before == exchanges(held), f"{held.path} is never at rest"
            assert told == before, f"{held.path} has {told} events of {before} exchanges"
            return told if told >= 3 else None

        self.exchanges = sum(eventually(lambda held=held: events(held), 30) for held in self.held if held.present)

    def check_file(self):
        with sqlite3.connect(f"file:{self.server.data}/granary.db?mode=ro", uri=True) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


def run_one(cycles, seed):
    with tempfile.TemporaryDirectory(prefix="granary-kills-") as folder:
        kills = Kills(folder, seed)
        kills.run(cycles)
        return len(kills.kills), kills.aimed, kills.acknowledged, len(kills.gone), kills.exchanges, kills.widths


def row(ends):
    kills, aimed, acknowledged, gone, exchanges = (sum(column) for column in list(zip(*ends))[:5])
    widths = [width for *_, some in ends for width in some]
    widest = f"; the provider had answered at most {1000 * max(widths):.1f} ms before the kill" if widths else ""
    if widths and min(widths) < 0:
        widest += f", {-1000 * min(widths):.1f} ms after it"
    return (f"{kills} kills, {aimed} aimed at an answer, {acknowledged} acknowledged writes, none lost; {gone} users deleted, none "
            f"back; {len(widths)} tokens lost in the window between a provider's answer and its commit, each said so{widest}; "
            f"{exchanges} exchanges since the last start, each an event")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cycles", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=random.randrange(10**9))
    arguments.add_argument("--jobs", type=int, default=1)
    arguments.add_argument("--window", type=int, metavar="N", help="kill nothing: measure the window in N refreshes of each load")
    given = arguments.parse_args()
    if given.window is not None:
        print(window.row(given.window))
        return
    print(f"seed {given.seed}", flush=True)
    shares = [given.cycles // given.jobs + (job < given.cycles % given.jobs) for job in range(given.jobs)]
    with multiprocessing.Pool(given.jobs) as pool:
        jobs = [pool.apply_async(run_one, (share, given.seed + job)) for job, share in enumerate(shares)]
        ends = [job.get() for job in jobs]
    print(row(ends))


if __name__ == "__main__":
    main()
