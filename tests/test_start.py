"""Starts that are refused: one sentence on standard error that says what is wrong, exit code 1, nothing written. And the
other end: SIGTERM finishes what is in flight. Configuration files are in test_configuration.py."""

import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import threading
from pathlib import Path

import pytest
import requests
from harness import BINARY, OWNER, USERS, Granary, base_config, environment, eventually, free_port, toml
from logins import new_login
from standins import faults

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = 65534


@pytest.fixture(scope="module")
def template(providers, tmp_path_factory):
    """A folder with data, root key and an owner, never changed."""
    return Granary(tmp_path_factory.mktemp("template"), base_config(providers)).prepare()


@pytest.fixture
def place(template, providers, tmp_path):
    """A copy of it that a test may spoil."""
    shutil.copytree(template.directory, tmp_path / "granary")
    copy = Granary(tmp_path / "granary", base_config(providers))
    copy.config_file.write_text(toml(copy.config))
    yield copy
    copy.kill()


def serve(place, prefix=(), variables=None, **changes):
    """Runs `granary serve`, which must end by itself. `changes` replace options (`root_key=...`) or take them away (None)."""
    options = {
        "listen": f"127.0.0.1:{free_port()}",
        "config": place.config_file,
        "data": place.data,
        "root_key": f"file:{place.key_file}",
        **changes,
    }
    given = {name.replace("_", "-"): str(value) for name, value in options.items() if value is not None}
    command = [*prefix, str(BINARY), "serve", *(word for name in given for word in (f"--{name}", given[name]))]
    run = {"capture_output": True, "text": True, "timeout": 30, "env": {**environment(), **(variables or {})}}
    return subprocess.run(command, stdin=subprocess.DEVNULL, **run)


def snapshot(folder):
    """Everything in a folder: names, modes, contents. SQLite's shared memory and an empty log say nothing."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else None
        if not path.name.endswith("-shm") and not (path.name.endswith("-wal") and not content):
            found[str(path.relative_to(folder))] = (stat.S_IMODE(path.stat().st_mode), content)
    return found


def assert_refused(done, *words):
    """Exit code 1, and one sentence beside the log that holds these words."""
    assert done.returncode == 1, (done.returncode, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    assert 20 < len(lines[0]) < 600
    assert done.stdout == ""
    for word in words:
        assert str(word).lower() in lines[0].lower(), lines[0]


def spoil_nothing(place, *words, **options):
    before = snapshot(place.directory)
    assert_refused(serve(place, **options), *words)
    assert snapshot(place.directory) == before


def test_wrong_root_key(place, tmp_path):
    other = tmp_path / "other.key"
    assert place.cli("key", "init", "--root-key", f"file:{other}").returncode == 0
    spoil_nothing(place, "key", root_key=f"file:{other}")


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 31, b"x" * 33, b"\0" * 1000, b"not a key at all\n"])
def test_root_key_of_no_use(place, content):
    place.key_file.write_bytes(content)
    spoil_nothing(place, place.key_file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o666, 0o777])
def test_root_key_open_to_others(place, mode):
    place.key_file.chmod(mode)
    spoil_nothing(place, place.key_file)


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_root_key_for_the_owner_alone(place, mode):
    place.key_file.chmod(mode)
    place.start()
    assert place.stop()[0] == 0


def test_root_key_inside_the_data_folder(place):
    inside = place.data / "root.key"
    shutil.copy2(place.key_file, inside)
    link = place.directory / "link.key"
    link.symlink_to(inside)
    for path in (inside, place.directory / "data" / ".." / "data" / "root.key", link):
        spoil_nothing(place, "data", root_key=f"file:{path}")


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "root-key"),
        ("", "root-key"),
        ("file:", "file"),
        ("file:/nowhere/root.key", "/nowhere/root.key"),
        ("file:/tmp", "/tmp"),
        ("env:NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE"),
        ("credential:root.key", "credential"),
        ("root.key", "file:"),
        ("vault:key", "file:"),
    ],
)
def test_root_key_that_cannot_be_found(place, value, word):
    spoil_nothing(place, word, root_key=value)


def test_root_key_from_the_environment_and_from_systemd(place):
    key = place.key_file.read_text().strip()
    assert_refused(serve(place, root_key="env:THE_KEY", variables={"THE_KEY": key[:-8]}), "THE_KEY")
    place.key_file.rename(place.directory / "moved.key")
    sources = [("env:THE_KEY", {"THE_KEY": key}), ("credential:moved.key", {"CREDENTIALS_DIRECTORY": str(place.directory)})]
    for source, variables in sources:
        command = [BINARY, "owner", "add", OWNER[0], "--data", place.data, "--root-key", source]
        run = {"capture_output": True, "text": True, "timeout": 30, "env": {**environment(), **variables}}
        done = subprocess.run([str(word) for word in command], input=OWNER[1] + "\n", **run)
        assert done.returncode == 1 and OWNER[0] in done.stderr, "the key opened, the owner exists"


def test_parent_of_the_data_folder_is_missing(place):
    spoil_nothing(place, place.directory / "nowhere", data=place.directory / "nowhere" / "data")


def test_data_folder_is_made_for_its_owner_alone(place):
    place.data = place.directory / "fresh"
    place.add_owner(*OWNER)
    place.start()
    assert stat.S_IMODE(place.data.stat().st_mode) & 0o077 == 0
    assert place.stop()[0] == 0


def test_data_folder_is_a_file(place):
    path = place.directory / "file"
    path.write_text("not a folder")
    spoil_nothing(place, path, data=path)


@ROOT_ONLY
@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_data_folder_that_may_not_be_used(template, providers, mode):
    """As another user, in a folder outside pytest's, which are closed to others."""
    directory = Path("/tmp") / f"granary-test-{os.getpid()}-{mode:o}"
    shutil.copytree(template.directory, directory)
    try:
        place = Granary(directory, base_config(providers))
        place.config_file.write_text(toml(place.config))
        directory.chmod(0o755)
        for path in directory.rglob("*"):
            os.chown(path, NOBODY, NOBODY)
        place.data.chmod(mode)
        as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if mode == 0o500:
            for path in place.sqlite:
                path.chmod(0o400)
        spoil_nothing(place, place.data, prefix=as_nobody)
    finally:
        shutil.rmtree(directory)


