"""Who else can get at the data: the folder and what is in it are the server's user's alone, nothing in the place of a file of ours is
followed, and a command says nothing to another user's server."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import BINARY, OWNER, Granary, base_config, environment, free_port, toml

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = 65534
NAMES = ["lock", "granary.db", "granary.db-wal", "granary.db-shm", "granary.db-journal", "granary.sock"]
PASSWORD = "words that are long enough"


@pytest.fixture
def place(providers, tmp_path):
    made = Granary(tmp_path, base_config(providers)).prepare()
    made.config_file.write_text(toml(made.config))
    yield made
    made.kill()


@pytest.fixture
def of_nobody(providers):
    """A folder in which another user keeps data, key and binary: pytest's own folders are closed to others."""
    directory = Path("/tmp") / f"granary-test-{os.getpid()}"
    directory.mkdir()
    made = Granary(directory, base_config(providers)).prepare()
    made.wrapper = as_nobody()
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    yield made
    made.kill()
    shutil.rmtree(directory)


def as_nobody(user=NOBODY):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def run(place, *words, prefix=(), variables=None, input=""):
    command = [*prefix, str(BINARY), *map(str, words)]
    options = {"capture_output": True, "text": True, "timeout": 30, "env": {**environment(), **(variables or {})}}
    return subprocess.run(command, input=input, **options)


def attempts(place):
    """A start of the server, and commands that read and write; with what they print."""
    serve = ["serve", "--listen", f"127.0.0.1:{free_port()}", "--config", place.config_file, *place.store]
    return [serve, ["providers", *place.store], ["owner", "add", "new@example.org", *place.store]]


def modes(place):
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in [place.data, *place.data.iterdir()]}


def snapshot(place):
    return {name: (mode, (place.data / name).is_symlink()) for name, mode in modes(place).items()}


def assert_refused(place, *words):
    """By everything that would open the data, in one sentence that says these words, and without a trace."""
    before = snapshot(place)
    for attempt in attempts(place):
        started = time.monotonic()
        done = run(place, *attempt, input=PASSWORD + "\n")
        assert done.returncode == 1, (attempt, done.stderr)
        assert len(done.stderr.splitlines()) == 1, done.stderr
        for word in words:
            assert str(word) in done.stderr, done.stderr
        assert time.monotonic() - started < 5
    assert snapshot(place) == before
    return done.stderr


def mend_as_told(sentence):
    """Runs the command that stands in the sentence."""
    subprocess.run(["sh", "-c", sentence.split("`")[1]], check=True)


def test_whatever_the_umask_nothing_is_for_others(place):
    shutil.rmtree(place.data)
    place.wrapper = ["sh", "-c", 'umask 0; exec "$@"', "sh"]
    subprocess.run(
        [*place.wrapper, str(BINARY), "owner", "add", OWNER[0], *place.store], input=OWNER[1] + "\n", text=True, check=True, env=environment()
    )
    place.start()
    place.new_user()
    found = modes(place)
    assert {"data", "lock", "granary.db", "granary.db-wal", "granary.db-shm", "granary.sock"} <= set(found)
    assert {name: mode for name, mode in found.items() if mode & 0o077} == {}
    assert place.stop()[0] == 0


def test_what_others_can_read_is_closed_to_them_and_said(place):
    """As older versions and a plain mkdir left it."""
    place.data.chmod(0o755)
    (place.data / "granary.db").chmod(0o644)
    place.start()
    assert {name: mode for name, mode in modes(place).items() if mode & 0o077} == {}
    told = {line["path"] for line in place.problems("warning") if "others could get at" in line["message"]}
    assert told == {str(place.data), str(place.data / "granary.db")}
    assert place.stop()[0] == 0


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777, 0o2770])
def test_a_folder_that_others_can_write_to(place, mode):
    place.data.chmod(mode)
    mend_as_told(assert_refused(place, place.data, "chmod 700"))
    place.start()
    assert place.stop()[0] == 0


