#!/usr/bin/env python3
"""Cost of a GET of one sealed credential out of many, beside nginx returning a constant of the same size: CPU time of the
server's processes for each request, both in one run, taken in turn. Prints one row."""

import argparse
import concurrent.futures
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import requests  # noqa: E402
from harness import Granary, free_port  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
USERS_BASE = "/services/usermanagement/api/users"

NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log /dev/null;
events {{ worker_connections 256; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }}
}}
"""


def cpu_seconds(pid):
    """User and system time of a process and its children that live."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(status.parent.name) == pid or int(fields[1]) == pid:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def load(pid, url, script, seconds):
    """CPU microseconds for each request that wrk got answered."""
    before = cpu_seconds(pid)
    command = ["wrk", "-t1", "-c64", f"-d{seconds}s", *(["-s", str(script)] if script else []), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True)
    used = cpu_seconds(pid) - before
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"not every answer was 200:\n{done.stdout}")
    count = int(next(line.split()[0] for line in done.stdout.splitlines() if "requests in" in line))
    return used * 1e6 / count


class Pipeline:
    """One connection that sends many requests at once: filling a store with hundreds of thousands of rows takes a minute."""

    BATCH = 200

    def __init__(self, server):
        host, port = server.url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), 60)
        self.reader = self.socket.makefile("rb")
        self.head = f"HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.token}\r\nContent-Length: "

    def post(self, requests_to_send):
        """(path, JSON) pairs; returns the answers' JSON, each of which must be 201."""
        answers = []
        for first in range(0, len(requests_to_send), self.BATCH):
            batch = requests_to_send[first : first + self.BATCH]
            self.socket.sendall(b"".join(f"POST {path} {self.head}{len(body)}\r\n\r\n{body}".encode() for path, body in batch))
            answers += [self.read_one() for _ in batch]
        return answers

    def read_one(self):
        status = self.reader.readline().split()[1]
        size = 0
        while (line := self.reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        body = self.reader.read(size)
        assert status == b"201", (status, body)
        return json.loads(body)


def fill(server, count):
    """Users with one Valley credential each, stored without a provider to ask; returns the users' ids."""
    login = {"apid": "apid-000000", "key": "0" * 64, "initializationVector": "0" * 32, "username": "grower@farm.example", "password": "secret of the grower"}

    def fill_part(size):
        line = Pipeline(server)
        users = [user["id"] for user in line.post([(USERS_BASE, json.dumps({"name": f"Farm {number}"})) for number in range(size)])]
        line.post([(f"{USERS_BASE}/{user}/valley-credentials", json.dumps(login)) for user in users])
        return users

    parts = 8
    with concurrent.futures.ThreadPoolExecutor(parts) as pool:
        return [user for users in pool.map(fill_part, [count // parts] * parts) for user in users]


def wrk_script(path, token, users):
    paths = ",".join(f'"{USERS_BASE}/{user}/valley-credentials"' for user in random.sample(users, min(len(users), 20000)))
    path.write_text(f'local paths = {{{paths}}}\nlocal n = 0\nwrk.headers["Authorization"] = "Bearer {token}"\n'
                    'request = function() n = n % #paths + 1 return wrk.format("GET", paths[n]) end\n')
    return path


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--credentials", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=5)
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="granary-bench-"))
    (folder / "granary").mkdir()
    server = Granary(folder / "granary", {}, ["--threads", "1"])  # as nginx has one worker
    server.prepare()
    server.start()
    nginx = None
    try:
        users = fill(server, given.credentials)
        answer = requests.get(f"{server.url}{USERS_BASE}/{users[0]}/valley-credentials", headers={"Authorization": f"Bearer {server.token}"})
        port = free_port()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, body=answer.text.replace("'", "")))
        nginx = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
        script = wrk_script(folder / "paths.lua", server.token, users)
        rows = []
        for _ in range(given.rounds + 1):
            ours = load(server.process.pid, server.url, script, given.seconds)
            theirs = load(nginx.pid, f"http://127.0.0.1:{port}/", None, given.seconds)
            rows.append((ours, theirs, theirs / ours))
        ours, theirs, ratio = (statistics.median(column) for column in zip(*rows[1:], strict=True))  # the first warms up
        print(f"GET of a sealed credential, 1 of {given.credentials}, {len(answer.content)} bytes: {ours:.1f} us CPU; "
              f"nginx constant: {theirs:.1f} us; ratio {ratio:.2f} (medians of {given.rounds} rounds)")
    finally:
        if nginx:
            nginx.terminate()
            nginx.wait(10)
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