def test_data_folder_in_use(place):
    place.start()
    other = place.directory / "other.toml"
    other.write_text(place.config_file.read_text())
    assert_refused(serve(place, config=other), place.data)
    assert place.request("GET", USERS).status_code == 200
    assert place.stop()[0] == 0


def database(place):
    return next(path for path in place.sqlite if path.read_bytes()[:15] == b"SQLite format 3")


def test_newer_schema(place):
    path = database(place)
    with sqlite3.connect(path) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        assert version > 0, "the schema's version is not in user_version"
        connection.execute(f"PRAGMA user_version = {version + 100}")
    connection.close()
    spoil_nothing(place, "newer")


def test_damaged_database(place):
    path = database(place)
    data = path.read_bytes()
    path.write_bytes(b"This is no database.".ljust(200) + data[200:])
    spoil_nothing(place, path)


@pytest.mark.parametrize("option", ["listen", "metrics_listen"])
def test_port_taken(place, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        spoil_nothing(place, f"127.0.0.1:{port}", **{option: f"127.0.0.1:{port}"})


def test_port_taken_by_another_granary(place, start_granary):
    address = start_granary().url.removeprefix("http://")
    spoil_nothing(place, address, listen=address)


@pytest.mark.parametrize(
    "address", ["203.0.113.1:8080", "nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", ":", "300.1.1.1:80"]
)
def test_no_address_to_listen_on(place, address):
    before = snapshot(place.directory)
    done = serve(place, listen=address)
    assert done.returncode in (1, 2) and address in done.stderr
    assert snapshot(place.directory) == before


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two keys with their self-signed certificates, and files that are neither."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("one", "two"):
        made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        made += ["-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"]
        subprocess.run(["openssl", *map(str, made)], check=True, capture_output=True)
    (folder / "empty").write_text("")
    (folder / "text").write_text("This is no certificate.\n")
    return folder


@pytest.mark.parametrize(
    ("certificate", "key", "named"),
    [
        ("nowhere.crt", "one.key", "nowhere.crt"),
        ("one.crt", "nowhere.key", "nowhere.key"),
        ("one.crt", "two.key", "two.key"),
        ("empty", "one.key", "empty"),
        ("text", "one.key", "text"),
        ("one.crt", "text", "text"),
        ("one.key", "one.key", "one.key"),
        ("one.crt", "one.crt", "one.crt"),
        ("one.crt", None, "tls-key"),
        (None, "one.key", "tls-cert"),
    ],
)
def test_tls_files(place, certificates, certificate, key, named):
    files = {"tls_cert": certificate and certificates / certificate, "tls_key": key and certificates / key}
    spoil_nothing(place, named, **files)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, and a way to make it larger."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "granary-test", folder], capture_output=True).returncode:
        pytest.skip("may not mount")
    yield folder, lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
    subprocess.run(["umount", "-l", folder], check=True)


def test_disk_full_while_starting(place, small_disk):
    folder, resize = small_disk
    data = folder / "data"
    (folder / "filler").write_bytes(b"x" * (48 * 1024))
    done = serve(place, data=data)
    assert_refused(done)
    assert any(word in done.stderr for word in ("space", "full", "room"))
    (folder / "filler").unlink()
    resize("64m")
    place.data = data
    place.add_owner(*OWNER)
    place.start()
    assert place.new_user()
    assert place.stop()[0] == 0


def test_health_needs_no_token(granary):
    for path in ("/health/live", "/health/ready"):
        for token in (None, "stale"):
            assert granary.request("GET", path, token=token).status_code == 200


def test_metrics_only_where_they_are_asked_for(start_granary):
    port = free_port()
    server = start_granary(arguments=["--metrics-listen", f"127.0.0.1:{port}"])
    assert server.request("GET", "/metrics").status_code == 404
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10, proxies={"http": ""})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "# TYPE " in answer.text
    assert OWNER[0] not in answer.text
    for path in (USERS, "/api/authenticate", "/"):
        assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=10, proxies={"http": ""}).status_code == 404


