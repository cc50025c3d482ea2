"""Ag Leader's stand-in: an OAuth 2.0 token endpoint (RFC 6749 section 6) with one-use refresh tokens. A token that is used
twice revokes the whole family, as RFC 9700 asks of providers: this is what makes a lost rotation dear."""

import base64
import secrets
from dataclasses import dataclass, field

from .base import Answer, StandIn


@dataclass
class Grant:
    """One grower's consent. `spent` holds the used refresh tokens; the newest is last."""

    public_key: str
    private_key: str
    refresh_token: str
    revoked: bool = False
    rotates: bool = True
    expires_in: int | None = 3600
    accepts_previous: bool = False
    access_token_size: int = 32
    spent: list = field(default_factory=list)
    access_tokens: list = field(default_factory=list)
    reused: bool = False


class AgLeader(StandIn):
    """`token_path` differs where the stand-in plays another provider with the same flow."""

    def __init__(self, token_path="/api/token", probe_path="/api/me"):
        self.grants = {}
        self.token_path = token_path
        self.probe_path = probe_path
        super().__init__()

    def create(self, public_key, private_key, refresh_token=None):
        with self.lock:
            grant = Grant(public_key, private_key, refresh_token or new_token("refresh"))
            self.grants[public_key] = grant
            return grant

    def account_of(self, call):
        if call.path == self.probe_path:
            token = call.headers.get("authorization", "").removeprefix("Bearer ")
            return next((g.public_key for g in self.grants.values() if token in g.access_tokens), None)
        return basic_login(call)[0]

    def refusal(self):
        return Answer.of_json(400, {"error": "invalid_grant"})

    def answer(self, call):
        if (call.method, call.path) == ("POST", self.token_path):
            return self.refresh(call)
        if (call.method, call.path) == ("GET", self.probe_path):
            return self.probe(call)
        self.complain(f"{call.method} {call.path} is no route")
        return Answer.of_json(404, {"error": "not_found"})

    def refresh(self, call):
        self.look_at(call)
        public_key, private_key = basic_login(call)
        grant = self.grants.get(public_key)
        if grant is None or grant.private_key != private_key:
            return Answer.of_json(401, {"error": "invalid_client"}, **{"WWW-Authenticate": "Basic"})
        given = call.form().get("refresh_token")
        if given != grant.refresh_token and not (grant.accepts_previous and grant.spent[-1:] == [given]):
            if given in grant.spent:
                grant.reused = grant.revoked = True
            return self.refusal()
        if grant.revoked:
            return self.refusal()
        return self.issue(grant)

    def look_at(self, call):
        form = call.form()
        if not call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            self.complain("the token request is not declared as a form")
        if form.get("grant_type") != "refresh_token" or set(form) - {"grant_type", "refresh_token"}:
            self.complain(f"the token request has the fields {sorted(form)}")

    def issue(self, grant):
        access_token = new_token("access", grant.access_token_size)
        grant.access_tokens.append(access_token)
        answer = {"access_token": access_token, "token_type": "bearer"}
        if grant.expires_in is not None:
            answer["expires_in"] = grant.expires_in
        if grant.rotates:
            grant.spent.append(grant.refresh_token)
            grant.refresh_token = answer["refresh_token"] = new_token("refresh")
        return Answer.of_json(200, answer)

    def probe(self, call):
        grant = self.grants.get(call.account or "")
        if grant is None or grant.revoked:
            return Answer.of_json(401, {"error": "invalid_token"})
        return Answer.of_json(200, {"name": "a grower"})


def new_token(kind, size=32):
    return f"{kind}-{secrets.token_hex(size)}"[: max(size, 32)]


def basic_login(call):
    """The client's id and secret from the Basic header, as bytes decode: without form encoding (RFC 6749 2.3.1 asks for it,
    few servers do it; keys without special characters read the same both ways)."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        name, _, password = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return None, None
    return name, password
