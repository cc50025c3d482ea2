"""The table of errors: who gets which, for every route that can meet it, which one comes first, and what never stands in
one. Bodies are in test_bodies.py, the wire in test_http.py, provider fields in test_credential_requests.py."""

import json
import uuid
from types import SimpleNamespace

import pytest
from harness import CREDENTIALS, USERS
from logins import SLUGS, USER_KEYS, new_login, valley
from problems import assert_problem

UNKNOWN = "7c5f1b0e-3c5e-4a52-9f0a-2f7d4f0b9a11"
VALLEY = "valley-credentials"
LOGIN = "/api/authenticate"
BODIES = {
    VALLEY: {name: "x" for name in ("apid", "initializationVector", "key", "username", "password")},
    "agvance-credentials": {name: "x" for name in ("apiKey", "databaseId", "username", "password")},
    "sentera-credentials": {name: "x" for name in ("username", "password", "organizationName")},
    "ag-leader-credentials": {name: "x" for name in ("refreshToken", "publicKey", "privateKey")},
}


def user_routes(user_id):
    """Every route under one user, with a body that is right."""
    own = f"{USERS}/{user_id}"
    rows = [("GET", own, None), ("PATCH", own, {"name": "x"}), ("DELETE", own, None)]
    for slug in SLUGS:
        path = f"{own}/{slug}"
        rows += [("GET", path, None), ("POST", path, BODIES[slug]), ("PUT", path, BODIES[slug]), ("DELETE", path, None)]
        rows += [("GET", path + "/status", None), ("POST", path + "/check", None), ("GET", path + "/events", None)]
        rows += [("GET", path + "/history", None), ("POST", path + "/report", {"statusCode": 401})]
    return rows


def all_routes(user_id=UNKNOWN):
    """Every route that needs a token."""
    rows = [("GET", USERS, None), ("POST", USERS, {"name": "x"}), ("PUT", USERS, {"id": user_id, "name": "x"})]
    providers = CREDENTIALS.replace("credentials", "providers")
    return rows + [("GET", CREDENTIALS, None), ("GET", providers, None)] + user_routes(user_id)


@pytest.fixture(scope="module")
def world(granary, providers):
    """Another owner with a connected user, and an own user without credentials."""
    owner = ("world@example.org", "words for another world")
    granary.add_owner(*owner)
    token = granary.log_in(*owner)
    login = valley(providers)
    theirs = granary.credential(VALLEY, token=token)
    assert theirs.post(login.body).status_code == 201
    return SimpleNamespace(token=token, theirs=theirs, login=login, bare=granary.new_user())


NO_ROUTES = ["", "/", "/nothing", "/api", "/api/users", "/api/authenticate/x", "/services", "/metrics", "/.env", "/health/dead"]
NO_ROUTES += [USERS + "x", USERS.upper(), f"{USERS}/{UNKNOWN}/x", f"{USERS}/{UNKNOWN}/valley", f"{USERS}/{UNKNOWN}/x-credentials"]
NO_ROUTES += [f"{USERS}/{UNKNOWN}/{VALLEY}/x", f"{USERS}/{UNKNOWN}/{VALLEY}/events/x", CREDENTIALS + "/x", "/health"]


@pytest.mark.parametrize("path", NO_ROUTES)
def test_no_such_route(granary, path):
    for method in ("GET", "POST", "DELETE"):
        assert_problem(granary.request(method, path), 404, "notFound")


@pytest.mark.parametrize("path", ["/nothing", "/api/users", CREDENTIALS + "/x"])
def test_no_such_route_comes_before_the_token(granary, path):
    for body in (None, b"{", b"x" * 100):
        assert_problem(granary.request("POST", path, token=None, data=body), 404, "notFound")


ALLOWED = [
    (LOGIN, {"POST"}),
    (USERS, {"GET", "POST", "PUT"}),
    (USERS + "/", {"GET", "POST", "PUT"}),
    (f"{USERS}/{UNKNOWN}", {"GET", "PATCH", "DELETE"}),
    (CREDENTIALS, {"GET"}),
    ("/health/live", {"GET"}),
    ("/health/ready", {"GET"}),
    *[(f"{USERS}/{UNKNOWN}/{slug}", {"GET", "POST", "PUT", "DELETE"}) for slug in SLUGS],
    *[(f"{USERS}/{UNKNOWN}/{slug}/{name}", {"GET"}) for slug in SLUGS for name in ("status", "events")],
    *[(f"{USERS}/{UNKNOWN}/{slug}/check", {"POST"}) for slug in SLUGS],
]


