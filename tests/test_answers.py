"""What a provider's answer makes of a new credential: one table for what holds for every provider, one for each provider.
Only a recognised refusal may end in UNAUTHENTICATED."""

import logins
import pytest
from harness import free_port
from logins import SLUGS, new_login
from standins import faults
from standins.faults import answer

OK = ("OK", None)
REFUSED = ("UNAUTHENTICATED", "refused")
APPLICATION = ("UNAUTHENTICATED", "application_refused")  # of a POST, whose caller has just given the key
FORBIDDEN = ("MISSING_PERMISSION", "permission_denied")


def unavailable(reason):
    return "TEMPORARILY_UNAVAILABLE", reason


UNEXPECTED = unavailable("unexpected_answer")


@pytest.fixture(scope="module")
def granary(start_module_granary):
    return start_module_granary(checks={"timeout": "1s"})


def outcome(granary, login):
    credential = granary.credential(login.slug)
    posted = credential.post(login.body)
    assert posted.status_code == 201, posted.text
    status, reason = credential.standing()
    assert posted.json()["status"] == status
    return status, reason


SPEAKING = {"error": "invalid_grant", "Status": "1", "Message": "Invalid login"}
EVERYWHERE = {
    "408": (answer(408), unavailable("timeout")),
    "408 that speaks of a refusal": (answer(408, SPEAKING), unavailable("timeout")),
    "429": (answer(429), unavailable("rate_limited")),
    "429 that speaks of a refusal": (answer(429, SPEAKING), unavailable("rate_limited")),
    "500": (answer(500), unavailable("provider_error")),
    "500 that speaks of a refusal": (answer(500, SPEAKING), unavailable("provider_error")),
    "501": (answer(501), unavailable("provider_error")),
    "502": (faults.html(502), unavailable("provider_error")),
    "503": (answer(503, {"error": "invalid_client"}), unavailable("provider_error")),
    "504": (answer(504), unavailable("provider_error")),
    "599": (answer(599), unavailable("provider_error")),
    "hang": (faults.hang(), unavailable("timeout")),
    "drip": (faults.drip(), unavailable("timeout")),
    "reset": (faults.reset(), unavailable("unreachable")),
    "closed": (faults.close(), unavailable("unreachable")),
    "cut": (faults.cut(), UNEXPECTED),
    "cut 401": (faults.cut(401), UNEXPECTED),
    "HTML with 200": (faults.html(), UNEXPECTED),
    "broken JSON with 200": (faults.broken_json(), UNEXPECTED),
    "nothing with 200": (faults.empty(), UNEXPECTED),
    "204": (faults.empty(204), UNEXPECTED),
    "array with 200": (answer(200, [{"Status": "0", "SessionID": "x"}]), UNEXPECTED),
    "null with 200": (answer(200, "null"), UNEXPECTED),
    "string with 200": (answer(200, '"ok"'), UNEXPECTED),
    "too large": (faults.too_large(), UNEXPECTED),
    "404": (faults.html(404), UNEXPECTED),
    "405": (answer(405, {"message": "no"}), UNEXPECTED),
    "409": (answer(409, {"message": "no"}), UNEXPECTED),
    "410": (answer(410), UNEXPECTED),
    "418": (answer(418, "teapot"), UNEXPECTED),
    "304": (faults.empty(304), UNEXPECTED),
}


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("slug", SLUGS)
def test_no_outage_is_a_refusal(granary, providers, slug, name):
    fault, expected = EVERYWHERE[name]
    login = new_login(providers, slug)
    login.fail(fault)
    assert outcome(granary, login) == expected


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("slug", SLUGS)
def test_redirects_are_not_followed(granary, providers, slug, status):
    login = new_login(providers, slug)
    login.fail(faults.redirect(f"{login.stand_in.url}/elsewhere", status))
    assert outcome(granary, login) == UNEXPECTED
    assert not [call for call in login.stand_in.calls if call.path == "/elsewhere"]


def test_a_provider_that_cannot_be_reached(start_granary, providers):
    plain_port = providers.valley.url.removeprefix("http://")
    server = start_granary(
        providers={
            "valley": {"base_url": f"http://127.0.0.1:{free_port()}"},
            "sentera": {"base_url": f"https://{plain_port}"},
            "ag-leader": {"base_url": "https://no-such-host.invalid"},
        }
    )
    assert outcome(server, logins.valley(providers)) == unavailable("unreachable"), "a closed port"
    assert outcome(server, logins.sentera(providers)) == unavailable("unreachable"), "TLS with a server that speaks none"
    status, reason = outcome(server, logins.ag_leader(providers))
    assert status == "TEMPORARILY_UNAVAILABLE" and reason in ("unreachable", "timeout"), "a silent resolver may take longer"


