#!/usr/bin/env python3
"""1,000 credentials of four simulated providers, checked every 10 s for 10 minutes: were all checked on time, and does memory
grow? Prints a row a minute and one at the end."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import requests  # noqa: E402
from harness import BINARY, Granary, free_port  # noqa: E402

USERS_BASE = "/services/usermanagement/api/users"
LIST = "/services/usermanagement/api/credentials"
NAMES = ["valley", "agvance", "sentera", "ag-leader"]


def memory_mib(pid, kind):
    """VmRSS is all of it; RssAnon is the program's own, without its code and the mapped database."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(kind)) / 1024


def all_credentials(session, server):
    found, page = [], 0
    while True:
        answer = session.get(server.url + LIST, params={"page": page, "size": 100}).json()
        if not answer:
            return found
        found += answer
        page += 1


def lateness(credentials):
    """Seconds since each was last checked."""
    now = datetime.now(timezone.utc)
    return sorted((now - datetime.fromisoformat(c["lastCheckedTime"].replace("Z", "+00:00"))).total_seconds() for c in credentials)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--credentials", type=int, default=1000)
    arguments.add_argument("--minutes", type=int, default=10)
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="granary-soak-"))
    port = free_port()
    sandbox = subprocess.Popen([str(BINARY), "sandbox", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL)
    origin = f"http://127.0.0.1:{port}"
    providers = {name: {"base_url": f"{origin}/{name}"} for name in NAMES if name != "agvance"}
    providers["agvance"] = {"environments": {"STAGE": {"base_url": f"{origin}/agvance"}, "PRODUCTION": {"base_url": f"{origin}/agvance"}}}
    (folder / "granary").mkdir()
    config = {"checks": {"interval": "10s"}, "egress": {"allow": ["127.0.0.1/32"]}, "providers": providers}
    server = Granary(folder / "granary", config)
    server.prepare()
    server.start()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {server.token}"
    try:
        for number in range(given.credentials):
            name = NAMES[number % len(NAMES)]
            account = requests.post(f"{origin}/sandbox/accounts", data=json.dumps({"provider": name})).json()
            user = session.post(server.url + USERS_BASE, json={"name": f"Farm {number}"}).json()["id"]
            made = session.post(f"{server.url}{USERS_BASE}/{user}/{name}-credentials", json=account["request"])
            assert made.json()["status"] == "OK", made.text
        worst, own = 0.0, []
        for minute in range(1, given.minutes + 1):
            time.sleep(60)
            credentials = all_credentials(session, server)
            ages = lateness(credentials)
            wrong = sum(c["status"] != "OK" for c in credentials)
            memory = memory_mib(server.process.pid, "VmRSS")
            own.append(memory_mib(server.process.pid, "RssAnon"))
            worst = max(worst, ages[-1])
            print(f"minute {minute}: {len(credentials)} credentials, last check at most {ages[-1]:.1f} s ago (median "
                  f"{ages[len(ages) // 2]:.1f} s), not OK {wrong}, memory {memory:.1f} MiB, {own[-1]:.1f} of it our own", flush=True)
        print(f"worst age {worst:.1f} s at an interval of 10 s; memory {memory:.1f} MiB at the end; our own {own[0]:.1f} MiB after a minute, "
              f"{own[-1]:.1f} MiB at the end, {max(own):.1f} MiB at most")
    finally:
        server.stop()
        sandbox.terminate()
        sandbox.wait(10)


if __name__ == "__main__":
    main()