@pytest.mark.parametrize(("path", "allowed"), ALLOWED)
def test_method_not_allowed(granary, path, allowed):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW"} - allowed:
        for token in ("owner", None):
            answer = granary.request(method, path, token=token)
            assert_problem(answer, 405, "methodNotAllowed")
            named = {name.strip() for name in answer.headers["Allow"].split(",")}
            assert named - {"HEAD", "OPTIONS"} == allowed
            assert ("HEAD" in named) <= ("GET" in allowed)


def test_every_route_needs_a_token(granary, world):
    for user_id in (UNKNOWN, world.bare):
        for method, path, body in all_routes(user_id):
            assert_problem(granary.request(method, path, json=body, token=None), 401, "unauthorized")
            assert_problem(granary.request(method, path, json=body, token="x.y.z"), 401, "unauthorized")


def test_everything_that_is_not_there_looks_the_same(granary, world):
    """Unknown, another owner's, no UUID, no credential: byte for byte the same answer, its path aside."""
    strange = ["str", "1", "-", UNKNOWN[:-1], UNKNOWN + "0", UNKNOWN.replace("-", "_"), "%7B" + UNKNOWN + "%7D"]
    strange += ["'%20OR%20''='", "%00", "%C3%A9"]
    expected = None
    for user_id in [UNKNOWN, world.theirs.user_id, str(uuid.UUID(int=0)), *strange]:
        for method, path, body in user_routes(user_id):
            answer = granary.request(method, path, json=body)
            expected = expected or same(answer)
            assert same(answer) == expected, (method, path)
    for method, path, body in user_routes(world.bare)[3:]:
        if (method, path.rpartition("/")[2] in SLUGS) != ("POST", True):
            assert same(granary.request(method, path, json=body)) == expected, (method, path)
    for user_id in (UNKNOWN, world.theirs.user_id, "str", "' OR ''='"):
        assert same(granary.request("PUT", USERS, json={"id": user_id, "name": "x"})) == expected
    assert granary.request("GET", world.theirs.path, token=world.token).status_code == 200


def same(answer):
    """All of an answer but its path, its date and its length."""
    assert_problem(answer, 404, "notFound")
    path = json.loads(answer.content)["path"]
    headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "Content-Length")}
    return answer.content.replace(json.dumps(path).encode(), b"PATH"), headers


LONG = "x" * 4097
USER_FIELDS = ["name", "email", "phone", "address", "externalId"]
WRONG_VALUES = [5, 0.5, True, [], {}, ["x"], LONG]
NAMELESS = [{}, {"phone": "1"}, {"name": None, "email": None}, {"name": "", "email": "", "externalId": ""}, {"Name": "x"}]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        *[({"name": "x", "email": "x", field: value}, [field]) for field in USER_FIELDS for value in WRONG_VALUES],
        ({"name": "é" * 4097}, ["name"]),
        ({"name": "\U0001f33e" * 4097}, ["name"]),
        ({field: 5 for field in USER_FIELDS}, USER_FIELDS),
        ({"name": [], "phone": LONG, "address": False, "email": "fine"}, ["name", "phone", "address"]),
        *[({"name": "x", key: value}, [key]) for key in USER_KEYS.values() for value in (5, "x", True, [], [{}])],
        ({"name": 5, "valleyCredentials": 5, "senteraCredentials": []}, ["name", "valleyCredentials", "senteraCredentials"]),
    ],
)
def test_user_fields(granary, world, body, fields):
    expected = [("user", field) for field in fields]
    assert_problem(granary.request("POST", USERS, json=body), 400, "invalidField", expected)
    assert_problem(granary.request("PUT", USERS, json={"id": world.bare, **body}), 400, "invalidField", expected)
    assert_problem(granary.request("PATCH", f"{USERS}/{world.bare}", json=body), 400, "invalidField", expected)


@pytest.mark.parametrize("body", NAMELESS)
def test_a_user_needs_a_name_an_email_or_an_external_id(granary, world, body):
    for method, extra in (("POST", {}), ("PUT", {"id": world.bare})):
        answer = granary.request(method, USERS, json={**body, **extra})
        assert_problem(answer, 400, "invalidField", ...)
        named = {(error["objectName"], error["field"]) for error in answer.json()["fieldErrors"]}
        assert named <= {("user", "name"), ("user", "email"), ("user", "externalId")}


@pytest.mark.parametrize("value", [None, "", 5, True, [], {}, "absent"])
def test_put_needs_an_id(granary, value):
    body = {"name": "x", "id": value} if value != "absent" else {"name": "x"}
    assert_problem(granary.request("PUT", USERS, json=body), 400, "invalidField", [("user", "id")])
    answer = granary.request("PUT", USERS, json={**body, "phone": 5})
    assert_problem(answer, 400, "invalidField", [("user", "id"), ("user", "phone")])