AG_LEADER = {
    "400 invalid_grant": (answer(400, {"error": "invalid_grant"}), REFUSED),
    "400 invalid_client": (answer(400, {"error": "invalid_client"}), APPLICATION),
    "400 unauthorized_client": (answer(400, {"error": "unauthorized_client", "error_description": "no"}), APPLICATION),
    "401 invalid_client": (answer(401, {"error": "invalid_client"}), APPLICATION),
    "401 unauthorized_client": (answer(401, {"error": "unauthorized_client"}), APPLICATION),
    "401 without a body": (faults.empty(401), REFUSED),
    "400 invalid_request": (answer(400, {"error": "invalid_request"}), UNEXPECTED),
    "400 invalid_scope": (answer(400, {"error": "invalid_scope"}), UNEXPECTED),
    "400 unsupported_grant_type": (answer(400, {"error": "unsupported_grant_type"}), UNEXPECTED),
    "400 temporarily_unavailable": (answer(400, {"error": "temporarily_unavailable"}), UNEXPECTED),
    "400 without error": (answer(400, {}), UNEXPECTED),
    "400 error in upper case": (answer(400, {"error": "INVALID_GRANT"}), REFUSED),
    "400 error is an object": (answer(400, {"error": {"code": "invalid_grant"}}), REFUSED),
    "400 error below": (answer(400, {"detail": {"error": "invalid_grant"}}), REFUSED),
    "400 in text": (answer(400, "invalid_grant"), REFUSED),
    "400 HTML": (faults.html(400), UNEXPECTED),
    "400 without a body": (faults.empty(400), UNEXPECTED),
    "401 another error": (answer(401, {"error": "access_denied"}), UNEXPECTED),
    "401 HTML": (faults.html(401), UNEXPECTED),
    "401 message": (answer(401, {"message": "no"}), UNEXPECTED),
    "403 invalid_grant": (answer(403, {"error": "invalid_grant"}), REFUSED),
    "403": (faults.empty(403), UNEXPECTED),
    "200 invalid_grant": (answer(200, {"error": "invalid_grant"}), REFUSED),
    "200 without access_token": (answer(200, {"token_type": "bearer", "expires_in": 60}), UNEXPECTED),
    "200 access_token null": (answer(200, {"access_token": None}), UNEXPECTED),
    "200 access_token empty": (answer(200, {"access_token": ""}), UNEXPECTED),
    "200 access_token is a number": (answer(200, {"access_token": 7}), UNEXPECTED),
    "200 access_token alone": (answer(200, {"access_token": "an-access-token"}), OK),
    "201": (answer(201, {"access_token": "an-access-token", "refresh_token": "a-new-refresh-token"}), OK),
}


@pytest.mark.parametrize("name", AG_LEADER)
def test_ag_leader(granary, providers, name):
    fault, expected = AG_LEADER[name]
    login = logins.ag_leader(providers)
    login.fail(fault)
    assert outcome(granary, login) == expected


def envelope(status, message="", **more):
    return {"Status": status, "Message": message, "ErrorList": [], **more}


SESSION = {"APIUsers": [{"SessionID": "a-session-id"}]}
AGVANCE = {
    "0 with a session": (answer(200, envelope("0", "OK", **SESSION)), OK),
    "3 with a session": (answer(200, envelope("3", "a note", **SESSION)), OK),
    "0 as a number": (answer(200, envelope(0, "OK", **SESSION)), OK),
    "SessionID beside": (answer(200, envelope("0", "OK", SessionID="a-session-id")), OK),
    "sessionId beside": (answer(200, envelope("0", "OK", sessionId="a-session-id")), OK),
    "401": (faults.empty(401), REFUSED),
    "401 HTML": (faults.html(401), UNEXPECTED),
    "invalid login": (answer(200, envelope("1", "Invalid Login")), REFUSED),
    "invalid user, Status 2": (answer(200, envelope("2", "INVALID USER NAME")), REFUSED),
    "invalid password": (answer(200, envelope("1", "This is an invalid password.")), REFUSED),
    "invalid credential": (answer(200, envelope("1", "Invalid credentials")), REFUSED),
    "invalid api": (answer(200, envelope("1", "invalid API key")), REFUSED),
    "incorrect": (answer(200, envelope("1", "Something is Incorrect")), REFUSED),
    "not authorized": (answer(200, envelope("1", "User is not authorized")), REFUSED),
    "unauthorized": (answer(200, envelope("1", "Unauthorized")), REFUSED),
    "Status as a number": (answer(200, envelope(1, "Invalid login")), REFUSED),
    "400 with the envelope": (answer(400, envelope("1", "Invalid login")), REFUSED),
    "403 with the envelope": (answer(403, envelope("2", "Unauthorized")), REFUSED),
    "1 and another message": (answer(200, envelope("1", "The database is being upgraded")), UNEXPECTED),
    "2 and another message": (answer(200, envelope("2", "Object reference not set to an instance")), UNEXPECTED),
    "1 without a message": (answer(200, {"Status": "1"}), UNEXPECTED),
    "1 and a message of null": (answer(200, {"Status": "1", "Message": None}), UNEXPECTED),
    "the words elsewhere": (answer(200, envelope("1", "Failed", Hint="Invalid login")), UNEXPECTED),
    "0 without a session": (answer(200, envelope("0", "OK")), UNEXPECTED),
    "0 with an empty session": (answer(200, envelope("0", "OK", APIUsers=[{"SessionID": ""}])), UNEXPECTED),
    "0 with no users": (answer(200, envelope("0", "OK", APIUsers=[])), UNEXPECTED),
    "no Status": (answer(200, SESSION), UNEXPECTED),
    "another Status": (answer(200, envelope("4", "Invalid login", **SESSION)), UNEXPECTED),
    "Status is an object": (answer(200, envelope({}, "Invalid login")), UNEXPECTED),
    "403": (faults.empty(403), UNEXPECTED),
    "403 HTML": (faults.html(403), UNEXPECTED),
    "400 HTML": (faults.html(400), UNEXPECTED),
}


