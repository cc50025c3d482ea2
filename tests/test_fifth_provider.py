"""Adding a provider that uses an existing flow is one file and no code: descriptors made from those in providers/, with
other names, are put in a folder, and the server is started with --providers."""

import json

import logins
import pytest
from harness import ROOT, USERS, eventually, run_binary, toml
from standins import AgLeader, faults


def descriptor(source, **changes):
    """One of ours under another name. `changes` replace top-level members; "parameters" are merged."""
    made = json.loads((ROOT / "providers" / f"{source}.json").read_text())
    made["parameters"] |= changes.pop("parameters", {})
    return made | changes


def renamed(value, names):
    """The same JSON with every string that is a name replaced."""
    text = json.dumps(value)
    for old, new in names.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return json.loads(text)


PRAIRIE = renamed(
    descriptor(
        "ag-leader",
        slug="prairie-credentials",
        name="Prairie",
        user_key="prairieCredentials",
        user_position=3,
        base_url=None,
        parameters={"token_path": "/oauth/token"},
    ),
    {"publicKey": "clientId", "privateKey": "clientSecret"},
)
PROBED = descriptor(
    "agvance",
    slug="silo-credentials",
    name="Silo",
    user_key="siloCredentials",
    user_position=20,
    parameters={"probe": {"method": "GET", "path": "/ApiUser"}},
)


@pytest.fixture(scope="module")
def prairie():
    stand_in = AgLeader(token_path="/oauth/token")
    yield stand_in
    stand_in.stop()
    assert stand_in.complaints == []


@pytest.fixture(scope="module")
def granary(start_module_granary, providers, prairie, tmp_path_factory):
    folder = tmp_path_factory.mktemp("providers")
    for made in (PRAIRIE, PROBED):
        (folder / f"{made['slug']}.json").write_text(json.dumps(made))
    return start_module_granary(
        arguments=["--providers", str(folder)],
        described=False,
        checks={"confirm_after": "1s"},
        providers={
            "prairie": {"base_url": prairie.url},
            "silo": {"environments": {"STAGE": {"base_url": providers.agvance.url}}},
        },
    )


@pytest.fixture
def login(providers, prairie):
    made = logins.ag_leader(providers, stand_in=prairie)
    made.slug = "prairie-credentials"
    record = made.record
    made.body = {"refreshToken": record.refresh_token, "clientId": made.account, "clientSecret": record.private_key}
    return made


def test_it_is_connected_checked_and_shown(granary, login):
    credential = granary.connect(login)
    assert credential.checked()["status"] == "OK"
    values = credential.values()
    assert list(values) == ["id", "status", "createdTime", "accessToken", "refreshToken", "clientId", "clientSecret"]
    assert values["refreshToken"] == login.record.refresh_token
    assert [call.path for call in login.calls()] == ["/oauth/token"] * 2
    assert len(credential.events()) == 2
    user = granary.request("GET", f"{USERS}/{credential.user_id}").json()
    assert user["prairieCredentials"] == values


def test_its_fields_are_validated_under_its_names(granary):
    errors = granary.credential("prairie-credentials").post({"refreshToken": 1, "clientId": ""}).json()["fieldErrors"]
    named = sorted((error["objectName"], error["field"]) for error in errors)
    assert named == [("prairieCredentials", name) for name in ("clientId", "clientSecret", "refreshToken")]


def test_it_is_refused_redacted_and_reconnected(granary, login, providers, prairie):
    credential = granary.connect(login)
    login.fail(faults.answer(500, f"the secret {login.record.private_key} was sent"), times=1)
    credential.checked()
    assert login.record.private_key not in credential.events()[0]["body"]
    login.revoke()
    credential.checked()
    eventually(lambda: credential.standing() == ("UNAUTHENTICATED", "refused"))
    login.record.revoked = False
    body = {**login.body, "refreshToken": login.record.refresh_token}
    assert credential.put(body).json()["status"] == "OK"


def test_it_stands_where_it_asked_to_stand(granary, login, providers):
    user = granary.new_user()
    for made in (login, logins.ag_leader(providers), logins.valley(providers)):
        granary.connect(made, user)
    names = [name for name in granary.request("GET", f"{USERS}/{user}").json() if name.endswith("Credentials")]
    assert names == ["prairieCredentials", "agLeaderCredentials", "valleyCredentials"]


def test_it_is_unlinked_linked_and_listed(granary, login):
    credential = granary.connect(login)
    number = credential.values()["id"]
    credential.unlink()
    assert credential.link("valleyCredentials", number).json()["errorKey"] == "credentialsNotLinkable"
    assert credential.link("prairieCredentials", number).status_code == 200
    listed = granary.request("GET", "/services/usermanagement/api/credentials?provider=prairie&size=100").json()
    assert number in [entry["id"] for entry in listed]
    assert {entry["provider"] for entry in listed} == {"prairie"}


def test_a_probe_reuses_the_session(granary, providers):
    made = logins.agvance(providers)
    made.slug = "silo-credentials"
    credential = granary.connect(made)
    session = credential.values()["sessionId"]
    for _ in range(3):
        assert credential.checked()["status"] == "OK"
    assert credential.values()["sessionId"] == session
    assert [call.path for call in made.calls()] == ["/ApiUser/LogOn"] + ["/ApiUser"] * 3
    made.stand_in.end_sessions(made.account)
    assert credential.checked()["status"] == "OK"
    assert credential.values()["sessionId"] == made.record.sessions[-1] != session
    made.revoke()
    made.stand_in.end_sessions(made.account)
    assert credential.checked()["reason"] == "refused_once"


def refused_start(tmp_path, text):
    """Runs `granary serve` with one descriptor; returns the finished process."""
    folder = tmp_path / "descriptors"
    folder.mkdir()
    (folder / "new.json").write_text(text)
    config = tmp_path / "granary.toml"
    config.write_text(toml({}))
    key = tmp_path / "root.key"
    run_binary("key", "init", "--root-key", f"file:{key}")
    arguments = ["--listen", "127.0.0.1:0", "--data", tmp_path / "data", "--root-key", f"file:{key}", "--config", config]
    return run_binary("serve", *arguments, "--providers", folder, timeout=20)


NO_FIELD = {"client_id_field": "nothing"}
BROKEN = {
    "a slug that is known": json.dumps(descriptor("ag-leader")),
    "a user key that is known": json.dumps({**PRAIRIE, "user_key": "valleyCredentials"}),
    "an unknown flow": json.dumps({**PRAIRIE, "flow": "telepathy"}),
    "no slug": json.dumps({name: value for name, value in PRAIRIE.items() if name != "slug"}),
    "a slug that is no segment": json.dumps({**PRAIRIE, "slug": "../prairie"}),
    "a parameter that names no field": json.dumps({**PRAIRIE, "parameters": {**PRAIRIE["parameters"], **NO_FIELD}}),
    "an unknown member": json.dumps({**PRAIRIE, "colour": "green"}),
    "a wrong type": json.dumps({**PRAIRIE, "request": "clientId"}),
    "no json": "slug: prairie",
    "nothing": "",
    "an array": "[]",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_descriptor_does_not_start(tmp_path, name):
    refused = refused_start(tmp_path, BROKEN[name])
    assert refused.returncode == 1
    assert refused.stderr.strip()
