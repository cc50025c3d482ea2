"""docs/openapi.json: it is what `granary openapi` prints, it is a sound OpenAPI document, and every path in it is there. That
answers look as it says is checked on every answer the tests see (openapi_check.py)."""

import json
import subprocess
from functools import cache

import pytest
from clients.run import MODULES
from harness import CREDENTIALS, ROOT, USERS, run_binary
from logins import FIELDS, SLUGS, USER_KEYS, new_login

DESCRIPTION = ROOT / "docs" / "openapi.json"
METHODS = ("get", "put", "post", "patch", "delete")
USER = f"{USERS}/{{leafUserId}}"
EXPECTED = {
    "/api/authenticate": {"post"},
    USERS: {"get", "post", "put"},
    USER: {"get", "patch", "delete"},
    CREDENTIALS: {"get"},
    CREDENTIALS.replace("credentials", "providers"): {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    **{f"{USER}/{slug}": {"get", "post", "put", "delete"} for slug in SLUGS},
    **{f"{USER}/{slug}/status": {"get"} for slug in SLUGS},
    **{f"{USER}/{slug}/check": {"post"} for slug in SLUGS},
    **{f"{USER}/{slug}/report": {"post"} for slug in SLUGS},
    **{f"{USER}/{slug}/history": {"get"} for slug in SLUGS},
    **{f"{USER}/{slug}/events": {"get"} for slug in SLUGS},
}
OPEN = {"/api/authenticate", "/health/live", "/health/ready"}


@cache
def description():
    return json.loads(DESCRIPTION.read_text())


def operations():
    """(path, method, operation) of everything described."""
    if not DESCRIPTION.exists():
        return []
    paths = description()["paths"].items()
    return [(path, method, item[method]) for path, item in paths for method in METHODS if method in item]


def resolved(value):
    while isinstance(value, dict) and "$ref" in value:
        target = description()
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        value = target
    return value


def test_the_binary_prints_the_file():
    done = run_binary("openapi")
    assert (done.returncode, done.stderr) == (0, "")
    again = "./build/release/granary openapi | python3 -m json.tool --indent 2 > docs/openapi.json"
    assert json.dumps(json.loads(done.stdout), indent=2) + "\n" == DESCRIPTION.read_text(), again
    assert description()["openapi"].startswith("3.1.")


def test_every_route_is_described_and_no_other():
    found = {}
    for path, method, _ in operations():
        found.setdefault(path.rstrip("/"), set()).add(method)
    assert found == EXPECTED


@pytest.mark.skipif(not (MODULES / ".bin" / "spectral").exists(), reason="npm ci has not run in tests/")
def test_spectral_finds_no_errors(tmp_path):
    ruleset = tmp_path / "ruleset.yaml"
    ruleset.write_text("extends: ['spectral:oas']\n")
    command = [MODULES / ".bin" / "spectral", "lint", "--ruleset", ruleset, "--fail-severity", "error", DESCRIPTION]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("path", "method", "operation"), operations(), ids=[f"{m} {p}" for p, m, _ in operations()])
def test_every_documented_path_answers(granary, path, method, operation):
    """Without a token 401; with one, something the description names (the harness looks), and never that there is no route."""
    target = path.replace("{leafUserId}", granary.new_user())
    assert "{" not in target
    if path not in OPEN:
        assert granary.request(method.upper(), target, token=None).status_code == 401
        assert "401" in operation["responses"]
    answer = granary.request(method.upper(), target, json={"name": "x"} if method in ("post", "put", "patch") else None)
    assert answer.status_code < 500 and answer.status_code != 405
    if answer.status_code == 404:
        assert "credentials" in path, "only the credential is missing"


def test_operations_have_names_and_words():
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    for path, method, operation in operations():
        assert operation.get("summary") or operation.get("description"), (method, path)


@pytest.mark.parametrize("slug", SLUGS)
def test_fields_of_a_provider_are_described_in_their_order(providers, slug):
    operation = next(op for path, method, op in operations() if (path, method) == (f"{USER}/{slug}", "post"))
    created = resolved(resolved(operation["responses"]["201"])["content"]["application/json"]["schema"])
    assert list(created["properties"]) == ["id", "status", "createdTime", *FIELDS[slug]]
    status = resolved(created["properties"]["status"])
    assert set(status["enum"]) == {"OK", "UNAUTHENTICATED", "MISSING_PERMISSION", "TEMPORARILY_UNAVAILABLE"}
    request = resolved(resolved(operation["requestBody"])["content"]["application/json"]["schema"])
    login = new_login(providers, slug)
    assert set(login.body) <= set(request["properties"])
    assert set(request["required"]) == set(login.body)
    read = next(op for path, method, op in operations() if (path, method) == (USER, "get"))
    user = resolved(resolved(read["responses"]["200"])["content"]["application/json"]["schema"])
    assert USER_KEYS[slug] in user["properties"]
