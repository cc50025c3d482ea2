"""Runs the built binary as its users do: a folder, a root key, an owner, a configuration file, `granary serve`; and speaks
to it over HTTP. Every process is ended by its own id, every wait has an end."""

import atexit
import contextlib
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import openapi_check
import requests

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("GRANARY_BINARY", ROOT / "build" / "release" / "granary")).resolve()
USERS = "/services/usermanagement/api/users"
CREDENTIALS = "/services/usermanagement/api/credentials"
OWNER = ("owner@example.org", "a password of many words")
ANSWER_TIMEOUT = 35


def eventually(probe, timeout=10, pause=0.05):
    """Calls `probe` until it returns something true, and returns that. An assertion failing in `probe` counts as not yet."""
    end = time.monotonic() + timeout
    while True:
        failure = None
        try:
            value = probe()
            if value:
                return value
        except AssertionError as error:
            failure = error
        if time.monotonic() > end:
            raise failure or AssertionError(f"still {value!r} after {timeout} s")
        time.sleep(pause)


def moment(text):
    """A time of the API in seconds."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()


def free_port():
    """Below the ports that the kernel gives to connections on their way out, so that a server that starts again finds its own."""
    while True:
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


def toml(config, prefix=()):
    """A nested dict as TOML: dicts are tables, everything else a value."""
    values = [f"{key} = {toml_value(value)}" for key, value in config.items() if not isinstance(value, dict)]
    lines = ([f"[{'.'.join(prefix)}]"] if prefix and values else []) + values
    for key, value in config.items():
        if isinstance(value, dict):
            lines.append(toml(value, (*prefix, key)))
    return "\n".join(lines) + "\n"


def merged(base, changes):
    """`base` with `changes` laid over it, table by table. None takes a key away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(base.get(key, {}), value)
        else:
            result[key] = value
    return result


def base_config(providers):
    """Every provider points at its stand-in; nothing happens by the clock within a test; no breaker."""
    return {
        "egress": {"allow": ["127.0.0.1/32"]},
        "checks": {"interval": "6h", "confirm_after": "60s", "outage_after": "15m", "timeout": "2s"},
        "breaker": {"minimum": 100000},
        "limits": {"connections": 2000, "connections_per_address": 2000, "logins_per_minute": 1000},
        "providers": {
            "valley": {"base_url": providers.valley.url},
            "sentera": {"base_url": providers.sentera.url},
            "ag-leader": {"base_url": providers.ag_leader.url},
            "agvance": {"environments": {"STAGE": {"base_url": providers.agvance.url}}},
        },
    }


def environment():
    """Without GRANARY_ options and proxies of whoever runs the tests."""
    return {k: v for k, v in os.environ.items() if not k.startswith("GRANARY_") and not k.lower().endswith("_proxy")}


def run_binary(*args, input=None, timeout=60):
    """One run of the command line; `input` is its standard input."""
    return subprocess.run(
        [str(BINARY), *map(str, args)],
        input=input if input is not None else "",
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(),
    )


