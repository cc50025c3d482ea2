#!/usr/bin/env python3
"""CPU time of the server for a GET, a POST and a check, of two binaries in one run, taken in turn: what a change costs. Prints one row
for each operation: microseconds of both, medians over the rounds, and their ratio.

    /usr/bin/python3 bench/operations.py BINARY BINARY [--rounds N]"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

TICKS = os.sysconf("SC_CLK_TCK")
OPERATIONS = {"GET": 3000, "check": 400, "POST": 200}
CREDENTIALS = 100  # so that none is checked more often than in two days: what it has spent is looked through at each check


def cpu_of(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Server:
    def __init__(self, folder, binary, providers):
        import harness
        import logins

        harness.BINARY = Path(binary).resolve()
        self.logins, self.providers = logins, providers
        self.server = harness.Granary(folder, harness.base_config(providers), described=False)
        folder.mkdir()
        self.server.prepare()
        self.server.start()
        self.credentials = [self.connected() for _ in range(CREDENTIALS)]

    def connected(self):
        login = self.logins.ag_leader(self.providers)
        credential = self.server.credential(login.slug)
        assert credential.post(login.body).json()["status"] == "OK"
        return credential

    def prepare(self, operation, count):
        """What an operation needs, so that only itself is measured."""
        if operation == "GET":
            return [self.credentials[0].get] * count
        if operation == "check":
            return [self.credentials[number % CREDENTIALS].check for number in range(count)]
        made = [(self.server.credential("valley-credentials"), self.logins.valley(self.providers).body) for _ in range(count)]
        return [lambda credential=credential, body=body: credential.post(body) for credential, body in made]

    def cost(self, operation, count):
        calls = self.prepare(operation, count)
        pid = self.server.process.pid
        before = cpu_of(pid)
        for call in calls:
            answer = call()
            assert answer.status_code in (200, 201), answer.text
        return (cpu_of(pid) - before) / count * 1e6


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("binaries", nargs=2)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    from standins import AgLeader, Agvance, Sentera, Valley

    providers = SimpleNamespace(valley=Valley(), agvance=Agvance(), sentera=Sentera(), ag_leader=AgLeader())
    with tempfile.TemporaryDirectory(prefix="granary-costs-") as folder:
        servers = [Server(Path(folder) / str(number), binary, providers) for number, binary in enumerate(options.binaries)]
        try:
            for operation, count in OPERATIONS.items():
                costs = [[], []]
                for _ in range(options.rounds):
                    for server, taken in zip(servers, costs):
                        taken.append(server.cost(operation, count))
                first, second = map(statistics.median, costs)
                print(f"{operation:6} {first:8.0f} us {second:8.0f} us  {second / first:.2f}", flush=True)
        finally:
            for server in servers:
                server.server.stop()
            for stand_in in vars(providers).values():
                stand_in.stop()


if __name__ == "__main__":
    main()