BAD_NUMBERS = ["-1", "abc", "1.5", "1e2", "0x10", "1 ", "%201", "9" * 30, "--1", "1,2", "null", "%00", "%EF%BC%91"]
BAD_ORDERS = ["foo", "phone", "address", "password", ",", ",asc", "name,", "name,up", "name,asc,desc", "name;desc"]
BAD_ORDERS += ["name%20desc", "name,id", "1", "-name", "Name", "%00", "name,asc&sort=foo"]
BAD_EVENT_ORDERS = ["id", "statusCode", "body,asc", "createdDate,up", "name"]
BAD_STATUSES = ["ok", "Ok", "INVALID", "OK,ok", "%00"]
BAD_TIMES = ["yesterday", "0", "-", "2026-01-15", "2026-13-01T00:00:00.000000Z", "2026-02-30T00:00:00.000000Z"]
BAD_TIMES += ["2026-01-15T25:00:00.000000Z", "2026-01-15T12:00:00.000000", "1768478400"]


def each(name, values):
    """One bad value of one parameter, and the parameter that must be named."""
    return [(f"{name}={value}", [name]) for value in values]


PAGED = each("page", BAD_NUMBERS) + each("size", [*BAD_NUMBERS, "0", "-0"]) + [("page=-1&size=0", ["page", "size"])]
SORTED = each("sort", BAD_ORDERS) + [("sort=(select%201)&page=x&size=y", ["sort", "page", "size"])]
EVENTS_SORTED = each("sort", BAD_EVENT_ORDERS)
FILTERED = each("status", BAD_STATUSES) + each("changedSince", BAD_TIMES)
FILTERED += [("status=x&changedSince=y&page=z&size=0", ["status", "changedSince", "page", "size"])]
QUERIES = [
    *[(USERS, query, fields) for query, fields in PAGED + SORTED],
    *[(CREDENTIALS, query, fields) for query, fields in PAGED + FILTERED],
    *[(f"{USERS}/{UNKNOWN}/{VALLEY}/events", query, fields) for query, fields in PAGED + EVENTS_SORTED],
    *[(f"{USERS}/{UNKNOWN}/{VALLEY}/history", query, fields) for query, fields in PAGED + [("sort=time", ["sort"])]],
]


