"""Valley's stand-in. Nothing of Valley's wire is public: this is the assumed form, POST /login with the application id in
clear, user name and password encrypted with AES-CBC and PKCS#7 under the application's key and vector, in base64."""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .base import Answer, StandIn

KEY_LENGTHS = (16, 24, 32)
VECTOR_LENGTHS = (16,)


def from_hex(text):
    return binascii.unhexlify(text) if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text) else None


def from_base64(text):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def read_bytes(text, lengths):
    """Hex, else base64, else plain text: the first reading that has one of `lengths`; None if none has."""
    for data in (from_hex(text), from_base64(text), text.encode()):
        if data is not None and len(data) in lengths:
            return data
    return None


def decrypt(key, vector, ciphertext):
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = padding.PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


@dataclass
class Application:
    """An account is one application id with one grower's login."""

    apid: str
    key: str
    vector: str
    username: str
    password: str
    forbidden: bool = False
    revoked: bool = False


class Valley(StandIn):
    def __init__(self):
        self.applications = {}
        super().__init__()

    def create(self, apid, key, vector, username, password):
        with self.lock:
            self.applications[apid] = Application(apid, key, vector, username, password)
            return self.applications[apid]

    def account_of(self, call):
        try:
            return str(call.json().get("apid"))
        except (ValueError, AttributeError):
            return None

    def refusal(self):
        return Answer.of_json(401, {"message": "user name or password is wrong"})

    def answer(self, call):
        if (call.method, call.path) != ("POST", "/login"):
            self.complain(f"{call.method} {call.path} is no route")
            return Answer.of_json(404, {"message": "no such route"})
        if not call.headers.get("content-type", "").startswith("application/json"):
            self.complain("the login is not declared as JSON")
        application = self.applications.get(call.account)
        if application is None or application.revoked:
            return self.refusal()
        login = self.login_of(application, call)
        if login != (application.username, application.password):
            return self.refusal()
        if application.forbidden:
            return Answer.of_json(403, {"message": "no access to irrigation data"})
        return Answer.of_json(200, {"status": "active"})

    def login_of(self, application, call):
        key = read_bytes(application.key, KEY_LENGTHS)
        vector = read_bytes(application.vector, VECTOR_LENGTHS)
        values = call.json()
        try:
            sent = [base64.b64decode(values[name], validate=True) for name in ("username", "password")]
            return tuple(decrypt(key, vector, data) for data in sent)
        except (KeyError, ValueError) as error:
            self.complain(f"the login does not decrypt: {error!r}")
            return None