@pytest.mark.parametrize("name", AGVANCE)
def test_agvance(granary, providers, name):
    fault, expected = AGVANCE[name]
    login = logins.agvance(providers)
    login.fail(fault)
    assert outcome(granary, login) == expected


VALLEY = {
    "200 {}": (answer(200, {}), OK),
    "201": (answer(201, {"token": "t"}), OK),
    "401": (faults.empty(401), REFUSED),
    "401 HTML": (faults.html(401), UNEXPECTED),
    "403": (faults.empty(403), FORBIDDEN),
    "403 HTML": (faults.html(403), UNEXPECTED),
    "200 with an error": (answer(200, {"error": "unauthorized"}), UNEXPECTED),
    "200 with an error object": (answer(200, {"error": {"code": 401}}), UNEXPECTED),
    "400": (answer(400, {"error": "bad password"}), UNEXPECTED),
    "402": (answer(402), UNEXPECTED),
    "422": (answer(422, {"error": "no"}), UNEXPECTED),
    "200 text": (answer(200, "OK"), UNEXPECTED),
    "200 a key twice or more after": (answer(200, "{} {}"), UNEXPECTED),
}


@pytest.mark.parametrize("name", VALLEY)
def test_valley(granary, providers, name):
    fault, expected = VALLEY[name]
    login = logins.valley(providers)
    login.fail(fault)
    assert outcome(granary, login) == expected


SENTERA_LOGIN = {
    "401": (faults.empty(401), REFUSED),
    "403": (faults.empty(403), REFUSED),
    "403 HTML": (faults.html(403), UNEXPECTED),
    "422": (answer(422, {"errors": ["no"]}), REFUSED),
    "400": (answer(400, {"error": "invalid"}), UNEXPECTED),
    "200 without auth_token": (answer(200, {"status": "active"}), UNEXPECTED),
    "200 auth_token null": (answer(200, {"auth_token": None}), UNEXPECTED),
    "200 auth_token empty": (answer(200, {"auth_token": ""}), UNEXPECTED),
    "200 auth_token is a number": (answer(200, {"auth_token": 5}), UNEXPECTED),
}


@pytest.mark.parametrize("name", SENTERA_LOGIN)
def test_sentera_login(granary, providers, name):
    fault, expected = SENTERA_LOGIN[name]
    login = logins.sentera(providers)
    login.fail(fault, path="/v1/sessions")
    assert outcome(granary, login) == expected
    assert login.calls("/graphql") == []


def organizations(value):
    return answer(200, {"data": {"organizations": value}})


SENTERA_QUERY = {
    "401 right after the login": (faults.empty(401), REFUSED),
    "403": (faults.empty(403), FORBIDDEN),
    "errors and null data": (answer(200, {"data": None, "errors": [{"message": "Not authenticated"}]}), UNEXPECTED),
    "errors without data": (answer(200, {"errors": [{"message": "x"}]}), UNEXPECTED),
    "no data": (answer(200, {}), UNEXPECTED),
    "no results": (organizations({"total_count": 1}), UNEXPECTED),
    "results are no array": (organizations({"total_count": 1, "results": "x"}), UNEXPECTED),
    "422": (answer(422, {"error": "no"}), UNEXPECTED),
    "500": (answer(500), unavailable("provider_error")),
    "429": (answer(429), unavailable("rate_limited")),
    "hang": (faults.hang(), unavailable("timeout")),
    "reset": (faults.reset(), unavailable("unreachable")),
    "cut": (faults.cut(), UNEXPECTED),
    "HTML": (faults.html(), UNEXPECTED),
}


