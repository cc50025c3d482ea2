"""Shows that each stand-in behaves as provider-protocols.md says of its provider, and that faults and the search for secrets
do what the other tests rely on. Needs no built binary."""

import base64

import secret_forms
import logins
import pytest
import requests
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from openapi_check import Description
from standins import AgLeader, faults
from standins.sentera import pagination
from standins.valley import KEY_LENGTHS, read_bytes

JSON = {"Accept": "application/json"}


def send(method, url, **options):
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=5, allow_redirects=False, **options)


def encrypted(key, vector, text):
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    data = encryptor.update(padder.update(text.encode()) + padder.finalize()) + encryptor.finalize()
    return base64.b64encode(data).decode()


def valley_login(login, password):
    key, vector = bytes.fromhex(login.body["key"]), bytes.fromhex(login.body["initializationVector"])
    body = {
        "apid": login.body["apid"],
        "username": encrypted(key, vector, login.body["username"]),
        "password": encrypted(key, vector, password),
    }
    return send("POST", login.stand_in.url + "/login", json=body)


def test_valley_decrypts_and_answers(providers):
    login = logins.valley(providers)
    assert valley_login(login, login.body["password"]).status_code == 200
    assert valley_login(login, "another").status_code == 401
    login.record.forbidden = True
    assert valley_login(login, login.body["password"]).status_code == 403
    assert [call.path for call in login.calls()] == ["/login"] * 3


@pytest.mark.parametrize(
    "text, length",
    [("00" * 16, 16), ("00" * 32, 32), ("eHh4" * 8, 24), ("sixteen letters!", 16), ("short", None)],
)
def test_valley_reads_keys(text, length):
    data = read_bytes(text, KEY_LENGTHS)
    assert (data and len(data)) == length


def agvance_login(login, **changes):
    names = {"ApiKey": "apiKey", "DatabaseID": "databaseId", "UserName": "username", "Password": "password"}
    body = {name: login.body[key] for name, key in names.items()}
    return send("POST", login.stand_in.url + "/ApiUser/LogOn", json={**body, **changes}, headers=JSON).json()


def test_agvance_begins_sessions(providers):
    login = logins.agvance(providers)
    answer = agvance_login(login)
    assert (answer["Status"], answer["Message"]) == ("0", "OK")
    session = {"SessionID": answer["APIUsers"][0]["SessionID"], **JSON}
    probe = login.stand_in.url + login.stand_in.probe_path
    assert send("GET", probe, headers=session).json()["Status"] == "0"
    login.stand_in.end_sessions(login.account)
    assert send("GET", probe, headers=session).status_code == 401


@pytest.mark.parametrize("name", ["ApiKey", "DatabaseID", "Password"])
def test_agvance_refuses_wrong_fields(providers, name):
    answer = agvance_login(logins.agvance(providers), **{name: "wrong"})
    assert answer["Status"] == "1" and "Invalid login" in answer["Message"]


def sentera_token(login):
    body = {
        "session": {"email": login.account, "password": login.body["password"], "platform_id": "API", "version_id": "1.0.0"}
    }
    return send("POST", login.stand_in.url + "/v1/sessions", json=body)


def sentera_page(login, token, page, size):
    query = "query($p:Int!){organizations(pagination:{page:$p,page_size:%d}){total_count results{sentera_id name}}}" % size
    headers = {"Authorization": f"Bearer {token}"}
    return send("POST", login.stand_in.url + "/graphql", json={"query": query, "variables": {"p": page}}, headers=headers)


def test_sentera_pages(providers):
    login = logins.sentera(providers, [(f"o{n}", f"Farm {n}") for n in range(5)])
    token = sentera_token(login).json()["auth_token"]
    page = sentera_page(login, token, 2, 2).json()["data"]["organizations"]
    found = [{"sentera_id": "o2", "name": "Farm 2"}, {"sentera_id": "o3", "name": "Farm 3"}]
    assert page == {"total_count": 5, "results": found}
    login.stand_in.expire_tokens(login.account)
    assert sentera_page(login, token, 1, 2).status_code == 401
    login.record.expired_answer = "errors"
    assert sentera_page(login, token, 1, 2).json()["data"] is None


@pytest.mark.parametrize(
    "text, variables",
    [
        ("{organizations(pagination:{page:3,page_size:50}){total_count}}", {}),
        ("query($p:Int!){organizations(pagination:{page_size:50, page:$p}){total_count}}", {"p": 3}),
        ("query($x:P!){organizations(pagination:$x){total_count}}", {"x": {"page": 3, "page_size": 50}}),
    ],
)
def test_sentera_reads_pagination(text, variables):
    assert pagination(text, variables) == (3, 50)


