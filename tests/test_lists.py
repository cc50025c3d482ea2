"""Lists: filters, order, paging and the headers that go with it, for users, for credentials of all users, and for events."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from harness import CREDENTIALS, USERS, eventually
from logins import new_login
from problems import assert_problem

LISTER = ("lister@example.org", "a password for lists")
KEYS = ["id", "leafUserId", "provider", "status", "since", "reason", "message", "lastCheckedTime", "nextCheckTime"]
KEYS += ["action", "lastSuccessTime", "failuresInRow", "checkedBy", "expiresAt", "externalId", "leafUserName"]
FARM = [
    ("valley", "OK"),
    ("sentera", "OK"),
    ("agvance", "UNAUTHENTICATED"),
    ("valley", "UNAUTHENTICATED"),
    ("sentera", "MISSING_PERMISSION"),
]
COUNT = 105
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
LINK = re.compile(r'<([^<>"]+)>;rel="(\w+)"')


@pytest.fixture(scope="module")
def many(granary):
    """An owner with 105 users; `many.get(...)` lists them."""
    granary.add_owner(*LISTER)
    token = granary.log_in(*LISTER)

    class Many:
        users = []

        def get(self, query=""):
            answer = granary.request("GET", USERS + query, token=token)
            assert answer.status_code == 200, answer.text
            return answer

        def names(self, query):
            return [user["name"] for user in self.get(query).json()]

    made = Many()
    for number in range(COUNT):
        fields = {"name": f"grower {number:03}", "email": f"g{number % 7}@example.org", "externalId": f"x{number % 10}"}
        answer = granary.request("POST", USERS, json=fields, token=token)
        assert answer.status_code == 201
        made.users.append(answer.json())
    return made


def links(answer):
    """The Link header as [(rel, path, parameters)], and nothing else in it."""
    header = answer.headers["Link"]
    found = LINK.findall(header)
    assert ",".join(f'<{target}>;rel="{rel}"' for target, rel in found) == header
    return [(rel, urlsplit(target).path, parse_qsl(urlsplit(target).query, keep_blank_values=True)) for target, rel in found]


def test_list_is_a_bare_array_oldest_first(many):
    answer = many.get()
    assert answer.json() == many.users[:20]
    assert answer.headers["X-Total-Count"] == str(COUNT)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "next=1&size=20 last=5&size=20 first=0&size=20"),
        ("?page=0&size=10", "next=1&size=10 last=10&size=10 first=0&size=10"),
        ("?page=4&size=10", "next=5&size=10 last=10&size=10 first=0&size=10 prev=3&size=10"),
        ("?page=10&size=10", "last=10&size=10 first=0&size=10 prev=9&size=10"),
        ("?page=1&size=35", "next=2&size=35 last=2&size=35 first=0&size=35 prev=0&size=35"),
        ("?page=0&size=100", "next=1&size=100 last=1&size=100 first=0&size=100"),
        ("?page=&size=", "next=1&size=20 last=5&size=20 first=0&size=20"),
    ],
)
def test_link_header_to_the_letter(many, query, expected):
    parts = [part.split("=", 1) for part in expected.split()]
    header = ",".join(f'<api/users?page={page}>;rel="{rel}"' for rel, page in parts)
    assert many.get(query).headers["Link"] == header


def test_link_of_a_list_that_fits_one_page(many):
    assert [rel for rel, _, _ in links(many.get("?name=grower 001"))] == ["last", "first"]


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("?size=2&email=g1%40example.org", [("email", "g1@example.org")]),
        ("?externalId=x3&size=2&page=1", [("externalId", "x3")]),
        ("?sort=name,desc&sort=id&size=5&page=2", [("sort", "name,desc"), ("sort", "id")]),
        ("?size=5&whatever=1&page=1", [("whatever", "1")]),
        ("?size=5&x=%3E%3Brel%3D%22next%22%2C%0D%0AA:%20b%20c%26d%2B%25", [("x", '>;rel="next",\r\nA: b c&d+%')]),
        ("?size=5&x=%C3%A9", [("x", "é")]),
    ],
)
def test_link_keeps_the_other_parameters(many, query, kept):
    answer = many.get(query)
    assert "A" not in answer.headers
    for _, path, parameters in links(answer):
        assert path == "api/users"
        assert sorted(pair for pair in parameters if pair[0] not in ("page", "size")) == sorted(kept)
        assert [name for name, _ in parameters].count("page") == [name for name, _ in parameters].count("size") == 1


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 20), ("?size=1", 1), ("?size=100", 100), ("?size=101", 100), ("?size=100000", 100), ("?page=5", 5), ("?page=6", 0)]
    + [("?page=1000000", 0), ("?size=", 20), ("?page=", 20)],
)
def test_size_and_page(many, query, count):
    answer = many.get(query)
    assert len(answer.json()) == count
    assert answer.headers["X-Total-Count"] == str(COUNT)


@pytest.mark.parametrize(
    "query", ["?size=7", "?size=50&sort=externalId", "?size=30&sort=email,desc&sort=externalId", "?size=33&sort=id"]
)
def test_next_leads_through_every_user_once(many, query):
    seen = []
    path = query
    while path is not None:
        answer = many.get(path)
        seen += [user["id"] for user in answer.json()]
        targets = dict((rel, target) for target, rel in LINK.findall(answer.headers["Link"]))
        path = "?" + urlsplit(targets["next"]).query if "next" in targets else None
    assert sorted(seen) == sorted(user["id"] for user in many.users)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("sort=name", [("name", False)]),
        ("sort=name,asc", [("name", False)]),
        ("sort=name,desc", [("name", True)]),
        ("sort=name%2Cdesc", [("name", True)]),
        ("sort=id", [("id", False)]),
        ("sort=id,desc", [("id", True)]),
        ("sort=createdTime", [("name", False)]),
        ("sort=createdTime,desc", [("name", True)]),
        ("sort=email,desc&sort=name", [("email", True), ("name", False)]),
        ("sort=externalId&sort=email,desc&sort=name,desc", [("externalId", False), ("email", True), ("name", True)]),
        ("sort=", [("name", False)]),
    ],
)
def test_sort(many, query, keys):
    expected = list(many.users)
    for key, reverse in reversed(keys):
        expected.sort(key=lambda user, key=key: user[key], reverse=reverse)
    assert many.get(f"?size=100&{query}").json() == expected[:100]


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("email=g1@example.org", lambda user: user["email"] == "g1@example.org"),
        ("externalId=x3", lambda user: user["externalId"] == "x3"),
        ("name=grower%20004", lambda user: user["name"] == "grower 004"),
        ("name=grower+004", lambda user: user["name"] == "grower 004"),
        ("email=g1@example.org&externalId=x3", lambda user: (user["email"], user["externalId"]) == ("g1@example.org", "x3")),
        ("name=grower%20004&externalId=x5", lambda user: False),
        ("name=grower", lambda user: False),
        ("email=G1@EXAMPLE.ORG", lambda user: False),
        ("externalId=x3%20", lambda user: False),
        ("externalId=%25", lambda user: False),
        ("externalId=x_", lambda user: False),
        ("name=&email=", lambda user: True),
        ("nome=nobody", lambda user: True),
    ],
)
def test_filters_are_exact_and_all_apply(many, query, matches):
    expected = [user for user in many.users if matches(user)]
    answer = many.get(f"?size=100&{query}")
    assert answer.json() == expected[:100]
    assert answer.headers["X-Total-Count"] == str(len(expected))


def test_trailing_slash_before_the_query(many):
    assert many.names("/?externalId=x3&size=1") == ["grower 003"]


@pytest.fixture(scope="module")
def farm(granary, providers):
    """An owner with five credentials in three statuses: `farm.list(...)`, `farm.made` in the order they were made."""
    owner = ("farm@example.org", "a password for a farm")
    granary.add_owner(*owner)
    token = granary.log_in(*owner)

    class Farm:
        made = []
        logins = []

        def list(self, **parameters):
            answer = granary.request("GET", CREDENTIALS, params=parameters, token=token)
            assert answer.status_code == 200, answer.text
            return answer

        def ids(self, **parameters):
            return [entry["id"] for entry in self.list(**parameters).json()]

    farm = Farm()
    for number, (provider, status) in enumerate(FARM):
        login = new_login(providers, f"{provider}-credentials")
        body = dict(login.body)
        if status == "UNAUTHENTICATED":
            body["password"] = "not the password"
        if status == "MISSING_PERMISSION":
            body["organizationName"] = "No such farm"
        user_id = granary.new_user(token, name=f"farm {number}", externalId=f"f{number % 2}") if number < 4 else None
        credential = granary.credential(login.slug, user_id, token)
        answer = credential.post(body)
        assert (answer.status_code, answer.json()["status"]) == (201, status), answer.text
        farm.made.append({"id": answer.json()["id"], "leafUserId": credential.user_id, "provider": provider, "status": status})
        farm.logins.append(login)
    farm.credentials = [granary.credential(login.slug, made["leafUserId"], token) for login, made in zip(farm.logins, farm.made)]
    return farm


def test_credentials_of_all_users_newest_first(farm):
    answer = farm.list()
    assert answer.headers["X-Total-Count"] == "5"
    entries = answer.json()
    assert all(list(entry) == KEYS for entry in entries)
    assert [{key: entry[key] for key in KEYS[:4]} for entry in entries] == farm.made[::-1]
    assert all(TIME.fullmatch(entry["since"]) and TIME.fullmatch(entry["lastCheckedTime"]) for entry in entries)


def test_credentials_list_says_what_status_says(farm):
    for entry, credential in zip(farm.list().json(), farm.credentials[::-1]):
        status = credential.status()
        assert {key: entry[key] for key in status} == status


def test_credentials_list_has_no_provider_fields(farm):
    text = farm.list().text
    for login in farm.logins:
        for value in login.body.values():
            assert value not in text


@pytest.mark.parametrize(
    ("parameters", "chosen"),
    [
        ({"status": "OK"}, [1, 0]),
        ({"status": "UNAUTHENTICATED"}, [3, 2]),
        ({"status": "MISSING_PERMISSION"}, [4]),
        ({"status": "TEMPORARILY_UNAVAILABLE"}, []),
        ({"provider": "valley"}, [3, 0]),
        ({"provider": "ag-leader"}, []),
        ({"provider": "sentera", "status": "OK"}, [1]),
        ({"provider": "", "status": ""}, [4, 3, 2, 1, 0]),
        ({"size": "2"}, [4, 3]),
        ({"size": "2", "page": "2"}, [0]),
        ({"size": "2", "page": "3"}, []),
        ({"changedSince": "2000-01-01T00:00:00.000000Z"}, [4, 3, 2, 1, 0]),
        ({"changedSince": "2999-01-01T00:00:00.000000Z"}, []),
        ({"status": "OK,MISSING_PERMISSION"}, [4, 1, 0]),
        ({"status": ["OK", "MISSING_PERMISSION", "OK"]}, [4, 1, 0]),
        ({"status": ["OK,,", "UNAUTHENTICATED,OK"]}, [3, 2, 1, 0]),
        ({"status": ","}, [4, 3, 2, 1, 0]),
        ({"status": "OK,UNAUTHENTICATED", "size": "1", "page": "2"}, [1]),
        ({"provider": "valley,agvance"}, [3, 2, 0]),
        ({"provider": ["valley", "sentera"], "status": ["OK", "TEMPORARILY_UNAVAILABLE"]}, [1, 0]),
        ({"action": "reconnect"}, [3, 2]),
        ({"action": "grant_permission,wait"}, [4]),
        ({"action": ["reconnect", "grant_permission"], "provider": "sentera"}, [4]),
        ({"action": "operator"}, []),
        ({"reason": "refused"}, [3, 2]),
        ({"reason": "organization_not_found,timeout"}, [4]),
        ({"reason": "refused_once"}, []),
        ({"externalId": "f0"}, [2, 0]),
        ({"externalId": "f1", "status": "OK"}, [1]),
        ({"externalId": "f"}, []),
        ({"externalId": "f0,f1"}, []),
        ({"expiringBefore": "2999-01-01T00:00:00.000000Z"}, []),
        ({"nome": ""}, [4, 3, 2, 1, 0]),
    ],
)
def test_credentials_list_filters(farm, parameters, chosen):
    assert farm.ids(**parameters) == [farm.made[number]["id"] for number in chosen]


def test_credentials_of_some_leaf_users(farm):
    users = [made["leafUserId"] for made in farm.made]
    ids = [made["id"] for made in farm.made]
    assert farm.ids(leafUserId=users[1]) == [ids[1]]
    assert farm.ids(leafUserId=[users[1], users[3]]) == [ids[3], ids[1]]
    assert farm.ids(leafUserId=f"{users[3]},{users[1]},{users[1]}") == [ids[3], ids[1]]
    assert farm.ids(leafUserId=users[1], status="UNAUTHENTICATED") == []
    assert farm.ids(leafUserId=",".join([*(["00000000-0000-4000-8000-000000000000"] * 300), users[0]])) == [ids[0]]


def test_the_list_names_the_leaf_user(farm):
    told = [(entry["externalId"], entry["leafUserName"]) for entry in farm.list().json()]
    assert told == [(None, "A grower"), ("f1", "farm 3"), ("f0", "farm 2"), ("f1", "farm 1"), ("f0", "farm 0")]


def test_what_ends_before_a_time_is_found_and_what_has_no_end_is_not(start_granary, providers):
    server = start_granary()
    made = [server.connect(new_login(providers, "ag-leader-credentials")).values()["id"] for _ in range(4)]
    server.stop()
    for credential, end in zip(made, (100, 200, 300)):
        server.edit_row(credential, f"grant_ends = {end * 1_000_000}")
    server.start()

    def ids(**parameters):
        return [entry["id"] for entry in server.request("GET", CREDENTIALS, params=parameters).json()]

    def at(seconds, micros=0):
        return f"1970-01-01T00:{seconds // 60:02}:{seconds % 60:02}.{micros:06}Z"

    assert ids(expiringBefore=at(100)) == []
    assert ids(expiringBefore=at(100, 1)) == [made[0]]
    assert ids(expiringBefore=at(200)) == [made[0]]
    assert ids(expiringBefore="2999-01-01T00:00:00.000000Z") == [made[2], made[1], made[0]]
    assert ids(expiringBefore=at(300), status="OK", size=1) == [made[1]]
    listed = {entry["id"]: entry["expiresAt"] for entry in server.request("GET", CREDENTIALS).json()}
    assert listed == {made[0]: at(100), made[1]: at(200), made[2]: at(300), made[3]: None}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("nome=x", ["nome"]),
        ("Status=OK", ["Status"]),
        ("leafuserid=1", ["leafuserid"]),
        ("a=1&b=2&a=3", ["a", "b"]),
        ("name=Jo&email=x&userId=1", ["name", "email", "userId"]),
        ("sort=since", ["sort"]),
        ("sort=id&order=desc", ["sort", "order"]),
        ("%3Cb%3E=1", ["<b>"]),
        ("status=ok", ["status"]),
        ("status=OK,BROKEN", ["status"]),
        ("status=OK&status=BROKEN", ["status"]),
        ("status=OK%20", ["status"]),
        ("provider=valley-credentials", ["provider"]),
        ("provider=valley,nobody", ["provider"]),
        ("action=call", ["action"]),
        ("action=Reconnect", ["action"]),
        ("action=operator,null", ["action"]),
        ("reason=everything", ["reason"]),
        ("reason=refused,", []),
        ("reason=null", ["reason"]),
        ("leafUserId=1", ["leafUserId"]),
        ("leafUserId=%2A", ["leafUserId"]),
        ("leafUserId=00000000-0000-4000-8000-000000000000,x", ["leafUserId"]),
        ("expiringBefore=tomorrow", ["expiringBefore"]),
        ("expiringBefore=2026-01-01", ["expiringBefore"]),
        ("changedSince=2026-13-01T00:00:00.000000Z", ["changedSince"]),
        ("page=-1&size=0&status=x&what=1", ["page", "size", "status", "what"]),
    ],
)
def test_credentials_list_refuses_by_name(granary, query, fields):
    answer = granary.request("GET", f"{CREDENTIALS}?{query}")
    if fields:
        assert_problem(answer, 400, "invalidField", [("query", field) for field in fields])
    else:
        assert answer.status_code == 200


def test_changed_since_is_inclusive(farm):
    entries = farm.list().json()
    for number, entry in enumerate(entries):
        newer = [other["id"] for other in entries if other["since"] >= entry["since"]]
        assert farm.ids(changedSince=entry["since"]) == newer
        assert number < len(newer)


def test_credentials_list_links(farm):
    answer = farm.list(status="OK", size=1)
    assert answer.headers["X-Total-Count"] == "2"
    assert [rel for rel, _, _ in links(answer)] == ["next", "last", "first"]
    assert all(path == "api/credentials" and ("status", "OK") in parameters for _, path, parameters in links(answer))


def test_credentials_of_another_owner_are_not_listed(farm, granary):
    theirs = {made["id"] for made in farm.made}
    listed = {entry["id"] for entry in granary.request("GET", CREDENTIALS, params={"size": 100}).json()}
    assert not theirs & listed


def test_unlinked_and_deleted_credentials_are_not_listed(granary, providers):
    def listed():
        return {entry["id"] for entry in granary.request("GET", CREDENTIALS, params={"size": 100}).json()}

    credential = granary.connect(new_login(providers, "valley-credentials"))
    credential_id = credential.values()["id"]
    assert credential_id in listed()
    credential.unlink()
    assert credential_id not in listed()
    assert credential.link("valleyCredentials", credential_id).status_code == 200
    assert credential_id in listed()
    assert credential.delete().status_code == 204
    assert credential_id not in listed()


def test_events_are_paged_newest_first(granary, providers):
    credential = granary.connect(new_login(providers, "valley-credentials"))
    for _ in range(4):
        credential.checked()

    def five():
        events = credential.events()
        assert len(events) == 5
        return events

    events = eventually(five)
    dates = [event["createdDate"] for event in events]
    assert dates == sorted(dates, reverse=True)
    answer = credential.request("GET", "/events", params={"size": 2, "page": 1})
    assert answer.json() == events[2:4]
    assert answer.headers["X-Total-Count"] == "5"
    assert [rel for rel, _, _ in links(answer)] == ["next", "last", "first", "prev"]
    assert credential.events(sort="createdDate,asc") == events[::-1]
    assert credential.events(sort="createdDate,desc", size=3) == events[:3]
