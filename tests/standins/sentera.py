"""Sentera's stand-in: POST /v1/sessions gives a token, POST /graphql with the token lists the user's organizations in pages.
How the real service answers an expired token is not published, so both known ways can be chosen."""

import re
import secrets
from dataclasses import dataclass, field

from .base import Answer, StandIn


@dataclass
class Account:
    """`organizations` are (id, name) pairs. `expired_answer` is "401" or "errors"."""

    email: str
    password: str
    organizations: list
    revoked: bool = False
    forbidden: bool = False
    expired_answer: str = "401"
    tokens: list = field(default_factory=list)


class Sentera(StandIn):
    def __init__(self):
        self.accounts = {}
        self.page_limit = {}
        self.total_count = {}
        super().__init__()

    def create(self, email, password, organizations):
        with self.lock:
            self.accounts[email] = Account(email, password, list(organizations))
            return self.accounts[email]

    def expire_tokens(self, email):
        with self.lock:
            self.accounts[email].tokens.clear()

    def account_of(self, call):
        if call.path == "/graphql":
            return self.owner_of(call.headers.get("authorization", ""))
        try:
            return str(call.json()["session"]["email"])
        except (ValueError, KeyError, TypeError):
            return None

    def owner_of(self, authorization):
        """A token starts with its owner's address, so that calls with an ended one are logged under the account too."""
        token = authorization.removeprefix("Bearer ")
        return next((email for email in self.accounts if token.startswith(f"{email}.")), None)

    def refusal(self):
        return Answer.of_json(401, {"error": "Invalid email or password"})

    def answer(self, call):
        if not call.headers.get("content-type", "").startswith("application/json"):
            self.complain("the request is not declared as JSON")
        if (call.method, call.path) == ("POST", "/v1/sessions"):
            return self.log_in(call)
        if (call.method, call.path) == ("POST", "/graphql"):
            return self.query(call)
        self.complain(f"{call.method} {call.path} is no route")
        return Answer.of_json(404, {"error": "no such route"})

    def log_in(self, call):
        session = call.json()["session"]
        if (session.get("platform_id"), session.get("version_id")) != ("API", "1.0.0"):
            self.complain(f"platform_id and version_id are {session.get('platform_id')}, {session.get('version_id')}")
        account = self.accounts.get(call.account)
        if account is None or account.revoked or session.get("password") != account.password:
            return self.refusal()
        token = f"{account.email}.{secrets.token_hex(16)}"
        account.tokens.append(token)
        user = {"user_sentera_id": "u1", "user_email": account.email, "status": "active", "device_id": "d1"}
        return Answer.of_json(200, {"auth_token": token, **user})

    def query(self, call):
        account = self.accounts.get(call.account or "")
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            self.complain(f"the token's scheme is {scheme!r}")
        if account is None or token not in account.tokens:
            return self.expired(account)
        if account.forbidden:
            return Answer.of_json(403, {"error": "forbidden"})
        return self.organizations(account, call)

    def expired(self, account):
        if account is not None and account.expired_answer == "errors":
            return Answer.of_json(200, {"data": None, "errors": [{"message": "Not authenticated"}]})
        return Answer.of_json(401, {"error": "unauthenticated"})

    def organizations(self, account, call):
        body = call.json()
        text, variables = body["query"], body.get("variables") or {}
        page, size = pagination(text, variables)
        if "organizations" not in text or page is None or size is None:
            self.complain(f"no query of organizations with a page: {text}")
            return Answer.of_json(200, {"data": None, "errors": [{"message": "pagination is required"}]})
        size = min(size, self.page_limit.get(account.email, size))
        first = (page - 1) * size
        found = account.organizations[first : first + size]
        result = {
            "total_count": self.total_count.get(account.email, len(account.organizations)),
            "page": page,
            "page_size": size,
            "results": [{"sentera_id": number, "name": name} for number, name in found],
        }
        fields = re.sub(r"\([^)]*\)", "", text)
        asked = {name: value for name, value in result.items() if re.search(rf"\b{name}\b", fields)}
        return Answer.of_json(200, {"data": {"organizations": asked}})


def pagination(text, variables):
    """The page and size a query asks for, written in its text, as variables, or as one variable."""
    whole = re.search(r"pagination\s*:\s*\$(\w+)", text)
    if whole:
        given = variables.get(whole[1]) or {}
        return given.get("page"), given.get("page_size")
    inner = re.search(r"pagination\s*:\s*\{([^}]*)\}", text)
    fields = dict(re.findall(r"(\w+)\s*:\s*(\$?\w+)", inner[1])) if inner else {}
    return _number(fields.get("page"), variables), _number(fields.get("page_size"), variables)


def _number(word, variables):
    if word is None:
        return None
    return variables.get(word[1:]) if word.startswith("$") else int(word)
