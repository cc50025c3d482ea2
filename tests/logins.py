"""A grower's login at a stand-in, with the body that connects it to Granary: what almost every test begins with."""

import itertools
import secrets
from dataclasses import dataclass, field

from standins import faults

_numbers = itertools.count(1)
_run = secrets.token_hex(3)

USER_KEYS = {
    "valley-credentials": "valleyCredentials",
    "agvance-credentials": "agvanceCredentials",
    "sentera-credentials": "senteraCredentials",
    "ag-leader-credentials": "agLeaderCredentials",
}
FIELDS = {
    "valley-credentials": ["apid", "key", "initializationVector", "username"],
    "agvance-credentials": ["clientEnvironment", "username", "password", "databaseId", "sessionId", "apiKey"],
    "sentera-credentials": ["username", "authToken", "organizationId", "organizationName"],
    "ag-leader-credentials": ["accessToken", "refreshToken", "publicKey", "privateKey"],
}
SLUGS = list(USER_KEYS)


def unique(prefix):
    return f"{prefix}-{_run}-{next(_numbers)}"


@dataclass
class Login:
    """`account` is the stand-in's name for it, `record` the stand-in's own entry, `secrets` what must never leak."""

    slug: str
    stand_in: object
    account: str
    record: object
    body: dict
    secrets: list = field(default_factory=list)

    def fail(self, fault, times=None, path=None):
        self.stand_in.fail(fault, account=self.account, times=times, path=path)

    def refuse(self, times=None):
        self.fail(faults.refuse(), times)

    def heal(self):
        self.stand_in.heal(self.account)
        self.record.revoked = False

    def revoke(self):
        """The login is wrong from now on, as the provider itself sees it."""
        self.record.revoked = True

    def calls(self, path=None):
        return self.stand_in.calls_of(self.account, path)

    @property
    def user_key(self):
        return USER_KEYS[self.slug]


def valley(providers, **changes):
    body = {
        "apid": unique("app"),
        "initializationVector": secrets.token_hex(16),
        "key": secrets.token_hex(32),
        "username": unique("grower"),
        "password": secrets.token_urlsafe(12),
        **changes,
    }
    record = providers.valley.create(
        body["apid"], body["key"], body["initializationVector"], body["username"], body["password"]
    )
    hidden = [body["key"], body["initializationVector"], body["password"]]
    return Login("valley-credentials", providers.valley, body["apid"], record, body, hidden)


def agvance(providers, **changes):
    body = {
        "apiKey": secrets.token_urlsafe(18),
        "databaseId": unique("db"),
        "username": unique("api-user"),
        "password": secrets.token_urlsafe(12),
        **changes,
    }
    record = providers.agvance.create(body["username"], body["password"], body["apiKey"], body["databaseId"])
    hidden = [body["apiKey"], body["password"]]
    return Login("agvance-credentials", providers.agvance, body["username"], record, body, hidden)


def sentera(providers, organizations=(("org-1", "Green Farm"),), **changes):
    body = {
        "username": unique("grower") + "@example.org",
        "password": secrets.token_urlsafe(12),
        "organizationName": "Green Farm",
        **changes,
    }
    record = providers.sentera.create(body["username"], body["password"], organizations)
    return Login("sentera-credentials", providers.sentera, body["username"], record, body, [body["password"]])


def ag_leader(providers, stand_in=None, **changes):
    stand_in = stand_in or providers.ag_leader
    body = {
        "refreshToken": "refresh-" + secrets.token_hex(16),
        "publicKey": unique("client"),
        "privateKey": secrets.token_hex(16),
        **changes,
    }
    record = stand_in.create(body["publicKey"], body["privateKey"], body["refreshToken"])
    hidden = [body["refreshToken"], body["privateKey"]]
    return Login("ag-leader-credentials", stand_in, body["publicKey"], record, body, hidden)


MAKERS = {
    "valley-credentials": valley,
    "agvance-credentials": agvance,
    "sentera-credentials": sentera,
    "ag-leader-credentials": ag_leader,
}


def new_login(providers, slug, **changes):
    return MAKERS[slug](providers, **changes)


_ANSWERS = {
    "UNAUTHENTICATED": faults.refuse(),
    "MISSING_PERMISSION": faults.answer(403),
    "TEMPORARILY_UNAVAILABLE": faults.answer(500),
}


def stored(server, providers, status="OK", slug="valley-credentials", **changes):
    """A login that works, with its credential, whose first answer left it in `status`."""
    login = new_login(providers, slug, **changes)
    if status != "OK":
        login.fail(_ANSWERS[status])
    credential = server.credential(slug)
    assert credential.post(login.body).json()["status"] == status
    login.heal()
    return login, credential