def test_a_scrape_of_the_metrics_counts_nothing_that_was_counted_just_now(start_granary, providers):
    """Counting goes through every credential. One count serves all scrapes of 10 seconds; a person who asks is told what is so."""
    port = free_port()
    server = start_granary(arguments=["--metrics-listen", f"127.0.0.1:{port}"])

    def scraped():
        return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10, proxies={"http": ""}).text

    none = 'granary_credentials{provider="valley",status="OK"} 0\n'
    assert none in scraped()
    server.connect(new_login(providers, "valley-credentials"))
    assert none in scraped()
    shown = server.cli("providers", *server.store, "--config", str(server.config_file)).stdout
    assert re.search(r"^valley\b.*\b1\b", shown, re.M | re.I), shown


def test_no_metrics_without_the_option(granary):
    assert granary.request("GET", "/metrics", token=None).status_code == 404


def test_sigterm_finishes_requests_and_checks(start_granary, providers):
    server = start_granary(checks={"timeout": "8s"})
    posted, checked = new_login(providers, "valley-credentials"), new_login(providers, "ag-leader-credentials")
    credential = server.connect(checked)
    before = credential.values()["refreshToken"]
    for login in (posted, checked):
        login.fail(faults.delay(2), times=1)
    answers = {}
    new = server.credential(posted.slug)
    threads = [
        threading.Thread(target=lambda: answers.update(post=new.post(posted.body))),
        threading.Thread(target=lambda: answers.update(check=credential.check())),
    ]
    calls = len(checked.calls())
    for thread in threads:
        thread.start()
    eventually(lambda: posted.calls() and len(checked.calls()) > calls)
    code, seconds = server.stop()
    for thread in threads:
        thread.join(30)
    assert code == 0 and seconds < 30
    assert (answers["post"].status_code, answers["post"].json()["status"]) == (201, "OK")
    assert (answers["check"].status_code, answers["check"].json()["status"]) == (200, "OK")
    server.start()
    assert credential.values()["refreshToken"] == checked.record.refresh_token != before
    assert new.values()["status"] == "OK"


def test_sigterm_waits_for_no_idle_client(start_granary):
    server = start_granary()
    host, port = server.url.removeprefix("http://").split(":")
    held = [socket.create_connection((host, int(port)), 10) for _ in range(3)]
    held[1].sendall(b"GET /health/live HTTP/1.1\r\nHost: gra")
    held[2].sendall(b"POST /api/authenticate HTTP/1.1\r\nHost: granary\r\nContent-Length: 100\r\n\r\n{")
    code, seconds = server.stop()
    for connection in held:
        connection.close()
    assert code == 0 and seconds < 30
    with pytest.raises(OSError):
        socket.create_connection((host, int(port)), 2).close()


def test_sigterm_when_a_provider_hangs(start_granary, providers):
    server = start_granary(checks={"timeout": "20s"})
    login = new_login(providers, "valley-credentials")
    login.fail(faults.hang(40))
    credential = server.credential(login.slug)

    def post():
        try:
            credential.post(login.body)
        except requests.RequestException:
            """An answer or none: both are allowed."""

    thread = threading.Thread(target=post)
    thread.start()
    eventually(login.calls)
    code, seconds = server.stop()
    thread.join(30)
    assert code == 0 and seconds < 30
    server.start()
    assert credential.values()["status"] in ("OK", "TEMPORARILY_UNAVAILABLE")


def test_sigterm_takes_no_longer_than_a_check_that_hangs(start_granary, providers):
    """The clock's: it ends with its timeout, and the server with it."""
    server = start_granary(checks={"interval": "1s", "timeout": "2s"})
    login = new_login(providers, "valley-credentials")
    server.connect(login)
    calls = len(login.calls())
    login.fail(faults.hang(40))
    eventually(lambda: len(login.calls()) > calls)
    code, seconds = server.stop()
    assert code == 0 and seconds < 6


def test_one_connection_writes(granary, providers):
    """Two that commit or checkpoint at once can corrupt the file (SQLite before 3.51.3); a second process is refused above."""
    granary.connect(new_login(providers, "valley-credentials"))
    assert len(granary.cli("credentials", "--data", granary.data, "--root-key", f"file:{granary.key_file}").stdout.splitlines()) > 1
    process = Path(f"/proc/{granary.process.pid}")
    modes = []
    for file in (process / "fd").iterdir():
        if os.readlink(file) == str(granary.data / "granary.db"):
            flags = re.search(r"flags:\s+(\d+)", (process / "fdinfo" / file.name).read_text())[1]
            modes.append(int(flags, 8) & os.O_ACCMODE)
    assert sorted(modes) == [os.O_RDONLY] * (len(modes) - 1) + [os.O_RDWR]
    assert len(modes) > 1
