"""When what lies beneath fails while the server runs: a full disk, and sealed fields that do not open. Nothing is lost, the
error says so, and the process lives."""

import re
import socket
import sqlite3
import subprocess
import time
import uuid

import pytest
import requests
from background import in_background
from harness import CREDENTIALS, USERS, Granary, base_config, eventually, free_port
from held import assert_held_until
from logins import SLUGS, FIELDS, new_login
from problems import assert_problem
from standins import faults


@pytest.fixture
def small(providers, tmp_path):
    """A server whose data folder is a file system of 8 MiB."""
    server = Granary(tmp_path, base_config(providers))
    server.data.mkdir(mode=0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "granary-test", server.data], capture_output=True).returncode:
        pytest.skip("may not mount")
    yield server
    server.kill()
    subprocess.run(["umount", "-l", server.data], check=True)


def fill(path):
    """Takes what is left of the disk."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def test_a_full_disk(small, providers):
    server = small.prepare().start()
    credential = server.connect(new_login(providers, "ag-leader-credentials"))
    users = [credential.user_id]
    filler = server.data / "filler"
    fill(filler)

    def write():
        answer = server.request("POST", USERS, json={"name": "x" * 4000})
        if answer.status_code == 201:
            users.append(answer.json()["id"])
        return answer

    answer = next(answer for answer in (write() for _ in range(3000)) if answer.status_code != 201)
    assert_problem(answer, 503, "storeUnavailable")
    assert_problem(server.request("DELETE", f"{USERS}/{credential.user_id}"), 503, "storeUnavailable")
    assert credential.values()["status"] == "OK", "what is stored can still be read"
    assert server.request("GET", "/health/live", token=None).status_code == 200

    filler.unlink()
    eventually(lambda: write().status_code == 201)
    assert server.request("GET", USERS).headers["X-Total-Count"] == str(len(users))
    values = credential.values()
    assert server.stop()[0] == 0
    server.start()
    assert credential.values() == values
    assert server.request("GET", USERS).headers["X-Total-Count"] == str(len(users))
    assert credential.checked()["status"] == "OK"


def test_a_full_disk_is_not_ready(small):
    """Also when nothing is written: who asks is told before the first write fails. It is ready again by itself."""
    port = free_port()
    small.arguments += ["--metrics-listen", f"127.0.0.1:{port}"]
    server = small.prepare().start()

    def told():
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5, proxies={"http": ""}).text
        return re.search(r"^granary_store_writable (\d)$", text, re.MULTILINE)[1]

    assert (server.is_ready(), told()) == (True, "1")
    filler = server.data / "filler"
    fill(filler)
    assert (server.is_ready(), told()) == (False, "0")
    assert server.request("GET", "/health/live", token=None).status_code == 200
    assert server.request("GET", USERS).status_code == 200
    filler.unlink()
    assert (server.is_ready(), told()) == (True, "1")
    assert server.stop()[0] == 0


def test_a_quota_that_is_used_up_is_not_ready(providers, tmp_path):
    """The disk has room, and still takes nothing: here for a limit on the size of files."""
    server = Granary(tmp_path, base_config(providers)).prepare().start()
    try:
        size = max(path.stat().st_size for path in server.sqlite) + 8192
        limit = ["prlimit", "--pid", str(server.process.pid)]
        subprocess.run([*limit, f"--fsize={size}:"], check=True)
        eventually(lambda: server.request("POST", USERS, json={"name": "x" * 4000}).status_code == 503, pause=0)
        assert not server.is_ready()
        time.sleep(2)
        assert not server.is_ready(), "one that was tried again failed again"
        subprocess.run([*limit, "--fsize=unlimited:"], check=True)
        eventually(server.is_ready)
        assert server.request("POST", USERS, json={"name": "back"}).status_code == 201
        assert server.stop()[0] == 0
    finally:
        server.kill()


def test_a_token_that_cannot_be_stored_is_held_until_it_can(small, providers):
    small.config["checks"]["timeout"] = "20s"
    server = small.prepare().start()
    login = new_login(providers, "ag-leader-credentials")
    credential = server.connect(login)
    login.fail(faults.late_answer(4), times=1)
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    filler = server.data / "filler"
    fill(filler)
    eventually(lambda: server.request("POST", USERS, json={"name": "x" * 4000}).status_code == 503, pause=0)
    assert_held_until(server, login, credential, checked, filler.unlink)



def spoil(server, credential_id):
    """Changes the last byte of every long blob in the rows that carry this id: what was sealed there does not open."""
    path = next(path for path in server.sqlite if path.read_bytes()[:15] == b"SQLite format 3")
    spoilt = 0
    connection = sqlite3.connect(path)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        for key in columns:
            rows = connection.execute(f'SELECT * FROM "{table}" WHERE "{key}" = ?', (uuid.UUID(credential_id).bytes,))
            for column, value in [pair for row in rows.fetchall() for pair in zip(columns, row)]:
                if isinstance(value, bytes) and len(value) > 40:
                    changed = value[:-1] + bytes([value[-1] ^ 1])
                    connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" = ?', (changed, value))
                    spoilt += 1
    connection.commit()
    connection.close()
    assert spoilt, "no sealed value was found"


@pytest.mark.parametrize("slug", SLUGS)
def test_sealed_fields_that_do_not_open(start_granary, providers, slug):
    server = start_granary()
    login, other = new_login(providers, slug), new_login(providers, slug)
    credential, sound = server.connect(login), server.connect(other)
    values = credential.values()
    assert server.stop()[0] == 0
    spoil(server, values["id"])
    server.start()

    assert_problem(credential.get(), 500, "sealBroken")
    assert_problem(credential.check(), 500, "sealBroken")
    assert_problem(credential.request("GET", "/status"), 500, "sealBroken")
    assert sound.values()["status"] == "OK"
    user = server.request("GET", USERS).json()[0]
    assert user["id"] == credential.user_id
    assert list(user[login.user_key]) == list(values)
    assert user[login.user_key]["id"] == values["id"]
    assert all(user[login.user_key][name] is None for name in FIELDS[slug])
    listed = {entry["id"] for entry in server.request("GET", CREDENTIALS).json()}
    assert listed == {values["id"], sound.values()["id"]}

    assert credential.delete().status_code == 204
    assert credential.post(login.body).status_code == 201


def test_few_open_files(providers, tmp_path):
    """64 for everything, and more clients than that: those that idle make room for the others, and the store and the
    providers keep theirs."""
    server = Granary(tmp_path, base_config(providers))
    server.wrapper = ["prlimit", "--nofile=64:64"]
    server.config["threads"] = 2
    login = new_login(providers, "ag-leader-credentials")
    try:
        server.prepare().start()
        address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        assert any("fewer connections" in line["message"] for line in server.problems("warning"))
        credential = server.connect(login)
        idle = [socket.create_connection(address, 10) for _ in range(100)]
        try:
            assert all(is_served(address) for _ in range(20))
            assert credential.checked()["status"] == "OK", "whoever is in is served"
            made = server.request("POST", USERS, json={"name": "meanwhile"})
            assert made.status_code == 201
        finally:
            for connection in idle:
                connection.close()
        assert server.request("GET", f"{USERS}/{made.json()['id']}").status_code == 200
        assert not login.record.reused
        assert server.stop()[0] == 0
    finally:
        server.kill()


def is_served(address):
    with socket.create_connection(address, 10) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: granary\r\n\r\n")
        connection.settimeout(10)
        return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
