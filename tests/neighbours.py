"""Forty connections of one owner ask for every list there is, as fast as they are answered, while another owner asks for single
things and short lists of its own. Used by test_neighbours.py; the crowd is a process of its own, so that what is measured is the
server and not the measuring program."""

import json
import secrets
import selectors
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

from harness import CREDENTIALS, USERS

SLUGS = ("valley-credentials", "sentera-credentials", "agvance-credentials", "ag-leader-credentials")
SORTS = ("id", "name", "email", "externalId", "createdTime")


def rows_for(count, owner):
    """Users that differ in all that lists sort and filter by, but for the externalId that most of them lack."""
    for number in range(count):
        external_id = f"x{number}" if number % 10 == 0 else None
        yield (secrets.token_bytes(16), owner, f"grower {number * 7919 % count:05}", f"g{number % 50}@example.org", "1", "a road",
               external_id, 1_700_000_000_000_000 + number)


def fill(server, email, users):
    """Adds users to an owner, each with four credentials that no key opens, while the server is stopped."""
    with sqlite3.connect(server.data / "granary.db") as db:
        owner = db.execute("SELECT id FROM owner WHERE email = ?", [email]).fetchone()[0]
        made = list(rows_for(users, owner))
        db.executemany(
            "INSERT INTO leaf_user (id, owner_id, name, email, phone, address, external_id, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            made,
        )
        sealed = [
            (secrets.token_bytes(16), owner, user[0], user[0], provider, number, secrets.token_bytes(300), secrets.token_bytes(60),
             number % 4, number)
            for number, user in enumerate(made)
            for provider in ("valley", "sentera", "agvance", "ag-leader")
        ]
        db.executemany(
            "INSERT INTO credential (id, owner_id, leaf_user_id, last_leaf_user_id, provider, environment, created, fields_version,"
            " link_version, fields, fields_key, origin, status, since)"
            " VALUES (?, ?, ?, ?, ?, '', ?, 1, 1, ?, ?, '', ?, ?)",
            sealed,
        )
    db.close()


def lists(users, connected):
    """Paths of lists of every kind: short and long pages, near and far ones, each sort and filter. `connected` is the user whose
    events are listed."""
    last = users // 100 - 1
    paths = [f"{USERS}?size=100", f"{USERS}?size=100&page={last}", f"{USERS}?size=20&page={last * 5}"]
    for key in SORTS:
        for direction in ("asc", "desc"):
            paths += [f"{USERS}?size=100&sort={key},{direction}&page={page}" for page in (0, last // 2, last)]
    paths += [
        f"{USERS}?size=100&sort=externalId,desc&sort=name&sort=email,desc&page={last}",
        f"{USERS}?size=100&sort=email&sort=externalId,desc&sort=createdTime,desc",
        f"{USERS}?size=100&email=g7@example.org",
        f"{USERS}?size=100&email=g7@example.org&sort=name,desc&sort=id",
        f"{USERS}?name=grower%2000007&email=g7@example.org",
        f"{USERS}?externalId=x10&sort=name",
        f"{CREDENTIALS}?size=100",
        f"{CREDENTIALS}?size=100&page={last}",
        f"{CREDENTIALS}?size=100&status=OK&page={last // 2}",
        f"{CREDENTIALS}?size=100&provider=valley&page={last // 2}",
        f"{CREDENTIALS}?size=100&provider=sentera&status=UNAUTHENTICATED",
        f"{CREDENTIALS}?size=100&changedSince=1970-01-01T00:00:00.001000Z",
        f"{USERS}/{connected}/valley-credentials/events?size=100",
        # Long queries, which the links of a list repeat.
        f"{USERS}?size=1&page=1&name=" + "," * 15_000,
        f"{USERS}?size=1&page=1&unknown=" + "%2C" * 5_000,
        f"{USERS}?size=1&page=1" + "&a=b" * 3_500,
    ]
    return paths


class Connection:
    """One of the crowd's: sends a request, or several at once, and takes in what comes."""

    def __init__(self, address, head, paths, pipelined):
        self.socket = socket.create_connection(address)
        self.head, self.paths, self.pipelined = head, paths, pipelined
        self.at = secrets.randbelow(len(paths))
        self.pending, self.buffer, self.left = 0, b"", 0

    def send(self):
        batch = [self.paths[(self.at + i) % len(self.paths)] for i in range(self.pipelined)]
        self.at += self.pipelined
        self.pending = self.pipelined
        self.socket.sendall(b"".join(f"GET {path} HTTP/1.1\r\n{self.head}\r\n\r\n".encode() for path in batch))

    def receive(self):
        """How many answers came to their end."""
        data = self.socket.recv(1 << 20)
        assert data, "the server closed a connection"
        answered = 0
        while data or (self.left == 0 and b"\r\n\r\n" in self.buffer):
            if self.left:
                taken = min(self.left, len(data))
                self.left, data = self.left - taken, data[taken:]
            else:
                self.buffer, data = self.buffer + data, b""
                head, end, rest = self.buffer.partition(b"\r\n\r\n")
                if not end:
                    break
                assert head.startswith(b"HTTP/1.1 200"), head
                self.left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.buffer, data = b"", rest
            if self.left == 0:
                answered += 1
                self.pending -= 1
        return answered


def crowd(host, port, token, connections, paths):
    """Asks until its standard input is closed; prints how many lists were answered."""
    head = f"Host: {host}\r\nAuthorization: Bearer {token}"
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    for number in range(connections):
        connection = Connection((host, int(port)), head, paths, 60 if number == 0 else 1)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send()
    answered = 0
    while True:
        for key, _ in selector.select():
            if key.data is None:
                print(answered)
                return
            answered += key.data.receive()
            if key.data.pending == 0:
                key.data.send()


@contextmanager
def crowded(server, token, paths, connections=40):
    """A crowd while the block runs. Yields a list whose only entry, afterwards, is how many lists it was answered."""
    host, port = server.url.removeprefix("http://").split(":")
    process = subprocess.Popen(
        [sys.executable, __file__, host, port, token, str(connections), json.dumps(paths)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    answered = []
    try:
        yield answered
        assert process.poll() is None, "the crowd has ended by itself"
        answered.append(int(process.communicate(timeout=60)[0]))
    finally:
        process.kill()
        process.wait(10)


def take_times(clients, paths, seconds):
    """Asks for each of the paths in turn, over each of the clients in turn; {path: [seconds, ...]}."""
    times = {path: [] for path in paths}
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        path = paths[number % len(paths)]
        begun = time.monotonic()
        status, _ = clients[number // len(paths) % len(clients)]("GET", path)
        times[path].append(time.monotonic() - begun)
        assert status == 200, (path, status)
        number += 1
    return times


def percentile(times, share):
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


if __name__ == "__main__":
    crowd(*sys.argv[1:4], int(sys.argv[4]), json.loads(sys.argv[5]))