def test_the_command_that_mends_it_can_be_pasted_whatever_the_folders_name(place):
    named = place.directory / "it's the $HOME of data"
    place.data.rename(named)
    place.data = named
    place.config_file.write_text(toml(place.config))
    named.chmod(0o777)
    mend_as_told(assert_refused(place, named))
    (named / "granary.db").chmod(0o666)
    mend_as_told(assert_refused(place, named / "granary.db"))
    place.start()
    assert place.stop()[0] == 0


def test_a_new_folder_that_others_can_write_to_is_closed_to_them(place):
    """As a fresh mount of tmpfs: nothing of ours is in it yet."""
    shutil.rmtree(place.data)
    place.data.mkdir()
    place.data.chmod(0o1777)
    place.add_owner(*OWNER)
    assert stat.S_IMODE(place.data.stat().st_mode) & 0o077 == 0
    place.start()
    assert place.stop()[0] == 0


@pytest.mark.parametrize("name", ["lock", "granary.db"])
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_to(place, name, mode):
    (place.data / name).chmod(mode)
    mend_as_told(assert_refused(place, place.data / name, "chmod 600"))
    place.start()
    assert place.stop()[0] == 0


def link_aside(path):
    """The file is there, under another name, and a link leads to it."""
    aside = path.parent.parent / "aside"
    path.rename(aside) if path.exists() else aside.write_text("")
    aside.chmod(0o600)
    path.symlink_to(aside)


