"""The four documents whose API Granary speaks: each of their examples runs against a server over TLS, in curl, Python's
requests and node's axios. Only placeholders are filled in: token, user, the "str" of a request, and the events URL's break."""

import ast
import json
import os
import re
from pathlib import Path

import pytest
from clients.run import HOSTS, MODULES, make_certificates, run
from harness import ROOT, USERS, Granary, base_config, eventually
from logins import FIELDS, SLUGS, new_login

SEEDS = Path(os.environ.get("GRANARY_SEEDS", ROOT.parent / "shared" / "seeds"))
API_EXAMPLES = ROOT / "docs" / "api-examples.md"
EVENT = ["body", "createdDate", "headers", "id", "statusCode"]
OPERATIONS = ["GET", "POST", "DELETE", "EVENTS"]
LANGUAGES = {"shell": "sh", "py": "python", "js": "javascript"}
COUNTS = {"valley": 12, "agvance": 12, "sentera": 12, "ag-leader": 4}

pytestmark = pytest.mark.skipif(not (MODULES / "axios").exists(), reason="npm ci has not run in tests/")


class TlsGranary(Granary):
    """A server that speaks TLS alone."""

    def wait_until_ready(self):
        self.port = int(self.url.rpartition(":")[2])
        self.url = f"https://127.0.0.1:{self.port}"

        def ready():
            assert self.process.poll() is None, self.log[-2000:]
            try:
                return self.session.get(self.url + "/health/ready", timeout=5).status_code == 200
            except OSError:
                return False

        eventually(ready, 30)

    @property
    def session(self):
        session = super().session
        session.verify = str(self.directory / "ca.pem")
        return session

    def example(self, language, text, folder, host, variables=None):
        ca = self.directory / "ca.pem"
        return run(language, text, folder=folder, port=self.port, ca=ca, host=host, variables=variables)


@pytest.fixture(scope="module")
def tls(providers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder)
    files = ["--tls-cert", str(folder / "server.pem"), "--tls-key", str(folder / "server.key")]
    server = TlsGranary(folder, base_config(providers), files).prepare().start()
    yield server
    server.kill()


def fenced_blocks(text):
    """[(language, text)] of every fenced block, without the fence's indentation."""
    blocks = []
    for indent, language, body in re.findall(r"^( *)```(\w*)\n(.*?)^ *```", text, re.M | re.S):
        blocks.append((language, re.sub(rf"^ {{0,{len(indent)}}}", "", body, flags=re.M)))
    return blocks


def curl_commands(text):
    """Every curl command of a page without fences: up to the URL's closing quote."""
    return re.findall(r"^curl .*?\\\n'https:[^']*'\n", text, re.M | re.S)


def examples_of(name):
    """{(operation, language): text}, by position: each language's examples stand in the order of OPERATIONS."""
    text = (SEEDS / f"{name}.md").read_text()
    blocks = [(LANGUAGES[language], body) for language, body in fenced_blocks(text) if language in LANGUAGES]
    blocks = blocks or [("sh", command) for command in curl_commands(text)]
    found = {}
    for language in sorted({language for language, _ in blocks}):
        own = [body for one, body in blocks if one == language]
        assert len(own) == len(OPERATIONS), (name, language)
        found.update({(operation, language): body for operation, body in zip(OPERATIONS, own)})
    return found


def filled(text, token, user_id, body):
    """The placeholders that the documents leave to the reader, and nothing else."""
    text = text.replace("YOUR_TOKEN", token)
    text = re.sub(r"\{leafUserId\}\n\s*", "{leafUserId}", text).replace("{leafUserId}", user_id)
    text = text.replace('"STAGE or PRODUCTION"', '"STAGE"')
    return re.sub(r'("(\w+)": *)"str"', lambda match: f'{match[1]}"{body[match[2]]}"', text)


def examples():
    if not SEEDS.is_dir():
        return []
    return sorted({(name, language) for name in COUNTS for _, language in examples_of(name)})


def printed(language, output):
    """What an example printed. node prints keys without quotes, and a text of many lines as a sum."""
    if language == "sh":
        return json.loads(output)
    if language == "python":
        return ast.literal_eval(output)
    output = re.sub(r"""(['"]) \+\n""", r"\1\n", output)
    output = re.sub(r"^(\s*)(\w+):", r"\1'\2':", output, flags=re.M)
    return ast.literal_eval(re.sub(r": null\b", ": None", output))


