"""A disk that fails beneath the running server (native/disk_faults.cpp): errors on write and on sync, once at every place and
for good, and a file system that turned read-only. Nothing acknowledged is lost, nothing is acknowledged that is not kept."""

import errno
import sqlite3
import time

import pytest
from background import all_at_once, in_background
from harness import ROOT, USERS, Granary, base_config, eventually, moment
from held import assert_held_until
from probed import PROBE_PATH, probe_ag_leader
from logins import new_login
from problems import assert_problem
from standins import faults

LIBRARY = ROOT / "build" / "release" / "libdisk_faults.so"  # where GRANARY_BINARY is another, too
ALL = -1


class Disk:
    """The server's disk: says what fails from now on, and what was done so far."""

    def __init__(self, folder):
        self.folder = folder
        self.serial = 0
        folder.mkdir()

    def environment(self):
        return {"LD_PRELOAD": str(LIBRARY), "GRANARY_DISK_FAULTS": str(self.folder)}

    def fail(self, call, skip=0, count=ALL, error=errno.EIO, file=""):
        new = self.folder / "new"
        self.serial += 1
        new.write_text(f"{self.serial} {call} {skip} {count} {error} {file}")
        new.rename(self.folder / "fault")

    def mend(self):
        (self.folder / "fault").unlink()

    @property
    def log(self):
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path / "disk")


@pytest.fixture
def server(disk, providers, tmp_path):
    server = Granary(tmp_path, base_config(providers))
    server.environment = disk.environment()
    yield server.prepare().start()
    server.kill()


def make_user(server, name):
    return server.request("POST", USERS, json={"name": name})


def names(server):
    answer = server.request("GET", USERS, params={"size": 100})
    assert answer.status_code == 200, answer.text
    return {user["name"] for user in answer.json()}


def next_check(credential):
    return moment(credential.status()["nextCheckTime"])


def test_a_breaker_that_is_closed_while_the_disk_fails_stays_closed(server, disk, providers):
    server.restart(breaker={"minimum": 2, "share": 0.05})
    pairs = [(login := new_login(providers, "valley-credentials"), server.connect(login)) for _ in range(3)]
    for login, credential in pairs:
        credential.checked()
        login.refuse()
        credential.checked()
    assert next_check(pairs[-1][1]) > time.time() + 3600, "it met an open breaker"
    close = ["breaker", "close", "valley", *server.store, "--config", str(server.config_file)]
    disk.fail("write")
    assert server.cli(*close).returncode == 1
    disk.mend()
    eventually(lambda: next_check(pairs[-1][1]) < time.time() + 660, 15)  # spread over ten minutes
    server.kill()
    server.start()
    shown = server.cli("providers", *server.store, "--config", str(server.config_file))
    assert "open" not in next(line for line in shown.stdout.lower().splitlines() if "valley" in line)


def test_a_breaker_is_closed_in_all_environments_while_the_disk_fails(server, disk, providers):
    environments = {name: {"base_url": providers.agvance.url} for name in ("STAGE", "PRODUCTION")}
    server.restart(breaker={"minimum": 2, "share": 0.05}, providers={"agvance": {"environments": environments}})
    for name in environments:
        for _ in range(3):
            login = new_login(providers, "agvance-credentials")
            credential = server.credential(login.slug)
            assert credential.post({**login.body, "clientEnvironment": name}).json()["status"] == "OK"
            credential.checked()
            login.refuse()
            credential.checked()
    lines = ["providers", *server.store, "--config", str(server.config_file)]

    def open_ones():
        return [line for line in server.cli(*lines).stdout.lower().splitlines() if "agvance" in line and "open" in line]

    assert len(open_ones()) == 2
    disk.fail("write")
    assert server.cli("breaker", "close", "agvance", *server.store, "--config", str(server.config_file)).returncode == 1
    assert open_ones() == []
    disk.mend()


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_the_nth_call_fails(server, disk, call):
    """For every n until a whole write gets by: the answer is 503 or 201, what was acknowledged is there, and the next write
    works without a restart."""
    acknowledged, asked, failed = set(), set(), 0
    for skip in range(100):
        log = len(disk.log)
        disk.fail(call, skip, count=1)
        asked.add(f"during {skip}")
        answer = make_user(server, f"during {skip}")
        was_hit = any(line.startswith("failed") for line in disk.log[log:])
        disk.mend()
        if answer.status_code == 201:
            acknowledged.add(f"during {skip}")
        else:
            assert_problem(answer, 503, "storeUnavailable")
            failed += 1
        assert make_user(server, f"after {skip}").status_code == 201
        acknowledged.add(f"after {skip}")
        assert acknowledged <= names(server) <= acknowledged | asked
        if not was_hit:
            break
    else:
        pytest.fail("the fault was hit at every n")
    assert failed
    for end in (server.stop, server.kill):
        end()
        server.start()
        assert acknowledged <= names(server) <= acknowledged | asked


