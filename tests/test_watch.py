"""`granary history ID` and `granary credentials --watch`: what has changed, and what changes now."""

import os
import signal
import sqlite3
import subprocess
import threading

import logins
import pytest
from harness import BINARY, environment, eventually
from standins import faults

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"confirm_after": "1s", "timeout": "1s"})


def history(server, credential_id):
    return server.cli("history", credential_id, *server.store)


def table(text):
    """Rows as lists of words."""
    return [line.split() for line in text.splitlines()]


def turn_bad(login, credential):
    login.fail(faults.answer(403))
    credential.checked()
    eventually(lambda: credential.standing()[0] == "MISSING_PERMISSION")


def turn_good(login, credential):
    login.heal()
    assert credential.checked()["status"] == "OK"


def test_history_is_the_same_with_a_server_and_without(start_granary, providers):
    server = start_granary(checks={"confirm_after": "1s"})
    login = logins.valley(providers)
    credential = server.connect(login)
    credential_id = credential.values()["id"]
    turn_bad(login, credential)
    turn_good(login, credential)
    told = credential.request("GET", "/history").json()
    done = history(server, credential_id)
    assert (done.returncode, done.stderr) == (0, "")
    rows = table(done.stdout)
    assert rows[0] == ["TIME", "FROM", "TO", "REASON", "CAUSE"]
    assert rows[1:] == [[row[key] or "-" for key in ("time", "from", "to", "reason", "cause")] for row in told]
    assert len(told) == 3
    server.stop()
    assert history(server, credential_id).stdout == done.stdout


def test_history_has_more_than_a_page(start_granary, providers):
    server = start_granary()
    credential_id = server.connect(logins.valley(providers)).values()["id"]
    server.stop()
    values = ",".join(f"((SELECT row FROM credential), {n}, {n % 2}, {1 - n % 2}, NULL, 3)" for n in range(1, 251))
    columns = "credential, time, from_status, to_status, reason, cause"
    with sqlite3.connect(server.data / "granary.db") as db:
        db.execute(f"INSERT INTO history ({columns}) VALUES {values}")
    db.close()
    rows = table(history(server, credential_id).stdout)[1:]
    assert len(rows) == 251 and rows == sorted(rows, reverse=True)


@pytest.mark.parametrize("credential_id", [UNKNOWN, "x", "", "valley", UNKNOWN[:-1]])
def test_history_of_what_is_not_there(granary, credential_id):
    done = history(granary, credential_id)
    assert (done.returncode, done.stdout) == (1, "") and len(done.stderr.splitlines()) == 1


def test_credentials_show_what_is_to_be_done(granary, providers):
    login = logins.valley(providers)
    login.refuse()
    user = granary.new_user()
    granary.credential(login.slug, user).post(login.body)
    lines = granary.cli("credentials", *granary.store).stdout.splitlines()
    assert lines[0].split().index("ACTION") == lines[0].split().index("REASON") + 1
    row = next(line for line in lines if user in line)
    at = lines[0].index("ACTION")
    assert row[at:].split()[0] == "reconnect"


class Watch:
    """`granary credentials --watch` under way; `lines` grows."""

    def __init__(self, server, *options):
        command = [str(BINARY), "credentials", "--watch", *options, *server.store]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), stdin=subprocess.DEVNULL
        )
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.split())

    def begun(self):
        eventually(lambda: self.lines)
        return self

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.reader.join(10)
        return code, self.process.stderr.read()


@pytest.fixture
def watch():
    made = []

    def start(server, *options):
        made.append(Watch(server, *options))
        return made[-1].begun()

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()


def test_watch_tells_each_change_as_it_comes(granary, providers, watch):
    old = logins.valley(providers)
    turn_bad(old, granary.connect(old))
    following = watch(granary)
    assert following.lines == [["TIME", "ID", "PROVIDER", "FROM", "TO", "REASON", "ACTION", "CAUSE", "NAME"]]
    login = logins.valley(providers)
    credential = granary.connect(login)
    credential_id = credential.values()["id"]
    eventually(lambda: len(following.lines) == 2)
    turn_bad(login, credential)
    turn_good(login, credential)
    eventually(lambda: len(following.lines) == 4)
    told = credential.request("GET", "/history").json()[::-1]
    for line, change in zip(following.lines[1:], told):
        words = [change[key] or "-" for key in ("from", "to", "reason")]
        assert [line[0], *line[3:6]] == [change["time"], *words]
        assert line[1:3] == [credential_id, "valley"] and line[7:] == [change["cause"], "A", "grower"]
    assert following.end() == (0, "")


def test_watch_with_a_status_or_a_provider(granary, providers, watch):
    bad, sentera = watch(granary, "--status", "MISSING_PERMISSION"), watch(granary, "--provider", "sentera")
    login = logins.valley(providers)
    turn_bad(login, granary.connect(login))
    granary.connect(logins.sentera(providers))
    eventually(lambda: len(bad.lines) == 2 and len(sentera.lines) == 2)
    assert bad.lines[1][2:5] == ["valley", "OK", "MISSING_PERMISSION"]
    assert sentera.lines[1][2:5] == ["sentera", "-", "OK"]
    assert bad.end(signal.SIGTERM) == (0, "") and sentera.end() == (0, "")


@pytest.mark.parametrize("options", [["--status", "ok"], ["--status", "BROKEN"], ["--provider", "nobody"]])
def test_watch_refuses_what_is_none(granary, options):
    done = granary.cli("credentials", "--watch", *options, *granary.store)
    assert (done.returncode, done.stdout) == (1, "") and len(done.stderr.splitlines()) == 1


def test_watch_ends_with_its_reader(granary):
    read_end, write_end = os.pipe()
    command = [str(BINARY), "credentials", "--watch", *granary.store]
    process = subprocess.Popen(command, stdout=write_end, stderr=subprocess.PIPE, text=True, env=environment())
    os.close(write_end)
    assert os.read(read_end, 100).startswith(b"TIME")
    os.close(read_end)
    assert process.wait(10) in (0, 1) and process.stderr.read() == ""


def test_watch_ends_with_the_server(start_granary, watch):
    server = start_granary()
    following = watch(server)
    server.stop()
    assert following.process.wait(10) == 1
    assert len(following.process.stderr.read().splitlines()) == 1


def test_watch_needs_a_server(start_granary):
    server = start_granary()
    server.stop()
    done = server.cli("credentials", "--watch", *server.store)
    assert (done.returncode, done.stdout) == (1, "") and "no server" in done.stderr
