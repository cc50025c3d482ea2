"""Signals and pipes: what only tells something ends nothing, a log that nobody reads holds nobody up, SIGHUP brings the new
certificate in, and programs of a terminal end with it."""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
import requests
from cryptography import x509
from harness import BINARY, USERS, Granary, base_config, environment, eventually, free_port

HARMLESS = [signal.SIGPIPE, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXFSZ]


@pytest.fixture
def server(providers, tmp_path):
    """Prepared, not started, with metrics."""
    port = free_port()
    made = Granary(tmp_path, base_config(providers), ["--metrics-listen", f"127.0.0.1:{port}"])
    made.metrics_url = f"http://127.0.0.1:{port}/metrics"
    yield made.prepare()
    made.kill()


def lines_dropped(server):
    text = requests.get(server.metrics_url, timeout=5, proxies={"http": ""}).text
    return int(float(re.search(r"^granary_log_lines_dropped_total (\S+)", text, re.MULTILINE)[1]))


def redirected(words):
    """What runs a command with its descriptors changed as a shell does it."""
    return ["sh", "-c", f'exec "$@" {words}', "sh"]


def log_something(server):
    """Each SIGHUP is one line of the log; they are taken one by one."""
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.002)


@pytest.mark.parametrize("number", HARMLESS)
def test_a_signal_that_tells_something_ends_nothing(server, number):
    server.start()
    for _ in range(20):
        server.process.send_signal(number)
    assert server.new_user()
    assert server.stop()[0] == 0