PLACED = {
    "link": link_aside,
    "dangling link": lambda path: path.symlink_to(path.parent.parent / "nowhere"),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "pipe": lambda path: os.mkfifo(path, 0o600),
    "folder": lambda path: path.mkdir(mode=0o700),
    "hard link": lambda path: ((path.parent.parent / "other").touch(0o600), os.link(path.parent.parent / "other", path)),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", PLACED)
def test_what_stands_in_the_place_of_a_file_of_ours(place, name, kind):
    path = place.data / name
    kept = path.read_bytes() if path.exists() else None
    if kind != "link":
        path.unlink(missing_ok=True)
    PLACED[kind](path)
    assert_refused(place, path)
    assert not (place.data.parent / "nowhere").exists()
    if kind == "folder":
        path.rmdir()
    else:
        path.unlink()
    if kept is not None:
        path.write_bytes(kept)
    place.start()
    assert place.stop()[0] == 0


def test_a_file_in_the_place_of_the_socket_is_not_removed(place):
    path = place.data / "granary.sock"
    path.write_text("something of the operator's")
    path.chmod(0o600)
    mend_as_told(assert_refused(place, path))
    assert Path(f"{path}.aside").read_text() == "something of the operator's"
    place.start()
    place.kill()
    assert stat.S_ISSOCK(path.lstat().st_mode), "what a crash left is replaced"
    place.start()
    assert place.cli("providers", *place.store).returncode == 0
    assert place.stop()[0] == 0


def test_the_folder_itself_may_be_a_link(place):
    """As systemd makes it with DynamicUser."""
    private = place.directory / "private"
    private.mkdir(mode=0o700)
    place.data.rename(private / "granary")
    place.data.symlink_to("private/granary")
    place.start()
    place.add_owner("second@example.org", PASSWORD)
    assert place.stop()[0] == 0
    assert place.data.is_symlink() and place.cli("providers", *place.store).returncode == 0


@ROOT_ONLY
def test_another_users_folder_or_file(place):
    serve = attempts(place)[0]
    for path in (place.data, place.data / "granary.db", place.data / "lock"):
        os.chown(path, NOBODY, NOBODY)
        done = run(place, *serve)
        assert done.returncode == 1 and str(path) in done.stderr and str(NOBODY) in done.stderr, done.stderr
        mend_as_told(done.stderr)
    place.start()
    assert place.stop()[0] == 0


@ROOT_ONLY
@pytest.mark.parametrize("is_running", [True, False])
def test_root_commands_beside_a_service_with_a_user_of_its_own(of_nobody, is_running):
    """The service opens afterwards what the command made."""
    if not is_running:
        shutil.rmtree(of_nobody.data)
        of_nobody.data.mkdir(mode=0o700)
        os.chown(of_nobody.data, NOBODY, NOBODY)
        of_nobody.add_owner(*OWNER)
    of_nobody.start()
    if not is_running:
        assert of_nobody.stop()[0] == 0
    of_nobody.add_owner("second@example.org", PASSWORD)
    if not is_running:
        of_nobody.start()
    assert of_nobody.log_in("second@example.org", PASSWORD)
    owners = {path.name: path.lstat().st_uid for path in [of_nobody.data, *of_nobody.data.iterdir()]}
    assert set(owners.values()) == {NOBODY}, owners
    assert of_nobody.stop()[0] == 0


LISTENER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o600)
os.seteuid(int(sys.argv[2]))
listener.listen()
print("listening", flush=True)
connection, _ = listener.accept()
connection.settimeout(5)
print(repr(connection.recv(65536)), flush=True)
"""


@contextlib.contextmanager
def foreign_server(place, user):
    """Another user's program at the server's socket, which writes down what it is sent."""
    path = str(place.data / "granary.sock")
    process = subprocess.Popen([sys.executable, "-c", LISTENER, path, str(user)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "listening\n"
        yield process
    finally:
        process.kill()
        process.wait(10)


@ROOT_ONLY
@pytest.mark.parametrize("command", [["owner", "add", "new@example.org"], ["owner", "password", OWNER[0]], ["providers"]])
def test_nothing_is_said_to_another_users_server(place, command):
    with foreign_server(place, NOBODY) as server:
        done = run(place, *command, *place.store, input=PASSWORD + "\n")
        assert server.stdout.readline() == "b''\n"
    assert done.returncode == 1 and str(NOBODY) in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


@ROOT_ONLY
def test_nor_by_another_user_to_one_of_a_third(of_nobody):
    """Nobody's command, at a socket where user 1 listens; the socket itself is nobody's."""
    with foreign_server(of_nobody, 1) as server:
        os.chown(of_nobody.data / "granary.sock", NOBODY, NOBODY)
        done = run(of_nobody, "providers", *of_nobody.store, prefix=as_nobody())
        assert server.stdout.readline() == "b''\n"
    assert done.returncode == 1 and "nothing was sent" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("mode", "is_taken"), [(0o400, True), (0o440, True), (0o640, True), (0o600, True), (0o420, False), (0o404, False), (0o402, False), (0o444, False)]
)
@pytest.mark.parametrize("source", ["credential:root.key", "file:{}/credentials/root.key"])
def test_a_key_among_systemds_credentials(place, mode, is_taken, source):
    """systemd gives the service's group the right to read them, on some systems."""
    folder = place.directory / "credentials"
    folder.mkdir(mode=0o700)
    place.key_file.rename(folder / "root.key")
    (folder / "root.key").chmod(mode)
    words = ["providers", "--data", place.data, "--root-key", source.format(place.directory), "--config", place.config_file]
    done = run(place, *words, variables={"CREDENTIALS_DIRECTORY": str(folder)})
    assert (done.returncode == 0) == is_taken, done.stderr
    assert is_taken or f"chmod 600 {folder}/root.key" in done.stderr


def test_a_key_from_a_pipe(place):
    words = ["bash", "-c", 'exec 7< <(sleep 0.3; cat "$2"); exec "$0" providers --data "$1" --root-key file:/dev/fd/7 --config "$3"', str(BINARY)]
    done = subprocess.run([*words, place.data, place.key_file, place.config_file], capture_output=True, text=True, timeout=30, env=environment())
    assert done.returncode == 0, done.stderr


def test_a_key_that_nobody_writes(place):
    place.key_file.unlink()
    os.mkfifo(place.key_file, 0o600)
    started = time.monotonic()
    done = run(place, "providers", *place.store)
    assert done.returncode == 1 and str(place.key_file) in done.stderr
    assert time.monotonic() - started < 15