class Granary:
    """One server on its own folder. `arguments` are added to `granary serve`. `described` says whether docs/openapi.json
    describes its API (not so with added providers)."""

    def __init__(self, directory, config, arguments=(), described=True):
        self.directory = Path(directory)
        self.data = self.directory / "data"
        self.key_file = self.directory / "root.key"
        self.config_file = self.directory / "granary.toml"
        self.log_file = self.directory / "granary.log"
        self.config = config
        self.arguments = list(arguments)
        self.described = described
        self.environment = {}  # added to the server's
        self.wrapper = []  # a command that runs it
        self.process = None
        self.token = None
        self._local = threading.local()
        atexit.register(self.kill)

    @property
    def sqlite(self):
        """Every file in the data folder: database, WAL and whatever else may hold a secret."""
        return sorted(path for path in self.data.rglob("*") if path.is_file())

    @property
    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def prepare(self):
        """Makes the root key and the first owner."""
        made = self.cli("key", "init", "--root-key", f"file:{self.key_file}")
        assert made.returncode == 0, made.stderr
        self.add_owner(*OWNER)
        return self

    def launch(self):
        """Starts the process; whether it serves or refuses is for the caller to see."""
        self.config_file.write_text(toml(self.config))
        self.url = f"http://127.0.0.1:{free_port()}"
        self._local = threading.local()
        with open(self.log_file, "ab") as log, open(self.directory / "granary.out", "ab") as out:
            self.process = subprocess.Popen(
                [*self.wrapper, str(BINARY), *self.serve_arguments()],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=environment() | self.environment,
            )

    def start(self):
        self.launch()
        self.wait_until_ready()
        if self.token is None:
            self.token = self.log_in(*OWNER)
        return self

    def serve_arguments(self):
        address = self.url.removeprefix("http://")
        return ["serve", "--listen", address, "--config", str(self.config_file), *self.store, *self.arguments]

    @property
    def store(self):
        """The options that name folder and key, as most commands take them."""
        return ["--data", str(self.data), "--root-key", f"file:{self.key_file}"]

    def wait_until_ready(self):
        def ready():
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}: {self.log[-2000:]}"
            try:
                return requests.get(f"{self.url}/health/ready", timeout=5, proxies={"http": ""}).status_code == 200
            except requests.ConnectionError:
                return False

        try:
            eventually(ready, 30, 0.02)
        except AssertionError:
            self.kill()
            raise

    def stop(self):
        """SIGTERM; returns the exit code and the seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return code, time.monotonic() - started

    def kill(self):
        """SIGKILL: the crash."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def restart(self, **changes):
        """A clean stop and a new start, with tables of the configuration changed."""
        if self.process.poll() is None:
            assert self.stop()[0] == 0
        self.config = merged(self.config, changes)
        return self.start()

    def edit_row(self, credential_id, assignments):
        """Changes a credential's row while the server is stopped."""
        with sqlite3.connect(self.data / "granary.db") as db:
            key = credential_id.replace("-", "").upper()
            assert db.execute(f"UPDATE credential SET {assignments} WHERE hex(id) = ?", [key]).rowcount == 1
        db.close()

    def cli(self, *args, input=None):
        return run_binary(*args, input=input)

    def add_owner(self, email, password):
        added = self.cli("owner", "add", email, *self.store, input=password + "\n")
        assert added.returncode == 0, added.stderr

    def log_in(self, email, password):
        answer = self.request("POST", "/api/authenticate", json={"username": email, "password": password}, token=None)
        assert answer.status_code == 200, answer.text
        return answer.json()["id_token"]

    def request(self, method, path, token="owner", headers=None, timeout=ANSWER_TIMEOUT, **options):
        """One request with the first owner's token, another `token`, or none (None). The answer is held against the API's
        description."""
        headers = dict(headers or {})
        token = self.token if token == "owner" else token
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        answer = self.session.request(
            method, self.url + path, headers=headers, timeout=timeout, allow_redirects=False, **options
        )
        if self.described:
            openapi_check.check_response(method, answer)
        return answer

    @property
    def session(self):
        """One for each thread: its connections are kept open."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        return self._local.session

    def new_user(self, token="owner", **fields):
        answer = self.request("POST", USERS, json={"name": "A grower", **fields}, token=token)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def credential(self, slug, user_id=None, token="owner"):
        """A handle on the credential of a (new) user at one provider; nothing is connected yet."""
        return Credential(self, slug, user_id or self.new_user(token), token)

    def connect(self, login, user_id=None):
        """Connects a login that its provider accepts."""
        credential = self.credential(login.slug, user_id)
        answer = credential.post(login.body)
        assert (answer.status_code, answer.json()["status"]) == (201, "OK"), answer.text
        return credential

    def is_ready(self):
        """By /health/ready, which says 200 or 503 and nothing else."""
        status = self.request("GET", "/health/ready", token=None).status_code
        assert status in (200, 503), status
        return status == 200

    def assert_every_change_is_logged(self):
        """The log tells each credential's statuses without a gap: from the one it was made with to the one it has now."""

        def told():
            statuses, page = {}, 0
            while entries := self.request("GET", CREDENTIALS, params={"page": page, "size": 100}).json():
                statuses |= {entry["id"]: entry["status"] for entry in entries}
                page += 1
            last = dict.fromkeys(statuses, "TEMPORARILY_UNAVAILABLE")
            for line in self.changes():
                if line["credential"] not in statuses:
                    continue
                assert set(line) == {"time", "level", "message", "credential", "provider", "from", "to", "reason"}
                assert line["from"] == last[line["credential"]] != line["to"], line
                last[line["credential"]] = line["to"]
            assert last == statuses
            return True

        eventually(told)

    def log_lines(self):
        """As dicts, the oldest first."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def changes(self):
        """The log's lines of changed statuses."""
        return [line for line in self.log_lines() if line["message"] == "status changed"]

    def problems(self, level="error"):
        """Log lines of one level."""
        return [line for line in self.log_lines() if line.get("level") == level]


class Credential:
    """The routes of one user's credential at one provider."""

    def __init__(self, granary, slug, user_id, token):
        self.granary = granary
        self.slug = slug
        self.user_id = user_id
        self.token = token
        self.path = f"{USERS}/{user_id}/{slug}"

    def request(self, method, suffix="", **options):
        return self.granary.request(method, self.path + suffix, token=self.token, **options)

    def post(self, body):
        return self.request("POST", json=body)

    def put(self, body):
        return self.request("PUT", json=body)

    def delete(self):
        return self.request("DELETE")

    def get(self):
        return self.request("GET")

    def check(self):
        return self.request("POST", "/check")

    def events(self, **parameters):
        answer = self.request("GET", "/events", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def values(self):
        answer = self.get()
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self):
        answer = self.request("GET", "/status")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def checked(self):
        """The body of a check that must succeed as a request, whatever the provider says."""
        answer = self.check()
        assert answer.status_code == 200, answer.text
        return answer.json()

    def standing(self):
        """Status and reason alone: what most tests ask about."""
        body = self.status()
        return body["status"], body["reason"]

    def changes(self):
        """The log's lines of its changed statuses."""
        credential_id = self.values()["id"]
        return [line for line in self.granary.changes() if line["credential"] == credential_id]

    def assert_change_is_logged(self, before, status, reason):
        """The last change is the one from `before` to `status`, for `reason`, at the moment of `since`: where no provider's
        answer made it, nothing but the log tells of it later."""

        def told():
            body, changes = self.status(), self.changes()
            assert (body["status"], body["reason"]) == (status, reason)
            assert [(line["from"], line["to"], line["reason"]) for line in changes[-1:]] == [(before, status, reason)]
            assert abs(moment(changes[-1]["time"]) - moment(body["since"])) < 0.5
            return True

        eventually(told)

    def unlink(self):
        """PUT of the user without this credential."""
        user = self.granary.request("GET", f"{USERS}/{self.user_id}", token=self.token).json()
        body = {name: user[name] for name in ("id", "name", "email", "phone", "address", "externalId")}
        answer = self.granary.request("PUT", USERS, json=body, token=self.token)
        assert answer.status_code == 200, answer.text

    def link(self, user_key, credential_id):
        return self.granary.request(
            "PATCH", f"{USERS}/{self.user_id}", json={user_key: {"id": credential_id}}, token=self.token
        )