@pytest.mark.parametrize("name", SENTERA_QUERY)
def test_sentera_query(granary, providers, name):
    fault, expected = SENTERA_QUERY[name]
    login = logins.sentera(providers)
    login.fail(fault, path="/graphql")
    assert outcome(granary, login) == expected
    assert len(login.calls("/v1/sessions")) <= 2


AMBIGUOUS = ("MISSING_PERMISSION", "organization_ambiguous")
NO_ORGANIZATION = ("MISSING_PERMISSION", "organization_not_found")
FARMS = [(f"o-{number}", f"Farm {number}") for number in range(7)]
ORGANIZATIONS = {
    "none": ([], NO_ORGANIZATION, None),
    "others": (FARMS, NO_ORGANIZATION, None),
    "another case": ([("a", "green farm"), ("b", "GREEN FARM")], NO_ORGANIZATION, None),
    "with blanks": ([("a", " Green Farm"), ("b", "Green Farm ")], NO_ORGANIZATION, None),
    "a prefix": ([("a", "Green"), ("b", "Green Farm 2")], NO_ORGANIZATION, None),
    "another form of e acute": ([("a", "Green Farm\u0301")], NO_ORGANIZATION, None),
    "two": ([("a", "Green Farm"), ("b", "Green Farm")], AMBIGUOUS, None),
    "two, far apart": ([("a", "Green Farm"), *FARMS, ("b", "Green Farm")], AMBIGUOUS, None),
    "one of many": ([*FARMS, ("wanted", "Green Farm")], OK, "wanted"),
    "the first": ([("wanted", "Green Farm"), *FARMS], OK, "wanted"),
}


@pytest.mark.parametrize("size", [100, 3, 1])
@pytest.mark.parametrize("name", ORGANIZATIONS)
def test_sentera_organization_by_exact_name(granary, providers, name, size):
    found, expected, number = ORGANIZATIONS[name]
    login = logins.sentera(providers, found)
    login.stand_in.page_limit[login.account] = size
    credential = granary.credential(login.slug)
    values = credential.post(login.body).json()
    assert credential.standing() == expected
    assert (values["authToken"], values["organizationId"]) == (login.record.tokens[-1], number)


def test_sentera_stops_at_an_empty_page(granary, providers):
    login = logins.sentera(providers, FARMS)
    login.stand_in.total_count[login.account] = 1000000
    assert outcome(granary, login) == NO_ORGANIZATION
    assert len(login.calls("/graphql")) == 2


def test_sentera_reads_at_most_100_pages(start_granary, providers):
    server = start_granary(checks={"timeout": "20s"})
    login = logins.sentera(providers, [(f"o-{n}", f"Farm {n}") for n in range(150)])
    login.stand_in.page_limit[login.account] = 1
    assert outcome(server, login)[0] == "TEMPORARILY_UNAVAILABLE"
    assert len(login.calls("/graphql")) == 100


def test_sentera_logs_in_again_when_its_token_has_expired(granary, providers):
    for expired in ("401", "errors"):
        login = logins.sentera(providers)
        login.record.expired_answer = expired
        credential = granary.connect(login)
        assert credential.checked()["status"] == "OK"
        assert len(login.calls("/v1/sessions")) == 1, "the stored token is used"
        login.stand_in.expire_tokens(login.account)
        assert credential.checked()["reason"] is None
        assert len(login.calls("/v1/sessions")) == 2
        assert credential.values()["authToken"] == login.record.tokens[-1]


def test_sentera_asks_for_the_login_before_it_calls_it_refused(granary, providers):
    login = logins.sentera(providers)
    credential = granary.connect(login)
    login.stand_in.expire_tokens(login.account)
    login.revoke()
    body = credential.checked()
    assert (body["status"], body["reason"]) == ("OK", "refused_once")
    assert len(login.calls("/v1/sessions")) == 2


def test_sentera_finds_an_organization_that_came_later(granary, providers):
    login = logins.sentera(providers, [])
    credential = granary.credential(login.slug)
    assert credential.post(login.body).json()["status"] == "MISSING_PERMISSION"
    login.record.organizations.append(("late", "Green Farm"))
    assert credential.checked()["status"] == "OK"
    assert credential.values()["organizationId"] == "late"


def test_a_large_token_is_kept(granary, providers):
    login = logins.ag_leader(providers)
    login.record.access_token_size = 64 * 1024
    credential = granary.connect(login)
    token = credential.values()["accessToken"]
    assert len(token) == 64 * 1024 and token == login.record.access_tokens[-1]


def test_requests_ask_for_json(granary, providers):
    for slug in SLUGS:
        login = new_login(providers, slug)
        granary.connect(login)
        assert {call.headers.get("accept") for call in login.calls()} == {"application/json"}
