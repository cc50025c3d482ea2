"""`granary demo` as a new user meets it: the printed commands work when pasted, Ag Leader's login is found to be revoked, and
a second start has kept its data. `granary sandbox` alone."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
import requests
from harness import BINARY, environment, eventually, free_port

NOTICED_WITHIN = 75  # seconds after the grower revoked access; asserted with three times the slack


class Demo:
    def __init__(self, folder, *arguments):
        self.output = folder / f"demo-{time.monotonic_ns()}.txt"
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen([str(BINARY), "demo", *arguments], stdout=out, cwd=folder, env=environment())
        eventually(lambda: "/sandbox\n" in self.text and self.commands, 60)

    @property
    def text(self):
        return self.output.read_text()

    @property
    def commands(self):
        return [line for line in self.text.splitlines() if line.startswith("curl ")]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture
def start_demo(tmp_path):
    started = []

    def start(*arguments):
        started.append(Demo(tmp_path, *arguments))
        return started[-1]

    yield start
    for demo in started:
        demo.kill()


def pasted(command):
    done = subprocess.run(["bash", "-c", command + " -w '\\n%{http_code}'"], capture_output=True, text=True, timeout=60, env=environment())
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_a_first_and_a_second_life(start_demo):
    demo = start_demo("--data", "kept", "--listen", f"127.0.0.1:{free_port()}")
    assert len(demo.commands) >= 6
    answers = [pasted(command) for command in demo.commands]
    assert {status for status, _ in answers} == {200}
    before = next(body for _, body in answers if isinstance(body, dict) and "valleyCredentials" in body)
    keys = ["agLeaderCredentials", "valleyCredentials", "agvanceCredentials", "senteraCredentials"]
    assert [before[key]["status"] for key in keys] == ["OK"] * 4

    eventually(lambda: "revokes access" in demo.text, 60)
    revoked = time.monotonic()
    eventually(lambda: "UNAUTHENTICATED since" in demo.text, 3 * NOTICED_WITHIN)
    assert time.monotonic() - revoked > 50, "a refusal is confirmed a minute later"
    assert demo.stop() == 0

    again = start_demo("--data", "kept", "--listen", f"127.0.0.1:{free_port()}")
    after = next(body for _, body in map(pasted, again.commands) if isinstance(body, dict) and "valleyCredentials" in body)
    assert [after[key]["id"] for key in keys] == [before[key]["id"] for key in keys]
    assert [after[key]["status"] for key in keys] == ["UNAUTHENTICATED", "OK", "OK", "OK"]
    check = next(command for command in again.commands if command.endswith("valley-credentials/check"))
    pasted(f"curl -s -X DELETE {re.search(r'http://[^ ]*/sandbox', again.text)[0]}/faults")
    assert pasted(check)[1]["status"] == "OK", "the sandbox has the account that the stored login is for"
    assert again.stop() == 0


def test_a_taken_port_makes_it_choose_another(start_demo):
    one, two = start_demo("--data", "one"), start_demo("--data", "two")
    addresses = {re.search(r"serves at (http://[0-9.:]+)", demo.text)[1] for demo in (one, two)}
    assert len(addresses) == 2
    for address in addresses:
        assert requests.get(f"{address}/health/ready", timeout=10).status_code == 200


def test_the_sandbox_alone(tmp_path):
    port = free_port()
    process = subprocess.Popen([str(BINARY), "sandbox", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, env=environment())
    try:
        shown = eventually(lambda: reach(f"http://127.0.0.1:{port}/sandbox"), 30)
        assert [provider["provider"] for provider in shown["providers"]] == ["ag-leader", "valley", "agvance", "sentera"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)


def reach(url):
    try:
        return requests.get(url, timeout=5).json()
    except requests.ConnectionError:
        return None
