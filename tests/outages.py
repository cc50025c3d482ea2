#!/usr/bin/env python3
"""Every way in which a provider can fail without refusing anybody, many thousand checks of each against the real binary: none may
become UNAUTHENTICATED or MISSING_PERMISSION. `./dev outages --checks N` ends with a row for each. Ag Leader's flow: it has the most
to lose. Needs root, for its name server."""

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import requests  # noqa: E402
from harness import CREDENTIALS, USERS, Granary, eventually, free_port  # noqa: E402
from standins.resolver import NOERROR, NXDOMAIN, SERVFAIL, Resolver  # noqa: E402
from standins.weather import Weather  # noqa: E402

SLUG = "ag-leader-credentials"


def checks_counted(metrics_port, provider, *results):
    """The checks that ended with one of `results` since the start."""
    text = requests.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10, proxies={"http": ""}).text
    found = re.findall(rf'granary_checks_total{{provider="{provider}",result="({"|".join(results)})"}} (\S+)', text)
    return sum(int(float(count)) for _, count in found)


class Outages:
    def __init__(self, folder, credentials, timeout="2s"):
        self.resolver = Resolver()
        self.weather = Weather(folder)
        self.metrics_port = free_port()
        self.server = Granary(folder, {
            "egress": {"allow": ["127.0.0.1/32"], "ca_file": str(self.weather.ca_file)},
            # Whatever counted as a refusal would be confirmed at once.
            "checks": {"interval": "1s", "confirm_after": "1s", "outage_after": "1s", "timeout": timeout},
            "breaker": {"minimum": 100000},
            "providers": {"ag-leader": {"base_url": self.weather.url, "rate": 5000, "concurrency": 400}},
        }, arguments=["--metrics-listen", f"127.0.0.1:{self.metrics_port}"])
        self.server.wrapper = self.resolver.wrapper(folder)
        self.server.prepare().start()
        self.credentials = credentials
        for number in range(credentials):
            body = {"refreshToken": f"token-{number}", "publicKey": "key", "privateKey": "secret"}
            assert self.server.request("POST", f"{USERS}/{self.server.new_user()}/{SLUG}", json=body).status_code == 201
        eventually(lambda: self.count("OK") == credentials, 60)

    def stop(self):
        self.server.kill()
        self.weather.stop()
        self.resolver.stop()

    def faults(self):
        """Name: what begins it."""
        weather = self.weather

        def mode(value):
            return lambda: setattr(weather, "mode", value)

        def names(value):
            return lambda: setattr(self.resolver, "mode", value)

        def certificate(value):
            return lambda: weather.show(value)

        return {
            **{str(status): mode(weather.status(status)) for status in (408, 429, 500, 502, 503, 504)},
            "reset": mode(weather.reset),
            "timeout": mode(weather.hang),
            "cut body": mode(weather.cut),
            "slow drip": mode(weather.drip),
            "HTML with 200": mode(weather.html),
            "broken JSON": mode(weather.broken_json),
            # A proxy that keeps the body: the words of a refusal count under the status of a refusal alone.
            **{f"{status} invalid_grant": mode(weather.status(status, "invalid_grant")) for status in (408, 429, 503)},
            "NXDOMAIN": names(NXDOMAIN),
            "SERVFAIL": names(SERVFAIL),
            "refused connection": weather.close,
            "expired certificate": certificate("expired"),
            "wrong host name": certificate("wrong-host"),
            "self-signed certificate": certificate("self-signed"),
        }

    def clear(self):
        self.weather.mode = self.weather.ok
        self.weather.show("sound")
        self.resolver.mode = NOERROR
        if not self.weather.server.is_serving():
            self.weather.listen()

    def checks(self, *results):
        return checks_counted(self.metrics_port, "ag-leader", *results)

    def count(self, *statuses):
        total = 0
        for status in statuses:
            answer = self.server.request("GET", CREDENTIALS, params={"status": status, "size": 1})
            assert answer.status_code == 200, answer.text
            total += int(answer.headers["X-Total-Count"])
        return total

    def run(self, name, checks, recovers=True, limit=1800):
        """That many checks meet the fault; a name that was found is remembered for a minute first. Returns how many checks it were,
        and how many credentials were called revoked or forbidden at any look."""
        before, end, wrong = self.checks("unavailable"), time.monotonic() + limit, 0
        refused = self.checks("refused", "forbidden")
        self.faults()[name]()
        while self.checks("unavailable") - before < checks:
            assert time.monotonic() < end, f"{name}: too few checks"
            time.sleep(0.2)
            wrong = max(wrong, self.count("UNAUTHENTICATED", "MISSING_PERMISSION"))
        wrong = max(wrong, self.count("UNAUTHENTICATED", "MISSING_PERMISSION"))
        made = self.checks("unavailable") - before
        assert self.checks("refused", "forbidden") == refused, f"{name} was taken for a refusal"
        if not recovers:
            return made, wrong
        self.clear()
        eventually(lambda: self.count("OK") == self.credentials, 60)
        return made, wrong


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--checks", type=int, default=10_000)
    arguments.add_argument("--credentials", type=int, default=400)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="granary-outages-") as folder:
        outages = Outages(Path(folder), given.credentials)
        failed = 0
        try:
            for name in outages.faults():
                made, wrong = outages.run(name, given.checks)
                failed += wrong
                print(f"{name:24} {made:6} checks, {wrong} became UNAUTHENTICATED or MISSING_PERMISSION", flush=True)
        finally:
            outages.stop()
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