@pytest.mark.skipif(not SEEDS.is_dir(), reason=f"{SEEDS} is not there")
@pytest.mark.parametrize("name", COUNTS)
def test_every_example_is_found(name):
    found = examples_of(name)
    assert len(found) == COUNTS[name]
    for (operation, _), text in found.items():
        assert "https://api.withleaf.io/services/usermanagement/api/users/{leafUserId}" in text
        assert ("events" in text) == (operation == "EVENTS")
        assert "YOUR_TOKEN" in text


@pytest.mark.parametrize(("name", "language"), examples())
def test_documented_examples(tls, providers, tmp_path, name, language):
    slug = f"{name}-credentials"
    login = new_login(providers, slug)
    body = {"accessToken": "an old access token", **login.body}
    user_id = tls.new_user()
    texts = examples_of(name)

    def result(operation):
        text = filled(texts[operation, language], tls.token, user_id, body)
        return tls.example(language, text, tmp_path, HOSTS[0])

    def value(operation):
        done = result(operation)
        assert (done.returncode, done.stderr) == (0, "")
        return printed(language, done.stdout)

    credential = tls.credential(slug, user_id)
    created = value("POST")
    assert list(created) == ["id", "status", "createdTime", *FIELDS[slug]]
    assert created == credential.values()
    assert created["status"] == "OK"
    assert value("GET") == created

    events = value("EVENTS")
    assert events and all(list(event) == EVENT for event in events)
    assert [event["id"] for event in events] == [event["id"] for event in credential.events()]

    done = result("DELETE")
    if language == "python":
        assert done.returncode == 1
        assert "JSONDecodeError" in done.stderr.splitlines()[-1], "deleted with 204, whose body is no JSON"
    else:
        assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "")
    assert credential.get().status_code == 404
    assert value_of_missing(result("GET"), language)


def value_of_missing(done, language):
    """What the GET example shows when there is no credential: axios reports it, the others print the error's body."""
    if language == "javascript":
        return "status code 404" in done.stderr
    return printed(language, done.stdout)["errorKey"] == "notFound"


def own_examples():
    """The blocks of docs/api-examples.md that are marked to be run, in order, by the language they are written in."""
    if not API_EXAMPLES.exists():
        return []
    marked = re.findall(r"<!-- run -->\n+```(sh|python|javascript)\n(.*?)^```", API_EXAMPLES.read_text(), re.M | re.S)
    return [(number, language, text) for number, (language, text) in enumerate(marked)]


def test_own_examples_are_marked():
    found = own_examples()
    assert {language for _, language, _ in found} == {"sh", "python", "javascript"}
    for slug in SLUGS:
        assert {language for _, language, text in found if slug in text} == {"sh", "python", "javascript"}


@pytest.fixture(scope="module")
def token(tls):
    """The owner that docs/api-examples.md logs in as."""
    owner = ("owner@example.com", "correct horse battery staple")
    tls.add_owner(*owner)
    return tls.log_in(*owner)


@pytest.fixture
def accounts(providers):
    """The logins that docs/api-examples.md uses."""
    key, vector = "00112233445566778899aabbccddeeff", "0f0e0d0c0b0a09080706050403020100"
    providers.valley.create("farm-app", key, vector, "grower@example.com", "grower-password")
    providers.agvance.create("api-user", "grower-password", "developer-key", "database-1")
    organizations = [("org-1", "green acres"), ("org-2", "Green Acres")]
    providers.sentera.create("grower@example.com", "grower-password", organizations)
    providers.ag_leader.create("client-id", "client-secret", "refresh-token-of-the-grower")


@pytest.mark.parametrize(("number", "language", "text"), own_examples(), ids=[f"{n} {one}" for n, one, _ in own_examples()])
def test_own_examples(tls, token, accounts, tmp_path, number, language, text):
    user_id = tls.new_user(token)
    done = tls.example(language, text, tmp_path, HOSTS[1], {"TOKEN": token, "LEAF_USER": user_id})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.strip() and "errorKey" not in done.stdout
    slug = next((slug for slug in SLUGS if slug in text), None)
    if slug is not None:
        assert done.stdout.count("OK") >= 3, "posted, read and checked"
        answer = tls.request("GET", f"{USERS}/{user_id}/{slug}", token=token)
        assert answer.status_code == 404, "the example deletes what it made"
