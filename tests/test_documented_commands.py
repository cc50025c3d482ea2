"""The commands of README.md and docs/operating.md, as they stand there: a new operator's machine is a folder, in which the paths of the
documents lie, and `systemctl` only writes down what it was asked."""

import os
import re
import signal
import stat
import subprocess
import time

import pytest
import requests
from harness import BINARY, OWNER, ROOT, Granary, base_config, environment, eventually, free_port


def block(document, heading, first):
    """The indented lines under a heading that begin with `first`."""
    section = (ROOT / document).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [text for text in re.findall(r"(?:^    .*\n)+", section, re.MULTILINE) if text.strip().startswith(first)]
    assert len(found) == 1, found
    return re.sub(r"^    ", "", found[0], flags=re.MULTILINE)


class Machine:
    def __init__(self, folder):
        self.folder = folder
        for name in ("etc", "var/lib", "bin"):
            (folder / name).mkdir(parents=True)
        (folder / "bin" / "granary").symlink_to(BINARY)
        systemctl = folder / "bin" / "systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$@" >> {folder}/systemctl.log\n')
        systemctl.chmod(0o755)

    def here(self, text):
        return re.sub(r"(?<![\w.])/(etc|var|backup)\b", rf"{self.folder}/\1", text)

    def run(self, commands):
        env = {**environment(), "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        return subprocess.run(["bash", "-euc", self.here(commands)], capture_output=True, text=True, timeout=60, cwd=self.folder, env=env)

    def asked_of_systemctl(self):
        return (self.folder / "systemctl.log").read_text().split("\n")[:-1]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_run_it_as_in_the_readme(machine):
    lines = block("README.md", "Run it", "build/release/granary key init").splitlines()
    serve = lines.pop()
    assert serve.startswith("build/release/granary serve")
    port = free_port()
    (machine.folder / "build" / "release").mkdir(parents=True)
    (machine.folder / "build" / "release" / "granary").symlink_to(BINARY)
    done = machine.run("\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((machine.folder / "etc" / "granary").stat().st_mode) == 0o700
    words = [*machine.here(serve).split(), "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(words, cwd=machine.folder, stderr=subprocess.DEVNULL, env=environment()) as process:
        try:
            eventually(lambda: is_ready(port), 20)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def is_ready(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5, proxies={"http": ""}).status_code == 200
    except requests.ConnectionError:
        return False


def test_set_up(machine):
    (machine.folder / "password.txt").write_text("words that are long enough\n")
    done = machine.run(block("docs/operating.md", "Set up", "granary key init"))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert machine.asked_of_systemctl() == ["enable --now granary"]
    again = machine.run("granary config --config /etc/granary/granary.toml")
    assert again.returncode == 0 and again.stdout == (machine.folder / "etc/granary/granary.toml").read_text()


@pytest.fixture(params=["folder", "link"])
def server(request, providers, machine):
    """Its data is at /var/lib/granary: a folder, or a link as systemd's DynamicUser makes it."""
    made = Granary(machine.folder, base_config(providers))
    made.data = machine.folder / "var/lib/granary"
    if request.param == "link":
        (machine.folder / "var/lib/private/granary").mkdir(parents=True, mode=0o700)
        made.data.symlink_to("private/granary")
    yield made.prepare()
    made.kill()


def names(server):
    return {user["name"] for user in server.request("GET", "/services/usermanagement/api/users").json()}


def back_up(machine):
    before = set((machine.folder / "backup").glob("granary-*"))
    done = machine.run(block("docs/operating.md", "Back up and restore", "backup=/backup/granary-$(date"))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    [made] = set((machine.folder / "backup").glob("granary-*")) - before
    return made


def restore(machine, backup):
    commands = block("docs/operating.md", "Back up and restore", "backup=/backup/granary-2026")
    done = machine.run(re.sub(r"^backup=.*", f"backup={backup}", commands))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_back_up_and_restore(server, machine):
    was_link = server.data.is_symlink()
    server.start()
    server.new_user(name="before")
    assert server.stop()[0] == 0
    backup = back_up(machine)
    assert machine.asked_of_systemctl() == ["stop granary", "start granary"]
    assert backup.is_dir() and not backup.is_symlink() and (backup / "granary.db").is_file()
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (backup, backup.parent, *backup.iterdir())} == {0}

    server.start()
    server.new_user(name="after")
    server.kill()  # its log is left: none of it may come to the file that is put back
    assert (server.data / "granary.db-wal").stat().st_size > 0
    restore(machine, backup)
    assert server.data.is_symlink() == was_link
    assert {path.name for path in server.data.iterdir()} == {path.name for path in backup.iterdir()}
    server.start()
    assert names(server) == {"before"}
    assert server.stop()[0] == 0
    [aside] = (machine.folder / "backup").glob("aside-*")
    assert (aside / "granary.db-wal").stat().st_size > 0, "nothing is thrown away"


def test_two_backups_do_not_mix(server, machine):
    server.start()
    made = []
    for name in ("one", "two"):
        server.new_user(name=name)
        server.kill()
        made.append(back_up(machine))
        server.start()
        time.sleep(1)
    assert server.stop()[0] == 0
    restore(machine, made[0])
    server.start()
    assert names(server) == {"one"}
    assert server.stop()[0] == 0


def test_restore_to_a_new_machine(providers, machine, tmp_path):
    server = Granary(machine.folder, base_config(providers))
    server.data = machine.folder / "var/lib/granary"
    server.prepare()
    backup = back_up(machine)
    server.data.rename(tmp_path / "lost")
    commands = block("docs/operating.md", "Back up and restore", "backup=/backup/granary-2026")
    commands = "\n".join(line for line in commands.splitlines() if not line.startswith("find "))
    done = machine.run(re.sub(r"^backup=.*", f"backup={backup}", commands))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    try:
        server.start()
        assert server.log_in(*OWNER)
        assert server.stop()[0] == 0
    finally:
        server.kill()


def test_a_copy_beside_the_original(server, machine):
    server.start().stop()
    copied = machine.run("cp -a /var/lib/granary/. /var/lib/granary-copy; mkdir /etc/granary; cp -p root.key /etc/granary/")
    assert copied.returncode == 0, copied.stderr
    server.start()
    port = free_port()
    serve = block("docs/operating.md", "A copy beside the original", "granary serve")
    words = [f"{machine.folder}/bin/granary", *machine.here(serve).split()[1:], "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(words, cwd=machine.folder, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            eventually(lambda: is_ready(port), 20)
            ready = requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5, proxies={"http": ""})
            assert ready.text == '{"status":"ready","checks":"off"}'
            process.send_signal(signal.SIGTERM)
            assert "this store was last served by another machine or folder" in process.communicate(timeout=20)[1]
            assert process.returncode == 0
        finally:
            process.kill()
    assert server.is_ready()