def refresh(login, token, private_key=None):
    key = (login.body["publicKey"], private_key or login.body["privateKey"])
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return send("POST", login.stand_in.url + login.stand_in.token_path, data=form, auth=key)


def test_ag_leader_rotates_and_revokes_the_family_on_reuse(providers):
    login = logins.ag_leader(providers)
    first = refresh(login, login.body["refreshToken"]).json()
    second = refresh(login, first["refresh_token"]).json()
    assert first["access_token"] != second["access_token"]
    assert refresh(login, first["refresh_token"]).json() == {"error": "invalid_grant"}
    assert refresh(login, second["refresh_token"]).status_code == 400
    assert login.record.reused


def test_ag_leader_may_take_the_previous_token(providers):
    login = logins.ag_leader(providers)
    login.record.accepts_previous = True
    refresh(login, login.body["refreshToken"])
    assert refresh(login, login.body["refreshToken"]).status_code == 200


def test_ag_leader_checks_the_client(providers):
    login = logins.ag_leader(providers)
    answer = refresh(login, login.body["refreshToken"], "wrong")
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


@pytest.fixture
def faulty():
    stand_in = AgLeader()
    yield stand_in
    stand_in.stop()


@pytest.mark.parametrize(
    "fault, status",
    [
        (faults.refuse(), 400),
        (faults.answer(503, {"x": 1}), 503),
        (faults.retry_after(429, "7"), 429),
        (faults.html(), 200),
        (faults.empty(), 200),
        (faults.broken_json(), 200),
        (faults.redirect("http://127.0.0.1:1/"), 302),
        (faults.too_large(), 200),
        (faults.delay(0.1), 401),
    ],
)
def test_faults_that_answer(faulty, fault, status):
    faulty.fail(fault, times=1)
    assert send("POST", faulty.url + "/api/token").status_code == status
    assert send("POST", faulty.url + "/api/token").status_code == 401


@pytest.mark.parametrize(
    "fault", [faults.hang(0.1), faults.reset(), faults.close(), faults.cut(), faults.after_work(faults.reset())]
)
def test_faults_that_end_the_connection(faulty, fault):
    faulty.fail(fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        answer = send("POST", faulty.url + "/api/token")
        if len(answer.content) < int(answer.headers["Content-Length"]):
            raise requests.ConnectionError("cut, which python3-requests does not notice")
    assert len(faulty.calls) == 1


def test_faults_hold_for_one_account_and_path(providers):
    ill, well = logins.sentera(providers), logins.sentera(providers)
    ill.fail(faults.answer(500), path="/graphql")
    assert sentera_token(ill).status_code == sentera_token(well).status_code == 200
    token = sentera_token(ill).json()["auth_token"]
    assert sentera_page(ill, token, 1, 10).status_code == 500
    ill.heal()
    assert sentera_page(ill, token, 1, 10).status_code == 200


def test_traces_are_found_in_every_encoding():
    secret = secret_forms.canary()
    assert [name for name, text in secret_forms.encodings(secret).items() if not secret_forms.traces_in(text, secret)] == []
    assert secret_forms.traces_in("nothing of it here", secret) == []


DOCUMENT = {
    "paths": {
        "/things": {"get": {"responses": {"200": {"$ref": "#/components/responses/Things"}}}},
        "/things/{id}": {"delete": {"responses": {"204": {"description": "gone"}}}},
    },
    "components": {
        "responses": {"Things": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Things"}}}}},
        "schemas": {"Things": {"type": "array", "items": {"type": "string"}}},
    },
}
JSON_TYPE = {"Content-Type": "application/json;charset=utf-8"}


@pytest.mark.parametrize(
    "method, path, status, headers, body",
    [
        ("GET", "/things", 500, JSON_TYPE, b"[]"),
        ("GET", "/things", 200, JSON_TYPE, b"[1]"),
        ("GET", "/things", 200, {}, b"[]"),
        ("DELETE", "/things/7", 200, {}, b""),
        ("DELETE", "/things/7", 204, {}, b"x"),
        ("PATCH", "/things/7", 200, {}, b""),
    ],
)
def test_the_description_is_held_against_answers(method, path, status, headers, body):
    description = Description(DOCUMENT)
    description.check("GET", "http://x/things/?a=1", 200, JSON_TYPE, b'["a"]')
    description.check("DELETE", "http://x/things/7", 204, {}, b"")
    with pytest.raises(AssertionError):
        description.check(method, "http://x" + path, status, headers, body)