def test_query_parameters(granary):
    failed = []
    for path, query, fields in QUERIES:
        answer = granary.request("GET", f"{path}?{query}")
        try:
            assert_problem(answer, 400, "invalidField", [("query", field) for field in fields])
        except AssertionError as error:
            failed.append(f"{path}?{query}: {error}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("value", ["%zz", "%", "%c3%28", "%ff", "a&b=c", "=", "&&&", "%0d%0aX-Injected:%201"])
def test_strange_queries_break_nothing(granary, value):
    for path in (USERS, CREDENTIALS):
        answer = granary.request("GET", f"{path}?email={value}")
        assert answer.status_code in (200, 400)
        assert "X-Injected" not in answer.headers


def raw(body):
    return {"data": body, "headers": {"Content-Type": "application/json"}}


TEXT = {"Content-Type": "text/plain"}
OWN = f"{USERS}/{UNKNOWN}"
LINKING = {"id": UNKNOWN, "name": "x", "valleyCredentials": {"id": "x"}}
ORDER = [
    ("route before method and token", "DELETE", "/nothing", {"token": None}, 404, "notFound"),
    ("route before type", "POST", "/nothing", {"data": b"x", "headers": TEXT}, 404, "notFound"),
    ("method before token", "DELETE", USERS, {"token": None}, 405, "methodNotAllowed"),
    ("method before type", "PUT", LOGIN, {"data": b"x", "headers": TEXT, "token": None}, 405, "methodNotAllowed"),
    ("method before user", "PUT", OWN, {"json": {}}, 405, "methodNotAllowed"),
    ("token before type", "POST", USERS, {"data": b"x", "headers": TEXT, "token": None}, 401, "unauthorized"),
    ("token before body", "POST", USERS, {"data": b"{", "token": None}, 401, "unauthorized"),
    ("token before query", "GET", USERS + "?page=x", {"token": None}, 401, "unauthorized"),
    ("token before user", "GET", OWN, {"token": None}, 401, "unauthorized"),
    ("type before body", "POST", USERS, {"data": b"{", "headers": TEXT}, 415, "unsupportedMediaType"),
    ("type before fields", "POST", USERS, {"data": b"{}", "headers": TEXT}, 415, "unsupportedMediaType"),
    ("type before user", "PATCH", OWN, {"data": b"{}", "headers": TEXT}, 415, "unsupportedMediaType"),
    ("type before the login", "POST", LOGIN, {"data": b"{}", "headers": TEXT, "token": None}, 415, "unsupportedMediaType"),
    ("body before fields", "POST", USERS, raw(b'{"name": 5, "name": 6}'), 400, "invalidBody"),
    ("body before user", "PATCH", OWN, raw(b"["), 400, "invalidBody"),
    ("body before id", "PATCH", USERS + "/str", raw(b"["), 400, "invalidBody"),
    ("fields before user", "PATCH", OWN, {"json": {"name": 5}}, 400, "invalidField"),
    ("fields before id", "PUT", f"{USERS}/str/{VALLEY}", {"json": {}}, 400, "invalidField"),
    ("fields before user in PUT", "PUT", USERS, {"json": {"id": UNKNOWN, "name": 5}}, 400, "invalidField"),
    ("fields before linking", "POST", USERS, {"json": {"name": 5, "valleyCredentials": {"id": "x"}}}, 400, "invalidField"),
    ("query before user", "GET", f"{OWN}/{VALLEY}/events?page=x", {}, 400, "invalidField"),
    ("user before linking", "PATCH", OWN, {"json": {"valleyCredentials": {"id": UNKNOWN}}}, 404, "notFound"),
    ("user before linking in PUT", "PUT", USERS, {"json": LINKING}, 404, "notFound"),
]


@pytest.mark.parametrize(("name", "method", "path", "options", "status", "key"), ORDER, ids=[row[0] for row in ORDER])
def test_which_error_comes_first(granary, name, method, path, options, status, key):
    assert_problem(granary.request(method, path, **options), status, key, ... if key == "invalidField" else None)


@pytest.mark.parametrize("slug", SLUGS)
def test_conflicts_and_refusals_come_last(granary, providers, slug):
    login = new_login(providers, slug)
    credential = granary.connect(login)
    first = next(iter(login.body))
    assert_problem(credential.post({**login.body, first: 5}), 400, "invalidField", [(login.user_key, first)])
    assert_problem(credential.put({**login.body, first: None}), 400, "invalidField", [(login.user_key, first)])
    assert_problem(credential.post(login.body), 409, "credentialsExist")
    assert_problem(credential.put({**login.body, **WRONG[slug]}), 422, "credentialsRefused")
    assert credential.standing() == ("OK", None)
    assert_problem(credential.request("PUT", data=b"{", headers={"Content-Type": "application/json"}), 400, "invalidBody")


WRONG = {
    VALLEY: {"password": "wrong password"},
    "agvance-credentials": {"password": "wrong password"},
    "sentera-credentials": {"password": "wrong password"},
    "ag-leader-credentials": {"privateKey": "wrong key"},
}


def test_a_provider_that_cannot_be_asked(granary, providers):
    login = new_login(providers, "agvance-credentials")
    credential = granary.connect(login)
    answer = credential.put({**login.body, "clientEnvironment": "PRODUCTION"})
    assert_problem(answer, 503, "providerUnavailable")
    assert credential.values()["clientEnvironment"] == "STAGE"


def test_no_error_echoes_the_callers_values(granary, world, providers):
    canary = "canary-7f3a91-value"
    login = new_login(providers, VALLEY)
    credential = granary.connect(login)
    user = {name: [canary] for name in USER_FIELDS}
    secret = {name: f"{canary} {name}" for name in BODIES[VALLEY]}
    answers = [
        granary.request("POST", USERS, json=user),
        granary.request("PUT", USERS, json={"id": canary, "name": canary, canary: canary}),
        granary.request("PATCH", f"{USERS}/{world.bare}", json={"valleyCredentials": {"id": canary}}),
        granary.request("PATCH", f"{USERS}/{world.bare}", json={"valleyCredentials": canary}),
        granary.request("POST", USERS, **raw(b'{"name": "' + canary.encode() + b'", ')),
        granary.request("POST", USERS, **raw(b'{"%s": 1, "%s": 2}' % (canary.encode(), canary.encode()))),
        granary.request("POST", LOGIN, json={"username": canary, "password": canary}, token=None),
        granary.request("POST", LOGIN, json={"username": [canary], "password": canary * 400}, token=None),
        granary.request("GET", f"{USERS}?page={canary}&size={canary}&sort={canary}"),
        granary.request("GET", f"{CREDENTIALS}?status={canary}&changedSince={canary}"),
        granary.request("GET", USERS, token=canary),
        granary.request("POST", USERS, data=b"{}", headers={"Content-Type": f"text/{canary}"}),
        granary.request("POST", USERS, json={}, headers={"X-Canary": canary}),
        credential.put(secret),
        credential.post(secret),
        credential.post({**secret, "username": {canary: canary}}),
    ]
    for answer in answers:
        assert answer.status_code >= 400, answer.request.url
        assert canary not in answer.text, answer.text
        assert canary not in str(answer.headers)
    assert canary not in granary.log