@pytest.mark.parametrize(
    "call, error", [("write", errno.EIO), ("fsync", errno.EIO), ("all", errno.EROFS)], ids=["write", "fsync", "read-only"]
)
def test_a_disk_that_fails_for_good(server, disk, providers, call, error):
    """Reads go on, writes say so, the process lives; and when the disk is back, so is the service."""
    login = new_login(providers, "ag-leader-credentials")
    credential = server.connect(login)
    before = names(server)
    disk.fail(call, error=error)
    for answer in all_at_once([lambda: make_user(server, "never") for _ in range(5)]):
        assert_problem(answer, 503, "storeUnavailable")
    assert_problem(credential.delete(), 503, "storeUnavailable")
    assert credential.values()["status"] == "OK"
    assert names(server) == before
    assert server.request("GET", "/health/live", token=None).status_code == 200
    assert not server.is_ready()
    disk.mend()
    eventually(server.is_ready)
    assert make_user(server, "back").status_code == 201
    assert names(server) == before | {"back"}
    assert credential.checked()["status"] == "OK"
    assert not login.record.reused


def test_after_a_failed_sync_the_log_is_opened_anew(server, disk):
    """Pages that the kernel could not write look clean to it afterwards: only a new connection may commit again."""
    disk.fail("fsync", count=3)
    assert 201 in [make_user(server, "someone").status_code for _ in range(5)]
    failures = disk.log.index("failed fsync granary.db-wal")
    assert disk.log[failures : failures + 7] == 3 * ["failed fsync granary.db-wal", "opened granary.db-wal"] + ["synced granary.db-wal"]


def test_a_start_after_a_failed_sync_brings_the_log_into_the_file_first(server, disk):
    """What the killed process could not sync stands in the kernel's memory only; nothing may build on it there."""
    assert make_user(server, "before").status_code == 201
    disk.fail("fsync")
    assert_problem(make_user(server, "never synced"), 503, "storeUnavailable")
    server.kill()
    disk.mend()
    done = len(disk.log)
    server.start()
    assert make_user(server, "after").status_code == 201
    assert disk.log.index("synced granary.db", done) < len(disk.log) - 1
    assert disk.log[-1] == "synced granary.db-wal"
    assert {"before", "after"} <= names(server)


def test_a_start_is_refused_while_the_log_cannot_be_synced(server, disk):
    assert make_user(server, "before").status_code == 201
    server.kill()
    disk.fail("fsync")
    with pytest.raises(AssertionError, match="the server ended with"):
        server.start()
    assert "disk I/O error" in server.log.splitlines()[-1]
    disk.mend()
    server.start()
    assert "before" in names(server)


@pytest.mark.parametrize("is_probed", [False, True])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_token_that_meets_a_failing_disk_is_held(server, disk, providers, call, is_probed):
    """The provider has answered and the commit fails: the new token is kept in memory until the disk takes it. Where a probe
    would follow, it is not sent before."""
    if is_probed:
        probe_ag_leader(server)
    login = new_login(providers, "ag-leader-credentials")
    credential = server.connect(login)
    login.fail(faults.late_answer(1), times=1, path="/api/token")
    login.fail(faults.answer(401), times=1, path=PROBE_PATH)
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls("/api/token")) == 2)
    probes = len(login.calls(PROBE_PATH))
    disk.fail(call)
    eventually(lambda: not server.is_ready(), 20)
    assert len(login.calls(PROBE_PATH)) == probes
    assert_held_until(server, login, credential, checked, disk.mend)


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_password_is_not_shown_again_and_again_while_the_disk_fails(disk, providers, tmp_path, call):
    """The clock's answer is held like a token: its provider is not asked each second for what could not be stored either, and
    the answer's event is there when the disk is back."""
    config = base_config(providers)
    config["checks"] |= {"interval": "1s", "confirm_after": "1s"}
    server = Granary(tmp_path, config)
    server.environment = disk.environment()
    server.prepare().start()
    try:
        login = new_login(providers, "valley-credentials")
        credential = server.connect(login)
        eventually(lambda: len(login.calls()) >= 3)
        disk.fail(call)
        eventually(lambda: not server.is_ready())
        asked = len(login.calls())
        time.sleep(4)
        assert len(login.calls()) == asked
        for answer in (credential.check(), credential.put(login.body), make_user(server, "never")):
            assert_problem(answer, 503, "storeUnavailable")
        assert len(login.calls()) == asked
        disk.mend()
        eventually(lambda: len(login.calls()) >= asked + 2)
        eventually(lambda: len(credential.events(size=100)) == len(login.calls()))
        assert server.is_ready()
    finally:
        server.kill()


def hold_a_token(server, disk, providers):
    """A credential whose new token the store could not take, and the request that waits for it."""
    login = new_login(providers, "ag-leader-credentials")
    credential = server.connect(login)
    login.fail(faults.late_answer(1), times=1)
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    disk.fail("write")
    eventually(lambda: not server.is_ready(), 20)
    return login, credential, checked