@contextlib.contextmanager
def starting(server):
    """The server as it starts: it waits for its folder, which the test holds, until the block ends."""
    with open(server.data / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server.launch()
        eventually(lambda: os.path.exists(f"/proc/{server.process.pid}/fd") and str(server.data / "lock") in open_files(server))
        yield
    server.wait_until_ready()


def open_files(server):
    folder = Path(f"/proc/{server.process.pid}/fd")
    return [os.readlink(path) for path in folder.iterdir() if os.path.lexists(path)]


@pytest.mark.parametrize("number", HARMLESS)
def test_nor_while_the_server_starts(server, number):
    with starting(server):
        for _ in range(20):
            server.process.send_signal(number)
            time.sleep(0.01)
        assert server.process.poll() is None
    assert server.stop()[0] == 0


def test_a_hangup_while_the_server_starts_is_not_forgotten(server):
    with starting(server):
        server.process.send_signal(signal.SIGHUP)
    eventually(lambda: any(line["message"].startswith("SIGHUP") for line in server.log_lines()))


class Pipe:
    """A named pipe of one page as standard error, read only when asked."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self.open()
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, 4096)

    def open(self):
        self.reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def close(self):
        os.close(self.reader)

    def read(self):
        text = b""
        try:
            while block := os.read(self.reader, 65536):
                text += block
        except BlockingIOError:
            pass
        return text.decode()


def test_a_log_that_nobody_reads_holds_nobody_up(server, tmp_path):
    pipe = Pipe(tmp_path / "pipe")
    server.wrapper = redirected(f"2>{pipe.path}")
    server.start()
    while lines_dropped(server) < 10:
        for _ in range(10):
            log_something(server)
    assert server.new_user(), "requests are served"
    text = pipe.read()
    assert "were dropped" not in text
    dropped = lines_dropped(server)
    log_something(server)
    text += eventually(pipe.read)
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["level"], line["count"]) for line in lines if line["message"] == "log lines were dropped"] == [("warning", dropped)]
    assert server.stop()[0] == 0
    assert "stopped" in pipe.read()
    pipe.close()


def test_a_log_whose_reader_went_and_came_back(server, tmp_path):
    pipe = Pipe(tmp_path / "pipe")
    server.wrapper = redirected(f"2>{pipe.path}")
    server.start()
    pipe.read()
    pipe.close()
    for _ in range(5):
        log_something(server)
    dropped = eventually(lambda: lines_dropped(server))
    assert server.new_user()
    pipe.open()
    log_something(server)
    lines = [json.loads(line) for line in eventually(pipe.read).splitlines()]
    assert lines[0]["message"] == "log lines were dropped" and lines[0]["count"] >= dropped
    pipe.close()
    assert server.stop()[0] == 0, "the last lines find no reader either"


def test_an_unnamed_pipe_whose_reader_is_gone(server):
    server.wrapper = ["bash", "-c", 'exec "$@" 2> >(exec true)', "bash"]
    server.start()
    time.sleep(0.1)
    log_something(server)
    assert eventually(lambda: lines_dropped(server))
    assert server.new_user() and server.stop()[0] == 0


def test_a_terminal_that_takes_nothing(server):
    """As one whose user pressed Ctrl-S, or whose window hangs."""
    master, slave = os.openpty()
    server.wrapper = redirected(f"2>/dev/pts/{os.path.basename(os.ttyname(slave))}")
    server.start()
    while lines_dropped(server) < 10:
        for _ in range(10):
            log_something(server)
    assert server.new_user()
    os.close(slave)
    os.close(master)
    log_something(server)
    assert server.new_user() and server.stop()[0] == 0


def test_a_log_on_a_full_disk(server, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "granary-test", folder], capture_output=True).returncode:
        pytest.skip("may not mount")
    try:
        server.wrapper = redirected(f"2>>{folder / 'log'}")
        server.start()
        (folder / "filler").write_bytes(b"x" * 56 * 1024)
        while not (dropped := lines_dropped(server)):
            log_something(server)
        assert server.new_user()
        (folder / "filler").unlink()
        log_something(server)

        def told():
            lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
            return [line for line in lines if line["message"] == "log lines were dropped"]

        [line] = eventually(told)
        assert line["count"] >= dropped
        assert server.stop()[0] == 0
    finally:
        server.kill()
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_standard_descriptors_are_taken(server, closed):
    server.wrapper = redirected(closed)
    server.start()
    names = {number: os.readlink(f"/proc/{server.process.pid}/fd/{number}") for number in (0, 1, 2)}
    assert not any(name.startswith((str(server.data), "socket:", "anon_inode:")) for name in names.values()), names
    log_something(server)
    if "2>&-" in closed:
        assert eventually(lambda: lines_dropped(server)), "a log that is closed takes no lines"
    assert server.new_user() and server.stop()[0] == 0
    assert server.start().request("GET", USERS).headers["X-Total-Count"] == "1"


def test_a_limit_on_the_size_of_files_is_an_error_of_the_write(server):
    server.start()
    size = max(path.stat().st_size for path in server.sqlite) + 8192
    server.stop()
    server.wrapper = ["prlimit", f"--fsize={size}:{size}"]
    server.start()
    eventually(lambda: server.request("POST", USERS, json={"name": "x" * 4000}).status_code == 503, pause=0)
    assert server.request("GET", USERS).status_code == 200
    assert server.stop()[0] == 0


def run_into(stdout, *words, store=()):
    run = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "timeout": 30, "env": environment()}
    return subprocess.run([str(BINARY), *words, *store], stdout=stdout, **run)


PRINTING = [["--help"], ["--version"], ["serve", "--help"], ["openapi"], ["config"], ["config", "--reference"], ["providers"], ["credentials"]]


@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_output_that_nobody_reads_or_that_has_no_room(server, words):
    store = server.store if words[0] in ("providers", "credentials") else ()
    reader, writer = os.pipe()
    os.close(reader)
    done = run_into(writer, *words, store=store)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, ""), "a reader that has seen enough is told nothing"
    with open("/dev/full", "w") as full:
        done = run_into(full, *words, store=store)
    assert done.returncode == 1 and "standard output" in done.stderr and len(done.stderr.splitlines()) == 1


def test_output_that_is_closed():
    done = subprocess.run([*redirected(">&-"), str(BINARY), "openapi"], stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1 and "standard output" in done.stderr


def certificate(path, name):
    """A key and a self-signed certificate, one file each."""
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    subprocess.run(["openssl", *made, "-keyout", path / "new.key", "-out", path / "new.crt"], check=True, capture_output=True)
    os.replace(path / "new.key", path / "tls.key")
    os.replace(path / "new.crt", path / "tls.crt")


class TlsClient:
    def __init__(self, server):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        host, port = server.url.rpartition("/")[2].split(":")
        self.socket = context.wrap_socket(socket.create_connection((host, int(port)), 10))
        shown = x509.load_der_x509_certificate(self.socket.getpeercert(True))
        self.name = shown.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value

    def live(self):
        self.socket.sendall(b"GET /health/live HTTP/1.1\r\nHost: granary\r\n\r\n")
        return self.socket.recv(4096).startswith(b"HTTP/1.1 200 ")


def shown(server):
    client = TlsClient(server)
    assert client.live()
    client.socket.close()
    return client.name


@pytest.fixture
def tls_server(server, tmp_path):
    certificate(tmp_path, "one")
    server.arguments += ["--tls-cert", str(tmp_path / "tls.crt"), "--tls-key", str(tmp_path / "tls.key")]
    server.launch()

    def serves():
        assert server.process.poll() is None, server.log
        try:
            return shown(server)
        except OSError:
            return None

    assert eventually(serves, 30) == "one"
    return server


def test_sighup_brings_the_new_certificate_in(tls_server, tmp_path):
    kept = TlsClient(tls_server)
    certificate(tmp_path, "two")
    assert shown(tls_server) == "one"
    tls_server.process.send_signal(signal.SIGHUP)
    eventually(lambda: shown(tls_server) == "two")
    assert kept.live(), "who is connected stays so"
    assert [line["level"] for line in tls_server.log_lines() if "certificate" in line["message"]] == ["info"]
    assert tls_server.stop()[0] == 0


BREAKING = {
    "no PEM": lambda folder: (folder / "tls.crt").write_text("no PEM\n"),
    "empty": lambda folder: (folder / "tls.crt").write_text(""),
    "missing": lambda folder: (folder / "tls.key").unlink(),
    "not readable as a file": lambda folder: ((folder / "tls.key").unlink(), (folder / "tls.key").mkdir()),
    "a pipe without a writer": lambda folder: ((folder / "tls.crt").unlink(), os.mkfifo(folder / "tls.crt")),
    "another's key": lambda folder: subprocess.run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-out", folder / "tls.key"], check=True),
    "a key behind a passphrase": lambda folder: subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:x", "-out", folder / "tls.key"],
        check=True,
    ),
}


@pytest.mark.parametrize("broken", BREAKING)
def test_a_broken_certificate_is_said_and_the_old_one_kept(tls_server, tmp_path, broken):
    BREAKING[broken](tmp_path)
    tls_server.process.send_signal(signal.SIGHUP)
    [told] = eventually(lambda: tls_server.problems(), 15)
    assert "tls.crt" in told["why"] or "tls.key" in told["why"]
    assert shown(tls_server) == "one"
    for name in ("tls.crt", "tls.key"):
        if (tmp_path / name).is_dir():
            (tmp_path / name).rmdir()
    certificate(tmp_path, "three")
    tls_server.process.send_signal(signal.SIGHUP)
    eventually(lambda: shown(tls_server) == "three", 15)
    assert tls_server.stop()[0] == 0


def test_without_a_certificate_sighup_says_so(server):
    server.start()
    log_something(server)
    eventually(lambda: [line for line in server.log_lines() if line["message"].startswith("SIGHUP")])
    assert not server.problems() and server.stop()[0] == 0


def terminal_program(name, folder, wrapper=()):
    """`demo` or `sandbox` by itself, once it can be reached; and where."""
    port = free_port()
    words = [*wrapper, str(BINARY), name, "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(words, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def reachable():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(reachable, 30)
    time.sleep(0.5)
    return process, reachable


@pytest.mark.parametrize("name", ["demo", "sandbox"])
def test_programs_of_a_terminal_end_with_it(tmp_path, name):
    process, _ = terminal_program(name, tmp_path)
    for number in (signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2):
        process.send_signal(number)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    try:
        assert process.wait(20) == 0
    finally:
        process.kill()


@pytest.mark.parametrize("name", ["demo", "sandbox"])
def test_programs_of_a_terminal_outlive_it_where_they_are_told_to(tmp_path, name):
    process, reachable = terminal_program(name, tmp_path, ["nohup"])
    try:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None and reachable()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()


def test_a_command_that_waits_for_its_input_ends_with_the_terminal(server):
    words = [str(BINARY), "owner", "add", "new@example.org", *server.store]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment())
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    assert process.wait(10) == -signal.SIGHUP
