"""Agvance's stand-in: an API user's login that begins a session, and the envelope (Status, Message, ErrorList) round every
answer. Route and names of the login are assumed; the envelope and the session's names are from the provider's help pages."""

import secrets
from dataclasses import dataclass, field

from .base import Answer, StandIn


@dataclass
class ApiUser:
    username: str
    password: str
    api_key: str
    database_id: str
    revoked: bool = False
    sessions: list = field(default_factory=list)


def envelope(status="0", message="OK", **payload):
    return {"Status": status, "Message": message, "ErrorList": [], "WarningList": [], "Count": len(payload), **payload}


class Agvance(StandIn):
    probe_path = "/ApiUser"

    def __init__(self):
        self.users = {}
        super().__init__()

    def create(self, username, password, api_key, database_id):
        with self.lock:
            self.users[username] = ApiUser(username, password, api_key, database_id)
            return self.users[username]

    def end_sessions(self, username):
        with self.lock:
            self.users[username].sessions.clear()

    def account_of(self, call):
        if call.path == self.probe_path:
            return self.owner_of(call.headers.get("sessionid"))
        try:
            return str(call.json().get("UserName"))
        except (ValueError, AttributeError):
            return None

    def owner_of(self, session):
        """Sessions that ended still tell whose they were, so that the call is logged under its account."""
        return next((u.username for u in self.users.values() if (session or "").startswith(f"{u.username}.")), None)

    def refusal(self):
        return Answer.of_json(200, envelope("1", "Invalid login: user name or password is incorrect"))

    def answer(self, call):
        if call.headers.get("accept") != "application/json":
            self.complain(f"Accept is {call.headers.get('accept')!r}: the answer might come as XML")
        if (call.method, call.path) == ("POST", "/ApiUser/LogOn"):
            return self.log_on(call)
        if (call.method, call.path) == ("GET", self.probe_path):
            return self.list_sessions(call)
        self.complain(f"{call.method} {call.path} is no route")
        return Answer.of_json(404, envelope("2", "No such route"))

    def log_on(self, call):
        if not call.headers.get("content-type", "").startswith("application/json"):
            self.complain("the login is not declared as JSON")
        user = self.users.get(call.account)
        given = call.json()
        if set(given) != {"ApiKey", "DatabaseID", "UserName", "Password"}:
            self.complain(f"the login has the keys {sorted(given)}")
        if user is None or user.revoked:
            return self.refusal()
        if (given["ApiKey"], given["DatabaseID"], given["Password"]) != (user.api_key, user.database_id, user.password):
            return self.refusal()
        session = f"{user.username}.{secrets.token_hex(12)}"
        user.sessions.append(session)
        entry = {"UseriD": user.username, "Application": "API", "SessionLogKey": secrets.token_hex(8), "SessionID": session}
        return Answer.of_json(200, envelope(APIUsers=[entry]))

    def list_sessions(self, call):
        user = self.users.get(call.account or "")
        if user is None or call.headers.get("sessionid") not in user.sessions:
            return Answer.of_json(401, envelope("1", "The session has ended"))
        return Answer.of_json(200, envelope(APIUsers=[]))