def test_no_other_token_is_spent_while_one_is_held(server, disk, providers):
    other_login = new_login(providers, "ag-leader-credentials")
    other = server.connect(other_login)
    seen = 0
    while not seen:
        login, credential, checked = hold_a_token(server, disk, providers)
        disk.mend()  # the one that is held is tried again within a second: until then, the disk would take others
        while True:
            asked = len(other_login.calls())
            answer = other.check()
            if server.is_ready():
                break
            assert_problem(answer, 503, "storeUnavailable")
            assert len(other_login.calls()) == asked
            seen += 1
        assert checked().status_code == 200
        assert credential.values()["refreshToken"] == login.record.refresh_token
    assert other.checked()["status"] == "OK"


def test_a_held_token_outlives_an_orderly_stop(server, disk, providers):
    """After SIGTERM it is tried for as long as the server may take to end."""
    login, credential, _ = hold_a_token(server, disk, providers)
    server.process.terminate()
    time.sleep(2)
    disk.mend()
    assert server.process.wait(20) == 0
    server.start()
    assert credential.values()["refreshToken"] == login.record.refresh_token
    assert credential.checked()["status"] == "OK"
    assert not login.record.reused


def test_a_token_does_not_wait_for_events_that_cannot_be_read(server, providers):
    login = new_login(providers, "ag-leader-credentials")
    credential = server.connect(login)
    with sqlite3.connect(server.data / "granary.db") as db:
        db.execute("ALTER TABLE event_segment RENAME TO event_segment_lost")
    db.close()
    checked = in_background(credential.check)
    eventually(lambda: len(login.calls()) == 2)
    eventually(lambda: credential.values()["refreshToken"] == login.record.refresh_token, 40)
    answer = checked()
    assert (answer.status_code, answer.json()["status"]) == (200, "OK")
    assert any("cannot be read" in line["message"] for line in server.problems())


def test_who_waited_for_a_check_that_is_not_recorded_is_told_so(server, disk, providers):
    login = new_login(providers, "valley-credentials")
    credential = server.connect(login)
    login.fail(faults.delay(1.5), times=1)
    answers = in_background(lambda: all_at_once([credential.check] * 5))
    eventually(lambda: len(login.calls()) == 2)
    disk.fail("write")
    assert [answer.status_code for answer in answers()] == [503] * 5
    disk.mend()
    assert len(login.calls()) == 2, "one call for all"
    assert credential.checked()["status"] == "OK"


def test_only_so_many_answers_are_held(disk, providers, tmp_path):
    """With a hundred waiting for the store, the clock asks for no more; when it is back, everybody is checked again."""
    config = base_config(providers)
    config["checks"] |= {"interval": "1s", "confirm_after": "1s"}
    config["providers"]["valley"] |= {"rate": 1000}
    server = Granary(tmp_path, config)
    server.environment = disk.environment()
    server.prepare().start()
    try:
        given = [new_login(providers, "valley-credentials") for _ in range(400)]
        for login in given:
            server.connect(login)

        def asked():
            return sum(len(login.calls()) for login in given)

        before = asked()
        disk.fail("write")
        at_failure = asked()
        eventually(lambda: not server.is_ready())
        eventually(lambda: asked() >= before + 100, 30)
        time.sleep(4)
        held = asked()
        assert held - at_failure <= 100 + 3 * 32, "those under way when the disk failed and when the hundredth was held come on top"
        time.sleep(3)
        assert asked() == held
        disk.mend()
        calls = [len(login.calls()) for login in given]
        eventually(lambda: all(len(login.calls()) > seen for login, seen in zip(given, calls)), 30)
    finally:
        server.kill()


def test_a_checkpoint_that_cannot_be_synced_is_told_and_loses_nothing(server, disk):
    """The log is brought into the file by ourselves: SQLite, doing it behind a commit, says nothing of a sync that failed."""
    disk.fail("fsync", file="granary.db")
    made = set()

    def make(count):
        for _ in range(count):
            made.add(f"user {len(made)}")
            assert make_user(server, f"user {len(made) - 1}").status_code == 201

    def has_failed():
        make(20)
        return "failed fsync granary.db" in disk.log

    eventually(has_failed, 60)
    make(1)
    after = disk.log[disk.log.index("failed fsync granary.db") :]
    assert after.index("opened granary.db-wal") < after.index("synced granary.db-wal"), after
    [told] = server.problems()
    assert told["message"].startswith("the store's log cannot be brought into its file")
    assert server.is_ready() and names(server)
    disk.mend()
    time.sleep(10)  # it is not tried with every write
    make(1)
    eventually(lambda: disk.log[-1] == "synced granary.db")
    server.kill()
    server.start()
    kept = {user["name"] for page in range(20) for user in server.request("GET", USERS, params={"size": 100, "page": page}).json()}
    assert made <= kept
